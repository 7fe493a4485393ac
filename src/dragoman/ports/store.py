"""What is kept between calls: values with a time to live, streams in order, and leases.

Every backend passes one contract suite, with several processes at once. Keys are texts, values bytes, times
seconds. A failed or silent backend raises StoreError within its own time limit: nothing waits for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeAlias

import msgspec

Given: TypeAlias = Mapping[str, bytes | None]
NOTHING_GIVEN: Given = MappingProxyType({})


class Put(msgspec.Struct, frozen=True, gc=False):
    """Set the value of `key` for `ttl` seconds."""

    key: str
    value: bytes
    ttl: float


class Drop(msgspec.Struct, frozen=True, gc=False):
    """Remove the value of `key`, if there is one."""

    key: str


class Append(msgspec.Struct, frozen=True, gc=False):
    """Add an entry to the end of a stream; the stream lasts `ttl` seconds from its latest entry.

    The stream keeps its latest `most` entries.
    """

    stream: str
    value: bytes
    ttl: float
    most: int = 1000


Change: TypeAlias = Put | Drop | Append
Entry: TypeAlias = tuple[int, bytes]  # position in its stream, counted up and never used again; value


class Store(Protocol):
    """Values by key and entries by stream. Each call is atomic."""

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds."""
        ...

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        ...

    async def take(self, key: str) -> bytes | None:
        """Remove the value and return it; of many who ask at once, one gets it."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        ...

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        """Return at most `most` keys that begin with `prefix` and hold a value now, in order."""
        ...

    async def commit(self, changes: Sequence[Change], given: Given = NOTHING_GIVEN) -> bool:
        """Make all changes at once if each key of `given` holds that value (None: nothing), and return whether.

        This is compare-and-set, an outbox and a transaction in one: nobody sees half of it, and a crash in the
        middle leaves none of it.
        """
        ...

    async def read(self, stream: str, after: int = 0, most: int = 100) -> list[Entry]:
        """Return at most `most` entries that come after the position `after`, oldest first.

        An entry that is appended later never has a smaller position than one that was read.
        """
        ...

    async def wait(self, stream: str, after: int, seconds: float) -> bool:
        """Wait until the stream has an entry after `after`; False when `seconds` passed without."""
        ...

    async def lease(self, key: str, owner: str, ttl: float) -> bool:
        """Take the lease on `key` for `ttl` seconds, or renew it if it is ours; False while another has it."""
        ...

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease up; False if it was no longer ours."""
        ...

    async def close(self) -> None:
        """Release files, connections and threads. What is kept stays; the next call opens it again."""
        ...
