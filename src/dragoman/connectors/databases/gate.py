"""The gate of costs: a statement that the engine itself expects to read too much is refused before it starts."""

from __future__ import annotations

import re

from dragoman.connectors.databases.access import Access, Sight
from dragoman.connectors.databases.engine import Estimate
from dragoman.errors import ToolError


def judge_cost(found: Estimate, bound: float, access: Access) -> None:
    """Raise ToolError, with the filter or index that would help, if more than `bound` rows are expected to be read."""
    if found.rows <= bound:
        return
    advice = "aggregate less, or add a condition that leaves fewer rows"
    sight = access.table(found.table) if found.table else None
    if sight is not None:
        open_ = set(sight.readable)
        indexed = [text for text in sight.table.indexes if not _names(text) & _closed(sight)]
        keys = [column.name for column in sight.columns if column.key and column.name in open_]
        by = [f"({', '.join(keys)})"] * bool(keys) + indexed
        advice = (
            f"add a condition on what {sight.table.name} has an index for: {', '.join(by[:6])}"
            if by
            else f"{sight.table.name} has no index: add a condition on another table, or ask its owner for an index"
        )
    # A step over a table that the caller may not see, behind a view, is not told.
    step = f", most of all for {found.step}" if found.step and (sight is not None or not access.restricted) else ""
    raise ToolError(
        f"the statement would read about {found.rows:,.0f} rows{step}; at most {bound:,.0f} are read for one: {advice}"
    )


def _names(index: str) -> set[str]:
    return set(re.findall(r"[\w$]+", index))


def _closed(sight: Sight) -> set[str]:
    return {column.name for column in sight.table.columns} - set(sight.readable)
