"""What functions may know of their call, and say while it runs: in `async def` and in plain functions."""

import asyncio
import math
import threading
from collections.abc import Callable
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, META, MODERN, PREFIX, Line, post, routing, written

from dragoman import Context, LocalError, Server
from dragoman.wire.base import LOG_LEVELS

Step = Callable[[Context], Any]


def both(steps: Step) -> Server:
    """Return a server whose tools `async` and `plain` do the same with their context; `steps` returns awaitables."""
    server = Server("context")

    @server.tool("async")
    async def in_async(ctx: Context) -> None:
        for each in steps(ctx):
            await each

    @server.tool("plain")
    def in_plain(ctx: Context) -> None:
        for _ in steps(ctx):
            pass

    return server


async def heard(server: Server, tool: str, version: str = MODERN, **meta: Any) -> list[dict[str, Any]]:
    line = Line(server)
    answer = await line.ask("tools/call", version, name=tool, _meta=meta)
    assert "isError" not in answer["result"], answer
    return line.ear.heard


@pytest.mark.parametrize("tool", ["async", "plain"])
@pytest.mark.parametrize("version", [MODERN, *LEGACY])
async def test_progress_only_grows_and_names_its_request(tool: str, version: str) -> None:
    """PROG-02, PROG-03"""

    def steps(ctx: Context) -> Any:
        for value in (0, 1, 1, 0.5, 2.5, math.nan, math.inf, -1, 3):
            yield ctx.progress(value, 4, "m")

    found = await heard(both(steps), tool, version, progressToken="t")
    assert {notice["method"] for notice in found} == {"notifications/progress"}
    assert [notice["params"]["progress"] for notice in found] == [0, 1, 2.5, 3]
    rest = {"progressToken": "t", "total": 4} | ({} if version == LEGACY[3] else {"message": "m"})
    assert all(notice["params"] == {**rest, "progress": notice["params"]["progress"]} for notice in found)


@pytest.mark.parametrize("token", [0, "", 2**60, "7"])
async def test_the_token_keeps_its_type(token: Any) -> None:
    """PROG-02"""

    def steps(ctx: Context) -> Any:
        yield ctx.progress(1, math.inf)

    (notice,) = await heard(both(steps), "async", progressToken=token)
    assert notice["params"] == {"progressToken": token, "progress": 1}
    assert type(notice["params"]["progressToken"]) is type(token)


@pytest.mark.parametrize("tool", ["async", "plain"])
async def test_progress_that_nobody_asked_for_is_not_sent(tool: str) -> None:
    """PROG-02"""

    def steps(ctx: Context) -> Any:
        yield ctx.progress(1)

    assert await heard(both(steps), tool) == []
    assert len(await heard(both(steps), tool, progressToken=1)) == 1


def all_levels(ctx: Context) -> Any:
    for level in LOG_LEVELS:
        yield ctx.log(level, {"said": level}, "tester")


@pytest.mark.parametrize("tool", ["async", "plain"])
@pytest.mark.parametrize("wanted", ["debug", "warning", "emergency"])
async def test_logs_are_sent_from_the_level_that_the_request_names(tool: str, wanted: str) -> None:
    """LOG-02, LOG-04"""
    found = await heard(both(all_levels), tool, **{PREFIX + "logLevel": wanted})
    expected = LOG_LEVELS[LOG_LEVELS.index(wanted) :]  # type: ignore[arg-type]
    assert [notice["params"] for notice in found] == [
        {"level": level, "data": {"said": level}, "logger": "tester"} for level in expected
    ]
    assert {notice["method"] for notice in found} == {"notifications/message"}


async def test_a_request_that_names_no_level_gets_no_logs() -> None:
    """LOG-02"""
    assert await heard(both(all_levels), "async") == []


async def test_a_session_gets_logs_from_the_level_that_it_chose() -> None:
    """LEG-17"""
    line = Line(both(all_levels))
    await line.ask("tools/call", LEGACY[0], name="async")
    assert len(line.ear.heard) == 8
    assert (await line.ask("logging/setLevel", LEGACY[0], level="critical"))["result"] == {}
    await line.ask("tools/call", LEGACY[0], name="async")
    assert [notice["params"]["level"] for notice in line.ear.heard] == ["critical", "alert", "emergency"]


async def test_the_named_levels_have_methods_of_their_own() -> None:
    def steps(ctx: Context) -> Any:
        yield ctx.debug("a")
        yield ctx.info("b")
        yield ctx.warning("c")
        yield ctx.error({"d": 1})

    found = await heard(both(steps), "plain", **{PREFIX + "logLevel": "debug"})
    assert [(notice["params"]["level"], notice["params"]["data"]) for notice in found] == [
        ("debug", "a"), ("info", "b"), ("warning", "c"), ("error", {"d": 1})
    ]  # fmt: skip


async def test_a_level_that_does_not_exist_is_told_to_the_author() -> None:
    server = Server("context")
    told: list[str] = []

    @server.tool
    async def logs(ctx: Context) -> None:
        with pytest.raises(LocalError) as caught:
            await ctx.log("warn", "x")  # type: ignore[arg-type]
        told.append(str(caught.value))
        await ctx.log("warning", "x")

    assert "isError" not in await Line(server).call("logs")
    assert "'warn'" in told[0] and "warning" in told[0]


async def test_a_context_says_who_asks_and_what_both_sides_can_do() -> None:
    """META-01, META-02, META-05"""
    server = Server("context")

    @server.tool
    def who(ctx: Context) -> dict[str, Any]:
        return {
            "client": ctx.client.name if ctx.client else None,
            "version": ctx.caller.version,
            "roots": ctx.client_capabilities.roots == {},
            "tools": ctx.server_capabilities.tools is not None,
            "server": ctx.server_name,
            "id": ctx.request_id,
            "session": ctx.session_id,
            "headers": dict(ctx.headers),
            "cancelled": ctx.cancelled,
        }

    meta = {PREFIX + "clientInfo": {"name": "me", "version": "1"}, PREFIX + "clientCapabilities": {"roots": {}}}
    found = (await Line(server).ask("tools/call", name="who", _meta=meta))["result"]["structuredContent"]
    assert found == {
        "client": "me", "version": MODERN, "roots": True, "tools": True, "server": "context", "id": 1,
        "session": None, "headers": {}, "cancelled": False,
    }  # fmt: skip
    nobody = (await Line(server).call("who"))["structuredContent"]
    assert (nobody["client"], nobody["roots"]) == (None, False)


async def test_headers_are_those_of_the_request() -> None:
    server = Server("context")

    @server.tool
    async def header(ctx: Context) -> str:
        return ctx.headers["x-tenant"]

    body = written("tools/call", {"name": "header", "_meta": META})
    answer = await post(server.asgi(), body, {**routing("tools/call", "header"), "x-tenant": "blue"})
    assert answer.json["result"]["content"][0]["text"] == "blue"


async def test_a_plain_function_sees_that_its_call_was_cancelled() -> None:
    """PROG-09"""
    server = Server("context")
    started, stopped = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    found: list[bool] = []

    @server.tool
    def work(ctx: Context) -> None:
        found.append(ctx.cancelled)
        loop.call_soon_threadsafe(started.set)
        while not ctx.cancelled:
            threading.Event().wait(0.001)
        found.append(ctx.cancelled)
        ctx.progress(5)  # must neither fail nor be sent
        loop.call_soon_threadsafe(stopped.set)

    line = Line(server)
    task = asyncio.create_task(line.ask("tools/call", name="work", _meta={"progressToken": 1}))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stopped.wait()
    assert found == [False, True] and line.ear.heard == []


async def test_prompts_and_resources_have_a_context_too() -> None:
    server = Server("context")

    @server.prompt
    def greet(ctx: Context, name: str) -> str:
        ctx.progress(1)
        return f"{name} of {ctx.server_name}"

    @server.resource("a://{name}")
    async def read(name: str, ctx: Context) -> str:
        await ctx.progress(2)
        return f"{name} of {ctx.server_name}"

    line = Line(server)
    prompt = await line.ask("prompts/get", name="greet", arguments={"name": "x"}, _meta={"progressToken": 1})
    assert prompt["result"]["messages"][0]["content"]["text"] == "x of context"
    assert line.ear.heard[0]["params"]["progress"] == 1
    resource = await line.ask("resources/read", uri="a://y", _meta={"progressToken": 1})
    assert resource["result"]["contents"][0]["text"] == "y of context"
    assert line.ear.heard[0]["params"]["progress"] == 2
