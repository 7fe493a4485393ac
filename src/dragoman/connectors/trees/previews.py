"""Tables among the files: what columns and types they have, their first rows, and rows from any one on, as CSV.

What stands in files of text is judged by a sample, and so are its types; a Parquet file says them itself.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Sequence
from typing import Any

from dragoman.connectors.address import Span
from dragoman.connectors.extract.columnar import MOST_ROWS, Table
from dragoman.connectors.source import Position
from dragoman.connectors.trees.reading import Taken
from dragoman.errors import ToolError

_SHOWN = 5  # rows of a sample
_JUDGED = 200  # rows by which types are judged
_KINDS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("integer", re.compile(r"[+-]?\d{1,18}")),
    ("number", re.compile(r"[+-]?(\d{1,3}(,\d{3})+|\d++)?\.?\d*([eE][+-]?\d{1,3})?(?<=\d)")),
    ("date", re.compile(r"\d{4}-\d\d-\d\d")),
    ("time", re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?")),
    ("true or false", re.compile(r"true|false|yes|no", re.IGNORECASE)),
)


def of_text(head: bytes, *, whole: bool) -> dict[str, Any]:
    """Return the columns of comma-separated values, their types as far as the sample shows, and the first rows."""
    text = head.decode("utf-8-sig", "replace")
    lines = text.splitlines() if whole else text.splitlines()[:-1]
    try:
        separator = max(",;\t|", key=lines[0].count) if lines else ","
        rows = list(itertools.islice(csv.reader(lines, delimiter=separator), _JUDGED + 1))
    except csv.Error:
        return {}
    if not rows:
        return {}
    columns, sample = rows[0], rows[1:]
    types = [_type([row[at] for row in sample if at < len(row) and row[at].strip()]) for at in range(len(columns))]
    return {"columns": columns, "types": types if sample else [], "sample": sample[:_SHOWN]}


def of_parquet(table: Table) -> dict[str, Any]:
    """Return what a Parquet file says of itself, and its first rows."""
    return {
        "columns": table.columns, "types": table.types, "rows": table.count, "sample": table.rows[:_SHOWN],
        "read_with": "fetch with #rows=100-120; a folder of such files is a database too",
    }  # fmt: skip


def by_rows(read: Callable[[int, int], Table], asked: Span, position: Position | None, room: int) -> Taken:
    """Return the rows from `asked`, counted from 1, that fit, below a line of the columns' names.  (0, 0) means all.

    Raises ToolError when there is no such row.
    """
    first, last = asked if asked != (0, 0) else (1, 10**12)
    start = max(position.part, 1) if position is not None else first
    table = read(start - 1, min(max(room // 4, 1), last - start + 1, MOST_ROWS))
    if start > max(table.count, 1):
        raise ToolError(f"it has {table.count:,} rows; there is no row {start:,}")
    out = [_line(table.columns)]
    used, row = len(out[0]), start
    for values in table.rows:
        line = _line(values)
        if used + len(line) > room and row > start:
            break
        out.append(line[: max(room - used, 1)])
        used, row = used + len(line), row + 1
    more = row <= min(last, table.count)
    said = f"rows {start}-{row - 1}" if row > start + 1 else f"row {start}" if row > start else ""
    return Taken("".join(out), said, Position(row, 0) if more else None)


def _line(values: Sequence[str | None]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(values)
    return out.getvalue()


def _type(values: Sequence[str]) -> str:
    fitting = (name for name, kind in _KINDS if values and all(kind.fullmatch(value.strip()) for value in values))
    return next(fitting, "text" if values else "empty")
