"""Lists in pages, built once and kept until something is registered or removed.

A cursor holds the number of the last entry seen, so pages stay right when entries
come and go between them; nothing is remembered per client.
Source: specification, server/utilities/pagination.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from msgspec import UNSET, UnsetType

from dragoman.errors import RegistrationError, RequestError
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
        self.entries: dict[str, T] = {}
        self._hidden: dict[str, T] = {}  # registered, and neither listed nor found until shown again
        self.unlisted: set[str] = set()  # found when asked for, and never listed
        self._numbers: dict[str, int] = {}
        self._count = 0  # of all entries there ever were
        self._pages: dict[str | None, Prepared] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[T]:
        return iter(self.entries.values())

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def get(self, key: str) -> T | None:
        """Return the entry, or None."""
        return self.entries.get(key)

    def names(self) -> Iterable[str]:
        """Return the keys in order."""
        return self.entries.keys()

    def all_names(self) -> Iterable[str]:
        """Return the keys, those of hidden entries too."""
        return self._numbers.keys()

    def holder(self, key: str) -> T | None:
        """Return who has the key, hidden or not, or None."""
        return self.entries.get(key) or self._hidden.get(key)

    def add(self, key: str, entry: T) -> None:
        """Add an entry, or replace the one of that key in place; one that is hidden stays so."""
        if key not in self._numbers:
            self._count += 1
            self._numbers[key] = self._count
        (self._hidden if key in self._hidden else self.entries)[key] = entry
        self._pages.clear()

    def remove(self, key: str) -> bool:
        """Remove an entry, hidden or not; returns whether it was there."""
        self._pages.clear()
        self._numbers.pop(key, None)
        return (self.entries.pop(key, None) or self._hidden.pop(key, None)) is not None

    def hide(self, key: str) -> bool:
        """Keep an entry from being listed and found, its place kept; returns whether that changed anything."""
        entry = self.entries.pop(key, None)
        if entry is None:
            return False
        self._hidden[key] = entry
        self._pages.clear()
        return True

    def show(self, key: str) -> bool:
        """Put a hidden entry back in its place; returns whether that changed anything."""
        entry = self._hidden.pop(key, None)
        if entry is None:
            return False
        self.entries[key] = entry
        # In order of registration, in the same dictionary: others hold on to it.
        for later in [other for other in self.entries if self._numbers[other] > self._numbers[key]]:
            self.entries[later] = self.entries.pop(later)
        self._pages.clear()
        return True

    def at(self, cursor: str | UnsetType) -> Prepared:
        """Return the page that `cursor` leads to, the first without one. Raises RequestError for a bad cursor."""
        key = None if cursor is UNSET else cursor
        page = self._pages.get(key)
        if page is None:
            page = self._pages[key] = self._build(0 if key is None else self._number(key))
        return page

    def _build(self, after: int) -> Prepared:
        rest = [key for key in self.entries if self._numbers[key] > after and key not in self.unlisted]
        shown = rest[: self._size]
        following = write_cursor(str(self._numbers[shown[-1]])) if len(rest) > len(shown) else UNSET
        return Prepared(self._page([self._wire(self.entries[key]) for key in shown], following))

    def _number(self, cursor: str) -> int:
        text = read_cursor(cursor)
        # Written as we write it, so that there are no more cursors, and pages kept for them, than entries.
        number = int(text) if text.isdecimal() and len(text) <= 18 else 0
        if not 0 < number <= self._count or write_cursor(str(number)) != cursor:
            raise bad_cursor()
        return number


class Placed(Protocol):
    """An entry that knows where its function is written."""

    @property
    def where(self) -> str:
        """File and line."""
        ...


P = TypeVar("P", bound=Placed)


def register(listing: Listing[P], key: str, entry: P, what: str) -> None:
    """Add an entry under a key of its own. Raises RegistrationError, with both places, if the key is taken."""
    taken = listing.holder(key)
    if taken is not None:
        raise RegistrationError(f"there is a {what} {key!r} already, from {taken.where}", where=entry.where)
    listing.add(key, entry)


def write_cursor(key: str) -> str:
    """Return the opaque cursor for `key`."""
    return base64.urlsafe_b64encode(key.encode()).decode()


def read_cursor(cursor: str) -> str:
    """Return what a cursor was made of. Raises RequestError if we never made it (PAGE-04)."""
    try:
        key = base64.b64decode(cursor.encode(), b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise bad_cursor() from None
    return key


def bad_cursor() -> RequestError:
    """Return the error for a cursor that is not ours."""
    return RequestError(INVALID_PARAMS, "unknown cursor; list again from the start, without one")
