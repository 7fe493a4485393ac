"""One page of a statement's rows, written into the statement: the engine plans for a page, and sends no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dragoman.connectors.databases.statement import expressions, written


def paged(tree: Any, dialect: str, start: int, count: int) -> str:
    """Return the statement's text with LIMIT and OFFSET such that `count` rows from row `start` on come back.

    Its own limits are kept: they end the result, as they did before.
    """
    exp = expressions()
    limit, offset = tree.args.get("limit"), tree.args.get("offset")
    simple = isinstance(tree, exp.Select | exp.SetOperation)
    own, skipped = _number(limit, exp.Limit), _number(offset, exp.Offset)
    if not simple or own is None or skipped is None:
        rows = exp.Subquery(this=tree.copy(), alias=exp.TableAlias(this=exp.to_identifier("page")))
        outer = exp.select("*").from_(rows).limit(count).offset(start) if simple else None
        return written(outer, dialect) if outer is not None else written(tree, dialect)
    page = tree.copy()
    left = count if own < 0 else max(0, min(count, own - start))
    page.set("limit", exp.Limit(expression=exp.Literal.number(left)))
    if start + max(skipped, 0):
        page.set("offset", exp.Offset(expression=exp.Literal.number(max(skipped, 0) + start)))
    return written(page, dialect)


def cheap(tree: Any) -> bool:
    """Tell whether a page is read without the rest: of one table, with nothing filtered, sorted or gathered."""
    exp = expressions()
    if not isinstance(tree, exp.Select):
        return False
    slow = ("joins", "laterals", "where", "group", "having", "order", "distinct", "windows", "qualify", "with_", "with")
    source = tree.args.get("from_") or tree.args.get("from")
    if any(tree.args.get(name) for name in slow) or source is None or not isinstance(source.this, exp.Table):
        return False
    return isinstance(source.this.this, exp.Identifier) and tree.find(exp.AggFunc, exp.Window, exp.Subquery) is None


def at_most(tree: Any, rows: Callable[[str], int]) -> float:
    """Return how many rows the statement can read, were each row of its tables to meet all others: infinite if unknown.

    `rows` tells how many a table has, -1 if that is not known.
    """
    exp = expressions()
    most = 1.0
    if tree.find(exp.With, exp.Lateral, exp.Unnest) is not None:
        return float("inf")
    for table in tree.find_all(exp.Table):
        name = ".".join(part.name for part in table.parts) if isinstance(table.this, exp.Identifier) else ""
        if not name or (count := rows(name)) < 0:
            return float("inf")
        most *= max(count, 1)
    return most


def _number(node: Any, kind: Any) -> int | None:
    """Return the number of a LIMIT or OFFSET, -1 where there is none, None where it is more than a number."""
    if node is None:
        return -1
    value = node.expression if isinstance(node, kind) else None
    if value is None or not getattr(value, "is_int", False) or len(node.args.get("expressions") or []):
        return None
    return int(value.this)
