"""Lists in pages, built once and kept until something is registered or removed.

A cursor names the last entry seen, so pages stay right when the list changes
between them; nothing is remembered per client.
Source: specification, server/utilities/pagination.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from msgspec import UNSET, UnsetType

from dragoman.errors import RequestError
from dragoman.protocol.exchange import Prepared
from dragoman.wire.base import Wire
from dragoman.wire.jsonrpc import INVALID_PARAMS

T = TypeVar("T")
Page = Callable[[list[T], str | UnsetType], Wire]


class Listing(Generic[T]):
    """An ordered set of entries by key, handed out in pages of `size`.

    `page` makes the wire result from entries and next cursor; `wire` the wire
    form of one entry.
    """

    def __init__(self, size: int, wire: Callable[[T], Wire], page: Page[Wire]) -> None:
        self._size = size
        self._wire = wire
        self._page = page
        self._entries: dict[str, T] = {}
        self._pages: dict[str, Prepared] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self._entries.values())

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> T | None:
        """Return the entry, or None."""
        return self._entries.get(key)

    def names(self) -> Iterable[str]:
        """Return the keys in order."""
        return self._entries.keys()

    def add(self, key: str, entry: T) -> None:
        """Add an entry, or replace the one of that key in place."""
        self._entries[key] = entry
        self._pages.clear()

    def remove(self, key: str) -> bool:
        """Remove an entry; returns whether it was there."""
        self._pages.clear()
        return self._entries.pop(key, None) is not None

    def at(self, cursor: str | UnsetType) -> Prepared:
        """Return the page that `cursor` leads to, the first without one. Raises RequestError for a bad cursor."""
        key = "" if cursor is UNSET else cursor
        page = self._pages.get(key)
        if page is None:
            page = self._build(key if cursor is not UNSET else None)
            self._pages[key] = page
        return page

    def _build(self, cursor: str | None) -> Prepared:
        keys = list(self._entries)
        first = 0 if cursor is None else self._after(keys, cursor)
        shown = keys[first : first + self._size]
        more = first + self._size < len(keys)
        following = write_cursor(shown[-1]) if more else UNSET
        return Prepared(self._page([self._wire(self._entries[key]) for key in shown], following))

    def _after(self, keys: list[str], cursor: str) -> int:
        key = read_cursor(cursor)
        if key not in self._entries:
            raise bad_cursor()
        return keys.index(key) + 1


def write_cursor(key: str) -> str:
    """Return the opaque cursor of a key."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def read_cursor(cursor: str) -> str:
    """Return the key of a cursor. Raises RequestError if we never made it (PAGE-04)."""
    try:
        key = base64.b64decode(cursor.encode(), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    return key


def bad_cursor() -> RequestError:
    """Return the error for a cursor that is not ours, or leads to something gone."""
    return RequestError(INVALID_PARAMS, "unknown cursor; list again from the start, without one")
