"""A connection whose client does not read is broken off, with what was kept for it; one that reads slowly is not."""

import asyncio
import contextlib
import socket
import time

from tests.transport.raw_http import PATIENCE, Place, call, listening, until

from dragoman import Limits, Server
from dragoman.app.heads import timed

STALLED = 0.3
SIZE = 3_000_000


def asking(port: int) -> socket.socket:
    """Return a connection on which it was asked."""
    made = socket.create_connection(("127.0.0.1", port))
    made.sendall(call("long").written(f"127.0.0.1:{port}"))
    made.setblocking(False)
    return made


def server() -> Server:
    # The system's own buffers take some of it.
    made = Server("long", limits=Limits(result=40 * SIZE, stalled_seconds=STALLED))

    @made.tool
    async def long() -> str:
        return "x" * 3 * SIZE

    return made


def connections(place: Place) -> int:
    return len(place.server.server_state.connections)


async def test_who_does_not_read_is_cut_off() -> None:
    async with listening(server().asgi(), http=timed(5.0, stalled=STALLED)) as place:
        with asking(place.port) as end:
            await until(lambda: connections(place) == 1)
            begun = time.monotonic()
            await until(lambda: connections(place) == 0)
            assert time.monotonic() - begun > STALLED / 2
            heard = 0
            with contextlib.suppress(ConnectionResetError):
                while got := await asyncio.get_running_loop().sock_recv(end, 1_000_000):
                    heard += len(got)
            assert heard < 3 * SIZE


async def test_who_reads_slowly_gets_everything() -> None:
    async with listening(server().asgi(), http=timed(5.0, stalled=STALLED)) as place:
        with asking(place.port) as end:
            loop, heard, begun = asyncio.get_running_loop(), 0, time.monotonic()
            while heard < 3 * SIZE and time.monotonic() - begun < PATIENCE:
                # Slower than the time that a client has for anything at all.
                if time.monotonic() - begun < 3 * STALLED:
                    await asyncio.sleep(STALLED / 10)
                heard += len(await loop.sock_recv(end, 262_144))
            assert heard >= 3 * SIZE and time.monotonic() - begun > 3 * STALLED
