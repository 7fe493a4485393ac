"""Whether a statement reads only what its caller may see.  What cannot be told is refused; nothing is rewritten.

The rule that makes this sound: what is closed may be named nowhere, so that whatever a part of the statement yields is
open. No value needs to be followed from one part to the next. Names are judged by every meaning they could have.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

from dragoman.connectors.databases.access import Access, Sight, fold
from dragoman.connectors.databases.engine import Table
from dragoman.connectors.databases.statement import expressions, parsed
from dragoman.errors import ToolError

# Ways to read columns without naming them, other than `*`.
_MAX_NAME = 63  # bytes; PostgreSQL cuts longer ones, and the rest may be another name
_UNNAMED = ("Columns", "Pivot", "MatchRecognize", "PositionalColumn", "Summarize", "Describe")


def judge(tree: Any, access: Access, *, inside: bool = False) -> None:
    """Raise ToolError for the first thing in a statement that its caller may not read, with what may be named instead.

    `inside` is for the text of a view: tables that are merely not allowed may
    be read through it, for the owner has allowed the view.
    """
    if access.restricted:
        _Case(tree, access, inside).judge()


def why_not(table: Table, access: Access, dialect: str) -> str:
    """Return why a view may not be read: what in it is closed; nothing if it may."""
    if not table.definition:
        return "what it reads is not known"
    try:
        for tree in parsed(table.definition, dialect):
            judge(tree, access, inside=True)
    except ToolError:
        return "it reads what is masked or not served"
    return ""


def judge_plan(tree: Any, access: Access) -> None:
    """Raise ToolError if the plan of a statement would tell of tables behind a view that its caller may not see."""
    exp = expressions()
    for node in tree.find_all(exp.Table) if access.restricted else ():
        for sight in access.find(".".join(part.name for part in node.parts)):
            if "view" in sight.table.kind:
                raise ToolError(f"the plan of a statement over the view {sight.table.name} is not told here")


def reads_only_shown(tree: Any, access: Access) -> bool:
    """Tell whether all tables that a statement of the owner's names are shown, whatever is masked in them."""
    exp = expressions()
    ctes = {fold(cte.alias) for cte in tree.find_all(exp.CTE)}
    for node in tree.find_all(exp.Table):
        found = access.find(".".join(part.name for part in node.parts)) if isinstance(node.this, exp.Identifier) else []
        if any(not sight.shown for sight in found) or (not found and fold(node.name) not in ctes):
            return False
    return True


class _Case:
    """One statement under judgement."""

    def __init__(self, tree: Any, access: Access, inside: bool) -> None:
        self._tree = tree
        self._access = access
        self._inside = inside
        self._exp = expressions()
        self._closed: dict[str, Sight] = {}  # tables in the statement with something closed in them, by name
        self._meanings: dict[str, list[Sight | None]] = {}  # of each alias or table name; None is a derived table

    def judge(self) -> None:
        for node in self._tree.find_all(self._exp.Table):
            self._learn_table(node)
        if not self._closed:
            return
        for node in self._tree.find_all(self._exp.TableAlias):
            if not isinstance(node.parent, self._exp.Table) and node.name:
                self._meanings.setdefault(fold(node.name), []).extend(self._of_alias(node.parent))
        for node in self._tree.walk():
            if isinstance(node, self._exp.Identifier) and len(node.name.encode()) > _MAX_NAME:
                raise ToolError(f"a name has at most {_MAX_NAME} bytes: {node.name[:40]}...")
            self._judge_node(node)

    def _learn_table(self, node: Any) -> None:
        alias = fold(node.alias)
        if not isinstance(node.this, self._exp.Identifier):  # a function in FROM: judged as a function
            if self._access.find(node.name):  # full-text tables can be called like one
                raise ToolError(f"{node.name[:80]} is read with MATCH, not called")
            self._meanings.setdefault(alias, []).append(None)
            return
        name = ".".join(part.name for part in node.parts)
        if not node.db and self._is_cte(node):
            self._meanings.setdefault(alias or fold(name), []).append(None)
            return
        found = self._sights(node, name)
        for sight in found:
            self._meanings.setdefault(alias or fold(sight.table.bare), []).append(sight)
            if sight.whole:
                raise ToolError(
                    f"the {sight.table.kind} {sight.table.name} may not be read: {sight.reason}; {self._instead()}"
                )
            if sight.closed:
                self._closed[sight.table.name] = sight
                if node.args.get("alias") and node.args["alias"].args.get("columns"):
                    raise ToolError(f"{name} may not be given new names for its columns; {self._columns(sight)}")

    def _of_alias(self, named: Any) -> list[Sight | None]:
        """Return what a name for a part in brackets means: tables joined in them keep their columns."""
        inner = named.this if isinstance(named, self._exp.Subquery) else None
        if inner is None or isinstance(inner, self._exp.Query):
            return [None]
        return [sight for table in self._tables_in(inner) for sight in self._of_table(table)] or [None]

    def _sights(self, node: Any, name: str) -> list[Sight]:
        found = self._access.find(name)
        if not found or any(not sight.shown and (sight.denied or not self._inside) for sight in found):
            raise ToolError(f"there is no table {name[:80]!r} here; {self._instead(node.name)}")
        return found

    def _is_cte(self, node: Any) -> bool:
        """Tell whether the name is that of a WITH which this very place can see, and of no table."""
        below, above = node, node.parent
        while above is not None:
            clause = above.args.get("with_") or above.args.get("with")
            if clause is not None and clause is not below and _names_cte(clause.expressions, node.name):
                return True
            if isinstance(above, self._exp.With):
                index = next((at for at, cte in enumerate(above.expressions) if cte is below), 0)
                visible = above.expressions[: index + 1] if above.args.get("recursive") else above.expressions[:index]
                if _names_cte(visible, node.name):
                    return True
            below, above = above, above.parent
        return False

    def _judge_node(self, node: Any) -> None:
        exp = self._exp
        if isinstance(node, exp.Star):
            self._judge_star(node)
        elif isinstance(node, exp.Column):
            self._judge_column(node)
        elif isinstance(node, exp.Table) and (node.args.get("hints") or node.args.get("indexed") is not None):
            raise ToolError("hints of indexes are refused where something may not be read: leave them out")
        elif isinstance(node, exp.Join):
            self._judge_join(node)
        elif type(node).__name__ in _UNNAMED:
            raise ToolError(
                f"{self._list()} hold columns that may not be read: name the columns; {self._all_columns()}"
            )
        elif isinstance(node, exp.Identifier | exp.Var):
            # Wherever else a name stands, it could mean a column or a whole row.
            known = (exp.Column, exp.Table, exp.TableAlias, exp.Alias, exp.CTE, exp.DataType)
            if not isinstance(node.parent, known):
                self._judge_name(node.name)
        elif isinstance(node, exp.Dot) and isinstance(node.expression, exp.Literal):
            raise ToolError(f"a name stands without quotes or in double ones; {self._all_columns()}")

    def _judge_star(self, node: Any) -> None:
        exp = self._exp
        if isinstance(node.parent, exp.Count):
            return
        if isinstance(node.parent, exp.Column):
            alias = fold(node.parent.table)
            over = [sight for sight in self._meanings.get(alias, []) if sight and sight.closed]
            if alias not in self._meanings:
                over = list(self._closed.values())
        elif isinstance(node.parent, exp.Select):
            over = [sight for table in self._direct(node.parent) for sight in self._of_table(table)]
        else:
            over = list(self._closed.values())
        if over:
            sight = over[0]
            told = f"{sight.table.name}.{sight.masked[0]}, which is masked" if sight.masked else "more than is served"
            raise ToolError(f"* would read {told}: name the columns; {self._columns(sight)}")

    def _direct(self, select: Any) -> Iterator[Any]:
        """Yield the tables that a SELECT reads by itself, not those of its subqueries."""
        names = ("from_", "from", "joins", "laterals")
        for found in filter(None, (select.args.get(name) for name in names)):
            parts: list[Any] = [found] if isinstance(found, self._exp.Expression) else found
            for source in parts:
                yield from self._tables_in(source)

    def _tables_in(self, source: Any) -> Iterator[Any]:
        nested = (self._exp.Select, self._exp.SetOperation)

        def ends(inner: Any) -> bool:
            return isinstance(inner, nested)

        for node in source.walk(prune=ends):
            if isinstance(node, self._exp.Table):
                yield node

    def _of_table(self, node: Any) -> list[Sight]:
        alias = fold(node.alias or node.name)
        return [sight for sight in self._meanings.get(alias, []) if sight and sight.closed]

    def _judge_join(self, node: Any) -> None:
        if str(node.args.get("method") or "").upper() == "NATURAL":
            raise ToolError(f"NATURAL JOIN compares columns that it does not name: write ON; {self._all_columns()}")
        using: list[Any] = node.args.get("using") or []
        for name in using:
            self._judge_name(name.name)

    def _judge_column(self, node: Any) -> None:
        if isinstance(node.this, self._exp.Star):
            return
        parts = [fold(part.name) for part in node.parts]
        known = False
        for at, part in enumerate(parts[:-1]):
            for sight in self._meanings.get(part, []):
                known = True
                if sight and sight.closed and parts[at + 1] not in sight.open_names:
                    raise ToolError(self._refusal(parts[at + 1], [sight]))
        if not known:
            for part in parts:
                self._judge_name(part)

    def _judge_name(self, name: str) -> None:
        """Judge a name alone: it could be that column of any table here, or a table as a whole."""
        lowered = fold(name)
        over = [sight for sight in self._closed.values() if lowered in sight.closed]
        if over:
            raise ToolError(self._refusal(lowered, over))
        rows = [sight for sight in self._meanings.get(lowered, []) if sight and sight.closed]
        rows += [sight for sight in self._closed.values() if lowered == fold(sight.table.bare)]
        if rows:
            raise ToolError(
                f"{name} could mean a whole row of {rows[0].table.name}, and not all of it may be read: write "
                f"alias.column; {self._columns(rows[0])}"
            )

    def _refusal(self, column: str, over: list[Sight]) -> str:
        masked = [sight for sight in over if column in {fold(name) for name in sight.masked}]
        if masked:
            return (
                f"{masked[0].table.name}.{column} is masked: not to be read, filtered or sorted by, or computed with; "
                f"{self._columns(masked[0])}. If that of another table is meant, write its alias before it"
            )
        return f"there is no column {column!r} in {over[0].table.name}; {self._columns(over[0])}"

    def _columns(self, sight: Sight) -> str:
        return f"columns of {sight.table.name} to name: {', '.join(sight.readable[:60])}"

    def _all_columns(self) -> str:
        return "; ".join(self._columns(sight) for sight in list(self._closed.values())[:3])

    def _list(self) -> str:
        return ", ".join(sorted(self._closed)[:3])

    def _instead(self, name: str = "") -> str:
        names = {shown.lower(): shown for shown in self._access.shown}
        near = [names[found] for found in get_close_matches(name.lower(), names, 3, 0.5)]
        return (
            f"nearest: {', '.join(near)}" if near else f"tables: {', '.join(list(self._access.shown)[:20]) or 'none'}"
        )


def _names_cte(ctes: Any, name: str) -> bool:
    return any(fold(cte.alias) == fold(name) for cte in ctes)
