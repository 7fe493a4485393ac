"""The server's own start and end: once, in one task, and again on a new event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient
from tests.protocol.fixtures import META, Line, post, routing, written

from dragoman import Context, Server
from dragoman.serving.lifespan import Lifespan


class Diary:
    def __init__(self) -> None:
        self.entries: list[str] = []
        self.tasks: list[Any] = []
        self.fail: BaseException | None = None

    @asynccontextmanager
    async def live(self, server: Any = None) -> AsyncIterator[int]:
        self.tasks.append(asyncio.current_task())
        if self.fail is not None:
            raise self.fail
        self.entries.append("begin")
        try:
            yield len(self.entries)
        finally:
            self.tasks.append(asyncio.current_task())
            self.entries.append("end")


async def test_many_may_start_it_and_it_begins_once() -> None:
    diary = Diary()
    span = Lifespan(diary.live)
    assert await asyncio.gather(*(span.start() for _ in range(5))) == [1] * 5
    assert diary.entries == ["begin"]
    await span.stop()
    assert diary.entries == ["begin", "end"]


async def test_the_task_that_enters_is_the_task_that_leaves() -> None:
    diary = Diary()
    span = Lifespan(diary.live)
    await asyncio.create_task(span.start())
    await asyncio.create_task(span.stop())
    entered, left = diary.tasks
    assert entered is left and entered is not asyncio.current_task()


async def test_it_may_begin_again_after_its_end() -> None:
    diary = Diary()
    span = Lifespan(diary.live)
    await span.stop()  # never began
    for _ in range(2):
        await span.start()
        await span.stop()
        await span.stop()
    assert diary.entries == ["begin", "end"] * 2


@pytest.mark.parametrize("error", [ValueError("no database"), KeyError("x")])
async def test_what_keeps_it_from_beginning_is_told_to_all_and_tried_again(error: Exception) -> None:
    diary = Diary()
    diary.fail = error
    span = Lifespan(diary.live)
    found = await asyncio.gather(span.start(), span.start(), return_exceptions=True)
    assert found == [error, error]
    await span.stop()
    diary.fail = None
    assert await span.start() == 1
    await span.stop()


@pytest.mark.parametrize("error", [StopAsyncIteration(), asyncio.CancelledError()])
async def test_a_beginning_that_breaks_off_leaves_nobody_waiting(error: BaseException) -> None:
    class Broken:
        async def __aenter__(self) -> None:
            raise error

        async def __aexit__(self, *rest: Any) -> None: ...

    with pytest.raises((RuntimeError, StopAsyncIteration)):
        await asyncio.wait_for(Lifespan(Broken).start(), 10)


async def test_a_fault_at_the_end_is_told_to_who_stops_it() -> None:
    @asynccontextmanager
    async def bad_end() -> AsyncIterator[None]:
        yield
        raise OSError("disk full")

    span = Lifespan(bad_end)
    await span.start()
    with pytest.raises(OSError, match="disk full"):
        await span.stop()


async def test_a_starter_that_gives_up_does_not_end_it_for_the_others() -> None:
    enter, entered = asyncio.Event(), asyncio.Event()

    @asynccontextmanager
    async def slow() -> AsyncIterator[str]:
        entered.set()
        await enter.wait()
        yield "ready"

    span = Lifespan(slow)
    first, second = asyncio.create_task(span.start()), asyncio.create_task(span.start())
    await entered.wait()
    first.cancel()
    enter.set()
    assert await second == "ready"
    await span.stop()


def test_each_event_loop_has_a_lifespan_of_its_own() -> None:
    diary = Diary()
    span = Lifespan(diary.live)
    assert asyncio.run(span.start()) == 1
    assert diary.entries == ["begin", "end"]  # the loop's end is its end
    assert asyncio.run(span.start()) == 3
    asyncio.run(span.stop())  # of a loop that is gone: nothing to wait for
    assert diary.entries == ["begin", "end"] * 2


async def test_tools_see_what_the_lifespan_yielded() -> None:
    diary = Diary()
    server = Server("lifespan", lifespan=diary.live)

    @server.tool
    async def state(ctx: Context) -> int:
        return int(ctx.state)

    assert (await Line(server).call("state"))["structuredContent"] == {"result": 1}
    async with server.lifespan():
        assert diary.entries == ["begin"]
    assert diary.entries == ["begin", "end"]


def stateful() -> tuple[Server, Diary]:
    diary = Diary()
    server = Server("lifespan", lifespan=diary.live)

    @server.tool
    async def state(ctx: Context) -> int:
        return int(ctx.state)

    @server.tool
    def plain(ctx: Context) -> int:
        return int(ctx.state)

    return server, diary


CALL = written("tools/call", {"name": "state", "_meta": META})
PLAIN = written("tools/call", {"name": "plain", "_meta": META})
JSON = {"content-type": "application/json", "host": "127.0.0.1"}


async def test_a_mounted_server_starts_with_its_first_request() -> None:
    server, diary = stateful()
    app = server.asgi()
    assert diary.entries == []
    for _ in range(2):
        answer = await post(app, CALL, routing("tools/call", "state"))
        assert answer.json["result"]["structuredContent"] == {"result": 1}
    await server.service.stop()
    assert diary.entries == ["begin", "end"]


def test_a_test_client_that_runs_each_request_on_a_new_loop_is_served() -> None:
    server, diary = stateful()
    client = TestClient(server.asgi())
    found = []
    for body, name in ((CALL, "state"), (PLAIN, "plain"), (CALL, "state")):
        reply = client.post("/mcp", content=body, headers=JSON | routing("tools/call", name))
        found.append(reply.json()["result"]["structuredContent"]["result"])
    assert found == [1, 3, 5]  # the state of a lifespan that is under way
    assert diary.entries == ["begin", "end"] * 3


def test_a_test_client_with_a_lifespan_has_one() -> None:
    server, diary = stateful()
    with TestClient(server.asgi()) as client:
        for _ in range(3):
            reply = client.post("/mcp", content=CALL, headers=JSON | routing("tools/call", "state"))
            assert reply.json()["result"]["structuredContent"] == {"result": 1}
    assert diary.entries == ["begin", "end"]
