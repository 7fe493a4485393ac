"""Slow heads are cut off at a real socket, and nobody else notices."""

from __future__ import annotations

import asyncio
import time

import pytest
from tests.transport.raw_http import PATIENCE, call, in_process, listening

from dragoman import Limits, Server
from dragoman.app.heads import timed


def quick(**limits: float) -> Server:
    server = Server("quick", limits=Limits(**limits))

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    return server


ADD = call("add", a=1, b=2)


async def test_a_head_that_trickles_is_cut_off_however_often_a_byte_comes() -> None:
    """sec/34."""
    async with listening(quick().asgi(), http=timed(0.3)) as place, place.connected() as wire:
        started = time.monotonic()

        async def trickle() -> None:
            wire.write(b"POST /mcp HTTP/1.1\r\n")
            while True:
                wire.write(b"x")
                await asyncio.sleep(0.02)

        task = asyncio.create_task(trickle())
        async with asyncio.timeout(PATIENCE):
            # No read to the end: a byte that comes after it is answered by a reset.
            said = await wire.reader.readline()
        task.cancel()
        assert said.startswith(b"HTTP/1.1 408 ") and 0.25 < time.monotonic() - started < 5


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    """sec/34."""
    async with listening(quick().asgi(), http=timed(0.2)) as place, place.connected() as wire:
        assert await wire.closed()
        assert place.server.server_state.connections == set()


async def test_a_second_head_on_a_kept_connection_has_as_much_time_and_no_more() -> None:
    """sec/34."""
    async with listening(quick().asgi(), http=timed(0.2)) as place, place.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        await asyncio.sleep(0.4)  # idle is not slow: that is the keep-alive's affair
        assert (await wire.ask(ADD)).value == 3
        wire.write(b"POST /mcp HTTP/1.1\r\nhost: ")
        assert (await wire.head())[0] == 408 and await wire.closed()


async def test_a_call_may_take_longer_than_a_head() -> None:
    server = quick()

    @server.tool
    async def wait() -> str:
        """Take a while."""
        await asyncio.sleep(0.4)
        return "done"

    async with listening(server.asgi(), http=timed(0.1)) as place, place.connected() as wire:
        assert (await wire.ask(call("wait"))).value == "done"
        assert (await wire.ask(ADD)).value == 3


async def test_many_slow_heads_hold_up_nobody_and_leave_nothing() -> None:
    """sec/34: two hundred that dawdle, and one that does not."""
    async with listening(quick().asgi(), http=timed(0.5)) as place:
        wires = []
        for _ in range(200):
            wires.append(await asyncio.open_connection("127.0.0.1", place.port))
            # At once: who has said nothing when the time is up is closed without a word.
            wires[-1][1].write(b"POST /mcp HTTP/1.1\r\nhost: 127")
        assert (await place.ask(ADD)).value == 3
        async with asyncio.timeout(PATIENCE):
            said = [await reader.read() for reader, _ in wires]
        assert {text[:13] for text in said} == {b"HTTP/1.1 408 "}
        for _, writer in wires:
            writer.close()
        async with asyncio.timeout(PATIENCE):
            while place.server.server_state.connections:
                await asyncio.sleep(0.01)


async def test_a_body_that_trickles_is_cut_off_too() -> None:
    """sec/34: and a whole one is not."""
    app = quick(body_seconds=0.2).asgi()
    async with listening(app, http=timed(5)) as place, place.connected() as wire:
        wire.write(ADD.written(wire.host)[:-10])
        assert (await wire.head())[0] == 408
        assert (await place.ask(ADD)).value == 3
    assert (await in_process(app, ADD)).value == 3


@pytest.mark.parametrize("seconds", [10.0])
def test_heads_are_timed_by_default(seconds: float) -> None:
    assert Limits().head_seconds == seconds
