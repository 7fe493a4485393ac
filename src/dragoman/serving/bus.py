"""The bus: whoever changes something tells it here, and every feed that wants to know hears it.

A listener that is slow loses nothing and costs little: what it has not heard yet is a
set, so a thousand changes of one list are one topic.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from dragoman.errors import RequestError
from dragoman.ports.bus import Topic, Wants
from dragoman.wire.jsonrpc import INTERNAL_ERROR

MAX_WAITING = 1000  # different topics that one listener has not heard yet; with more it is cut off


class Listener:
    """The feed of one listener, in the loop where it was opened."""

    __slots__ = ("_bus", "_ended", "_loop", "_waiting", "_wake", "wants")

    def __init__(self, bus: LocalBus, wants: Wants) -> None:
        self._bus = bus
        self._loop = asyncio.get_running_loop()
        self._waiting: OrderedDict[Topic, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._ended = False
        self.wants = wants

    async def next(self) -> Topic | None:
        """Wait for the next topic; None when the feed has ended."""
        while not self._waiting:
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popitem(last=False)[0]

    def tell(self, topic: Topic) -> None:
        """Add a topic; safe from any thread."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self._add(topic)
        else:
            self._later(topic)

    def _later(self, topic: Topic | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._add, topic)
        except RuntimeError:
            self._bus.forget(self)  # its loop has ended without closing it

    def _add(self, topic: Topic | None) -> None:
        if topic is None or len(self._waiting) >= MAX_WAITING:
            self._ended = True
            self._bus.forget(self)
        else:
            self._waiting[topic] = None
        self._wake.set()

    def end(self) -> None:
        """Let the listener hear what is waiting, and then the end; safe from any thread."""
        self._later(None)

    def close(self) -> None:
        """Hear no more."""
        self._ended = True
        self._bus.forget(self)


class LocalBus:
    """The bus of one process; at most `listeners` at once."""

    def __init__(self, listeners: int) -> None:
        self._limit = listeners
        # To other processes; returns whether it comes back to `hear` from there. Must not block, nor raise.
        self.relay: Callable[[Topic], bool] | None = None
        self.followers: list[Callable[[Topic], None]] = []  # servers that this one is mounted in
        self._listeners: dict[Listener, None] = {}
        self._over = False

    def __len__(self) -> int:
        return len(self._listeners)

    def open(self, wants: Wants) -> Listener:
        """Return a feed of the topics for which `wants` is true, which ends at once if the server stops.

        Raises RequestError if there are too many.
        """
        if len(self._listeners) >= self._limit:
            raise RequestError(INTERNAL_ERROR, f"{self._limit} clients are listening; try again later")
        listener = Listener(self, wants)
        self._listeners[listener] = None
        if self._over:
            listener.end()
        return listener

    def tell(self, method: str, uri: str = "") -> None:
        """Tell everybody who wants to know of a change, in other processes too; safe from any thread."""
        topic = (method, uri)
        if self.relay is None or not self.relay(topic):
            self.hear(topic)

    def hear(self, topic: Topic) -> None:
        """Tell everybody here of a change; safe from any thread."""
        for listener in list(self._listeners):
            if listener.wants(topic):
                listener.tell(topic)
        for follow in self.followers:
            follow(topic)

    def begin(self) -> None:
        """Let feeds last, also after an end: the server starts."""
        self._over = False

    def end(self) -> None:
        """End every feed, in order, and those that are opened from now on: the server stops."""
        self._over = True
        for listener in list(self._listeners):
            listener.end()

    def forget(self, listener: Listener) -> None:
        """Drop a listener, if it is still here."""
        self._listeners.pop(listener, None)
