"""What one caller may see of one database: tables and columns shown, masked or hidden, views judged by what they read.

Hidden is as if it were not there. Masked is told by name, and may not be read, filtered by, sorted by or computed with.
Names are compared folded: where a database holds two that differ by case alone, the stricter rule is that of both.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from dragoman.connectors.databases.engine import Column, Table
from dragoman.connectors.view import View, matches

INSIDE = 16  # views upon views, at most


def fold(name: str) -> str:
    """Return a name without case and accents: whatever an engine takes for the same name is the same here."""
    # Engines fold in ways of their own: MySQL takes a capital dotted I for i, and others a Kelvin sign for k.
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", name) if not unicodedata.combining(sign))
    return plain.casefold().replace("\u0131", "i")


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One table as a caller sees it.

    `closed` are the names, folded, that no statement may refer to;
    `masked` those of them that are told. `whole` means that nothing of it may be
    read: the table is denied, or it is a view over something closed.
    """

    table: Table
    shown: bool
    columns: tuple[Column, ...]
    masked: tuple[str, ...] = ()
    closed: frozenset[str] = frozenset()
    denied: bool = False
    whole: bool = False
    reason: str = ""

    @property
    def open_names(self) -> frozenset[str]:
        return frozenset(fold(column.name) for column in self.columns) - self.closed

    @property
    def readable(self) -> list[str]:
        """Return the columns that may be read, as they are spelled."""
        return [column.name for column in self.columns if fold(column.name) not in self.closed]


class Access:
    """The whole database as a caller sees it: `shown` by name; `find` for what a statement names."""

    def __init__(self, sights: Mapping[str, Sight]) -> None:
        self._sights = dict(sights)
        self.shown = {name: sight for name, sight in sorted(self._sights.items()) if sight.shown}
        self.restricted = any(not sight.shown or sight.closed or sight.whole for sight in self._sights.values())
        self._by_name: dict[str, list[Sight]] = {}
        for sight in self._sights.values():
            for name in names_of(sight.table):
                self._by_name.setdefault(fold(name), []).append(sight)

    def find(self, name: str) -> list[Sight]:
        """Return the tables that a name in a statement can mean: one, or several that differ by case."""
        return self._by_name.get(fold(name), [])

    def rows(self, name: str) -> int:
        """Return how many rows the tables of a name have, about; -1 if that is not known."""
        counts = [sight.table.rows for sight in self.find(name)]
        return max(counts) if counts and min(counts) >= 0 else -1

    def table(self, name: str) -> Sight | None:
        """Return the table that is shown under this name; the very spelling wins."""
        if name in self.shown:
            return self.shown[name]
        return next((sight for sight in self.find(name) if sight.shown), None)

    def replaced(self, sights: Iterable[Sight]) -> Access:
        """Return the same with these in the place of theirs."""
        return Access({**self._sights, **{sight.table.name: sight for sight in sights}})

    def all(self) -> list[Sight]:
        return list(self._sights.values())

    def closed_columns(self) -> frozenset[tuple[str, str]]:
        """Return (table, column) of all that is closed, "*" for a whole table's: for engines that watch."""
        found: set[tuple[str, str]] = set()
        for sight in self._sights.values():
            bare = fold(sight.table.bare)
            found |= {(bare, "*")} if sight.denied else {(bare, column) for column in sight.closed}
        return frozenset(found)


def access_to(
    tables: Mapping[str, Table], views: Iterable[View], mask: Iterable[str], clean: Callable[[Table, Access], str]
) -> Access:
    """Return what remains of the tables under all of the rules at once.

    `clean` tells why a view may not be read, nothing if it may: it is asked of
    each view, with what stands so far.
    """
    rules = [view for view in views if not view.everything]
    masks = [pattern.casefold() for pattern in mask]
    sights = {name: _sight(table, rules, masks) for name, table in tables.items()}
    access = Access(_shared(sights))
    if not any(sight.closed or sight.denied for sight in access.all()):
        return access
    # A view over a view that may not be read may not be read: again, until nothing changes.
    for _ in range(INSIDE):
        tainted = [
            msgspec.structs.replace(sight, whole=True, reason=reason)
            for sight in access.all()
            if "view" in sight.table.kind and not sight.whole and (reason := clean(sight.table, access))
        ]
        if not tainted:
            return access
        access = access.replaced(tainted)
    return access


def names_of(table: Table) -> list[str]:
    """Return the names that a pattern or a statement may mean the table by."""
    return list(dict.fromkeys([table.name, f"{table.schema}.{table.bare}" if table.schema else table.name]))


def mask_fits(pattern: str, table: Table) -> bool:
    """Tell whether a mask covers a column of the table."""
    return any(
        matches(pattern.casefold(), f"{name}.{column.name}".casefold())
        for name in names_of(table)
        for column in table.columns
    )


def _sight(table: Table, rules: list[View], masks: list[str]) -> Sight:
    names = names_of(table)
    denied = any(rule.denies(name) for rule in rules for name in names)
    shown: list[Column] = []
    hidden: set[str] = set()
    for column in table.columns:
        paths = [f"{name}.{column.name}" for name in names]
        allowed = all(any(_allows(rule, path) for path in (*names, *paths)) for rule in rules)
        if allowed and not any(rule.denies(path) for rule in rules for path in paths):
            shown.append(column)
        else:
            hidden.add(fold(column.name))
    covered = all(any(_allows(rule, name) for name in names) for rule in rules)
    masked = tuple(
        column.name
        for column in shown
        if any(matches(mask, f"{name}.{column.name}".casefold()) for mask in masks for name in names)
    )
    visible = not denied and (bool(shown) or (covered and not table.columns))
    return Sight(
        table=table,
        shown=visible,
        columns=tuple(shown) if visible else (),
        masked=masked,
        # What is hidden only because nothing allows the table is no secret to a view that is allowed.
        closed=frozenset(hidden if visible or denied else set()) | frozenset(fold(name) for name in masked),
        denied=denied,
    )


def _allows(rule: View, path: str) -> bool:
    return not rule.allow or any(matches(pattern.casefold(), path.casefold()) for pattern in rule.allow)


def _shared(sights: Mapping[str, Sight]) -> dict[str, Sight]:
    """Return the tables with what is closed in a partition closed in its parent as well, and the other way round."""
    found = dict(sights)
    changed = True
    while changed:
        changed = False
        for name, sight in found.items():
            for other in (found[kin] for kin in sight.table.kin if kin in found):
                own = {fold(column.name) for column in sight.table.columns}
                shut = own if other.denied else other.closed & own
                more = shut - sight.closed
                if more:
                    told = {fold(masked): masked for masked in other.masked}
                    found[name] = sight = msgspec.structs.replace(
                        sight,
                        closed=sight.closed | more,
                        masked=(*sight.masked, *(told[column] for column in sorted(more) if column in told)),
                    )
                    changed = True
    return found


def as_line(sight: Sight) -> str:
    """Return "orders(id, total): 12 rows", with what is masked marked so."""
    masked = {fold(name) for name in sight.masked}
    columns = ", ".join(f"{c.name} (masked)" if fold(c.name) in masked else c.name for c in sight.columns)
    rows = sight.table.rows_in_words()
    kind = "view " if "view" in sight.table.kind else ""
    return f"{kind}{sight.table.name}({columns})" + (f": {rows}" if rows else "")


def as_columns(sight: Sight, lines: Callable[[Any], str]) -> list[str]:
    """Return a line for each column that is shown."""
    masked = {fold(name) for name in sight.masked}
    return [lines(c) + (", masked: not to be read" if fold(c.name) in masked else "") for c in sight.columns]
