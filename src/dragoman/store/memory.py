"""A store in the process's own memory: for one process, and gone with it.

Bounded: when it is full the values that were set first are dropped.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

ENTRIES = 100_000
BYTES = 256 * 1024 * 1024


class MemoryStore:
    """At most `entries` values of `size` bytes together."""

    def __init__(self, entries: int = ENTRIES, size: int = BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self._entries = entries
        self._limit = size
        self._clock = clock
        self._size = 0
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over."""
        found = self._values.get(key)
        if found is None:
            return None
        if found[0] <= self._clock():
            self._drop(key)
            return None
        return found[1]

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds."""
        self._drop(key)
        self._values[key] = (self._clock() + ttl, value)
        self._size += len(value)
        while len(self._values) > self._entries or self._size > self._limit:
            self._drop(next(iter(self._values)))

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        there = await self.get(key)
        if there is None:
            await self.put(key, value, ttl)
        return there

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        self._drop(key)

    async def close(self) -> None:
        """Do nothing: there is nothing to release, and what is kept stays."""

    def _drop(self, key: str) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self._size -= len(found[1])
