"""A connection that nobody uses is closed when its time is over, and one that is used is not."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.transport.raw_http import Ask, call, listening

from dragoman import Server
from dragoman.app.heads import timed

pytest.importorskip("httptools", reason="the other parser keeps uvicorn's own timers")
IDLE = 0.5
ADD = call("add", a=1, b=2)


def served() -> Server:
    server = Server("idle")

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @server.tool
    async def long() -> str:
        """Take longer than a connection may be idle."""
        await asyncio.sleep(1.5 * IDLE)
        return "done"

    return server


async def test_an_unused_connection_is_closed_when_its_time_is_over_since_the_last_answer() -> None:
    async with listening(served().asgi(), http=timed(5), timeout_keep_alive=IDLE) as place, place.connected() as wire:
        began = time.monotonic()
        for _ in range(3):
            assert (await wire.ask(ADD)).value == 3
            last = time.monotonic()
            await asyncio.sleep(IDLE / 2)
        assert await wire.closed()
        assert time.monotonic() - last >= IDLE * 0.95 and time.monotonic() - began >= 2 * IDLE


async def test_a_call_that_takes_longer_than_that_is_answered() -> None:
    async with listening(served().asgi(), http=timed(5), timeout_keep_alive=IDLE) as place, place.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        assert (await wire.ask(call("long"))).value == "done"
        assert (await wire.ask(ADD)).value == 3
        assert await wire.closed()


async def test_a_head_on_its_way_keeps_the_connection_open() -> None:
    async with listening(served().asgi(), http=timed(5), timeout_keep_alive=IDLE) as place, place.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        data = Ask(ADD.body, ADD.headers).written(wire.host)
        wire.write(data[:20])
        await asyncio.sleep(1.5 * IDLE)
        assert (await wire.ask(data[20:])).value == 3
