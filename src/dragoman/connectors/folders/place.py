"""Where an index is kept, as the index sees it: a file of SQLite's, or a PostgreSQL that many machines share.

The statements are the same for both, with `?` for values; what differs is here.  Promise: a change is made whole or
not at all, and readers wait for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol, TypeAlias

from dragoman.errors import ToolError

How: TypeAlias = Literal["all", "most", "any"]  # of several words: "most" are all of them but one


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
    of the piece there and `order` what to order by for it, `walk` where nearly every piece holds the words;
    `pieces` joins the tables `piece` as p and `file` as f;
    `position` is the function that finds a text in another.
    """

    words: str
    piece: str
    order: str
    walk: str
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

    def expression(self, texts: Sequence[str], how: How = "all", *, named: bool = False) -> tuple[str, str]:
        """Return a condition for pieces that hold all, most or any of these words and phrases, and its value.

        With `named`, words count only where they are in a title, a path or a heading.
        """
        ...

    def seen(self, link: Link, files: set[int]) -> tuple[str, tuple[Any, ...]]:
        """Return a condition for files `f` with one of these numbers, and its values, for this connection."""
        ...

    def remembered(self, link: Link) -> MutableMapping[Any, Any]:
        """Return what this connection may remember of the index as it is now: it is empty once that has changed."""
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


def joined(words: Sequence[str], how: How, both: str, either: str) -> str:
    """Return an expression of words, joined by an engine's signs for "both" and "either"."""
    return _most(words, both, either) if how == "most" else (both if how == "all" else either).join(words)


def _most(words: Sequence[str], both: str, either: str) -> str:
    if len(words) < 3:
        return either.join(words)
    # One half whole and the other but for one, either way: far fewer words than one list for each that is left out.
    half = len(words) // 2
    left, right = words[:half], words[half:]
    first = f"({both.join(left)}{both}({_most(right, both, either)}))"
    second = both.join(right) if half == 1 else f"({_most(left, both, either)}){both}{both.join(right)}"
    return f"{first}{either}({second})"
