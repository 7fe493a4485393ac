"""The port between a database as a source and the engine that holds it: what each engine must answer.

An engine reads and cannot write, whatever text reaches it: that is each engine's own promise, and it is tested without
the parser before it.  What a statement may name is judged above, in `judge`, for all engines alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from sys import getsizeof
from typing import Any, NamedTuple, Protocol, TypeAlias

import msgspec

MAX_TABLES = 5_000
MAX_BYTES = 8_000_000  # of the cells of one page, about, before rows are left to the next
_SMALL = 20_000  # bytes of a row, up to which many are taken at a time
CHUNK = 100  # rows taken from a driver at a time
BESIDE = "other tables"  # under which the rows are counted that triggers and foreign keys change
NOT_SAID = "?"  # the stamp of an engine that cannot tell whether its data have changed


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `key` is its place in the primary key, 0 when it is not in it."""

    name: str
    type: str
    required: bool
    key: int
    default: str = ""
    about: str = ""


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A foreign key: these columns here name those columns there."""

    columns: list[str]
    table: str
    targets: list[str]


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """One table or view.  `rows` is -1 when nothing is known; `exact` tells counted from estimated.

    `name` is what statements and addresses say: bare in the schema where the
    engine looks first, with its schema before it in any other. `definition` is a
    view's SELECT. `kin` are the tables whose rows are read through this one or
    the other way round: partitions and their parents.
    """

    name: str
    kind: str
    columns: list[Column]
    schema: str = ""
    links: list[Link] = []
    indexes: list[str] = []
    rows: int = -1
    exact: bool = False
    definition: str = ""
    kin: list[str] = []
    about: str = ""

    @property
    def bare(self) -> str:
        """Return the name without its schema."""
        return self.name.removeprefix(f"{self.schema}.")

    def rows_in_words(self) -> str:
        """Return "1,204 rows", "about 100,000 rows", or nothing when it is not known."""
        if self.rows < 0:
            return ""
        return f"{'' if self.exact else 'about '}{self.rows:,} row{'s' if self.rows != 1 else ''}"


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One statement for an engine: its text, values for its named parameters, and which rows of the result.

    `paged` is the same with the page written into it, one row more than `limit`.
    `closed` are the columns, as (table, column) in lower case, that it must not
    read: for engines that can watch that by themselves. `unordered` asks for
    rows in no order that an index gives.
    """

    sql: str
    paged: str = ""
    parameters: Mapping[str, Any] = {}
    start: int = 0
    limit: int = 1_000
    seconds: float = 5.0
    closed: frozenset[tuple[str, str]] = frozenset()
    unordered: bool = False


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One INSERT, UPDATE or DELETE that was judged, of the table `name` (`table` bare, in `schema`).

    `expected` are the rows by table that it shall change, in a transaction that
    then counts; None means to try it, and take it back. More than `most` rows
    are never changed. `closed` is as in `Ask`.
    """

    sql: str
    verb: str
    schema: str
    table: str
    name: str
    parameters: Mapping[str, Any] = {}
    seconds: float = 5.0
    most: int = 100
    expected: Mapping[str, int] | None = None
    closed: frozenset[tuple[str, str]] = frozenset()


class Page(NamedTuple):
    """Rows as the driver gives them, and whether there are more behind them."""

    columns: list[str]
    rows: list[Sequence[Any]]
    more: bool


class Estimate(NamedTuple):
    """What the engine expects of a statement: rows it would read, and its dearest step, in words."""

    rows: float
    step: str = ""
    table: str = ""


Gate: TypeAlias = Callable[[Estimate], None]


class OutOfTime(Exception):
    """The statement ran longer than it may, and was stopped at the engine."""


class EngineFault(Exception):
    """The engine refused a statement or cannot be reached; `text` holds no secret.

    `missing` is "table", "column", "function" or "", and `name` what is.
    """

    def __init__(self, text: str, *, missing: str = "", name: str = "") -> None:
        super().__init__(text)
        self.text = text
        self.missing = missing
        self.name = name


class Engine(Protocol):
    """One database behind its driver.  Called from any thread; methods may block, and raise EngineFault, OutOfTime."""

    @property
    def about(self) -> str:
        """Return what it is, in two words: "PostgreSQL database"."""
        ...

    @property
    def dialect(self) -> str:
        """Return the name of its SQL as sqlglot spells it."""
        ...

    @property
    def style(self) -> str:
        """Return how its driver marks a parameter, "{}" for the name."""
        ...

    @property
    def guarded(self) -> bool:
        """Tell whether the engine holds alone against statements of strangers."""
        ...

    @property
    def much(self) -> float:
        """Return how many rows a statement may be expected to read where the owner sets no other bound."""
        ...

    def tables(self) -> dict[str, Table]:
        """Return tables and views by name, sorted, read anew."""
        ...

    def functions(self) -> frozenset[str] | None:
        """Return the functions that statements may call, in lower case; None where the engine guards them itself."""
        ...

    def schema_stamp(self) -> str:
        """Return a short text that changes when tables, views or columns do; may change more often than that."""
        ...

    def stamp(self) -> str:
        """Return a short text that changes when the data do, soon if not at once; NOT_SAID if that cannot be told."""
        ...

    def stamps(self) -> Mapping[str, str]:
        """Return such a text for each table, or for "", the whole, where the engine cannot tell them apart."""
        ...

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        """Run one statement that reads and return a page of its rows.

        `gate` is shown first what the engine expects of it, if it can tell, and
        raises what it will.
        """
        ...

    def explain(self, sql: str, seconds: float) -> Page:
        """Return the plan as the engine tells it, without running the statement."""
        ...

    def change(self, change: Change) -> dict[str, int]:
        """Run one statement that changes rows, and return how many by table, BESIDE for others.

        It is taken back unless it changes just what is expected (`held`); then
        it counts. Raises EngineFault also where the engine cannot take it back.
        """
        ...

    def close(self) -> None:
        """Close what is open.  What is asked afterwards opens it again."""
        ...


def held(change: Change, found: Mapping[str, int]) -> bool:
    """Tell whether a change that has run shall count.  Raises EngineFault for one of other rows than were expected."""
    total = sum(found.values())
    if total > change.most:
        raise EngineFault(
            f"it would change {total:,} rows, and at most {change.most:,} are changed at once; nothing was changed: "
            "add a condition"
        )
    if change.expected is None:
        return False
    if {name: count for name, count in found.items() if count} != dict(change.expected):
        raise EngineFault(
            f"the data have changed since it was tried: it would change {total:,} rows now, not "
            f"{sum(change.expected.values()):,}; nothing was changed: try it again"
        )
    return True


def in_doubt(fault: Exception) -> EngineFault:
    """Return what is told of a change whose end was not heard of."""
    return EngineFault(
        "the connection broke while the change was made to count: look whether it did before you try again "
        f"({type(fault).__name__})"
    )


def taken(cursor: Any, start: int, limit: int) -> tuple[list[Sequence[Any]], bool]:
    """Return rows from `start` on, at most `limit` and about MAX_BYTES of them, and whether there are more.

    `cursor` needs nothing but fetchmany; what is skipped and what is cut off never stands in memory at once.
    """
    left = start
    while left and (skipped := cursor.fetchmany(min(left, 10_000))):
        left -= len(skipped)
    rows: list[Sequence[Any]] = []
    size, count = 0, 1
    while not left and (found := cursor.fetchmany(min(count, limit + 1 - len(rows)))):
        more = sum(map(getsizeof, chain.from_iterable(found)))
        size += more
        if size > MAX_BYTES:
            return _within(rows, found, limit)
        rows += found
        if len(rows) > limit:
            return rows[:limit], True
        # Many at a time only of small rows, so that large ones never stand in memory together.
        count = CHUNK if more < _SMALL * len(found) else 1
    return rows, False


def _within(rows: list[Sequence[Any]], found: Sequence[Sequence[Any]], limit: int) -> tuple[list[Sequence[Any]], bool]:
    """Return the rows with as many of those found as MAX_BYTES leaves, at least one in all."""
    size = sum(map(getsizeof, chain.from_iterable(rows)))
    for row in found[: limit - len(rows)]:
        size += sum(map(getsizeof, row))
        if rows and size > MAX_BYTES:
            break
        rows.append(row)
    return rows, True
