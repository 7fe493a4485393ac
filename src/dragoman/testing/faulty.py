"""A proxy that does to TCP connections what networks do: delays, losses, silence, resets, cut ends, bytes sent twice.

Stands before any server, of HTTP or of a store, and shows its own address. Chances come from a seed.
Limit: pieces are cut by the network: faults that count bytes are exact, those by chance are by piece.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

import msgspec

from dragoman.errors import LocalError

PIECE = 64 * 1024  # bytes that are read at once
PORTS = {"http": 80, "https": 443, "redis": 6379, "postgresql": 5432}
RESET = struct.pack("ii", 1, 0)  # what makes closing a socket send RST (socket(7), SO_LINGER)
Direction = Literal["up", "down"]


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to the bytes of one direction.

    Every piece waits `delay` seconds and up to `jitter` more. `drop` and
    `duplicate` are the shares of pieces, 0 to 1, that vanish or come twice.
    `blackhole` lets nothing pass, and nothing be known of it, until it is over.
    After `truncate_after` bytes of a connection it is closed in order, after
    `reset_after` it is reset; both sides see that.
    """

    delay: float = 0.0
    jitter: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    blackhole: bool = False
    truncate_after: int | None = None
    reset_after: int | None = None

    def __post_init__(self) -> None:
        """Raise LocalError for what cannot be."""
        for name in ("drop", "duplicate"):
            if not 0 <= getattr(self, name) <= 1:
                raise LocalError(f"{name} is the share of pieces, from 0 to 1, and not {getattr(self, name)!r}")
        for name in ("delay", "jitter", "truncate_after", "reset_after"):
            if (getattr(self, name) or 0) < 0:
                raise LocalError(f"{name} cannot be less than 0, as {getattr(self, name)!r} is")


NONE = Faults()


class FaultProxy:
    """A proxy, listening. `url` is the server's address with the proxy's host and port.

    `connections` counts what was opened, `passed` the bytes by direction
    ("up" is towards the server), `done` what was done to them by name.
    """

    def __init__(self, host: str, port: int, seed: int) -> None:
        self.url = ""
        self.port = 0
        self.connections = 0
        self.passed: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self._server = (host, port)
        self._seed = seed
        self._faults: dict[Direction, Faults] = {"up": NONE, "down": NONE}
        self._changed = asyncio.Event()
        self._pairs: dict[asyncio.Task[None], list[asyncio.StreamWriter]] = {}

    def inject(self, *, up: Faults = NONE, down: Faults = NONE) -> None:
        """From now on do this to what goes to the server and to what comes back, on open connections as well."""
        self._faults = {"up": up, "down": down}
        self._changed.set()
        self._changed = asyncio.Event()

    def heal(self) -> None:
        """Do nothing to any byte any more. What a blackhole held back goes on."""
        self.inject()

    def reset(self) -> int:
        """Reset every open connection on both sides, and return how many there were."""
        for writers in self._pairs.values():
            for writer in writers:
                _reset(writer)
        self.done["reset"] += len(self._pairs)
        return len(self._pairs)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one connection on, until it ends."""
        self.connections += 1
        # A task of our own: one of asyncio's streams is called a fault in the log when it is cancelled.
        task = asyncio.get_running_loop().create_task(self._serve(self.connections, reader, writer))
        self._pairs[task] = [writer]

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            back, there = await asyncio.open_connection(*self._server)
            self._pairs[task].append(there)
            await self._join(number, (reader, there), (back, writer))
        except OSError:
            # Nobody listens there, or one side broke off: the other is shown the same.
            for each in self._pairs[task]:
                _reset(each)
        finally:
            for each in self._pairs.pop(task):
                each.close()

    async def _join(
        self,
        number: int,
        up: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        down: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        pumps = [
            asyncio.ensure_future(self._pump(number, "up", *up)),
            asyncio.ensure_future(self._pump(number, "down", *down)),
        ]
        try:
            for pump in asyncio.as_completed(pumps):
                if await pump:
                    return  # it was cut: nothing goes either way
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)

    async def _pump(
        self, number: int, direction: Direction, source: asyncio.StreamReader, sink: asyncio.StreamWriter
    ) -> bool:
        """Pass bytes on until the end, and return True if that is one for both directions."""
        dice = random.Random(f"{self._seed} {number} {direction}")
        gone = 0  # bytes of this connection
        while data := await source.read(PIECE):
            faults = await self._now(direction)
            if faults.delay or faults.jitter:
                await asyncio.sleep(faults.delay + dice.uniform(0, faults.jitter))
                self.done["delay"] += 1
                faults = await self._now(direction)
            if faults.drop and dice.random() < faults.drop:
                self.done["drop"] += 1
                continue
            end = min((at for at in (faults.truncate_after, faults.reset_after) if at is not None), default=None)
            data = data if end is None else data[: max(end - gone, 0)]
            twice = bool(faults.duplicate) and dice.random() < faults.duplicate
            self.done["duplicate"] += twice
            sink.write(data * 2 if twice else data)
            await sink.drain()
            gone += len(data)
            self.passed[direction] += len(data)
            if end is not None and gone >= end:
                self._cut(source, sink, reset=end == faults.reset_after)
                return True
        with suppress(OSError):
            sink.write_eof()
        return False

    async def _now(self, direction: Direction) -> Faults:
        """Return what is to be done to a piece, when anything may pass."""
        held = False
        while self._faults[direction].blackhole:
            self.done["blackhole"] += not held
            held = True
            await self._changed.wait()
        return self._faults[direction]

    def _cut(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, reset: bool) -> None:
        self.done["reset" if reset else "truncate"] += 1
        if not reset:
            return
        for writers in self._pairs.values():
            if sink in writers:
                for writer in writers:
                    _reset(writer)

    async def close(self) -> None:
        """End every connection."""
        pairs = dict(self._pairs)
        for task in pairs:
            task.cancel()
        await asyncio.gather(*pairs, return_exceptions=True)
        # One that is cancelled before its first step never ran.
        for writers in pairs.values():
            for writer in writers:
                writer.close()
        self._pairs.clear()


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket | None = writer.get_extra_info("socket")
    if raw is not None:
        with suppress(OSError):
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@asynccontextmanager
async def faulty(url: str, *, seed: int = 0) -> AsyncGenerator[FaultProxy]:
    """Put a proxy on a free port of this machine before the server at `url`, and yield it; it does no harm yet.

    Any URL with a host and a port will do, a store's as well. TLS passes as it
    is, and so its certificate is for another name. Raises LocalError for a URL
    that does not say where to connect.
    """
    parts = urlsplit(url)
    port = parts.port or PORTS.get(parts.scheme)
    if not parts.hostname or port is None:
        raise LocalError("the URL names no host, or no port: it is one such as http://127.0.0.1:8000/mcp")
    proxy = FaultProxy(parts.hostname, port, seed)
    server = await asyncio.start_server(proxy.accept, "127.0.0.1", 0)
    try:
        proxy.port = server.sockets[0].getsockname()[1]
        user = parts.netloc.rpartition("@")
        proxy.url = urlunsplit(parts._replace(netloc=f"{user[0]}{user[1]}127.0.0.1:{proxy.port}"))
        yield proxy
    finally:
        server.close()
        await proxy.close()
