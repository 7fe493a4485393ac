"""The face of a server: what registering, removing, wrapping and declaring do to what clients see."""

import threading
from collections.abc import Mapping
from typing import Any

import pytest
from tests.transport.raw_http import Ask, call, hello, in_process, modern, old

from dragoman import Context, Icon, RegistrationError, RequestError, Server


async def ask(server: Server, method: str, **params: Any) -> Any:
    return (await in_process(server.asgi(), modern(method, **params))).json


async def capabilities(server: Server) -> set[str]:
    return set((await ask(server, "server/discover"))["result"]["capabilities"])


async def test_a_server_declares_what_it_has_and_answers_nothing_else() -> None:
    """VER-16"""
    server = Server("bare")
    assert "tools" not in await capabilities(server)
    assert (await ask(server, "tools/list"))["error"]["code"] == -32601
    assert (await ask(server, "prompts/list"))["error"]["code"] == -32601

    @server.tool
    async def one() -> int:
        return 1

    # Large results of tools are read as resources.
    assert {"tools", "resources"} <= await capabilities(server)
    assert "prompts" not in await capabilities(server)
    server.prompt(name="p")(lambda: "hello")
    assert "prompts" in await capabilities(server)
    assert [prompt["name"] for prompt in (await ask(server, "prompts/list"))["result"]["prompts"]] == ["p"]


async def test_what_a_server_says_of_itself_is_told_in_both_eras() -> None:
    icon = Icon(src="https://example.com/i.png", mime_type="image/png")
    server = Server(
        "about", version="2.1", title="About", instructions="Ask.", website_url="https://example.com", icons=[icon],
        description="All about it",
    )  # fmt: skip
    found = (await ask(server, "server/discover"))["result"]
    assert found["instructions"] == "Ask."
    assert found["_meta"]["io.modelcontextprotocol/serverInfo"] == {
        "name": "about",
        "version": "2.1",
        "title": "About",
        "description": "All about it",
        "websiteUrl": "https://example.com",
        "icons": [{"src": "https://example.com/i.png", "mimeType": "image/png"}],
    }
    greeted = (await in_process(server.asgi(), Ask(hello()))).json["result"]
    assert (greeted["serverInfo"]["title"], greeted["instructions"]) == ("About", "Ask.")


async def test_a_tool_can_be_removed_and_added_again() -> None:
    server = Server("changing")

    async def one() -> int:
        return 1

    server.add_tool(one)
    app = server.asgi()
    assert (await in_process(app, call("one"))).value == 1
    assert (server.remove_tool("one"), server.remove_tool("one")) == (True, False)
    assert (await in_process(app, call("one"))).code == -32602
    assert (await in_process(app, modern("tools/list"))).json["result"]["tools"] == []
    server.add_tool(one, name="two")
    assert (await in_process(app, call("two"))).value == 1


async def test_middleware_wraps_every_call_outermost_first() -> None:
    server = Server("wrapped")
    log: list[str] = []

    @server.tool
    async def one() -> int:
        log.append("tool")
        return 1

    @server.middleware
    async def outer(call: Any, handler: Any) -> Any:
        log.append(f"outer {call.method}")
        return await handler(call)

    @server.middleware
    async def inner(call: Any, handler: Any) -> Any:
        log.append("inner")
        if call.params.name == "forbidden":
            raise RequestError(-31001, "not for you")
        return await handler(call)

    app = server.asgi()
    assert (await in_process(app, call("one"))).value == 1
    assert log == ["outer tools/call", "inner", "tool"]
    assert (await in_process(app, call("forbidden"))).json["error"] == {"code": -31001, "message": "not for you"}


async def test_methods_of_ones_own_are_served_in_every_era() -> None:
    server = Server("own")

    @server.method("com.example/echo")
    def echo(text: str, ctx: Context, times: int = 1) -> str:
        return f"{ctx.caller.version}: {text * times}"

    @server.method("com.example/point")
    async def point() -> dict[str, int]:
        return {"x": 1}

    found = await ask(server, "com.example/echo", text="ab", times=2)
    assert found["result"]["result"] == "2026-07-28: abab"
    assert (await ask(server, "com.example/point"))["result"]["x"] == 1
    assert (await ask(server, "com.example/echo", text=5))["error"]["code"] == -32602
    app = server.asgi(sessions=False)
    headers = {"mcp-protocol-version": "2025-11-25"}
    legacy = await in_process(app, Ask(old("com.example/echo", 1, text="x"), headers))
    assert legacy.json["result"] == {"result": "2025-11-25: x"}


async def test_extensions_and_experiments_are_declared() -> None:
    server = Server("extended")
    server.add_extension("com.example/search", {"depth": 2})
    server.add_experimental("shiny")
    found = (await ask(server, "server/discover"))["result"]["capabilities"]
    assert found["extensions"] == {"com.example/search": {"depth": 2}}
    assert found["experimental"] == {"shiny": {}}
    with pytest.raises(RegistrationError, match="prefix"):
        server.add_extension("search")


async def test_completions_suggest_for_prompts_and_templates() -> None:
    server = Server("suggesting")

    @server.prompt
    def greet(name: str) -> str:
        return name

    @server.resource("city://{name}")
    def city(name: str) -> str:
        return name

    @server.completion("greet", "name")
    @server.completion("city://{name}", "name")
    async def names(value: str, others: Any) -> list[str]:
        return [name for name in ("Ada", "Adam", "Eve") if name.startswith(value)]

    argument = {"name": "name", "value": "Ad"}
    for ref in ({"type": "ref/prompt", "name": "greet"}, {"type": "ref/resource", "uri": "city://{name}"}):
        found = await ask(server, "completion/complete", ref=ref, argument=argument)
        assert found["result"]["completion"]["values"] == ["Ada", "Adam"]
    unknown = await ask(server, "completion/complete", ref={"type": "ref/prompt", "name": "x"}, argument=argument)
    assert unknown["error"]["code"] == -32602


async def test_a_completion_may_be_plain_and_take_what_is_typed_alone() -> None:
    server = Server("plain")
    server.add_prompt(lambda a, b, c, d: "x", name="p")
    threads: list[str] = []

    @server.completion("p", "a")
    def alone(value: str) -> list[str]:
        threads.append(threading.current_thread().name)
        return [value + "!"]

    @server.completion("p", "b")
    def both(value: str, chosen: Mapping[str, str]) -> list[str]:
        return [value + chosen["a"]]

    @server.completion("p", "c")
    async def alone_later(value: str) -> tuple[str, ...]:
        return (value + "?",)

    @server.completion("p", "d")
    def passed_on(value: str, chosen: Any = None) -> Any:
        return alone_later(value)

    for name, expected in (("a", "x!"), ("b", "x1"), ("c", "x?"), ("d", "x?")):
        found = await ask(
            server,
            "completion/complete",
            ref={"type": "ref/prompt", "name": "p"},
            argument={"name": name, "value": "x"},
            context={"arguments": {"a": "1"}},
        )
        assert found["result"]["completion"]["values"] == [expected]
    assert threads and threads[0] != threading.current_thread().name
    for bad in (lambda: [""], lambda a, b, c, d: [""]):
        with pytest.raises(RegistrationError, match="a completion takes what is typed and"):
            server.completion("p", "e")(bad)  # type: ignore[type-var]


async def test_one_server_object_serves_two_endpoints() -> None:
    server = Server("twice")

    @server.tool
    async def one() -> int:
        return 1

    first, second = server.asgi(), server.asgi(path="/other")
    assert (await in_process(first, call("one"))).value == 1
    assert (await in_process(second, call("one")._replace(path="/other"))).value == 1
    session = (await in_process(first, Ask(hello()))).headers["mcp-session-id"]
    headers = {"mcp-session-id": session, "mcp-protocol-version": "2025-11-25"}
    assert (await in_process(second, Ask(old("ping"), headers)._replace(path="/other"))).status == 404
