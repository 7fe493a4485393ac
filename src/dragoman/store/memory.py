"""A store in the process's own memory: for one process, and gone with it.

Bounded. When it is full, what was only `put` makes room, oldest first; what was added or
committed, streams and leases stay, and what finds no room is refused.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from dragoman.errors import StoreError
from dragoman.ports.store import NOTHING_GIVEN, Append, Change, Drop, Entry, Given, Put
from dragoman.store.bounds import checked, fitting, lasting, listed, named, position
from dragoman.store.waiters import Waiters

ENTRIES = 100_000
BYTES = 256 * 1024 * 1024


@dataclass(slots=True)
class _Value:
    until: float
    value: bytes
    firm: bool  # never dropped to make room


@dataclass(slots=True)
class _Stream:
    until: float
    entries: deque[Entry] = field(default_factory=lambda: deque[Entry]())


class MemoryStore:
    """At most `entries` values, entries and leases, of `size` bytes together."""

    def __init__(self, entries: int = ENTRIES, size: int = BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = entries
        self._limit = size
        self._clock = clock
        self._count = 0
        self._size = 0
        self._values: dict[str, _Value] = {}
        self._loose: OrderedDict[str, int] = OrderedDict()  # sizes of the values that may be dropped, oldest first
        self._loose_size = 0
        self._streams: dict[str, _Stream] = {}
        self._leases: dict[str, tuple[float, str]] = {}
        self._ends: list[tuple[float, str, str]] = []  # heap of (until, table, name); the latest word is the table's
        self._positions = itertools.count(1)
        self._waiters = Waiters(heal=float("inf"))

    def __len__(self) -> int:
        return self._count

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over."""
        return self._live(named(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds. It may be dropped when room is needed, unless the key was added."""
        fitting(key, value, ttl)
        self._room_for(key, value)
        there = self._values.get(key)
        self._set(key, value, ttl, firm=there is not None and there.firm)

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        fitting(key, value, ttl)
        there = self._live(key)
        if there is None:
            self._room_for(key, value)
            self._set(key, value, ttl, firm=True)
        return there

    async def take(self, key: str) -> bytes | None:
        """Remove the value and return it; of many who ask at once, one gets it."""
        there = self._live(named(key))
        self._drop(key)
        return there

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        self._drop(named(key))

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        """Return at most `most` keys that begin with `prefix` and hold a value now, in order."""
        listed(prefix, most)
        self._sweep()
        return heapq.nsmallest(most, (key for key in self._values if key.startswith(prefix)))

    async def commit(self, changes: Sequence[Change], given: Given = NOTHING_GIVEN) -> bool:
        """Make all changes at once if each key of `given` holds that value (None: nothing), and return whether."""
        checked(changes, given)
        if any(self._live(key) != value for key, value in given.items()):
            return False
        self._room(changes)
        for change in changes:
            match change:
                case Put(key, value, ttl):
                    self._set(key, value, ttl, firm=True)
                case Drop(key):
                    self._drop(key)
                case Append():
                    self._append(change)
        for change in changes:
            if isinstance(change, Append):
                self._waiters.wake(change.stream)
        return True

    async def read(self, stream: str, after: int = 0, most: int = 100) -> list[Entry]:
        """Return at most `most` entries that come after the position `after`, oldest first."""
        after = position(stream, after, most)
        found = self._streams.get(stream)
        if found is None or found.until <= self._clock() or not found.entries or found.entries[-1][0] <= after:
            return []
        if after <= 0:
            return list(itertools.islice(found.entries, most))
        # From the end: whoever follows a stream has read nearly all of it.
        fresh = list(itertools.takewhile(lambda entry: entry[0] > after, reversed(found.entries)))
        return fresh[: -most - 1 : -1]

    async def wait(self, stream: str, after: int, seconds: float) -> bool:
        """Wait until the stream has an entry after `after`; False when `seconds` passed without."""

        async def look() -> bool:
            return bool(await self.read(stream, after, 1))

        return await self._waiters.wait(stream, seconds, look)

    async def lease(self, key: str, owner: str, ttl: float) -> bool:
        """Take the lease on `key` for `ttl` seconds, or renew it if it is ours; False while another has it."""
        named(key)
        named(owner)
        self._sweep()
        there = self._leases.get(key)
        if there is not None and there[1] != owner:
            return False
        if there is None:
            self._make_room(1, len(key) + len(owner), ())
            self._count += 1
            self._size += len(key) + len(owner)
        until = self._clock() + lasting(ttl)
        self._leases[key] = (until, owner)
        self._ends_at(until, "lease", key)
        return True

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease up; False if it was no longer ours."""
        named(key)
        named(owner)
        self._sweep()
        there = self._leases.get(key)
        if there is None or there[1] != owner:
            return False
        self._drop_lease(key)
        return True

    async def close(self) -> None:
        """Do nothing: there is nothing to release, and what is kept stays."""

    def _live(self, key: str) -> bytes | None:
        found = self._values.get(key)
        return None if found is None or found.until <= self._clock() else found.value

    def _set(self, key: str, value: bytes, ttl: float, *, firm: bool) -> None:
        self._drop(key)
        until = self._clock() + lasting(ttl)
        self._values[key] = _Value(until, value, firm)
        size = len(key) + len(value)
        self._count += 1
        self._size += size
        if not firm:
            self._loose[key] = size
            self._loose_size += size
        self._ends_at(until, "value", key)

    def _drop(self, key: str) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self._count -= 1
            self._size -= len(key) + len(found.value)
            self._loose_size -= self._loose.pop(key, 0)

    def _append(self, change: Append) -> None:
        found = self._streams.setdefault(change.stream, _Stream(0.0))
        found.until = self._clock() + lasting(change.ttl)
        found.entries.append((next(self._positions), change.value))
        self._count += 1
        self._size += len(change.value)
        while len(found.entries) > change.most:
            self._count -= 1
            self._size -= len(found.entries.popleft()[1])
        self._ends_at(found.until, "stream", change.stream)

    def _drop_stream(self, name: str) -> None:
        for _, value in self._streams.pop(name).entries:
            self._count -= 1
            self._size -= len(value)

    def _drop_lease(self, key: str) -> None:
        _, owner = self._leases.pop(key)
        self._count -= 1
        self._size -= len(key) + len(owner)

    def _room_for(self, key: str, value: bytes) -> None:
        self._sweep()
        # Nearly always there is room, whatever the value replaces.
        if self._count >= self._most or self._size + len(key) + len(value) > self._limit:
            self._room([Put(key, value, 1)])

    def _room(self, changes: Sequence[Change]) -> None:
        """Make room for `changes`. Raises StoreError if there is none."""
        self._sweep()
        latest = {change.key: change for change in changes if isinstance(change, Put)}
        there = {key for key in latest if key in self._values}
        count = len(latest) - len(there)
        size = sum(len(key) + len(put.value) for key, put in latest.items())
        size -= sum(len(key) + len(self._values[key].value) for key in there)
        for change in changes:
            if isinstance(change, Append):
                found = self._streams.get(change.stream)
                replaces = found is not None and len(found.entries) >= change.most
                count += not replaces
                size += len(change.value) - (len(found.entries[0][1]) if found is not None and replaces else 0)
        self._make_room(count, size, there)

    def _make_room(self, count: int, size: int, spared: Iterable[str]) -> None:
        count += self._count - self._most
        size += self._size - self._limit
        if count <= 0 and size <= 0:
            return
        kept = [key for key in spared if key in self._loose]
        if len(self._loose) - len(kept) < count or self._loose_size - sum(self._loose[key] for key in kept) < size:
            raise StoreError(
                f"the store in memory is full: {self._count} of {self._most} values and entries,"
                f" {self._size} of {self._limit} bytes; let things end sooner, or use sqlite:///PATH"
            )
        victims: list[str] = []
        for key, held in self._loose.items():
            if count <= 0 and size <= 0:
                break
            if key not in kept:
                victims.append(key)
                count -= 1
                size -= held
        for key in victims:
            self._drop(key)

    def _ends_at(self, until: float, table: str, name: str) -> None:
        heapq.heappush(self._ends, (until, table, name))
        # What is renewed again and again leaves its old ends behind.
        if len(self._ends) > 2 * self._count + 1000:
            self._ends = [
                *((value.until, "value", key) for key, value in self._values.items()),
                *((stream.until, "stream", name) for name, stream in self._streams.items()),
                *((end, "lease", key) for key, (end, _) in self._leases.items()),
            ]
            heapq.heapify(self._ends)

    def _sweep(self) -> None:
        now = self._clock()
        while self._ends and self._ends[0][0] <= now:
            _, table, name = heapq.heappop(self._ends)
            if table == "value" and name in self._values and self._values[name].until <= now:
                self._drop(name)
            elif table == "stream" and name in self._streams and self._streams[name].until <= now:
                self._drop_stream(name)
            elif table == "lease" and name in self._leases and self._leases[name][0] <= now:
                self._drop_lease(name)
