"""Results kept for as long as the server says that they hold.

One cache belongs to one client, and tells apart method, parameters and header fields, so no authorization sees what
another was given. Kept undecoded: whoever changes what it got changes nothing here. Bounded in number and bytes.
Source: specification, server/utilities/caching; requirements CACHE-05 to CACHE-10.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.wire.lifecycle import Cacheable

MAX_ENTRIES = 1000
MAX_BYTES = 16 * 1024 * 1024
LONGEST = 24 * 3600.0  # seconds; a clock that servers set by mistake in another unit must not keep results for years

Key: TypeAlias = tuple[str, str, tuple[tuple[str, str], ...]]
Pages: TypeAlias = tuple[msgspec.Raw, ...]


class _Entry(msgspec.Struct, frozen=True):
    pages: Pages
    until: float
    size: int


def key_of(method: str, uri: str, headers: Mapping[str, str]) -> Key:
    """Return what a result is kept under: of a list or of `server/discover` with `uri` "", all pages together."""
    return method, uri, tuple(sorted((name.lower(), value) for name, value in headers.items()))


def seconds_fresh(results: Sequence[Any]) -> float:
    """Return for how many seconds all of `results` hold, 0 if one says nothing of it (CACHE-08)."""
    times = [one.ttl_ms if isinstance(one, Cacheable) and one.ttl_ms is not UNSET else 0 for one in results]
    return min(max(min(times, default=0), 0) / 1000, LONGEST)


class Cache:
    """What one client keeps, `stale` seconds longer than it holds. Times are of any clock that only goes forward."""

    def __init__(self, *, entries: int = MAX_ENTRIES, size: int = MAX_BYTES, stale: float = 0.0) -> None:
        self._stale = stale
        self._entries: OrderedDict[Key, _Entry] = OrderedDict()
        self._most = entries
        self._room = size
        self._size = 0
        # What was asked before a change was heard, and answered after it, may be from before the change.
        self.changes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: Key, now: float, *, stale: bool = False) -> Pages | None:
        """Return what is kept under `key`, if it still holds; if `stale`, also what held lately (CACHE-12)."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if now >= entry.until + self._stale:
            self._drop(key)
            return None
        if now >= entry.until and not stale:
            return None
        self._entries.move_to_end(key)
        return entry.pages

    def keep(self, key: Key, pages: Sequence[msgspec.Raw], until: float, changes: int) -> None:
        """Keep `pages` until then, unless something changed since `changes` was read; the longest unused go first."""
        size = sum(len(memoryview(page)) for page in pages)
        if changes != self.changes or size > self._room // 4:
            return
        self._drop(key)
        # Copies: a page is otherwise a view that keeps the whole message alive.
        self._entries[key] = _Entry(tuple(page.copy() for page in pages), until, size)
        self._size += size
        while len(self._entries) > self._most or self._size > self._room:
            self._drop(next(iter(self._entries)))

    def forget(self, *methods: str) -> None:
        """Drop all results of `methods`: what they tell changed (CACHE-09)."""
        self.changes += 1
        for key in [key for key in self._entries if key[0] in methods]:
            self._drop(key)

    def forget_resource(self, uri: str) -> None:
        """Drop what was read of a resource, of its parts, and of what it is a part of (SUB-14)."""
        self.changes += 1
        for key in [key for key in self._entries if key[0] == "resources/read" and related(key[1], uri)]:
            self._drop(key)

    def clear(self) -> None:
        """Drop everything."""
        self.changes += 1
        self._entries.clear()
        self._size = 0

    def _drop(self, key: Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._size -= entry.size


def related(one: str, other: str) -> bool:
    """Say whether two resources are the same, or one lies beneath the other."""
    return one == other or beneath(one, other) or beneath(other, one)


def beneath(uri: str, parent: str) -> bool:
    """Say whether `uri` is a part of `parent`, as far as addresses tell."""
    return uri.startswith(parent) and (parent.endswith(("/", "#", "?")) or uri[len(parent) :][:1] in ("/", "#", "?"))
