"""What was said on one response stream of a session, so that a client that lost it can have the rest.

Bounded: of a stream that says too much the beginning is forgotten.
Source: 2025-11-25 basic/transports "Resumability and Redelivery"; requirements LEG-12, LEG-13.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, MutableMapping
from typing import TypeAlias

from dragoman.protocol.sse import encode_event

MAX_EVENTS = 1000
MAX_BYTES = 4 * 1024 * 1024
MAX_LOGS = 16  # streams kept per session, of MAX_BYTES together once they have ended; the oldest that ended goes first


class StreamLog:
    """The events of one stream; an event's id is `name:number`."""

    __slots__ = ("_changed", "_events", "_last", "done", "name", "size")

    def __init__(self) -> None:
        self.name = secrets.token_hex(6)
        self.done = False
        self._events: deque[tuple[int, bytes]] = deque()
        self.size = 0
        self._last = 0
        self._changed = asyncio.Event()

    def add(self, data: bytes) -> bytes:
        """Record an event and return its bytes for the wire."""
        self._last += 1
        event = encode_event(data, id=f"{self.name}:{self._last}")
        self._events.append((self._last, event))
        self.size += len(event)
        # The last one stays, however large: it may be the answer.
        while len(self._events) > 1 and (len(self._events) > MAX_EVENTS or self.size > MAX_BYTES):
            self.size -= len(self._events.popleft()[1])
        self._changed.set()
        return event

    def end(self) -> None:
        """Say that there will be no more."""
        self.done = True
        self._changed.set()

    async def after(self, number: int) -> AsyncIterator[bytes]:
        """Yield the events behind `number`, those to come included, until the stream has ended."""
        while True:
            for at, event in list(self._events):
                if at > number:
                    number = at
                    yield event
            if self._last > number:
                continue
            if self.done:
                return
            self._changed.clear()
            await self._changed.wait()


Logs: TypeAlias = MutableMapping[str, StreamLog]


def open_log(logs: Logs) -> StreamLog:
    """Return a new log among those of a session, forgetting old ones if they are many or large."""
    log = StreamLog()
    while len(logs) >= MAX_LOGS or sum(old.size for old in logs.values() if old.done) > MAX_BYTES:
        ended = next((name for name, old in logs.items() if old.done), next(iter(logs)))
        del logs[ended]
    logs[log.name] = log
    return log


def find_log(logs: Logs, event_id: str) -> tuple[StreamLog, int] | None:
    """Return the stream of an event id and the event's number, None if it is not known any more."""
    name, _, number = event_id.partition(":")
    log = logs.get(name)
    if log is None or not number.isdecimal() or len(number) > 9:
        return None
    return log, int(number)
