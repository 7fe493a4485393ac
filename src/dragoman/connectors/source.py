"""The port between the five tools and whatever holds the data: what a source must answer, and in which shapes.

A new kind of data is a class with these methods and a line in `kinds`; the tools do not change.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import msgspec

from dragoman.connectors.address import Address
from dragoman.errors import LocalError


class SourceError(LocalError):
    """A source named at the start cannot be served; the message says why and what to do."""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a source is.  `total` counts what can be read at all, `failed` what was tried in vain."""

    indexed: int
    total: int
    failed: int = 0
    complete: bool = True

    def text(self) -> str:
        """Return it in words: "312 of 2,000 indexed, 3 could not be read; indexing goes on"."""
        if not self.total and not self.complete:
            return "nothing indexed yet; indexing goes on"
        words = f"{self.indexed:,} of {self.total:,} indexed"
        if self.failed:
            words += f", {self.failed:,} could not be read"
        return words if self.complete else words + "; indexing goes on"


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One search result: `uri` is what `fetch` takes, `where` says where in the item, `text` is an excerpt."""

    uri: str
    title: str
    where: str = ""
    date: str = ""
    text: str = ""


class Hits(NamedTuple):
    """Search results, best first, each a function that makes it: excerpts are cut only for those that are shown.

    `weight` (0 to 1) says how much this source trusts them; `searched` and `hint` are for the model.
    """

    hits: list[Callable[[], Hit]]
    weight: float = 1.0
    searched: str = ""
    hint: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a source, as `list` shows it.  `key` orders the items and is where the next page starts."""

    key: str
    uri: str
    title: str = ""
    kind: str = ""
    size: int = -1  # bytes
    extent: str = ""  # "8 pages", "about 100,000 rows"
    date: str = ""
    problem: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of items; `more` says that there are others behind the last one."""

    entries: list[Entry]
    total: int
    more: bool
    hint: str = ""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """Where reading goes on: in which part (or row), at which offset in characters."""

    part: int
    at: int


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """Text from one item, at most as long as was asked for; `following` is where the rest starts, None at the end."""

    uri: str
    title: str
    text: str
    range: str = ""
    total: str = ""
    following: Position | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a query gave: names of the columns, rows of JSON values, and whether there are more."""

    columns: list[str]
    rows: list[list[Any]]
    more: bool
    changed: bool = False


class Source(Protocol):
    """Data under one name.  Every method may be called from any thread; all but start and close may block.

    Faults that the model can act on are raised as ToolError, with the next step in the text.
    """

    @property
    def name(self) -> str:
        """The name in every address of this source: lower-case letters, digits and dashes."""
        ...

    @property
    def scheme(self) -> str:
        """The scheme of its addresses: "docs", "db"."""
        ...

    @property
    def about(self) -> str:
        """One line for the list of sources: what kind of data this is."""
        ...

    def start(self) -> None:
        """Begin whatever goes on behind.  Returns at once; safe to call twice."""
        ...

    def close(self) -> None:
        """End it and release everything.  Returns within a second; safe to call twice."""
        ...

    def progress(self) -> Progress:
        """Return how far the source is."""
        ...

    def search(self, query: str, limit: int) -> Hits:
        """Return the best `limit` results."""
        ...

    def items(self, prefix: str, after: str, limit: int) -> Listing:
        """Return up to `limit` items whose path starts with `prefix` and whose key comes after `after`."""
        ...

    def describe(self, address: Address) -> dict[str, Any]:
        """Return what the item is and holds; the whole source when the address has no path."""
        ...

    def fetch(self, address: Address, position: Position | None, room: int) -> Passage:
        """Return the item's text from `position` (its start when None), at most `room` characters."""
        ...


class Queryable(Source, Protocol):
    """A source that also answers SQL."""

    def query(self, sql: str, start: int, limit: int, stamp: str) -> Rows:
        """Return up to `limit` rows from row `start` on; `stamp` is the data's state that the first page saw."""
        ...

    def stamp(self) -> str:
        """Return a short text that changes when the data does."""
        ...

    def tables(self) -> list[str]:
        """Return the tables' names, for hints."""
        ...
