"""The order in which rows come tells nothing of what is masked: an index over it is not read where order is left open.

An engine may read a smaller index instead of the table, and then gives rows in the index's order, which ranks them by a
column that nobody may name. Limit: the order in which the rows themselves lie (a masked primary key) stays.
"""

from __future__ import annotations

import re
from typing import Any

from dragoman.connectors.databases.access import INSIDE, Access, Sight, fold
from dragoman.connectors.databases.statement import expressions, parsed

_NAMES = re.compile(r"[\w$]+")
_UNKNOWN = "none"  # how SQLite tells of an index over an expression


def unordered(tree: Any, access: Access, dialect: str) -> tuple[Any, bool]:
    """Return a statement that reads no such index, and whether one could have been read.

    Where a statement can say so (SQLite, MySQL) it does, and views are written
    out for it; other engines are told beside it.
    """
    if not any(_telling(sight) for sight in access.all()):
        return tree, False
    if not any(_tells(sight, access, dialect, INSIDE) for node in _tables(tree) for sight in _meant(node, access)):
        return tree, False
    if dialect not in ("sqlite", "mysql"):
        return tree, True
    written_out = tree.copy()
    for node in list(_tables(written_out)):
        _turn(node, access, dialect, INSIDE)
    return written_out, True


def _telling(sight: Sight) -> bool:
    """Tell whether an index of the table holds something closed."""
    closed = sight.closed | {_UNKNOWN}
    return bool(sight.closed) and any(
        fold(name) in closed for index in sight.table.indexes for name in _NAMES.findall(index)
    )


def _tables(tree: Any) -> Any:
    return tree.find_all(expressions().Table)


def _meant(node: Any, access: Access) -> list[Sight]:
    if not isinstance(node.this, expressions().Identifier):
        return []
    return access.find(".".join(part.name for part in node.parts))


def _tells(sight: Sight, access: Access, dialect: str, deep: int) -> bool:
    """Tell whether a table, or one below a view, has such an index."""
    if "view" not in sight.table.kind or not sight.table.definition:
        return _telling(sight)
    below = parsed(sight.table.definition, dialect) if deep else []
    return any(
        _tells(inner, access, dialect, deep - 1)
        for tree in below
        for node in _tables(tree)
        for inner in _meant(node, access)
    )


def _turn(node: Any, access: Access, dialect: str, deep: int) -> None:
    """Have a table read by itself; put what a view says in its place."""
    exp = expressions()
    for sight in _meant(node, access):
        if not _tells(sight, access, dialect, deep):
            continue
        if "view" not in sight.table.kind:
            _without_indexes(node, sight, dialect)
            return
        below = parsed(sight.table.definition, dialect)[0]
        name = node.args["alias"].this if node.args.get("alias") else node.this
        inner = exp.Subquery(this=below, alias=exp.TableAlias(this=name.copy()), joins=node.args.get("joins"))
        node.replace(inner)
        for table in list(_tables(below)):
            _turn(table, access, dialect, deep - 1)
        return


def _without_indexes(node: Any, sight: Sight, dialect: str) -> None:
    exp = expressions()
    if dialect == "sqlite":
        node.set("indexed", False)
        return
    keys = ["PRIMARY"] * any(column.key for column in sight.table.columns)
    named = [exp.to_identifier(key, quoted=True) for key in keys]
    node.set("hints", [exp.IndexTableHint(this="USE", expressions=named)])
