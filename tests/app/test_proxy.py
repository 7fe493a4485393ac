"""A proxy is the server behind it: whatever revision each side speaks, what both can say goes through."""

import asyncio
import logging
import time
from typing import Annotated, Any

import msgspec
import pytest

from dragoman import Client, Context, Identity, Limits, LocalError, PeerError, RequestError, Server, ToolError
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.testing.ways import serving_http
from dragoman.wire.jsonrpc import METHOD_NOT_FOUND
from dragoman.wire.prompts import PromptReference

MODERN, LEGACY = next(iter(STATELESS)), next(iter(HANDSHAKE))
OLDER = list(HANDSHAKE)[1]


def speaking(version: str, **options: Any) -> Server:
    """Return a server that knows one way only: without `server/discover`, or without `initialize`."""
    server = Server("behind", version="2.0", instructions="Ask.", **options)
    refused = {MODERN: "initialize", LEGACY: "server/discover"}.get(version)

    @server.middleware
    async def one_way(call: Any, handler: Any) -> Any:
        if call.method == refused:
            raise RequestError(METHOD_NOT_FOUND, "no such method here")
        return await handler(call)

    return fill(server)


def fill(server: Server) -> Server:
    """Give a server something of everything."""
    server.stopped = asyncio.Event()  # type: ignore[attr-defined]

    @server.tool
    def add(a: int, b: int = 2) -> int:
        """Add."""
        return a + b

    @server.tool
    async def talk(ctx: Context) -> str:
        await ctx.progress(1, 2, "half")
        await ctx.warning("careful")
        return "said"

    @server.tool
    async def ask(ctx: Context) -> str:
        name = await ctx.elicit("Name?", str)
        await ctx.progress(1, 2)
        return f"{name} {await ctx.elicit('Sure?', bool)} {(await ctx.sample('Hi')).content.text}"

    @server.tool
    async def hang(ctx: Context) -> str:
        await ctx.progress(0, 1)
        try:
            await asyncio.sleep(60)
        finally:
            server.stopped.set()  # type: ignore[attr-defined]
        return "never"

    @server.tool
    def fail() -> str:
        raise ToolError("wet paint")

    @server.tool
    def refuse() -> str:
        raise RequestError(7, "no entry", {"why": "closed"})

    @server.tool
    def seen(ctx: Context) -> dict[str, str]:
        return dict(ctx.headers)

    @server.tool
    def big() -> str:
        return "x" * 900_000

    @server.tool
    def at(region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "region"})]) -> str:
        return region

    @server.resource("data://item/{key}")
    def item(key: str) -> str:
        return key

    server.add_resource(lambda: "one", "data://one", name="one")

    @server.prompt
    def greet(name: str) -> str:
        return f"Hello {name}"

    @server.completion("greet", "name")
    async def names(typed: str, chosen: Any) -> list[str]:
        return [typed + "da"]

    @server.method("com.example/echo")
    def echo(x: int) -> dict[str, int]:
        return {"x": x}

    return server


PAIRS = [(front, behind) for front in (MODERN, LEGACY, OLDER) for behind in (MODERN, LEGACY)]


@pytest.fixture(params=PAIRS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


async def everything(client: Client) -> None:
    """Use what the server behind has."""
    assert client.server_info is not None and client.instructions == "Ask."
    assert (client.server_info.name, client.server_info.version) == ("behind", "2.0")
    assert "add" in [tool.name for tool in await client.list_tools()]
    assert (await client.call_tool("add", {"a": 1})).value == 3
    assert (await client.call_tool("fail", raise_on_error=False)).text == "wet paint"
    assert (await client.read("data://item/7")).text == "7"
    assert [one.uri for one in await client.list_resources()] == ["data://one"]
    assert [one.uri_template for one in await client.list_resource_templates()] == ["data://item/{key}"]
    assert (await client.prompt("greet", {"name": "Ada"})).messages[0].content.text == "Hello Ada"
    assert (await client.complete(PromptReference(name="greet"), "name", "A")).values == ["Ada"]
    assert (await client.request("com.example/echo", {"x": 3}))["x"] == 3
    assert len((await client.call_tool("big")).text) == 900_000
    with pytest.raises(PeerError, match="did you mean 'add'"):
        await client.call_tool("ad")
    with pytest.raises(PeerError, match="no entry") as refused:
        await client.call_tool("refuse")
    assert (refused.value.code, refused.value.data) == (7, {"why": "closed"})
    with pytest.raises(PeerError, match="not found") as missing:
        await client.read("data://two")
    assert missing.value.data == {"uri": "data://two"}
    assert missing.value.code == (-32602 if client.version == MODERN else -32002)
    with pytest.raises(PeerError, match="method not found"):
        await client.request("com.example/strange")
    await client.ping()


async def test_all_that_both_sides_can_say_goes_through(pair: tuple[str, str]) -> None:
    front, behind = pair
    async with Client(Server.proxy(speaking(behind)), mode=front) as client:
        assert client.version == front
        await everything(client)


@pytest.mark.parametrize(("front", "behind"), PAIRS[:4])
async def test_it_goes_through_over_http(front: str, behind: str) -> None:
    async with (
        serving_http(speaking(behind)) as url,
        serving_http(Server.proxy(url)) as proxy,
        Client(proxy, mode=front, timeout=20) as client,
    ):
        await everything(client)


async def test_what_is_asked_behind_is_answered_in_front(pair: tuple[str, str]) -> None:
    """PROG-03, and MRTR-14: each leg brings what it is asked, and its own progress token."""
    front, behind = pair
    heard: list[float] = []
    async with Client(
        Server.proxy(speaking(behind)),
        mode=front,
        on_elicit=lambda question: "Ada" if question.message == "Name?" else True,
        on_sample=lambda request: "hello",
    ) as client:
        result = await client.call_tool("ask", on_progress=lambda told: heard.append(told.progress))
        assert result.text == "Ada True hello"
    assert set(heard) == {1.0}


async def test_a_client_that_cannot_be_asked_is_not(pair: tuple[str, str]) -> None:
    front, behind = pair
    async with Client(Server.proxy(speaking(behind)), mode=front) as client:
        with pytest.raises((PeerError, ToolError), match=r"elicitation|on_elicit|log has the cause"):
            await client.call_tool("ask")


async def test_progress_and_log_reach_the_client_before_the_answer(pair: tuple[str, str]) -> None:
    front, behind = pair
    heard: list[Any] = []
    async with Client(
        Server.proxy(speaking(behind)), mode=front, on_log=lambda told: heard.append(told.data)
    ) as client:
        result = await client.call_tool("talk", on_progress=lambda told: heard.append(told.message))
        assert result.text == "said"
    # The oldest revision that is tried here has no messages with progress to tell; all have both notices.
    assert heard == ["half", "careful"]


async def test_a_call_that_is_given_up_ends_behind(pair: tuple[str, str]) -> None:
    front, behind = pair
    server = speaking(behind)
    begun = asyncio.Event()
    async with serving_http(server) as url, Client(Server.proxy(url), mode=front) as client:
        call = asyncio.ensure_future(client.call_tool("hang", on_progress=lambda told: begun.set()))
        await asyncio.wait_for(begun.wait(), 20)
        call.cancel()
        await asyncio.wait_for(server.stopped.wait(), 20)  # type: ignore[attr-defined]


async def test_changes_behind_are_heard_in_front(pair: tuple[str, str]) -> None:
    front, behind = pair
    server = speaking(behind)
    async with Client(Server.proxy(server), mode=front, cache=False) as client:
        async with client.listen(uris=["data://one"]) as changes:
            each = aiter(changes)
            server.add_tool(lambda: "new", name="new")
            assert (await asyncio.wait_for(anext(each), 20)).kind == "tools"
            server.notify_resource_updated("data://one")
            told = await asyncio.wait_for(anext(each), 20)
            assert (told.kind, told.uri) == ("resource", "data://one")
        assert (await client.call_tool("new")).text == "new"


async def test_credentials_of_the_caller_stop_at_the_proxy_and_trace_context_goes_on() -> None:
    """META-12: trace context travels in `_meta`; a token that came in never goes out."""
    server, metas = speaking(MODERN), list[Any]()

    @server.middleware
    async def watch(call: Any, handler: Any) -> Any:
        if call.method == "tools/call":
            metas.append(call.meta)
        return await handler(call)

    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with (
        serving_http(server) as url,
        serving_http(Server.proxy(url, headers={"X-Own": "mine"})) as proxy,
        Client(proxy, headers={"Authorization": "Bearer secret", "X-Other": "theirs"}) as client,
    ):
        result = await client.call_tool("seen", meta={"traceparent": parent, "com.example/key": 1})
        got = result.value
    assert got["x-own"] == "mine"
    assert "authorization" not in got and "x-other" not in got
    assert (metas[0].traceparent, metas[0].client_info.name) == (parent, "dragoman")


async def test_members_that_nobody_here_knows_go_through_both_ways() -> None:
    server = Server("behind")

    @server.middleware
    async def mirror(call: Any, handler: Any) -> Any:
        if call.method != "com.example/mirror":
            return await handler(call)
        return {"_meta": {"com.example/a": [1]}, "strange": {"deep": None}}

    server.method("com.example/mirror")(lambda: 1)
    async with Client(Server.proxy(server)) as client:
        found = await client.request("com.example/mirror", {"_meta": {"com.example/b": 2}})
    assert found["strange"] == {"deep": None} and found["_meta"]["com.example/a"] == [1]


async def test_arguments_that_headers_repeat_are_checked_on_both_sides(caplog: pytest.LogCaptureFixture) -> None:
    """HTTP-31, HTTP-39: the client's headers go on, and where there are none the list of tools says which."""
    async with serving_http(speaking(MODERN)) as url, serving_http(Server.proxy(url)) as proxy:
        for target in (proxy, Server.proxy(url), Server.proxy(proxy)):
            async with Client(target) as client:
                await client.list_tools()
                assert (await client.call_tool("at", {"region": "eu"})).text == "eu"


async def test_pages_are_those_of_the_server_behind() -> None:
    """PAGE-04: cursors are opaque, to a proxy too."""
    server = Server("behind", limits=Limits(listed=2))
    for name in "abcde":
        server.add_tool(lambda: 1, name=name)
    async with Client(Server.proxy(server)) as client:
        assert [tool.name for tool in await client.list_tools()] == list("abcde")
        first = await client.request("tools/list")
        second = await client.request("tools/list", {"cursor": first["nextCursor"]})
        assert [tool["name"] for tool in second["tools"]] == ["c", "d"]
        with pytest.raises(PeerError, match="unknown cursor"):
            await client.request("tools/list", {"cursor": "strange"})


@pytest.mark.parametrize("front", [MODERN, LEGACY])
async def test_a_server_that_is_dead_is_told_of_without_its_address(
    front: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "dragoman")
    with pytest.raises(PeerError, match="the server behind 'proxy' did not answer; try again later") as told:
        async with Client(Server.proxy("http://127.0.0.1:9/mcp"), mode=front) as client:
            await client.list_tools()
    assert "127.0.0.1" not in str(told.value)


async def test_one_that_never_answers_costs_no_more_than_its_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "dragoman")
    server = speaking(MODERN)
    async with serving_http(server) as url, Client(Server.proxy(url, timeout=0.6), mode=MODERN) as client:
        with pytest.raises(PeerError, match="did not answer"):
            await client.call_tool("hang")
        assert (await client.call_tool("add", {"a": 1})).value == 3


async def test_several_servers_are_there_under_their_names(pair: tuple[str, str]) -> None:
    front, behind = pair
    both = Server.proxy({"left": speaking(behind), "right": speaking(MODERN)})
    async with Client(
        both, mode=front, on_elicit=lambda q: "Ada" if "Name" in q.message else True, on_sample=lambda q: "hi"
    ) as client:
        names = [tool.name for tool in await client.list_tools()]
        assert "left_add" in names and "right_add" in names
        assert (await client.call_tool("left_add", {"a": 1})).value == 3
        assert (await client.call_tool("left_ask")).text == "Ada True hi"
        found = await client.read("data://right/item/7")
        assert (found.text, found.contents[0].uri) == ("7", "data://right/item/7")
        assert (await client.prompt("left_greet", {"name": "Ada"})).messages[0].content.text == "Hello Ada"
        assert (await client.complete(PromptReference(name="left_greet"), "name", "A")).values == ["Ada"]


async def test_one_dead_server_of_several_empties_no_list(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "dragoman")
    both = Server.proxy({"left": fill(Server("alive")), "right": "http://127.0.0.1:9/mcp"})
    async with asyncio.timeout(20), Client(both) as client:
        assert "left_add" in [tool.name for tool in await client.list_tools()]


async def test_what_a_server_listed_last_is_listed_while_it_is_gone(caplog: pytest.LogCaptureFixture) -> None:
    outer = Server("outer")
    async with serving_http(fill(Server("behind"))) as url:
        outer.mount(Server.proxy(url, timeout=5), "in")
        client = Client(outer, cache=False)
        await client.open()
        assert (await client.call_tool("in_add", {"a": 1})).value == 3
    try:
        with caplog.at_level(logging.WARNING, "dragoman"):
            assert "in_add" in [tool.name for tool in await client.list_tools()]
            with pytest.raises(PeerError, match="did not answer"):
                await client.call_tool("in_add", {"a": 1})
        assert "the server behind" in caplog.text
    finally:
        await client.close()


async def test_what_changes_behind_a_mounted_proxy_is_listed_then_told(pair: tuple[str, str]) -> None:
    front, behind = pair
    server, outer = speaking(behind), Server("outer")
    outer.mount(Server.proxy(server), "in")
    async with Client(outer, mode=front, cache=False) as client, client.listen() as changes:
        server.add_tool(lambda: "new", name="new")
        assert (await asyncio.wait_for(anext(aiter(changes)), 20)).kind == "tools"
        assert "in_new" in [tool.name for tool in await client.list_tools()]
        assert (await client.call_tool("in_new")).text == "new"


def test_a_target_that_cannot_be_is_told_at_once() -> None:
    with pytest.raises(LocalError, match="neither a URL nor"):
        Server.proxy("nonsense")
    with pytest.raises(LocalError, match="headers are for one server"):
        Server.proxy({"a": fill(Server("a"))}, headers={"X": "y"})
    with pytest.raises(LocalError, match="no server is called so"):
        Server.proxy({"a": fill(Server("a"))}, credentials={"b": "token"})
    Server.proxy({"url": "http://127.0.0.1:1/mcp"})


async def test_what_one_caller_was_asked_nobody_else_answers() -> None:
    """MRTR-07: behind, all callers are the proxy, so the proxy binds what it hands out to each of them."""
    proxy = Server.proxy(speaking(MODERN))
    async with Client(proxy, auth=Identity("ann")) as ann, Client(proxy, auth=Identity("ben")) as ben:
        waiting: Any = await ann.begin_tool("ask")
        given = dict.fromkeys(waiting.questions, "Ada")
        with pytest.raises(PeerError, match="requestState is not valid"):
            await ben.resume(waiting, given)
        again: Any = await ann.resume(waiting, given)
        assert next(iter(again.questions.values()))["params"]["message"] == "Sure?"


async def test_a_subscription_ends_with_the_token_of_its_listener() -> None:
    who = Identity("ann", expires_at=time.time() + 0.5)
    async with asyncio.timeout(20), Client(Server.proxy(speaking(MODERN)), auth=who) as client:
        assert [change async for change in client.listen()] == []


@pytest.mark.parametrize("front", [MODERN, LEGACY])
async def test_tasks_of_the_server_behind_are_followed_through_the_proxy(front: str) -> None:
    server, outer = Server("behind"), Server("outer")

    @server.tool(task="required", idempotent=True)
    async def work(ctx: Context) -> str:
        return "done, " + await ctx.elicit("Who?", str)

    outer.mount(server, "in")
    for target, name in ((Server.proxy(server), "work"), (outer, "in_work")):
        async with Client(target, mode=front, on_elicit=lambda question: "Ada") as client:
            assert (await client.call_tool(name)).text == "done, Ada"
