"""What a program printed, read as its owner said: text, JSON, CSV or lines; and how far its lines say that it is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from itertools import islice
from typing import Any

import msgspec

from dragoman.connectors.source import Report, Rows
from dragoman.errors import ToolError

MAX_ROWS = 10_000
_SHARE = re.compile(r"(?P<done>\d{1,9})\s*(?:/|of)\s*(?P<total>\d{1,9})|(?P<percent>\d{1,3}(?:\.\d+)?)\s*%")
_SAID = 300  # characters of one line


def table_of(kind: str, text: str) -> Rows | None:
    """Return what was printed as rows, None where it is text.  Raises ToolError where it is not what it should be."""
    if kind == "csv":
        return _from_csv(text)
    if kind == "lines":
        lines = text.splitlines()
        return Rows(columns=["line"], rows=[[line] for line in lines[:MAX_ROWS]], more=len(lines) > MAX_ROWS)
    if kind != "json":
        return None
    try:
        value: Any = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise ToolError(f"it was to print JSON, and did not ({fault}); it began with {text[:200]!r}") from fault
    return _from_records(value) if isinstance(value, list) else None  # pyright: ignore[reportUnknownArgumentType]


def _from_csv(text: str) -> Rows:
    try:
        found = list(islice(csv.reader(io.StringIO(text, newline="")), MAX_ROWS + 2))
    except csv.Error as fault:
        raise ToolError(f"it was to print CSV, and did not: {fault}") from fault
    head, rows = (found[0], found[1:]) if found else ([], [])
    even: list[list[Any]] = [[*row[: len(head)], *[None] * (len(head) - len(row))] for row in rows]
    return Rows(columns=head, rows=even[:MAX_ROWS], more=len(even) > MAX_ROWS)


def _from_records(value: list[Any]) -> Rows | None:
    """Return a list of objects as rows; other lists are text."""
    if not value or not all(isinstance(one, dict) for one in value):
        return None
    columns = list(dict.fromkeys(key for one in value[:MAX_ROWS] for key in one))[:1_000]
    rows = [[one.get(column) for column in columns] for one in value[:MAX_ROWS]]
    return Rows(columns=columns, rows=rows, more=len(value) > MAX_ROWS)


def hearing(pattern: str, report: Report) -> Callable[[bytes], None]:
    """Return a function that takes a program's lines and reports how far it is.

    Without a pattern of the owner's, "3/10", "3 of 10" and "30 %" are
    understood where a line begins with `progress`, in any case of its letters.
    """
    own = re.compile(pattern) if pattern else None

    def heard(line: bytes) -> None:
        text = line.decode("utf-8", "replace").strip()[:_SAID]
        if own is not None:
            found = own.search(text)
        else:
            found = _SHARE.search(text) if text[:8].lower() == "progress" else None
        if found is not None:
            report(_share(found.groupdict()), text)

    return heard


def _share(groups: dict[str, str | None]) -> float | None:
    try:
        if groups.get("percent"):
            return min(float(groups["percent"] or 0) / 100, 1.0)
        total = float(groups.get("total") or 0)
        return min(float(groups.get("done") or 0) / total, 1.0) if total > 0 else None
    except ValueError:
        return None
