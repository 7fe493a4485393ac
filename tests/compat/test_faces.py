"""The server classes: what they take, what they refuse, and what they do besides being called by a client."""

from __future__ import annotations

import asyncio
import json
from typing import Annotated, Any

import pytest
from tests.app.reaching import over_http

from dragoman import Client, PeerError, RegistrationError, ToolError
from dragoman.compat import fast, server, transports, types
from dragoman.compat.authorization import AuthSettings
from dragoman.compat.context import Context, FastContext
from dragoman.compat.lowlevel import Server as LowServer
from dragoman.compat.media import Image
from dragoman.compat.models import Model
from dragoman.compat.refusal import (
    CompatError,
    UnsupportedArgumentError,
    UnsupportedAttributeError,
    UnsupportedNameError,
)
from dragoman.compat.resources import BinaryResource, DirectoryResource, FileResource, FunctionResource, TextResource
from dragoman.compat.security import TransportSecuritySettings
from dragoman.compat.stage import Captured, loading

FACES = pytest.mark.parametrize("face", [server.FastMCP, server.MCPServer, fast.FastMCP])


async def listed(face: Any) -> dict[str, Any]:
    async with Client(face.native) as client:
        return {tool.name: tool for tool in await client.list_tools()}


@FACES
async def test_decorators_work_with_and_without_parentheses(face) -> None:
    mcp = face("x")

    @mcp.tool
    def bare() -> int:
        return 1

    @mcp.tool()
    def called() -> int:
        return 2

    @mcp.tool("first")
    def by_position() -> int:
        return 3

    @mcp.tool(name="second")
    def by_keyword() -> int:
        return 4

    assert bare() == 1 and called() == 2
    assert list(await listed(mcp)) == ["bare", "called", "first", "second"]


@FACES
def test_what_does_not_exist_is_refused_by_name(face) -> None:
    mcp = face("x")
    with pytest.raises(UnsupportedAttributeError, match=r"\.nothing is not supported by dragoman"):
        _ = mcp.nothing
    assert not hasattr(mcp, "nothing") and hasattr(mcp, "tool")
    with pytest.raises(UnsupportedArgumentError, match="'nothing' of"):
        face("x", nothing=1)
    with pytest.raises(UnsupportedArgumentError, match="'nothing' of"):
        mcp.tool(nothing=1)(lambda: 1)


@FACES
def test_a_server_is_named_after_its_class_if_it_has_no_name(face) -> None:
    assert face().name == face.title
    assert face("mine").name == "mine"


async def test_the_first_tool_of_a_name_stays_and_with_fastmcp_the_last_wins() -> None:
    for face, kept in ((server.FastMCP, 1), (server.MCPServer, 1), (fast.FastMCP, 2)):
        mcp = face("x")
        for number in (1, 2):
            mcp.add_tool(lambda number=number: number, name="same")
            mcp.resource("a:same", name="same")(lambda number=number: str(number))
            mcp.prompt("same")(lambda number=number: str(number))
        async with Client(mcp.native) as client:
            assert json.loads((await client.call_tool("same")).text) == kept
            assert (await client.read("a:same")).text == str(kept)
            assert (await client.prompt("same")).messages[0].content.text == str(kept)


async def test_fastmcp_may_say_what_happens_to_a_name_that_is_taken() -> None:
    for rule, kept in (("ignore", 1), ("replace", 2), ("warn", 2)):
        mcp = fast.FastMCP("x", on_duplicate=rule)
        for number in (1, 2):
            mcp.add_tool(lambda number=number: number, name="same")
        async with Client(mcp.native) as client:
            assert json.loads((await client.call_tool("same")).text) == kept
    strict = fast.FastMCP("x", on_duplicate="error")
    strict.add_tool(lambda: 1, name="same")
    with pytest.raises(RegistrationError, match="a tool 'same' already"):
        strict.add_tool(lambda: 2, name="same")


async def test_settings_are_kept_and_can_be_changed() -> None:
    mcp = server.FastMCP("x", host="0.0.0.0", port=9001, stateless_http=True, json_response=True, dependencies=["a"])
    mcp.settings.port += 1
    assert (mcp.settings.host, mcp.settings.port, mcp.dependencies) == ("0.0.0.0", 9002, ["a"])
    with pytest.raises(UnsupportedAttributeError):
        _ = mcp.settings.nothing


async def test_components_can_be_added_and_removed_while_running(tmp_path) -> None:
    (tmp_path / "a.txt").write_text("from a file")
    mcp = server.FastMCP("x")
    mcp.add_resource(TextResource(uri="t:1", text="a text", name="text"))
    mcp.add_resource(BinaryResource(uri="b:1", data=b"bytes"))
    mcp.add_resource(FileResource(uri="f:1", path=tmp_path / "a.txt"))
    mcp.add_resource(DirectoryResource(uri="d:1", path=tmp_path))
    mcp.add_resource(FunctionResource(uri="n:1", fn=lambda: {"made": True}))
    mcp.add_tool(lambda: 1, name="gone")
    async with Client(mcp.native) as client:
        found = {r.uri: (await client.read(r.uri)) for r in await client.list_resources()}
        assert found["t:1"].text == "a text" and found["f:1"].text == "from a file"
        assert found["b:1"].contents[0].blob == "Ynl0ZXM="
        assert json.loads(found["d:1"].text) == {"files": ["a.txt"]} and json.loads(found["n:1"].text) == {"made": True}
        mcp.remove_tool("gone")
        assert await client.list_tools() == []
    with pytest.raises(ToolError, match="no tool 'gone'"):
        mcp.remove_tool("gone")


async def test_outputs_without_a_schema_are_given_without_one() -> None:
    mcp = server.FastMCP("x")

    class Untyped:
        def __str__(self) -> str:
            return "as text"

    class Typed:
        name: str
        age: int

        def __init__(self) -> None:
            self.name, self.age = "Ann", 3

    @mcp.tool()
    def untyped() -> Untyped:
        return Untyped()

    @mcp.tool()
    def typed() -> Typed:
        return Typed()

    @mcp.tool()
    def promised() -> Annotated[types.CallToolResult, Typed]:
        return types.CallToolResult(content=[], structuredContent={"name": "B", "age": 1})

    @mcp.tool()
    def picture() -> Image | str:
        return Image(data=b"x")

    tools = await listed(mcp)
    assert not tools["untyped"].output_schema and not tools["picture"].output_schema
    assert set(tools["typed"].output_schema["properties"]) == {"name", "age"}
    async with Client(mcp.native) as client:
        assert "as text" in (await client.call_tool("untyped")).text
        assert (await client.call_tool("typed")).structured == {"name": "Ann", "age": 3}
        assert (await client.call_tool("promised")).structured == {"name": "B", "age": 1}


def test_a_signature_without_a_schema_is_refused_with_its_place() -> None:
    mcp = server.FastMCP("x")
    with pytest.raises(RegistrationError, match=r"test_faces\.py:\d+ in .*many"):

        @mcp.tool()
        def many(*args: int) -> int:
            return 1


def test_an_annotation_that_cannot_be_resolved_is_named() -> None:
    mcp = server.FastMCP("x")
    with pytest.raises(CompatError, match="'Missing'"):

        @mcp.tool()
        def lost(a: Missing) -> int:  # noqa: F821
            return 1


async def test_a_server_can_be_asked_from_the_inside() -> None:
    mcp = server.FastMCP("x")
    assert await mcp.list_tools() == [] and await mcp.list_prompts() == []
    mcp.add_tool(lambda a=1: a, name="one")
    mcp.resource("a:b", name="b")(lambda: "held")
    mcp.resource("a://{b}", name="b")(lambda b: b)
    mcp.prompt("p")(lambda: "said")
    [tool] = await mcp.list_tools()
    assert isinstance(tool, types.Tool) and tool.inputSchema["type"] == "object"
    assert [str(r.uri) for r in await mcp.list_resources()] == ["a:b"]
    assert [t.uriTemplate for t in await mcp.list_resource_templates()] == ["a://{b}"]
    assert (await mcp.call_tool("one", {"a": 4})).content[0].text == "4"
    assert (await mcp.get_prompt("p")).messages[0].content.text == "said"
    [contents] = await mcp.read_resource("a:b")
    assert (contents.content, contents.mime_type) == ("held", "text/plain")
    with pytest.raises(LookupError):
        mcp.get_context()


async def test_a_bare_generator_serves_as_a_lifespan_and_ends_with_the_server() -> None:
    seen: list[str] = []

    async def lifespan(app: Any):
        seen.append(f"begin {app.name}")
        yield {"db": "open"}
        seen.append("end")

    mcp = fast.FastMCP("x", lifespan=fast.lifespan(lifespan))

    @mcp.tool
    def state(ctx: FastContext) -> str:
        return ctx.lifespan_context["db"] + ctx.request_context.lifespan_context["db"]

    async with mcp.native.lifespan(), Client(mcp.native) as client:
        assert (await client.call_tool("state")).text == "openopen"
    assert seen == ["begin x", "end"]


@FACES
async def test_running_while_a_file_is_loaded_only_says_what_to_run(face) -> None:
    mcp = face("x")
    with loading():
        for run in (lambda: mcp.run(), lambda: mcp.run(transport="streamable-http"), lambda: mcp.run("sse")):
            with pytest.raises(Captured) as ended:
                run()
            assert ended.value.server is mcp
        for run_async in (mcp.run_stdio_async, mcp.run_streamable_http_async):
            with pytest.raises(Captured):
                await run_async()
    with pytest.raises(CompatError, match="unknown transport 'carrier-pigeon'"):
        mcp.run("carrier-pigeon")


async def test_a_low_level_server_takes_only_its_own_streams() -> None:
    with pytest.raises(UnsupportedArgumentError, match="stdio_server"):
        await LowServer("x").run(object(), object(), None)


# --- HTTP ------------------------------------------------------------------------------------------------------

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}


async def posted(app: Any, path: str, body: Any = HELLO, host: bytes = b"localhost") -> tuple[int, bytes]:
    """Return status and body of one request to an ASGI application."""
    headers = [
        (b"host", host),
        (b"content-type", b"application/json"),
        (b"accept", b"application/json, text/event-stream"),
    ]
    scope = {
        "type": "http",
        "method": "POST" if body else "GET",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "http_version": "1.1",
        "scheme": "http",
        "asgi": {"version": "3.0"},
        "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }
    sent: list[dict[str, Any]] = []
    bodies = [{"type": "http.request", "body": json.dumps(body).encode() if body else b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if bodies:
            return bodies.pop()
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


@FACES
async def test_a_server_is_an_asgi_application(face) -> None:
    app = face("over http").streamable_http_app()
    status, body = await posted(app, "/mcp")
    assert status == 200 and b'"over http"' in body
    assert (await posted(app, "/other"))[0] == 404
    assert (await posted(app, "/mcp", host=b"evil.example"))[0] in (403, 421)


async def test_paths_and_hosts_of_the_file_are_kept() -> None:
    security = TransportSecuritySettings(allowed_hosts=["mcp.example.com", "mcp.example.com:*"])
    app = server.MCPServer("x").streamable_http_app(streamable_http_path="/here", transport_security=security)
    assert (await posted(app, "/here", host=b"mcp.example.com"))[0] == 200
    assert (await posted(app, "/mcp", host=b"mcp.example.com"))[0] == 404
    assert (await posted(app, "/here", host=b"evil.example"))[0] in (403, 421)
    set_later = server.FastMCP("x")
    set_later.settings.streamable_http_path = "/"
    assert (await posted(set_later.streamable_http_app(), "/"))[0] == 200


async def test_a_server_mounts_in_starlette_with_a_route_of_its_own() -> None:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Mount

    mcp = server.FastMCP("x")

    @mcp.custom_route("/health", methods=["GET"])
    async def health(request: Any) -> Any:
        return PlainTextResponse("fine")

    app = Starlette(routes=[Mount("/api", app=mcp.streamable_http_app())])
    async with mcp.session_manager.run():
        assert (await posted(app, "/api/health", body=None)) == (200, b"fine")
        assert (await posted(app, "/api/mcp"))[0] == 200


@FACES
async def test_a_server_that_declares_authorization_answers_over_stdio_only(face) -> None:
    mcp = face("guarded", auth=AuthSettings(issuer_url="https://example.com"))
    mcp.add_tool(lambda: 1, name="one")
    async with Client(mcp.native) as client:
        assert (await client.call_tool("one")).text == "1"
    _, body = await posted(mcp.streamable_http_app(), "/mcp")
    assert b"declares authorization" in body and b'"serverInfo"' not in body
    assert b'"serverInfo"' in (await posted(face("open").streamable_http_app(), "/mcp"))[1]


@FACES
async def test_the_transport_of_2024_is_served_and_refused_only_as_a_part(face) -> None:
    mcp = face("older")
    mcp.add_tool(lambda: 1, name="one")
    async with over_http(mcp.sse_app()) as url, Client(url.replace("/mcp", "/sse")) as client:
        assert (await client.call_tool("one")).text == "1"
    assert (await posted(mcp.streamable_http_app(), "/sse"))[0] == 404
    with pytest.raises(UnsupportedNameError, match="SseServerTransport"):
        transports.SseServerTransport("/messages/")


# --- fastmcp ---------------------------------------------------------------------------------------------------


async def test_mounted_servers_may_be_nested_and_have_no_prefix() -> None:
    inner, middle, outer = fast.FastMCP("inner"), fast.FastMCP("middle"), fast.FastMCP("outer")
    inner.tool(lambda: "deep", name="deep")
    inner.prompt(lambda: "said", name="said")
    middle.mount(inner, "in")
    outer.mount(middle)
    outer.mount(fast.create_proxy(inner), prefix="proxy")
    assert list(await listed(outer)) == ["in_deep", "proxy_deep"]
    async with Client(outer.native) as client:
        assert [prompt.name for prompt in await client.list_prompts()] == ["in_said", "proxy_said"]
    with pytest.raises(UnsupportedArgumentError, match="mount a FastMCP, or create_proxy"):
        outer.mount("https://example.com/mcp")


async def test_marked_functions_of_a_folder_are_registered(tmp_path) -> None:
    from dragoman.compat.providers import FileSystemProvider
    from dragoman.compat.refusal import LoadError

    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one.py").write_text(
        "from dragoman.compat.fast import tool, prompt, resource\n"
        "@tool\ndef add(a: int) -> int: return a + 1\n"
        "@prompt(name='named')\ndef p() -> str: return 'said'\n"
        "@resource('a:b')\ndef r() -> str: return 'held'\n"
    )
    async with Client(fast.FastMCP("x", providers=[FileSystemProvider(tmp_path)]).native) as client:
        assert (await client.call_tool("add", {"a": 1})).structured == {"result": 2}
        assert (await client.prompt("named")).messages[0].content.text == "said"
        assert (await client.read("a:b")).text == "held"
    (tmp_path / "two.py").write_text("1 / 0")
    with pytest.raises(LoadError, match=r"two\.py: ZeroDivisionError"):
        fast.FastMCP("x", providers=[FileSystemProvider(tmp_path)])
    with pytest.raises(LoadError, match="no such folder"):
        fast.FastMCP("x", providers=[FileSystemProvider(tmp_path / "none")])


async def test_hidden_arguments_and_masked_errors_of_fastmcp() -> None:
    mcp = fast.FastMCP("x", mask_error_details=True)

    @mcp.tool(exclude_args=["secret"])
    def hides(a: int, secret: str = "kept") -> str:
        return f"{a} {secret}"

    @mcp.tool
    def crashes() -> str:
        raise ValueError("private words")

    assert list((await listed(mcp))["hides"].input_schema["properties"]) == ["a"]
    async with Client(mcp.native) as client:
        assert (await client.call_tool("hides", {"a": 1})).text == "1 kept"
        with pytest.raises(ToolError) as failed:
            await client.call_tool("crashes")
        assert str(failed.value) == "Error calling tool crashes"


def test_what_would_be_unsafe_to_leave_out_is_refused() -> None:
    mcp = fast.FastMCP("x")
    with pytest.raises(UnsupportedArgumentError, match=r"'auth' of FastMCP\.tool"):
        mcp.tool(auth=lambda context: False)(lambda: 1)
    with pytest.raises(UnsupportedArgumentError, match="'providers' of FastMCP"):
        fast.FastMCP("x", providers=[object()])
    with pytest.raises(UnsupportedAttributeError, match="from_openapi"):
        fast.FastMCP.from_openapi({})


async def test_a_context_refuses_what_it_lacks_by_name() -> None:
    mcp = server.FastMCP("x")

    @mcp.tool()
    def lacks(ctx: Context) -> str:
        return ctx.nothing

    async with Client(mcp.native) as client:
        with pytest.raises(ToolError, match=r"Context\.nothing is not supported by dragoman"):
            await client.call_tool("lacks")


async def test_errors_of_resources_and_prompts_reach_the_client_by_the_rule_of_the_package() -> None:
    def fail() -> str:
        raise ValueError("the reason")

    for face, told in ((server.FastMCP, "the reason"), (server.MCPServer, "Error reading resource a:b")):
        mcp = face("x")
        mcp.resource("a:b")(fail)
        mcp.prompt("p")(fail)
        async with Client(mcp.native) as client:
            with pytest.raises(PeerError, match=told) as refused:
                await client.read("a:b")
            assert ("the reason" in str(refused.value)) is (face is server.FastMCP)
            with pytest.raises(PeerError, match="Error rendering prompt p"):
                await client.prompt("p")


def test_models_stand_for_hints_in_dictionaries_too() -> None:
    assert Model(a=1) == Model(a=1) and Model(a=1) != Model(a=2)
