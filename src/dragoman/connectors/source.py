"""The port between the tools and whatever holds the data: what a source must answer, and in which shapes.

A new kind of data is a class with these methods and a line in `kinds`; the tools do not change.  Whatever a source
tells, it tells of what the caller's `View` shows, and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import msgspec

from dragoman.connectors.address import Address
from dragoman.connectors.view import ALL, View
from dragoman.errors import LocalError

__all__ = [
    "ALL", "Blob", "Changing", "Closing", "Complaining", "Entry", "Heeding", "Historical", "Hit", "Hits",
    "Listing", "Looking", "Passage", "Position", "Preview", "Program", "Progress", "Queryable", "Question",
    "Report", "Rows", "Runnable", "Source", "SourceError", "View", "Watching",
]  # fmt: skip


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


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched for, and among what.

    `kind` is an item's kind as `list` shows it ("pdf", "table"); `path` a folder
    or a glob within the source; `since` and `until` are days, year-month-day,
    both included, "" for no bound. `exact` means the words as they stand, line
    by line, instead of ranking. A source that cannot tell one of these of its
    items finds nothing for it, and says so in `hint`.
    """

    text: str
    kind: str = ""
    path: str = ""
    since: str = ""
    until: str = ""
    exact: bool = False


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One search result: `uri` is what `fetch` takes, `where` says where in the item, `text` is an excerpt."""

    uri: str
    title: str
    where: str = ""
    date: str = ""
    text: str = ""


class Hits(NamedTuple):
    """Search results, best first, each a function that makes it: excerpts are cut only for those that are shown.

    `weight` (0 to 1) says how much this source trusts them; `searched` and `hint` are for the model. `scores`, where
    there are any, are as many as hits: from 0 to 1, how much of what was asked for each of them has. They are compared
    with those of other sources; without them a hit counts by its place.
    """

    hits: list[Callable[[], Hit]]
    weight: float = 1.0
    searched: str = ""
    hint: str = ""
    scores: Sequence[float] = ()


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One item of a source, as `list` shows it.

    `key` orders the items and is where the next page starts, unless `after` says
    another place; nobody is shown either of them.
    """

    key: str
    uri: str
    title: str = ""
    kind: str = ""
    size: int = -1  # bytes
    extent: str = ""  # "8 pages", "about 100,000 rows"
    date: str = ""
    problem: str = ""
    after: str = ""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """A page of items; `more` says that there are others behind the last one.

    `resume` is the key behind which to go on where that is not the last one's:
    a source that looked for long enough may have passed many that do not fit.
    `counted` is False where `total` is only the least that there is.
    """

    entries: list[Entry]
    total: int
    more: bool
    hint: str = ""
    resume: str = ""
    counted: bool = True


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
    mime_type: str = ""  # as a resource, where it is not Markdown: such a text is given whole


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """An image, or other bytes, in the place of text; at most as large as `MAX_BLOB` says."""

    uri: str
    title: str
    data: bytes
    mime_type: str


MAX_BLOB = 700_000  # bytes: in base64, with the rest of the answer, less than what a tool's result may have (1 MiB)


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a query gave: names of the columns, rows of JSON values, and whether there are more.

    Where the whole was kept, `uri` is its address, `total` its rows, and `rows` are the first.
    """

    columns: list[str]
    rows: list[list[Any]]
    more: bool
    uri: str = ""
    total: int = 0
    changed: bool = False
    hint: str = ""


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What `run` can run, or a query of the owner's making: its name, what it does, JSON Schema of its arguments."""

    name: str
    about: str
    schema: dict[str, Any]
    read_only: bool = True
    slow: bool = False  # may take minutes, and becomes a task where the client knows tasks
    tried: bool = False  # its source tries it first (see `Changing`); what it would do is confirmed before it does


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What a change would do, tried and taken back: `text` for whoever confirms it, `rows` by table."""

    text: str
    uri: str
    rows: dict[str, int]


# How far a program is (a share from 0 to 1, None if it cannot say), and a line about it.
Report: TypeAlias = Callable[[float | None, str], None]


class Source(Protocol):
    """Data under one name.  Every method may be called from any thread; all but start and close may block.

    `view` is what the caller may see: judge by it before ranking and counting, and say nothing of the rest.
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

    def search(self, view: View, question: Question, limit: int) -> Hits:
        """Return the best `limit` results."""
        ...

    def items(self, view: View, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return up to `limit` items whose path starts with `prefix` and whose key comes after `after`.

        With `pattern`, only those whose path it matches (see `view.matches`).
        """
        ...

    def describe(self, view: View, address: Address) -> dict[str, Any]:
        """Return what the item is and holds; the whole source when the address has no path."""
        ...

    def fetch(self, view: View, address: Address, position: Position | None, room: int) -> Passage | Blob:
        """Return the item's text from `position` (its start when None), at most `room` characters."""
        ...


@runtime_checkable
class Watching(Protocol):
    """A source that learns of changes by itself."""

    def watch(self, changed: Callable[[Sequence[str]], None]) -> None:
        """Call `changed`, from any thread, with the addresses of what changed, from `start` to `close`.

        No addresses mean that items came or went.
        """
        ...


@runtime_checkable
class Looking(Protocol):
    """A source that learns of changes only by looking."""

    def look(self) -> None:
        """Look for changes soon: somebody listens.  Called every few seconds, in a thread, while that is so."""
        ...


@runtime_checkable
class Heeding(Protocol):
    """A source that looks only at those of its items to which somebody listens."""

    def heed(self, uri: str, path: str) -> None:
        """Look at the item at `path` as well, and tell of it as `uri`.  May block."""
        ...


@runtime_checkable
class Queryable(Source, Protocol):
    """A source that also answers SQL."""

    def query(self, view: View, sql: str, start: int, limit: int, stamp: str) -> Rows:
        """Return up to `limit` rows from row `start` on; `stamp` is the data's state that the first page saw."""
        ...

    def keep(self, view: View, sql: str) -> Rows:
        """Keep the whole result for this caller, and return it with its `uri`; `more` says that not all was kept."""
        ...

    def stamp(self, view: View) -> str:
        """Return a short text that changes when the data does."""
        ...

    def tables(self, view: View) -> list[str]:
        """Return the tables' names, for hints."""
        ...


@runtime_checkable
class Historical(Source, Protocol):
    """A source that knows how its items came to be."""

    def items_at(self, view: View, revision: str, prefix: str, after: str, limit: int, pattern: str = "") -> Listing:
        """Return items as `items` does, those that there were at a revision; "" means the newest."""
        ...

    def history(
        self, view: View, address: Address, mode: str, revision: str, position: Position | None, room: int
    ) -> Passage:
        """Return "log", "diff", "blame" or "show" of an item, or of the source when the address has no path.

        `revision` is what the tool was given: a revision, or two as "a..b"; "" means the newest.
        """
        ...


@runtime_checkable
class Runnable(Source, Protocol):
    """A source with programs or queries of the owner's that take typed arguments."""

    def programs(self, view: View) -> list[Program]:
        """Return what can be run, by name."""
        ...

    def run(
        self, view: View, tool: str, arguments: Mapping[str, Any], report: Report, cancelled: Callable[[], bool]
    ) -> Passage | Rows:
        """Run it to its end and return what came out, cut to what an answer holds; the rest has an address.

        Stops within a second once `cancelled` says so.
        """
        ...


@runtime_checkable
class Closing(Protocol):
    """A source with programs that are not served, since they change things and nobody allowed it."""

    def closed(self, view: View) -> list[str]:
        """Return their names, for errors that say what to do."""
        ...


@runtime_checkable
class Complaining(Protocol):
    """A source that can look through what its owner wrote."""

    def complaints(self) -> list[str]:
        """Return what is wrong with it, in a sentence each; for `dragoman serve --check`."""
        ...


@runtime_checkable
class Changing(Runnable, Protocol):
    """A source with programs that are tried before they change anything."""

    def preview(self, view: View, tool: str, arguments: Mapping[str, Any]) -> Preview:
        """Try it, take it back, and return what it would change.  Raises ToolError as `change` would."""
        ...

    def change(self, view: View, tool: str, arguments: Mapping[str, Any], wanted: Preview) -> None:
        """Do it, if it changes just the rows that `wanted` tells; else change nothing and raise ToolError."""
        ...
