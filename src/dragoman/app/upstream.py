"""The ways from a proxy to the server behind it: one where that keeps no sessions, else one for each client in front.

A way is opened for the call that needs it, in that call's era if the server speaks it, within a time limit.
Limit: no more than `MOST` ways are open at a time; the one idle for longest is given up, and its session with it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Hashable
from typing import Any

import msgspec
from msgspec import structs

from dragoman.app import lazily
from dragoman.app.target import Options, Target, way_to
from dragoman.calling.callbacks import BY_HAND, Callbacks
from dragoman.calling.changes import Change
from dragoman.calling.connection import Connection
from dragoman.calling.terms import Terms
from dragoman.calling.waits import Waited, Waits
from dragoman.errors import DeadlineError, LocalError, MalformedError, PeerError, RequestError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.protocol.exchange import Call
from dragoman.wire.base import Implementation
from dragoman.wire.jsonrpc import INVALID_REQUEST
from dragoman.wire.lifecycle import ClientCapabilities

log = logging.getLogger("dragoman")
ALL = ""  # whom the way is for that is for nobody in particular
MOST = 256
IDLE = 1800.0  # seconds after which a way that nobody used is closed
VERSION: str = getattr(sys.modules["dragoman"], "__version__", "0")
_encode = msgspec.json.Encoder(order="sorted").encode


class Behind(msgspec.Struct, frozen=True, kw_only=True):
    """How the server behind a proxy is reached. Times in seconds: for opening a way, and for one call (None: the
    proxy's own limit)."""

    target: Target
    headers: Fields = NO_FIELDS
    options: Options = Options()
    auth: Any = None
    opening: float = 15.0
    timeout: float | None = None
    telemetry: Any = False


class Way:
    """One open connection, and who uses it."""

    __slots__ = ("busy", "connection", "used")

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.busy = 0
        self.used = time.monotonic()


class Ways:
    """The open connections to one server, by whom they are for."""

    def __init__(self, behind: Behind, name: str, changed: Callable[[Change], None]) -> None:
        self._behind = behind
        self._name = name
        self._changed = changed
        self._waits = Waits()
        options = behind.options
        if behind.auth is not None:
            options = structs.replace(options, auth=Waited(behind.auth, self._waits.paused))
        # What is wrong with the target is said now.
        self._way = way_to(behind.target, behind.headers, options)
        self._open: dict[Hashable, Way] = {}
        self._locks: dict[Hashable, asyncio.Lock] = {}
        self._stateless: Connection | None = None
        # A command is started once for all who need no session of their own.
        self._shared = not self._way.key.lower().startswith(("http://", "https://"))
        self._known = False  # whether there are sessions behind
        self._speaker: Connection | None = None

    async def take(self, call: Call) -> Way:
        """Return the way for `call`, to be given back. Raises what opening raises."""
        caller = call.caller
        if call.era.handshake:
            who = caller.session or _encode(caller.capabilities)
            return await self._taken((call.era.version, who, caller.principal), call)
        if self._stateless is not None or self._shared:
            return await self._taken(ALL, call)
        # Each request says what its client can do, and a session is told that once.
        return await self._taken(("", _encode(caller.capabilities), caller.principal), call)

    async def any(self) -> Way:
        """Return a way for what belongs to no call, to be given back."""
        return await self._taken(ALL, None)

    def give(self, way: Way) -> None:
        """Give a way back."""
        way.busy -= 1
        way.used = time.monotonic()

    async def _taken(self, key: Hashable, call: Call | None) -> Way:
        way = self._open.get(key)
        if way is None:
            # Until it is known whether there are sessions behind, one after the other.
            async with self._locks.setdefault(key if self._known else ALL, asyncio.Lock()):
                if self._stateless is not None and (call is None or not call.era.handshake):
                    key = ALL
                way = self._open.get(key)
                if way is None:
                    await self._sweep()
                    way = Way(await self._connect(call))
                    stateless = way.connection is self._stateless
                    self._open[ALL if stateless and ALL not in self._open else key] = way
                    self._known = True
        way.busy += 1
        return way

    async def _sweep(self) -> None:
        now = time.monotonic()
        idle = [(way.used, key) for key, way in self._open.items() if not way.busy and key != ALL]
        for used, key in sorted(idle, key=lambda one: one[0]):
            if now - used > IDLE or len(self._open) >= MOST:
                await self._close(key)

    async def _close(self, key: Hashable) -> None:
        way = self._open.pop(key)
        self._locks.pop(key, None)
        if way.connection is self._speaker:
            self._speaker = None
        await way.connection.close()

    async def _connect(self, call: Call | None) -> Connection:
        mode = call.era.version if call is not None and call.era.handshake else "auto"
        try:
            connection = await self._opened(call, mode)
        except (PeerError, MalformedError):
            if mode == "auto":
                raise
            connection = await self._opened(call, "auto")
        if connection.greeting.dress.era.handshake:
            first = self._speaker is None
            if first:
                self._speaker = connection
            connection.changes.watch = lambda change: self._heard(change, connection)
        else:
            self._stateless = connection
        return connection

    def _heard(self, change: Change, connection: Connection) -> None:
        # Every session is told of a list that changed; who is in front is told once.
        if change.kind == "resource" or connection is self._speaker:
            self._changed(change)

    async def _opened(self, call: Call | None, mode: str) -> Connection:
        connection = Connection(self._way.dial, self._terms(call, mode))
        seconds = self._behind.opening
        bound = self._waits.timeout(seconds)
        try:
            async with bound:
                await connection.open()
        except TimeoutError:
            if not bound.expired():
                raise
            raise DeadlineError(f"the server behind {self._name!r} was not open within {seconds:g} s") from None
        except BaseException:
            await connection.close()
            raise
        return connection

    def _terms(self, call: Call | None, mode: str) -> Terms:
        client = Implementation(name="dragoman", version=VERSION)
        declared: ClientCapabilities = BY_HAND
        if call is not None and not (self._shared and not call.era.handshake):
            client, declared = call.caller.client or client, call.caller.capabilities
        return Terms(
            client=client,
            callbacks=Callbacks(declared=declared, relay=_nobody),
            rounds=self._behind.options.rounds,
            restarts=self._behind.options.restarts,
            resends=self._behind.options.resends,
            busy_resends=self._behind.options.busy_resends,
            mode=mode,
            timeout=self._behind.timeout,
            limit=asyncio.timeout if self._behind.auth is None else self._waits.timeout,
            probe_seconds=self._behind.options.probe_seconds,
            key=self._way.key,
            observer=lazily.observer(self._behind.telemetry),
        )

    async def close(self) -> None:
        """Close all ways. They are opened again when they are needed."""
        ways, self._open = list(self._open.values()), {}
        self._locks.clear()
        self._stateless = self._speaker = None
        self._known = False
        found = await asyncio.gather(*[way.connection.close() for way in ways], return_exceptions=True)
        for error in found:
            if isinstance(error, LocalError | OSError):
                log.debug("a way behind %s did not close well: %s", self._name, error)


async def _nobody(method: str, params: msgspec.Raw) -> Any:
    raise RequestError(INVALID_REQUEST, f"{method} belongs to no call that is under way here")
