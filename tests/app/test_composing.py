"""A server mounted in another is there under its prefix, in every era, and stays in step with what it becomes."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.protocol.fixtures import Line

from dragoman import Altered, Client, Context, Identity, PeerError, RegistrationError, ResourceLink, Server, ToolError
from dragoman.app.renaming import Naming
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.protocol.exchange import Call
from dragoman.serving.listing import write_cursor
from dragoman.testing.ways import serving_http
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.prompts import PromptReference, ResourceReference
from dragoman.wire.resources import Resource

NEWEST = [next(iter(STATELESS)), next(iter(HANDSHAKE))]


def child() -> Server:
    server = Server("child")

    @server.tool(tags={"math"})
    def add(a: int, b: int = 2) -> int:
        """Add."""
        return a + b

    @server.tool
    async def ask(ctx: Context) -> str:
        first = await ctx.elicit("First?", str)
        return first + await ctx.elicit("Second?", str)

    @server.tool
    def show() -> list[ResourceLink]:
        return [ResourceLink(name="one", uri="data://one")]

    @server.resource("data://one")
    def one() -> str:
        return "one"

    @server.resource("data://item/{key}")
    def item(key: str) -> str:
        return key

    @server.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    @server.completion("greet", "name")
    async def names(typed: str, chosen: Any) -> list[str]:
        return [typed + "da"]

    @server.completion("data://item/{key}", "key")
    async def keys(typed: str, chosen: Any) -> list[str]:
        return [typed + "1"]

    return server


@pytest.fixture(params=NEWEST)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_all_that_a_mounted_server_has_is_there_under_its_prefix(version: str) -> None:
    outer = Server("outer")
    outer.mount(child(), "in")
    async with Client(outer, mode=version) as client:
        assert [tool.name for tool in await client.list_tools()] == ["in_add", "in_ask", "in_show"]
        assert (await client.call_tool("in_add", {"a": 1})).value == 3
        assert [one.uri for one in await client.list_resources()] == ["data://in/one"]
        assert (await client.read("data://in/one")).text == "one"
        assert [one.uri_template for one in await client.list_resource_templates()] == ["data://in/item/{key}"]
        found = await client.read("data://in/item/7")
        assert (found.text, found.contents[0].uri) == ("7", "data://in/item/7")
        assert (await client.prompt("in_greet", {"name": "Ada"})).messages[0].content.text == "Hello Ada"
        assert (await client.complete(PromptReference(name="in_greet"), "name", "A")).values == ["Ada"]
        template = ResourceReference(uri="data://in/item/{key}")
        assert (await client.complete(template, "key", "1")).values == ["11"]


async def test_links_in_results_lead_to_where_things_are_outside(version: str) -> None:
    outer = Server("outer")
    outer.mount(child(), "in")
    async with Client(outer, mode=version) as client:
        link = (await client.call_tool("in_show")).content[0]
        assert (await client.read(link.uri)).text == "one"


async def test_what_is_asked_in_a_mounted_tool_is_answered(version: str) -> None:
    outer, middle = Server("outer"), Server("middle")
    middle.mount(child(), "b")
    outer.mount(middle, "a")
    async with Client(outer, mode=version, on_elicit=lambda question: question.message[0]) as client:
        assert (await client.call_tool("a_b_ask")).text == "FS"


async def test_what_changes_in_it_changes_outside_and_is_told(version: str) -> None:
    inner, outer = child(), Server("outer")
    outer.mount(inner, "in")
    async with Client(outer, mode=version, cache=False) as client, client.listen() as changes:
        inner.add_tool(lambda: "new", name="new")
        async for change in changes:
            assert change.kind == "tools"
            break
        assert (await client.call_tool("in_new")).text == "new"
        inner.remove_tool("new")
        inner.disable("add")
        assert [tool.name for tool in await client.list_tools()] == ["in_ask", "in_show"]
        inner.enable("add")
        assert "in_add" in [tool.name for tool in await client.list_tools()]
        outer.disable(tags={"math"})
        with pytest.raises(PeerError, match="unknown tool"):
            await client.call_tool("in_add", {"a": 1})


async def test_a_resource_that_changed_is_told_under_its_address_outside() -> None:
    inner, outer = child(), Server("outer")
    outer.mount(inner, "in")
    async with Client(outer) as client, client.listen(uris=["data://in/one"]) as changes:
        inner.notify_resource_updated("data://one")
        async for change in changes:
            assert (change.kind, change.uri) == ("resource", "data://in/one")
            break


async def test_unknown_names_and_addresses_are_refused_as_ever(version: str) -> None:
    outer = Server("outer")
    outer.mount(child(), "in")
    async with Client(outer, mode=version) as client:
        with pytest.raises(PeerError, match="did you mean 'in_add'"):
            await client.call_tool("in_ad")
        with pytest.raises(PeerError, match="not found: data://one"):
            await client.read("data://one")
        with pytest.raises(PeerError, match="not found"):
            await client.read("data://in/two")


def test_names_that_could_be_mistaken_are_refused_and_nothing_stays() -> None:
    outer = Server("outer")
    outer.add_tool(lambda: 1, name="in_ask")
    with pytest.raises(RegistrationError, match=r"there is a tool 'in_ask' already.*another prefix"):
        outer.mount(child(), "in")
    assert list(outer.surface.tools.listing.names()) == ["in_ask"]
    outer.mount(child(), "a")
    with pytest.raises(RegistrationError, match="cannot be told from 'a'"):
        outer.mount(child(), "a_b")
    with pytest.raises(RegistrationError, match="a prefix has letters"):
        outer.mount(child(), "a b")
    outer.mount(child(), "ab")


def test_a_server_is_not_mounted_in_itself() -> None:
    outer, inner = Server("outer"), Server("inner")
    outer.mount(inner, "in")
    for one in (inner, outer):
        with pytest.raises(RegistrationError, match="has in itself"):
            one.mount(outer, "x") if one is inner else inner.mount(one, "y")
    with pytest.raises(RegistrationError, match="has in itself"):
        inner.mount(inner)


def test_a_name_that_is_taken_later_is_left_out_with_a_word_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    inner, outer = Server("inner"), Server("outer")
    outer.add_tool(lambda: "mine", name="in_a")
    outer.mount(inner, "in")
    with caplog.at_level(logging.WARNING, "dragoman"):
        inner.add_tool(lambda: "yours", name="a")
    assert "there is a tool 'in_a' already" in caplog.text
    assert [tool.definition.name for tool in outer.surface.tools.listing] == ["in_a"]


async def test_a_mounted_server_lives_as_long_as_the_one_around_it() -> None:
    told: list[str] = []

    @asynccontextmanager
    async def life(server: Server) -> AsyncGenerator[str]:
        told.append("begins")
        yield "state"
        told.append("ends")

    inner = Server("inner", lifespan=life)

    @inner.tool
    def state(ctx: Context) -> str:
        return str(ctx.state)

    outer = Server("outer")
    outer.mount(inner, "in")
    async with Client(outer) as client:
        assert told == ["begins"]
        assert (await client.call_tool("in_state")).text == "state"
    assert told == ["begins", "ends"]


async def test_a_server_mounted_while_the_other_runs_begins_with_its_first_call() -> None:
    begun: list[str] = []

    @asynccontextmanager
    async def life(server: Server) -> AsyncGenerator[None]:
        begun.append(server.name)
        yield

    outer = Server("outer")
    outer.add_tool(lambda: 1, name="own")
    async with Client(outer, cache=False) as client:
        late = Server("late", lifespan=life)
        late.add_tool(lambda: "here", name="tool")
        outer.mount(late, "late")
        results = await asyncio.gather(*[client.call_tool("late_tool") for _ in range(3)])
        assert [result.text for result in results] == ["here"] * 3
        assert begun == ["late"]


async def test_methods_of_its_own_and_its_middleware_come_along() -> None:
    inner, seen = Server("inner"), list[str]()

    @inner.method("com.example/echo")
    def echo(x: int) -> int:
        return x

    @inner.middleware
    async def watch(call: Any, handler: Any) -> Any:
        seen.append(call.method)
        return await handler(call)

    inner.add_tool(lambda: 1, name="one")
    outer = Server("outer")
    outer.mount(inner, "in")
    async with Client(outer) as client:
        assert (await client.request("com.example/echo", {"x": 3}))["result"] == 3
        await client.call_tool("in_one")
    assert seen == ["com.example/echo", "tools/call"]


async def test_large_results_of_a_mounted_tool_can_be_read(version: str) -> None:
    inner, outer = Server("inner"), Server("outer")
    inner.add_tool(lambda: "x" * 2_000_000, name="big", output_schema=False)
    outer.mount(inner, "in")
    async with Client(outer, mode=version) as client:
        link = (await client.call_tool("in_big")).content[1]
        assert (await client.read(link.uri)).text.startswith("xxx")


async def test_changes_are_made_where_it_is_mounted(version: str) -> None:
    outer = Server("outer")
    outer.mount(
        child(),
        "in",
        tools={
            "add": Altered(name="plus", description="Plus five.", arguments={"b": 5}, tags=["sum"]),
            "ask": Altered(hide=True),
        },
        prompts={"greet": Altered(arguments={"name": "you"})},
        resources={"data://one": Altered(title="The one")},
    )
    async with Client(outer, mode=version) as client:
        plus, show = await client.list_tools()
        assert (plus.name, plus.description, show.name) == ("in_plus", "Plus five.", "in_show")
        assert list(plus.input_schema["properties"]) == ["a"]
        assert (await client.call_tool("in_plus", {"a": 1})).value == 6
        with pytest.raises(PeerError, match="takes no argument 'b'"):
            await client.call_tool("in_plus", {"a": 1, "b": 1})
        (greet,) = await client.list_prompts()
        assert not greet.arguments
        assert (await client.prompt("in_greet")).messages[0].content.text == "Hello you"
        assert (await client.list_resources())[0].title == "The one"
        with pytest.raises(PeerError, match="unknown tool"):
            await client.call_tool("in_ask")


def test_changes_of_what_is_not_there_are_refused() -> None:
    outer = Server("outer")
    with pytest.raises(RegistrationError, match="no tool 'ad' to change; did you mean 'add'"):
        outer.mount(child(), "in", tools={"ad": Altered(hide=True)})
    with pytest.raises(RegistrationError, match="no argument 'c'"):
        outer.mount(child(), "in", tools={"add": Altered(arguments={"c": 1})})
    assert not len(outer.surface.tools.listing)
    outer.mount(child(), "in", tools={"add": Altered(hide=True)})


async def test_scopes_of_a_mounted_tool_hold_outside() -> None:
    inner, outer = Server("inner"), Server("outer")
    inner.add_tool(lambda: 1, name="guarded", scopes=["admin"])
    outer.mount(inner, "in")
    async with Client(outer, auth=Identity("ann")) as client:
        with pytest.raises(PeerError, match="needs the scopes admin"):
            await client.call_tool("in_guarded")
    async with Client(outer, auth=Identity("ann", scopes=frozenset({"admin"}))) as client:
        assert (await client.call_tool("in_guarded")).text == "1"


async def test_headers_that_repeat_a_fixed_argument_are_not_asked_for() -> None:
    inner, outer = Server("inner"), Server("outer")
    schema = {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "region"}}}
    inner.add_tool(lambda **given: given["region"], name="at", input_schema=schema)
    outer.mount(inner, "free")
    outer.mount(inner, "fixed", tools={"at": Altered(arguments={"region": "eu"})})
    async with serving_http(outer) as url, Client(url) as client:
        await client.list_tools()
        assert (await client.call_tool("free_at", {"region": "us"})).text == "us"
        assert (await client.call_tool("fixed_at")).text == "eu"


async def test_a_failure_in_a_mounted_tool_is_a_result() -> None:
    inner, outer = Server("inner"), Server("outer")

    @inner.tool
    def fail() -> str:
        raise ToolError("wet paint")

    outer.mount(inner, "in")
    async with Client(outer) as client:
        assert (await client.call_tool("in_fail", raise_on_error=False)).text == "wet paint"


@pytest.mark.parametrize(
    ("uri", "outside"),
    [
        ("data://a/b", "data://x/a/b"),
        ("file:///etc/hosts", "file://x//etc/hosts"),
        ("urn:isbn:1", "urn:x/isbn:1"),
        ("data://{key}", "data://x/{key}"),
        ("result://abc/1", "result://abc/1"),
    ],
)
def test_a_prefix_is_put_into_an_address_and_taken_out_again(uri: str, outside: str) -> None:
    naming = Naming("x")
    assert naming.placed(uri) == outside
    assert naming.inner(outside) == uri
    assert naming.inner("data://y/a") is None


async def test_servers_that_hang_are_waited_for_at_the_same_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "dragoman")
    monkeypatch.setattr("dragoman.app.mirror.PATIENCE", 0.3)

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until it is given up
        writer.close()

    hanging = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = hanging.sockets[0].getsockname()[1]
    outer = Server("outer")
    outer.mount(child(), "alive")
    for number in range(10):
        outer.mount(Server.proxy(f"http://127.0.0.1:{port}/mcp"), f"hangs{number}")
    began = asyncio.get_running_loop().time()
    async with Client(outer) as client:
        assert asyncio.get_running_loop().time() - began < 2  # one after the other that were 3
        assert (await client.call_tool("alive_add", {"a": 1})).value == 3
    hanging.close()


async def test_a_change_that_fits_no_tool_behind_a_proxy_takes_away_that_tool_alone(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outer = Server("outer")
    outer.mount(Server.proxy(child()), "in", tools={"add": Altered(arguments={"strange": 1})})
    with caplog.at_level(logging.WARNING, "dragoman"):
        async with Client(outer) as client:
            names = [tool.name for tool in await client.list_tools()]
    assert "in_ask" in names and "in_add" not in names
    assert caplog.text.count("tool 'add' has no argument 'strange'") == 1
    with pytest.raises(RegistrationError, match="has no argument 'strange'"):
        Server("other").mount(child(), "in", tools={"add": Altered(arguments={"strange": 1})})


def lists(server: Server, *uris: str, of: int = 1, asks: bool = False) -> Server:
    """Let a lister add addresses to a server's list, `of` on each page; one that `asks` lists for its caller alone."""

    async def page(cursor: str | None) -> tuple[list[Resource], str | None]:
        at = int(cursor or 0)
        following = str(at + of) if at + of < len(uris) else None
        return [Resource(uri=uri, name=uri) for uri in uris[at : at + of]], following

    async def own(cursor: str | None, call: Call) -> tuple[list[Resource], str | None]:
        return await page(cursor)

    server.add_resource_lister(own if asks else page)
    return server


async def test_what_listers_of_mounted_servers_list_is_listed_outside(version: str) -> None:
    inner = child()
    inner.mount(lists(Server("innermost"), "deep://1", "deep://2"), prefix="d")
    outer = lists(Server("outer"), "own://1")
    outer.mount(lists(inner, "far://1", "far://2", "far://3", of=2), prefix="c")
    outer.mount(lists(Server("plain"), "near://1"))
    outer.mount(child(), prefix="none")
    async with Client(outer, mode=version) as client:
        found = [one.uri for one in await client.list_resources()]
    deep = ["deep://c/d/1", "deep://c/d/2"]
    assert found == [
        "data://c/one", "data://none/one", "own://1", "far://c/1", "far://c/2", "far://c/3", *deep, "near://1"
    ]  # fmt: skip


async def test_a_lister_that_a_mounted_server_gets_later_is_asked_too(version: str) -> None:
    inner, outer = child(), Server("outer")
    outer.mount(inner, prefix="c")
    async with Client(outer, mode=version) as client:
        assert [one.uri for one in await client.list_resources()] == ["data://c/one"]
        lists(inner, "far://1")
        assert [one.uri for one in await client.list_resources()] == ["data://c/one", "far://c/1"]


@pytest.mark.parametrize(("asks", "scope"), [(True, "private"), (False, "public")])
async def test_a_list_for_one_caller_alone_stays_so_outside(asks: bool, scope: str) -> None:
    outer = Server("outer", cache_scope="public", ttl_ms=1000)
    outer.mount(lists(Server("inner"), "far://1", asks=asks), prefix="c")
    page = (await Line(outer).ask("resources/list"))["result"]
    assert ([one["uri"] for one in page["resources"]], page["cacheScope"]) == (["far://c/1"], scope)


@pytest.mark.parametrize("cursor", ["+", "+9", "+-1", "+1:x:y", "+0:x", "+0:1:1", "+00001", "+\u00b2", "+0000:"])
async def test_a_cursor_of_no_lister_is_refused(cursor: str) -> None:
    outer = Server("outer")
    outer.mount(lists(Server("inner"), "far://1", "far://2"), prefix="c")
    asked = {"cursor": write_cursor(cursor)}
    assert (await Line(outer).ask("resources/list", **asked))["error"]["code"] == INVALID_PARAMS
    page = (await Line(outer).ask("resources/list", cursor=write_cursor("+0:0:1")))["result"]
    assert [one["uri"] for one in page["resources"]] == ["far://c/2"]
