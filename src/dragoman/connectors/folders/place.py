"""Where an index is kept, as the index sees it: a file of SQLite's, or a PostgreSQL that many machines share.

The statements are the same for both, with `?` for values; what differs is here.  Promise: a change is made whole or
not at all, and readers wait for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from dragoman.errors import ToolError


class IndexGoneError(ToolError):
    """The index cannot be asked now; what it holds is not lost."""


class Answered(Protocol):
    """What a statement gave."""

    def fetchone(self) -> Any:
        """Return the first row, None if there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """Return all rows."""
        ...

    def __iter__(self) -> Any:
        """Yield the rows."""
        ...


class Link(Protocol):
    """A connection, lent to one thread."""

    def execute(self, sql: str, values: Sequence[Any] = ..., /) -> Answered:
        """Run a statement."""
        ...

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement for each row."""
        ...


class Lease(Protocol):
    """The right to index, held by one process at a time, and gone with the process that held it."""

    def acquire(self) -> bool:
        """Take it; False while another process has it."""
        ...

    def release(self) -> None:
        """Give it up."""
        ...


class Place(Protocol):
    """Tables, and the engine's ways with words.

    `words` is what holds the words of pieces in a statement, `piece` the number
    of the piece there and `order` what to order by for it; `pieces` joins the tables `piece` as p and `file` as f;
    `position` is the function that finds a text in another.
    """

    words: str
    piece: str
    order: str
    pieces: str
    position: str
    shown: str  # the place in words, without a password

    def reading(self) -> AbstractContextManager[Link]:
        """Lend a connection, for this thread alone."""
        ...

    def writing(self) -> AbstractContextManager[Link]:
        """One transaction: all of it happens or nothing, and nobody else writes meanwhile."""
        ...

    def lease(self) -> Lease:
        """Return the right to index, not yet taken."""
        ...

    def close(self) -> None:
        """Release everything.  Safe to call twice."""
        ...

    def expression(self, texts: Sequence[str], *, every: bool, named: bool) -> tuple[str, str]:
        """Return a condition for pieces that hold all of these words and phrases, or any of them, and its value.

        With `named`, words count only where they are in a title, a path or a heading.
        """
        ...

    def seen(self, link: Link, files: set[int]) -> tuple[str, tuple[Any, ...]]:
        """Return a condition for files `f` with one of these numbers, and its values, for this connection."""
        ...

    def lower(self, link: Link, text: str) -> str:
        """Return the function that puts texts into lower case, good enough for this one."""
        ...

    def add_pieces(self, link: Link, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store a file's pieces (file, part, at, line, title, heading, body) with their words."""
        ...

    def take_words(self, link: Link, file: int) -> None:
        """Take the words of a file's pieces out, before they go."""
        ...
