"""What a statement that changes rows would change, and whether its caller may: one table, columns that are open.

Narrow on purpose, so that what was judged is all that happens: no RETURNING, no ON CONFLICT, no join, no REPLACE.
Limit: what triggers and foreign keys do besides is their owner's word, and is counted by the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from dragoman.connectors.databases.access import Access, Sight, fold, names_of
from dragoman.connectors.databases.judge import judge
from dragoman.connectors.databases.statement import expressions, written
from dragoman.connectors.view import matches
from dragoman.errors import ToolError

# What each may be made of; whatever else the parser found in it is refused by its name.
_PARTS = {"insert": {"this", "expression"}, "update": {"this", "expressions", "where"}, "delete": {"this", "where"}}
_CHANGED = ("table", "partitioned table")
_TOLD = {
    "conflict": "ON CONFLICT", "returning": "RETURNING", "with_": "WITH", "with": "WITH", "from_": "FROM",
    "using": "USING", "tables": "several tables", "default": "DEFAULT VALUES", "ignore": "IGNORE",
    "alternative": "INSERT OR ...", "order": "ORDER BY", "limit": "LIMIT", "overwrite": "OVERWRITE",
}  # fmt: skip


class Wanted(NamedTuple):
    """A change that was judged: its text, what it does ("insert"), to which table, whether it is the owner's."""

    sql: str
    verb: str
    sight: Sight
    owners: bool = False


def judged(tree: Any, access: Access, dialect: str, writable: Sequence[str]) -> Wanted:
    """Return what a stranger's statement would change.  Raises ToolError for what its caller may not.

    `writable` are patterns of tables and columns, as in the owner's rules; none
    of them means all that may be read.
    """
    judge(tree, access)
    wanted = of_one_table(tree, access, dialect)
    sight, verb = wanted.sight, wanted.verb
    if sight.whole:
        raise ToolError(f"{sight.table.name} may not be changed: {sight.reason}")
    open_ = {fold(name): name for name in sight.readable}
    for name in _assigned(tree, verb, sight):
        if fold(name) not in open_:
            raise ToolError(f"{name[:80]} cannot be set in {sight.table.name}; {_settable(sight, writable)}")
        if not _covered(sight, open_[fold(name)], writable):
            raise ToolError(f"{sight.table.name}.{name} is not among what may be changed; {_settable(sight, writable)}")
    if verb == "delete":
        if len(open_) < len(sight.table.columns):
            raise ToolError(
                f"rows of {sight.table.name} cannot be deleted: they hold what may not be read; only a query of the "
                "owner's can do that"
            )
        if not _covered(sight, "", writable):
            raise ToolError(f"rows of {sight.table.name} may not be deleted here; {_settable(sight, writable)}")
    return wanted


def of_one_table(tree: Any, access: Access, dialect: str) -> Wanted:
    """Return what a statement would change, if it is of one table's rows and no more.  Raises ToolError."""
    verb = str(tree.key)
    for part, value in tree.args.items():
        if value and part not in _PARTS[verb]:
            raise ToolError(f"{_TOLD.get(part, part.upper())} is refused: write a plain {verb.upper()} of one table")
    exp = expressions()
    target = tree.this.this if isinstance(tree.this, exp.Schema) else tree.this
    plain = isinstance(target, exp.Table) and isinstance(target.this, exp.Identifier)
    if not plain or any(value for part, value in target.args.items() if part not in ("this", "db")):
        raise ToolError(f"{verb.upper()} takes one table, by its name and no other")
    name = ".".join(part.name for part in target.parts)
    found = [sight for sight in access.find(name) if sight.shown]
    if len(found) != 1:
        raise ToolError(f"there is no table {name[:80]!r} here; tables: {', '.join(list(access.shown)[:20]) or 'none'}")
    if found[0].table.kind not in _CHANGED:
        raise ToolError(f"{name} is a {found[0].table.kind}: change the rows of its tables")
    return Wanted(written(tree, dialect), verb, found[0])


def _assigned(tree: Any, verb: str, sight: Sight) -> list[str]:
    """Return the names of the columns that get values."""
    exp = expressions()
    if verb == "delete":
        return []
    if verb == "insert":
        if not isinstance(tree.this, exp.Schema):
            raise ToolError(f"name the columns: INSERT INTO {sight.table.name} (...) VALUES (...)")
        named: list[Any] = tree.this.expressions
        if not all(isinstance(one, exp.Identifier) for one in named):
            raise ToolError("an INSERT names its columns and nothing else in brackets behind the table")
        return [str(one.name) for one in named]
    for one in tree.expressions:
        if not isinstance(one, exp.EQ) or not isinstance(one.this, exp.Column) or len(one.this.parts) != 1:
            raise ToolError("an UPDATE sets columns by their bare names: SET column = value")
    return [str(one.this.name) for one in tree.expressions]


def _covered(sight: Sight, column: str, writable: Sequence[str]) -> bool:
    """Tell whether the owner lets a column be set; without one, whether rows may be deleted."""
    paths = [f"{name}.{column}" if column else name for name in names_of(sight.table)]
    tables = names_of(sight.table)
    return not writable or any(
        matches(pattern.casefold(), path.casefold()) for pattern in writable for path in (*paths, *tables)
    )


def settable(sight: Sight, writable: Sequence[str]) -> list[str]:
    """Return the columns of a table that a stranger's statement may set."""
    if sight.whole or sight.table.kind not in _CHANGED:
        return []
    return [name for name in sight.readable if _covered(sight, name, writable)]


def _settable(sight: Sight, writable: Sequence[str]) -> str:
    names = settable(sight, writable)
    return f"columns of {sight.table.name} to set: {', '.join(names[:60]) or 'none'}"
