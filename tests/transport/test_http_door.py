"""What a call may do to its response while it runs: stream, fall silent, lose its client."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.transport.raw_http import (
    LEGACY,
    META,
    Answer,
    Ask,
    Place,
    Wire,
    call,
    hello,
    in_process,
    listening,
    modern,
    old,
    until,
)

from dragoman import Context, Limits, Server
from dragoman.serving.context import BREATH
from dragoman.transport.http_door import WATCH_AFTER

PROGRESS = {**META, "progressToken": "p"}


def a_server(**limits: Any) -> Server:
    server = Server("door", limits=Limits(**limits))
    server.log = []  # type: ignore[attr-defined]
    server.go_on = asyncio.Event()  # type: ignore[attr-defined]

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def steps(count: int, ctx: Context) -> str:
        for number in range(count):
            await ctx.progress(number + 1, count)
        return "done"

    @server.tool
    async def wait(ctx: Context) -> str:
        server.log.append("began")  # type: ignore[attr-defined]
        try:
            await server.go_on.wait()  # type: ignore[attr-defined]
        except asyncio.CancelledError:
            server.log.append("cancelled")  # type: ignore[attr-defined]
            raise
        return "waited"

    @server.tool
    def plain(ctx: Context) -> str:
        server.log.append("began")  # type: ignore[attr-defined]
        until = time.monotonic() + 20
        while not ctx.cancelled and time.monotonic() < until:
            time.sleep(0.005)
        server.log.append("cancelled" if ctx.cancelled else "in vain")  # type: ignore[attr-defined]
        return "late"

    return server


def with_progress(tool: str, /, headers: dict[str, Any] | None = None, **arguments: Any) -> Ask:
    data = call(tool, headers=headers, **arguments)
    body = json.loads(data.body)
    body["params"]["_meta"] = PROGRESS
    return data._replace(body=json.dumps(body).encode())


# --- JSON until something streams ------------------------------------------------------------------------------


async def test_a_call_that_says_nothing_is_answered_with_json() -> None:
    app = a_server().asgi()
    for data in (with_progress("add", a=1, b=2), call("steps", count=3), with_progress("steps", count=0)):
        answer = await in_process(app, data)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(answer.body))


async def test_the_first_notice_opens_a_stream_that_ends_with_the_answer() -> None:
    answer = await in_process(a_server().asgi(), with_progress("steps", count=3))
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "no-cache" in answer.headers["cache-control"]
    *notices, result = answer.events
    assert [notice["params"]["progress"] for notice in notices] == [1, 2, 3]
    assert {notice["method"] for notice in notices} == {"notifications/progress"}
    assert result["result"]["content"][0]["text"] == "done"
    assert b"\nid:" not in answer.body and not answer.body.startswith(b"id:")  # HTTP-12


async def test_a_client_that_takes_no_stream_gets_the_answer_alone() -> None:
    answer = await in_process(a_server().asgi(), with_progress("steps", {"accept": "application/json"}, count=3))
    assert (answer.headers["content-type"], answer.value) == ("application/json", "done")


async def test_an_error_after_the_stream_opened_comes_as_its_last_event() -> None:
    """X-6"""
    server = a_server()

    @server.method("com.example/late")
    async def late(ctx: Context) -> None:
        from dragoman import RequestError

        await ctx.progress(1)
        raise RequestError(-32601, "not after all")

    data = modern("com.example/late")
    body = json.loads(data.body)
    body["params"]["_meta"] = PROGRESS
    answer = await in_process(server.asgi(), data._replace(body=json.dumps(body).encode()))
    assert answer.status == 200
    assert answer.events[-1]["error"] == {"code": -32601, "message": "not after all"}


# --- silence ---------------------------------------------------------------------------------------------------


@asynccontextmanager
async def running(server: Server, data: Ask) -> AsyncIterator[tuple[Place, Wire]]:
    async with listening(server.asgi()) as place, place.connected() as wire:
        wire.write(data)
        await until(lambda: server.log)  # type: ignore[attr-defined]
        yield place, wire


async def test_a_quiet_call_is_kept_alive_with_comments() -> None:
    server = a_server(quiet_seconds=0.05)
    async with running(server, call("wait")) as (_, wire):
        status, headers = await wire.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        assert [await wire.chunk() for _ in range(3)] == [b":\n\n"] * 3
        server.go_on.set()  # type: ignore[attr-defined]
        rest = b""
        while part := await wire.chunk():
            rest += part
        assert Answer(200, headers, rest).events[0]["result"]["structuredContent"] == {"result": "waited"}


async def test_a_quiet_call_of_a_session_can_be_taken_up_again_from_its_first_sign_of_life() -> None:
    """LEG-12, LEG-13"""
    server = a_server(quiet_seconds=0.05)
    async with listening(server.asgi()) as place:
        opened = await place.ask(Ask(hello()))
        headers: dict[str, str | None] = {
            "mcp-protocol-version": LEGACY,
            "mcp-session-id": opened.headers["mcp-session-id"],
        }
        async with place.connected() as wire:
            wire.write(Ask(old("tools/call", 5, name="wait"), headers))
            assert (await wire.head())[0] == 200
            first = (await wire.chunk()).decode()
            assert first.startswith("id: ") and await wire.chunk() == b":\n\n"
            wire.leave()
        async with place.connected() as wire:
            last = first.split("\n")[0].removeprefix("id: ")
            again = {**headers, "last-event-id": last, "accept": "text/event-stream", "content-length": None}
            wire.write(Ask(method="GET", headers=again))
            assert (await wire.head())[0] == 200
            server.go_on.set()  # type: ignore[attr-defined]
            while b"waited" not in (event := await wire.chunk()):
                assert event
    await server.service.stop()


async def test_a_quiet_call_of_a_client_that_takes_no_stream_stays_silent() -> None:
    server = a_server(quiet_seconds=0.05)
    async with running(server, call("wait", headers={"accept": "application/json"})) as (_, wire):
        await asyncio.sleep(0.4)
        server.go_on.set()  # type: ignore[attr-defined]
        answer = await wire.answer()
        assert (answer.headers["content-type"], answer.value) == ("application/json", "waited")


async def test_a_call_that_is_answered_in_time_is_json_however_long_it_waited() -> None:
    server = a_server()
    async with running(server, call("wait")) as (_, wire):
        await asyncio.sleep(2 * WATCH_AFTER)
        server.go_on.set()  # type: ignore[attr-defined]
        assert (await wire.answer()).headers["content-type"] == "application/json"
        # The watcher has let go of the connection.
        assert (await wire.ask(call("add", a=1, b=2))).value == 3


async def test_the_deadline_of_a_call_is_answered() -> None:
    server = a_server(call_seconds=0.05)
    answer = await in_process(server.asgi(), call("wait"))
    assert (answer.status, answer.code) == (200, -32603)
    assert "0.05 seconds" in answer.json["error"]["message"]
    assert server.log == ["began", "cancelled"]  # type: ignore[attr-defined]


# --- clients that leave (HTTP-13) ------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["wait", "plain"])
async def test_a_client_that_leaves_cancels_its_call(tool: str) -> None:
    server = a_server()
    before = asyncio.all_tasks()
    async with running(server, call(tool)) as (place, wire):
        left = time.monotonic()
        wire.leave()
        await until(lambda: "cancelled" in server.log)  # type: ignore[attr-defined]
        # Far below what polling would need; far above what a busy machine adds.
        assert time.monotonic() - left < WATCH_AFTER + 2
        assert (await place.ask(call("add", a=1, b=2))).value == 3
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_client_that_leaves_an_open_stream_cancels_its_call() -> None:
    server = a_server()

    @server.tool
    async def endless(ctx: Context) -> str:
        number = 0
        try:
            while True:
                number += 1
                await ctx.progress(number)
                server.log.append(number)  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            server.log.append("cancelled")  # type: ignore[attr-defined]
            raise

    async with running(server, with_progress("endless")) as (_, wire):
        await wire.head()
        assert b"progress" in await wire.chunk()
        wire.leave()
        await until(lambda: server.log[-1] == "cancelled")  # type: ignore[attr-defined]


async def test_a_client_that_stops_reading_is_given_up() -> None:
    server = a_server(stalled_seconds=0.2)

    @server.tool
    async def flood(ctx: Context) -> str:
        server.log.append("began")  # type: ignore[attr-defined]
        try:
            for number in range(100_000):
                await ctx.progress(number + 1, message="x" * 100_000)
        except asyncio.CancelledError:
            server.log.append("cancelled")  # type: ignore[attr-defined]
            raise
        return "all of it was taken"

    before = asyncio.all_tasks()
    async with running(server, with_progress("flood")) as (place, wire):
        await until(lambda: "cancelled" in server.log)  # type: ignore[attr-defined]
        assert (await place.ask(call("add", a=1, b=2))).value == 3
        wire.leave()
    await until(lambda: asyncio.all_tasks() == before)


async def test_a_call_that_cleans_up_slowly_is_not_answered_either() -> None:
    server = a_server()

    @server.tool
    async def slowly() -> str:
        server.log.append("began")  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            await asyncio.sleep(0.05)
            server.log.append("clean")  # type: ignore[attr-defined]
        return "late"

    async with running(server, call("slowly")) as (_, wire):
        wire.leave()
        await until(lambda: server.log[-1] == "clean")  # type: ignore[attr-defined]


async def test_a_server_that_raises_for_departed_clients_hurts_nobody() -> None:
    """ASGI servers may raise OSError from send once the client is gone."""
    app = a_server().asgi()
    data = with_progress("steps", count=3)
    body = iter([{"type": "http.request", "body": data.body, "more_body": False}])

    async def receive() -> Any:
        return next(body, {"type": "http.disconnect"})

    async def send(event: Any) -> None:
        raise OSError("gone")

    fields = [(name.encode(), value.encode()) for name, value in data.fields("localhost")]
    await app({"type": "http", "method": "POST", "path": "/mcp", "headers": fields}, receive, send)


# --- what a call costs that never waits ------------------------------------------------------------------------


async def test_a_call_that_never_waits_makes_no_task_and_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    app = a_server().asgi()
    await in_process(app, call("add", a=1, b=2))
    made: list[str] = []
    loop = asyncio.get_running_loop()
    for name in ("call_later", "call_at", "call_soon", "create_task", "create_future"):
        usual = getattr(loop, name)

        def counted(*args: Any, _usual: Any = usual, _name: str = name, **more: Any) -> Any:
            made.append(_name)
            return _usual(*args, **more)

        monkeypatch.setattr(loop, name, counted)
    assert (await in_process(app, call("add", a=1, b=2))).value == 3
    # Fewer than those after which a function that only talks lets others have their turn.
    assert (await in_process(app, with_progress("steps", count=BREATH - 1))).events[-1]["result"]
    assert made == []
    server = a_server()
    server.go_on.set()  # type: ignore[attr-defined]

    @server.tool
    async def nap() -> str:
        await asyncio.sleep(0)
        return "rested"

    assert (await in_process(server.asgi(), call("nap"))).value == "rested"
    # The legal twin: one that waits has a deadline and is watched.
    assert sorted(set(made) - {"call_soon"}) == ["call_at", "call_later"]
