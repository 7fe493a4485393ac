"""A call in, a response out: deadlines, cancellation, errors, middleware, methods of the server's own."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, META, MODERN, PREFIX, Line, post, routing, written

from dragoman import Context, Limits, PeerError, RegistrationError, RequestError, Server, ToolError
from dragoman.protocol.exchange import Call
from dragoman.protocol.headers import encode_value

SECRET = "the password is hunter2"


def quick() -> Server:
    return Server("kernel", limits=Limits(call_seconds=0.02))


def log_id(text: str) -> str:
    return text.rpartition("id ")[2]


async def test_a_call_that_takes_too_long_is_answered_with_an_error() -> None:
    """PROG-05"""
    server = quick()
    ended: list[str] = []

    @server.tool
    async def forever() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("yes")
        return 1

    error = (await Line(server).ask("tools/call", name="forever"))["error"]
    assert error == {"code": -32603, "message": "tools/call took longer than 0.02 seconds"}
    assert ended == ["yes"]


@pytest.mark.parametrize("modern", [True, False])
async def test_a_call_that_takes_too_long_is_answered_over_http_too(modern: bool) -> None:
    server = quick()

    @server.tool
    async def forever() -> int:
        await asyncio.Event().wait()
        return 1

    params: dict[str, Any] = {"name": "forever"}
    if modern:
        answer = await post(
            server.asgi(), written("tools/call", {**params, "_meta": META}), routing("tools/call", "forever")
        )
    else:
        answer = await post(server.asgi(sessions=False), written("tools/call", params), {})
    assert answer.status == 200
    assert answer.code == -32603 and answer.json["id"] == 1


async def test_a_call_that_would_not_be_stopped_keeps_its_result() -> None:
    server = quick()

    @server.tool
    async def stubborn() -> int:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        return 5

    assert (await Line(server).call("stubborn"))["structuredContent"] == {"result": 5}
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_a_handler_that_awaits_something_cancelled_is_answered() -> None:
    """BASE-04: the client did not cancel, so it is owed an answer."""
    server = Server("kernel")

    @server.tool
    async def unlucky() -> int:
        other = asyncio.ensure_future(asyncio.Event().wait())
        other.cancel()
        await other
        return 1

    @server.tool
    async def at_once() -> int:
        raise asyncio.CancelledError

    for name in ("unlucky", "at_once"):
        assert (await Line(server).ask("tools/call", name=name))["error"]["code"] == -32603


async def test_a_cancelled_call_is_cancelled_inside_and_answers_nothing() -> None:
    """PROG-09"""
    server = Server("kernel")
    started, ended = asyncio.Event(), asyncio.Event()

    @server.tool
    async def forever() -> int:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 1

    task = asyncio.create_task(Line(server).ask("tools/call", name="forever"))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()


@pytest.mark.parametrize("failure", [ValueError(SECRET), KeyError(SECRET), SystemExit(SECRET), PeerError(1, SECRET)])
@pytest.mark.parametrize("plain", [True, False])
async def test_what_an_exception_says_stays_in_the_log_under_an_id(
    failure: BaseException, plain: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """LOG-06, TOOL-13"""
    server = Server("kernel")

    async def async_tool() -> int:
        raise failure

    def plain_tool() -> int:
        raise failure

    server.add_tool(plain_tool if plain else async_tool, name="t")
    with caplog.at_level(logging.ERROR, "dragoman"):
        result = await Line(server).call("t")
    text = result["content"][0]["text"]
    assert result["isError"] is True and SECRET not in str(result)
    (record,) = caplog.records
    assert log_id(text) in record.getMessage() and len(log_id(text)) == 8
    assert record.exc_info is not None and record.exc_info[1] is failure


@pytest.mark.parametrize("failure", [ValueError(SECRET), SystemExit(SECRET), RuntimeError(SECRET)])
@pytest.mark.parametrize("method", ["resources/read", "prompts/get"])
async def test_other_handlers_fail_with_an_internal_error(
    failure: BaseException, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """ERR-16"""
    server = Server("kernel")

    @server.resource("a://b")
    @server.prompt
    def broken() -> str:
        raise failure

    error = (await Line(server).ask(method, uri="a://b", name="broken"))["error"]
    assert error["code"] == -32603 and SECRET not in error["message"]
    assert log_id(error["message"]) in caplog.text


async def test_words_that_are_meant_to_be_seen_are_seen() -> None:
    server = Server("kernel")

    @server.prompt
    def refuses() -> str:
        raise ToolError("come back tomorrow")

    @server.tool
    def own() -> str:
        raise RequestError(42, "out of paper", {"tray": 2})

    line = Line(server)
    assert (await line.ask("prompts/get", name="refuses"))["error"]["message"] == "come back tomorrow"
    error = (await line.ask("tools/call", name="own"))["error"]
    assert error == {"code": 42, "message": "out of paper", "data": {"tray": 2}}


@pytest.mark.parametrize(
    ("message", "data", "shown"),
    [
        ("no", object(), "no"),
        ("no", {"x": {1, object()}}, "no"),
        ("file \udce9t\u00e9", None, "file ?t\u00e9"),
        ("no", "\ud800", "no"),
    ],
)
async def test_an_error_that_has_no_json_form_is_still_an_answer(message: str, data: Any, shown: str) -> None:
    """BASE-09"""
    server = Server("kernel")

    @server.tool
    def own() -> str:
        raise RequestError(42, message, data)

    assert (await Line(server).ask("tools/call", name="own"))["error"] == {"code": 42, "message": shown}


@pytest.mark.parametrize("error", [RequestError(-32021, "need", {"requiredCapabilities": {"roots": {}}})])
async def test_the_status_of_an_error_is_that_of_the_table(error: RequestError) -> None:
    """ERR-09, X-5"""
    server = Server("kernel")

    @server.tool
    async def needs() -> int:
        raise error

    @server.tool
    async def fails() -> int:
        raise RequestError(42, "x")

    for name, status in (("needs", 400), ("fails", 200)):
        body = written("tools/call", {"name": name, "_meta": META})
        assert (await post(server.asgi(), body, routing("tools/call", name))).status == status


async def test_middleware_wraps_every_call_the_first_outermost() -> None:
    order: list[str] = []

    def note(name: str) -> Any:
        async def middleware(call: Call, handler: Any) -> Any:
            order.append(f"{name} {call.method}")
            reply = await handler(call)
            order.append(f"{name} done")
            return reply

        return middleware

    server = Server("kernel", middleware=[note("a")])

    @server.tool
    async def add(a: int) -> int:
        order.append("tool")
        return a

    server.middleware(note("b"))  # registered after the tool, and around it all the same

    assert (await Line(server).call("add", a=1))["structuredContent"] == {"result": 1}
    assert order == ["a tools/call", "b tools/call", "tool", "b done", "a done"]


async def test_middleware_can_answer_refuse_and_change() -> None:
    server = Server("kernel")

    @server.tool
    async def add(a: int) -> int:
        return a

    @server.middleware
    async def guard(call: Call, handler: Any) -> Any:
        if call.method == "tools/list":
            return {"tools": []}
        if call.params.name == "forbidden":
            raise RequestError(403, "not you")
        return await handler(call)

    line = Line(server)
    assert (await line.ask("tools/list"))["result"]["tools"] == []
    assert (await line.ask("tools/call", name="forbidden"))["error"] == {"code": 403, "message": "not you"}
    assert (await line.call("add", a=2))["structuredContent"] == {"result": 2}


@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_a_method_of_the_servers_own_is_served_in_every_era(version: str) -> None:
    server = Server("kernel")

    @server.method("com.example/echo")
    def echo(text: str, times: int = 1, ctx: Context | None = None) -> str:
        return text * times

    @server.method("com.example/where")
    async def where(ctx: Context) -> dict[str, Any]:
        return {"version": ctx.caller.version}

    line = Line(server)
    result = (await line.ask("com.example/echo", version, text="ab", times=2))["result"]
    assert result["result"] == "abab"
    assert (await line.ask("com.example/where", version))["result"]["version"] == version
    error = (await line.ask("com.example/echo", version, texts="ab"))["error"]
    assert error["code"] == -32602 and "text" in error["message"]
    assert (await line.ask("com.example/else", version))["error"]["code"] == -32601


async def test_the_protocols_own_methods_cannot_be_replaced() -> None:
    server = Server("kernel")
    with pytest.raises(RegistrationError, match="tools/call is the protocol's"):
        server.method("tools/call")


@pytest.mark.parametrize("method", ["tools/list", "prompts/get", "resources/read", "completion/complete"])
async def test_what_is_not_registered_is_not_there(method: str) -> None:
    """VER-16, PROMPT-06"""
    server = Server("kernel")
    params = {"name": "x", "uri": "a://b", "ref": {"type": "ref/prompt", "name": "x"}, "argument": {}}
    error = (await Line(server).ask(method, **params))["error"]
    assert (error["code"], error["message"]) == (-32601, f"method not found: {method}")


async def test_what_the_transport_calls_does_not_see_a_call_that_is_over() -> None:
    """PROG-04: a task that a tool leaves behind says nothing after the answer."""
    server = Server("kernel")
    left: list[asyncio.Task[None]] = []
    go = asyncio.Event()

    @server.tool
    async def leaves(ctx: Context) -> int:
        async def later() -> None:
            await go.wait()
            await ctx.progress(2)
            await ctx.error("late")
            assert ctx.cancelled

        await ctx.progress(1)
        left.append(asyncio.create_task(later()))
        return 1

    line = Line(server)
    meta = {"progressToken": 1, PREFIX + "logLevel": "debug"}
    assert "result" in await line.ask("tools/call", name="leaves", _meta=meta)
    go.set()
    await left[0]
    assert [notice["params"]["progress"] for notice in line.ear.heard] == [1]


async def test_a_reply_can_be_had_without_sealing_it() -> None:
    server = Server("kernel")

    @server.tool
    async def add(a: int) -> int:
        return a

    line = Line(server)
    call = line.admit(written("tools/call", {"name": "add", "arguments": {"a": 1}, "_meta": META}))
    reply: Any = await server.service.reply(call)
    assert reply.content[0].text == "1"
    call.method = "nope"
    with pytest.raises(RequestError, match="method not found: nope"):
        await server.service.reply(call)


async def test_a_name_beyond_ascii_is_served_over_http() -> None:
    """HTTP-20, HTTP-24"""
    server = Server("kernel")

    @server.tool("grüße")
    async def greet() -> str:
        return "hi"

    body = written("tools/call", {"name": "grüße", "_meta": META})
    answer = await post(server.asgi(), body, routing("tools/call", encode_value("grüße")))
    assert (answer.status, answer.json["result"]["content"][0]["text"]) == (200, "hi")
