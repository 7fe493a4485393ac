"""Nothing is lost when a server stops: who stood at its door is answered, and who comes later is refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from tests.transport.raw_http import PATIENCE, Ask, Place, call, modern, until

from dragoman import Limits, Server
from dragoman.app.draining import DrainingServer
from dragoman.app.heads import configured
from dragoman.app.http import listen


class Stopping(DrainingServer):
    """Does something in the moment in which it is told to stop, before anything else is done."""

    at_last: Callable[[], Any] = staticmethod(lambda: None)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.at_last()
        await super().shutdown(sockets)


@contextlib.asynccontextmanager
async def stopping(**limits: Any) -> AsyncIterator[tuple[Place, Stopping]]:
    """Serve an adder on a socket of its own."""
    server = Server("adder", limits=Limits(**{"drain_seconds": 5.0, **limits}))

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def wait() -> str:
        await asyncio.sleep(0.3)
        return "waited"

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    config = configured(server.asgi(), 10.0, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=5)
    running = Stopping(config, server.service)
    running.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(running.serve([listener]))
    await until(lambda: running.started)
    try:
        yield Place(port, running), running
    finally:
        running.should_exit = True
        await task
        await server.service.stop()


def knock(port: int, ask: Ask) -> socket.socket:
    """Connect and ask without giving the event loop a turn: nobody has accepted this yet."""
    made = socket.create_connection(("127.0.0.1", port), PATIENCE)
    made.sendall(ask.written(f"127.0.0.1:{port}"))
    return made


def said(connection: socket.socket) -> bytes:
    """Return all that comes until the other side closes."""
    with connection:
        return b"".join(iter(lambda: connection.recv(65536), b""))


async def refused(port: int) -> None:
    """Wait until nobody is let in any more."""
    async with asyncio.timeout(PATIENCE):
        with contextlib.suppress(ConnectionRefusedError):
            while True:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await asyncio.sleep(0.01)


async def test_who_stands_at_the_door_is_answered() -> None:
    waiting: list[socket.socket] = []
    async with stopping() as (place, server):
        server.at_last = lambda: waiting.extend(knock(place.port, call("add", a=n, b=1)) for n in range(20))
        server.should_exit = True
        answers = [asyncio.create_task(asyncio.to_thread(said, one)) for one in await _all(waiting, 20)]
        for number, answer in enumerate(await asyncio.gather(*answers)):
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert b'"structuredContent":{"result":%d}' % (number + 1) in answer
        await refused(place.port)


async def _all(found: list[socket.socket], number: int) -> list[socket.socket]:
    await until(lambda: len(found) == number)
    return found


@pytest.mark.parametrize("used", [False, True])
async def test_a_request_that_is_on_its_way_is_answered(used: bool) -> None:
    async with stopping() as (place, server), place.connected() as wire:
        if used:
            assert (await wire.ask(call("add", a=1, b=1))).value == 2
            # Sent as the server stops; on a connection that was not used yet a request has more time.
            server.at_last = lambda: wire.write(call("add", a=2, b=1))
        server.should_exit = True
        if not used:
            await refused(place.port)
            wire.write(call("add", a=2, b=1))
        answer = await wire.answer()
        assert (answer.value, answer.headers["connection"]) == (3, "close")
        assert await wire.closed()


async def test_a_call_under_way_is_finished_and_says_that_it_was_the_last() -> None:
    async with stopping() as (place, server), place.connected() as wire:
        wire.write(call("wait"))
        await asyncio.sleep(0.05)
        server.should_exit = True
        answer = await wire.answer()
        assert (answer.value, answer.headers["connection"]) == ("waited", "close")


async def test_a_connection_on_which_nobody_asks_is_closed_soon() -> None:
    async with stopping() as (place, server), place.connected() as wire, asyncio.timeout(4):
        server.should_exit = True
        assert await wire.closed()


async def test_who_listens_is_told_after_the_port_is_closed() -> None:
    """SUB-09"""
    async with stopping() as (place, server), place.connected() as wire:
        wire.write(modern("subscriptions/listen", notifications={"toolsListChanged": True}))
        assert (await wire.head())[0] == 200
        assert b"acknowledged" in await wire.chunk()
        server.should_exit = True
        assert b'"resultType":"complete"' in await wire.chunk()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", place.port)
