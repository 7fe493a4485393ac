"""The bus: whoever changes something tells it here, and every feed that wants to know hears it.

A listener that is slow loses nothing and costs little: what it has not heard yet is a set, so a thousand changes of
one list are one topic. Promise: however many listen, and however often something changes, calls have their turns.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dragoman.errors import RequestError
from dragoman.wire.jsonrpc import INTERNAL_ERROR

if TYPE_CHECKING:
    from dragoman.ports.bus import Topic, Wants

MAX_WAITING = 1000  # different topics that one listener has not heard yet; with more it is cut off
AT_ONCE = 50  # listeners that are told in one turn of the event loop: about 3 ms, for which others wait
REST = 0.1  # of the time that telling all of them took, until they are told again


class Listener:
    """The feed of one listener, in the loop where it was opened."""

    __slots__ = ("_bus", "_ended", "_waiting", "_wake", "hall", "wants")

    def __init__(self, bus: LocalBus, hall: Hall, wants: Wants) -> None:
        self._bus = bus
        self._waiting: OrderedDict[Topic, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._ended = False
        self.hall = hall
        self.wants = wants

    async def next(self) -> Topic | None:
        """Wait for the next topic; None when the feed has ended."""
        while not self._waiting:
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popitem(last=False)[0]

    def hear(self, topic: Topic) -> None:
        """Add a topic, if it is wanted; in the loop of this listener."""
        if self._ended or not self.wants(topic):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.close()
        else:
            self._waiting[topic] = None
        self._wake.set()

    def finish(self) -> None:
        """Let the listener hear what is waiting, and then the end; in its loop."""
        for topic in self.hall.untold():
            self.hear(topic)
        self.close()
        self._wake.set()

    def end(self) -> None:
        """Let the listener hear what is waiting, and then the end; safe from any thread."""
        self.hall.soon(self.finish)

    def close(self) -> None:
        """Hear no more."""
        self._ended = True
        self._bus.forget(self)


class Hall:
    """Those who listen in one event loop.

    A few hear of a change at once. Many hear of it a few in each turn of the loop, and what changes meanwhile is told
    when all have been: telling a thousand takes longer than it takes to change something.
    """

    __slots__ = ("_left", "_pending", "_since", "_telling", "listeners", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.listeners: dict[Listener, None] = {}
        self._pending: dict[Topic, None] = {}  # told to nobody yet
        self._telling: tuple[Topic, ...] = ()  # and what is being told, to those who are left
        self._left: Iterator[Listener] | None = None
        self._since = 0.0

    def tell(self, topic: Topic) -> bool:
        """Tell everybody of a change; safe from any thread. Returns whether there still is a loop to tell it in."""
        try:
            here = asyncio.get_running_loop() is self.loop
        except RuntimeError:
            here = False
        if here:
            self._add(topic)
        return here or self.soon(self._add, topic)

    def soon(self, do: Callable[..., None], *words: Topic) -> bool:
        """Have something done in the loop, in order; returns False if that has ended, without closing its feeds."""
        try:
            self.loop.call_soon_threadsafe(do, *words)
        except RuntimeError:
            return False
        return True

    def untold(self) -> tuple[Topic, ...]:
        """Return what somebody may not have heard yet."""
        return (*self._telling, *self._pending)

    def _add(self, topic: Topic) -> None:
        self._pending[topic] = None
        if self._left is None:
            self._begin()
        elif len(self._pending) >= MAX_WAITING:
            self._hurry()

    def _begin(self) -> None:
        """Tell what is pending, if anything is."""
        self._left = None
        if self._pending:
            self._telling, self._pending = tuple(self._pending), {}
            self._left, self._since = iter(list(self.listeners)), self.loop.time()
            self._turn()

    def _turn(self) -> None:
        """Tell the next few, and the others in the next turn of the loop."""
        assert self._left is not None
        told = 0
        for listener in itertools.islice(self._left, AT_ONCE):
            told += 1
            for topic in self._telling:
                listener.hear(topic)
        if told == AT_ONCE:
            self.loop.call_soon(self._turn)
            return
        self._telling = ()
        if len(self.listeners) <= AT_ONCE:
            self._begin()
        else:
            self.loop.call_later((self.loop.time() - self._since) * REST, self._begin)

    def _hurry(self) -> None:
        """Tell everybody what is pending, since more would take too much memory."""
        pending, self._pending = tuple(self._pending), {}
        for listener in list(self.listeners):
            for topic in pending:
                listener.hear(topic)


class LocalBus:
    """The bus of one process; at most `listeners` at once."""

    def __init__(self, listeners: int) -> None:
        self._limit = listeners
        # To other processes; returns whether it comes back to `hear` from there. Must not block, nor raise.
        self.relay: Callable[[Topic], bool] | None = None
        self.followers: list[Callable[[Topic], None]] = []  # servers that this one is mounted in
        self._listeners: dict[Listener, None] = {}
        self._halls: dict[asyncio.AbstractEventLoop, Hall] = {}
        self._over = False

    def __len__(self) -> int:
        return len(self._listeners)

    def open(self, wants: Wants) -> Listener:
        """Return a feed of the topics for which `wants` is true, which ends at once if the server stops.

        Raises RequestError if there are too many.
        """
        if len(self._listeners) >= self._limit:
            raise RequestError(INTERNAL_ERROR, f"{self._limit} clients are listening; try again later")
        loop = asyncio.get_running_loop()
        hall = self._halls.get(loop) or self._halls.setdefault(loop, Hall())
        listener = Listener(self, hall, wants)
        self._listeners[listener] = hall.listeners[listener] = None
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
        for loop, hall in list(self._halls.items()):
            if not hall.tell(topic):
                self._halls.pop(loop, None)
                for listener in list(hall.listeners):
                    self._listeners.pop(listener, None)
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
        """Drop a listener, if it is still here; in its loop."""
        self._listeners.pop(listener, None)
        hall = listener.hall
        hall.listeners.pop(listener, None)
        if not hall.listeners and self._halls.get(hall.loop) is hall:
            del self._halls[hall.loop]
