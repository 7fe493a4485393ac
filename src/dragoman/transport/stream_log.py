"""What was said on the response streams of sessions, so that a client that lost one can have the rest.

Bounded per stream, per session, and in all. With `Replays`, what is said here can be had at other processes too.
Source: 2025-11-25 basic/transports "Resumability and Redelivery"; requirements LEG-12, LEG-13.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict, deque
from collections.abc import AsyncIterator

from dragoman.ports.sessions import Replays
from dragoman.protocol.sse import encode_event
from dragoman.wire.base import RequestId

MAX_EVENTS = 1000
MAX_BYTES = 4 * 1024 * 1024
MAX_LOGS = 16  # streams kept per session, of MAX_BYTES together once they have ended; the oldest that ended goes first


class StreamLog:
    """The events of one stream; an event's id is `name:number`."""

    __slots__ = ("_changed", "_events", "_forgotten", "_last", "_logs", "done", "name", "size")

    def __init__(self, name: str = "", logs: Logs | None = None) -> None:
        self.name = name or secrets.token_hex(6)
        self.done = False
        self.size = 0
        self._logs = logs
        self._forgotten = False
        self._events: deque[tuple[int, bytes]] = deque()
        self._last = 0
        self._changed = asyncio.Event()

    def add(self, data: bytes) -> bytes:
        """Record an event and return its bytes for the wire."""
        self._last += 1
        event = encode_event(data, id=f"{self.name}:{self._last}")
        if self._forgotten:
            return event
        before = self.size
        self._events.append((self._last, event))
        self.size += len(event)
        # The last one stays, however large: it may be the answer.
        while len(self._events) > 1 and (len(self._events) > MAX_EVENTS or self.size > MAX_BYTES):
            self.size -= len(self._events.popleft()[1])
        self._changed.set()
        if self._logs is not None:
            self._logs.added(self, event, self._last, self.size - before)
        return event

    async def room(self) -> None:
        """Wait while what was added is too much for whoever else keeps it."""
        if self._logs is not None and self._logs.replays is not None:
            await self._logs.replays.room()

    def end(self) -> None:
        """Say that there will be no more."""
        self.done = True
        self._changed.set()
        if self._logs is not None:
            self._logs.ended(self)

    def forget(self) -> None:
        """Keep nothing any more."""
        self._logs, self._forgotten = None, True
        self._events.clear()
        self.size = 0
        self._changed.set()

    @property
    def length(self) -> int:
        """How many events there are."""
        return len(self._events)

    async def after(self, number: int) -> AsyncIterator[bytes]:
        """Yield the events behind `number`, those to come included, until the stream has ended or is forgotten."""
        while True:
            for at, event in list(self._events):
                if at > number:
                    number = at
                    yield event
            if self._forgotten:
                return
            if self._last > number:
                continue
            if self.done:
                return
            self._changed.clear()
            await self._changed.wait()


class Shelf:
    """The logs of all sessions: `limit` bytes together, the oldest that ended going first."""

    def __init__(self, limit: int, replays: Replays | None = None) -> None:
        self.replays = replays
        self.size = 0
        self._limit = limit
        self._logs: OrderedDict[StreamLog, Logs] = OrderedDict()

    def __len__(self) -> int:
        return len(self._logs)

    def of(self, session_id: str) -> Logs:
        """Return what holds the logs of one session, none yet."""
        return Logs(session_id, self)

    def put(self, log: StreamLog, logs: Logs) -> None:
        """Take a log in."""
        self._logs[log] = logs

    def grow(self, log: StreamLog, size: int) -> None:
        """Count `size` more bytes of a log, and make room for them."""
        self.size += size
        while self.size > self._limit and len(self._logs) > 1:
            others = [other for other in self._logs if other is not log]
            self.drop(next((other for other in others if other.done), others[0]))

    def drop(self, log: StreamLog) -> None:
        """Forget a log."""
        logs = self._logs.pop(log, None)
        if logs is not None:
            self.size -= log.size
            logs.dropped(log)
            log.forget()


class Logs:
    """The logs of one session."""

    __slots__ = ("_logs", "_session", "_shelf", "replays")

    def __init__(self, session_id: str, shelf: Shelf) -> None:
        self.replays = shelf.replays
        self._session = session_id
        self._shelf = shelf
        self._logs: dict[str, StreamLog] = {}

    def __len__(self) -> int:
        return len(self._logs)

    def open(self, request_id: RequestId) -> StreamLog:
        """Return a new log of the stream that carries the answer to `request_id`; old ones may be forgotten for it."""
        logs = self._logs
        while len(logs) >= MAX_LOGS or sum(old.size for old in logs.values() if old.done) > MAX_BYTES:
            self._shelf.drop(next((old for old in logs.values() if old.done), next(iter(logs.values()))))
        # With the name of whoever writes it, so that others can tell when there is nobody to write any more.
        name = secrets.token_hex(6) if self.replays is None else f"{self.replays.owner}-{secrets.token_hex(6)}"
        log = logs[name] = StreamLog(name, self)
        self._shelf.put(log, self)
        if self.replays is not None:
            self.replays.begin(self._session, name, request_id)
        return log

    async def find(self, event_id: str) -> AsyncIterator[bytes] | None:
        """Return the events behind the one of that id, those to come included; None if it is not known any more."""
        name, _, number = event_id.partition(":")
        if not (number.isascii() and number.isdecimal()) or len(number) > 9:
            return None
        log = self._logs.get(name)
        if log is not None:
            return log.after(int(number))
        return None if self.replays is None else await self.replays.follow(self._session, name, int(number))

    def clear(self) -> None:
        """Forget all: the session has ended."""
        for log in list(self._logs.values()):
            self._shelf.drop(log)

    def added(self, log: StreamLog, event: bytes, number: int, growth: int) -> None:
        """Count and pass on what a log has recorded."""
        if self.replays is not None:
            self.replays.add(self._session, log.name, number, event, log.length)
        self._shelf.grow(log, growth)

    def ended(self, log: StreamLog) -> None:
        """Pass on that a log has ended."""
        if self.replays is not None:
            self.replays.end(self._session, log.name)

    def dropped(self, log: StreamLog) -> None:
        """Pass on that a log is forgotten."""
        del self._logs[log.name]
        if self.replays is not None:
            self.replays.forget(self._session, log.name)
