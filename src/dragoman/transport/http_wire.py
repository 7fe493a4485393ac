"""HTTP/1.1 connections to one origin: made, used by one request at a time, kept for the next.

Cancelling a request closes its connection at once, which is how a server learns that nobody waits any more.
Bodies are bounded by whoever reads them; a peer that sends faster than they are read is held back.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import os
import ssl
import time
from collections import deque
from socket import gaierror
from typing import Any, cast

from dragoman.errors import ClosedError, MalformedError, TransportError, UnreachableError
from dragoman.protocol.http_reply import Known, ReplyReader
from dragoman.transport.handed import Handed
from dragoman.transport.http_route import Route
from dragoman.transport.http_settings import HttpSettings

IDLE = 4.0  # seconds an unused connection is kept; common servers close theirs after 5
# Bytes per read, at most: from 128 KiB on, each costs three system calls more (see transport/pipes).
READ = 64 * 1024
HIGH_WATER = 256 * 1024  # unread bytes of a body, from which on the peer is held back
LINGER = 1.0  # seconds that the end of a body, of which nothing more is wanted, may take


class Wire(asyncio.Protocol):
    """One connection. Made and kept by a Pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._transport: asyncio.Transport | None = None
        self._reader: ReplyReader | None = None
        self._known: Known = {}
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._waiter: Handed[None] | None = None
        self._fault: TransportError | MalformedError | None = None
        self._discard = False
        self.idle_until = 0.0
        self.in_use = False

    # --- one request ----------------------------------------------------------------------------------------

    async def ask(self, data: bytes, *, connect: bool = False) -> ReplyReader:
        """Send a request and return its response as soon as the head is there. Raises ClosedError, MalformedError."""
        reader = self._reader = ReplyReader(connect=connect, known=None if connect else self._known)
        self._discard = False
        if self._transport is None or self._fault is not None:
            raise self._lost()
        self._transport.write(data)
        while not reader.status:
            await self._wait()
        return reader

    async def chunk(self) -> bytes:
        """Return the next part of the body, b"" at its end. Raises ClosedError or MalformedError if it is cut off."""
        while not self._chunks:
            if self._complete():
                return b""
            await self._wait()
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        if self._paused and self._held < HIGH_WATER and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    def _complete(self) -> bool:
        """Whether no more of a response is to come."""
        return self._reader is None or self._reader.done

    def whole(self, most: int) -> bytes | None:
        """Return the body and give the connection back, if all of it came in one piece with the head, else None."""
        reader, chunks = self._reader, self._chunks
        if reader is None or not reader.done or len(chunks) != 1 or self._held > most:
            return None
        self._held = 0
        self._pool.take_back(self)
        return chunks.popleft()

    def _wait(self) -> Handed[None]:
        """Return what ends when more has come."""
        if self._fault is not None:
            raise self._lost()
        self._waiter = Handed(loop=self._pool.loop)
        return self._waiter

    def _lost(self) -> TransportError | MalformedError:
        fault = self._fault or ClosedError("the connection is closed")
        return type(fault)(*fault.args)

    # --- what happens on the connection ---------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        if hasattr(transport, "max_size"):
            setattr(transport, "max_size", READ)  # noqa: B010 - asyncio's own has it, undeclared, at the costly size

    def data_received(self, data: bytes) -> None:
        """Take bytes of the response."""
        reader = self._reader
        if reader is None or self._complete():
            # Nothing was asked: whatever this is, the next response could not be told from it.
            self.abort()
            return
        try:
            body = reader.feed(data)
        except MalformedError as error:
            self._fail(error)
            self.abort()
            return
        if body and not self._discard:
            self._chunks.append(body)
            self._held += len(body)
            if self._held > HIGH_WATER and not self._paused and self._transport is not None:
                self._paused = True
                self._transport.pause_reading()
        if self._discard and self._complete():
            self._pool.take_back(self)
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        reader = self._reader
        if reader is not None and not reader.done and exc is None:
            try:
                reader.end()
            except MalformedError:
                exc = ConnectionResetError("in the middle of a response" if reader.status else "before it answered")
        if reader is None or not reader.done:
            self._fail(ClosedError(f"the server closed the connection {exc or ''}".strip()))
        self._transport = None
        self._pool.lose(self)
        self._wake()

    def _fail(self, fault: TransportError | MalformedError) -> None:
        if self._fault is None:
            self._fault = fault

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.hand(None)

    # --- afterwards -----------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Nothing more of this response is wanted: keep the connection if it ends soon, else close it."""
        reader = self._reader
        self._chunks.clear()
        self._held = 0
        if reader is None or self._transport is None:
            self.abort()
        elif reader.done:
            self._pool.take_back(self)
        else:
            self._discard = True
            if self._paused:
                self._paused = False
                self._transport.resume_reading()
            asyncio.get_running_loop().call_later(LINGER, self._expire, reader)

    def _expire(self, reader: ReplyReader) -> None:
        if self._reader is reader and not reader.done:
            self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._fail(ClosedError("the connection was closed"))
        if self._transport is not None:
            self._transport.abort()

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent."""
        usable = self._transport is not None and not self._transport.is_closing() and self._fault is None
        return usable and self._reader is not None and self._reader.keep and self._reader.done

    @property
    def keeps(self) -> float:
        """Seconds that this connection may be kept unused: what the server says, a second less, or a safe guess."""
        said = self._reader.headers.get("keep-alive") if self._reader is not None else None
        return _kept(said) if said is not None else IDLE

    async def secure(self, tls: ssl.SSLContext, host: str) -> None:
        """Put TLS over the connection, for the far end of a tunnel."""
        assert self._transport is not None
        transport = await asyncio.get_running_loop().start_tls(self._transport, self, tls, server_hostname=host)
        self._transport = cast("asyncio.Transport", transport)


class Pool:
    """The connections of one client to one origin."""

    def __init__(self, route: Route, settings: HttpSettings, where: str) -> None:
        self._route = route
        self._settings = settings
        self._where = where
        self._left = settings.connections  # that may be taken
        self._turns: deque[asyncio.Future[None]] = deque()  # of those who wait for one, first come, first served
        self._idle: list[Wire] = []
        self._open: set[Wire] = set()
        self._closed = False
        self.loop = asyncio.get_running_loop()

    def spare(self) -> Wire | None:
        """Return a connection that was used before and is free, None if there is none."""
        if not self._left or self._closed:
            return None
        wire = self._rested()
        if wire is not None:
            self._left -= 1
            wire.in_use = True
        return wire

    async def take(self) -> Wire:
        """Return a connection that is free, a fresh one if need be. Raises UnreachableError."""
        if self._left:
            self._left -= 1
        else:
            await self._turn()
        if self._closed:
            self._give()
            raise ClosedError(f"the connection to {self._where} is closed")
        wire = self._rested()
        if wire is not None:
            wire.in_use = True
            return wire
        wire = Wire(self)
        wire.in_use = True
        self._open.add(wire)
        try:
            await self._connect(wire)
        except BaseException:
            wire.abort()
            self.lose(wire)
            raise
        return wire

    def _rested(self) -> Wire | None:
        """Return a connection from among those that are kept, unless it was kept too long."""
        now = time.monotonic()
        while self._idle:
            wire = self._idle.pop()
            if wire.reusable and wire.idle_until > now:
                return wire
            wire.abort()
        return None

    async def _turn(self) -> None:
        """Wait until another gives up its right to a connection: it is this one's then."""
        turn: asyncio.Future[None] = self.loop.create_future()
        self._turns.append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        """Give the right to a connection to whoever waits longest, if anybody does."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._left += 1

    async def _connect(self, wire: Wire) -> None:
        route, seconds = self._route, self._settings.connect_seconds
        loop = asyncio.get_running_loop()
        through = f" through the proxy {route.proxy.host}:{route.proxy.port}" if route.proxy else ""
        try:
            async with asyncio.timeout(seconds):
                if route.proxy is None:
                    name = route.host if route.tls else None
                    host = route.pinned or route.host
                    # Loops of others, such as uvloop under a server that is a client too, try one address at a time.
                    # Where there is one address only, trying several at once is not just useless: asyncio loses the
                    # socket if the caller gives up in the moment in which it is connected.
                    several = isinstance(loop, asyncio.BaseEventLoop) and not _is_address(host)
                    eager: Any = {"happy_eyeballs_delay": 0.25} if several else {}
                    await loop.create_connection(
                        lambda: wire, host, route.port, ssl=route.tls, server_hostname=name, **eager
                    )
                else:
                    await loop.create_connection(lambda: wire, route.proxy.host, route.proxy.port)
                    if route.tls is not None:
                        await self._tunnel(wire, route.tls)
        except ssl.SSLCertVerificationError as error:
            raise UnreachableError(
                f"{self._where} shows a certificate that is not trusted: {error.verify_message}; "
                "name its authority's PEM file in the option ca"
            ) from None
        except TimeoutError:
            raise UnreachableError(
                f"{self._where} cannot be reached{through}: no answer within {seconds:g} s"
            ) from None
        except (OSError, ClosedError, MalformedError) as error:
            raise UnreachableError(f"{self._where} cannot be reached{through}: {_reason(error)}") from None

    async def _tunnel(self, wire: Wire, tls: ssl.SSLContext) -> None:
        route = self._route
        assert route.proxy is not None
        host = route.pinned or route.host
        shown = f"[{host}]" if ":" in host else host
        head = f"CONNECT {shown}:{route.port} HTTP/1.1\r\nhost: {shown}:{route.port}\r\n"
        if route.proxy.authorization:
            head += f"proxy-authorization: {route.proxy.authorization}\r\n"
        reader = await wire.ask(f"{head}\r\n".encode(), connect=True)
        if reader.status >= 300:
            raise UnreachableError(f"{self._where} cannot be reached: the proxy answered HTTP {reader.status}")
        await wire.secure(tls, route.host)

    def take_back(self, wire: Wire) -> None:
        """Keep a connection whose response is complete, if it can be used again."""
        if self._closed or not wire.reusable:
            wire.abort()
            return
        wire.idle_until = time.monotonic() + wire.keeps
        self._idle.append(wire)
        self._free(wire)

    def lose(self, wire: Wire) -> None:
        """Forget a connection that is closed."""
        self._open.discard(wire)
        if wire in self._idle:
            self._idle.remove(wire)
        self._free(wire)

    def _free(self, wire: Wire) -> None:
        if wire.in_use:
            wire.in_use = False
            self._give()

    async def close(self) -> None:
        """Close all connections; requests under way end with ClosedError."""
        self._closed = True
        for wire in list(self._open):
            wire.abort()
        # Transports close in the next turn of the loop; TLS and sockets are released then.
        await asyncio.sleep(0)


@functools.lru_cache(16)
def _kept(said: str) -> float:
    """Return the seconds that a Keep-Alive field means."""
    for item in said.split(","):
        name, _, value = item.strip().partition("=")
        if name.lower() == "timeout" and value.isdigit() and len(value) < 6:
            return min(max(int(value) - 1.0, 0.0), 60.0)
    return IDLE


def _is_address(host: str) -> bool:
    """Say whether this is an IP address, and no name that may have several."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: Exception) -> str:
    """Return the system's words for what went wrong; asyncio's own name addresses that are named already."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError | gaierror) and error.errno is not None:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)
