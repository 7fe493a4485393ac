"""Values of a database as an answer can hold them: no bytes, no infinite number, no text without end."""

from __future__ import annotations

import datetime
import decimal
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from dragoman.connectors.databases.engine import Column

MAX_CELL = 2_000  # characters of one value
_MAX_ITEMS = 200
_MAX_DEPTH = 8
_LARGE = 2**53  # beyond it, programs that read JSON as floating point lose digits


def shown(value: Any, depth: int = 0) -> Any:
    """Return what JSON can hold; what is cut or cannot be held is said in words."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if -_LARGE <= value <= _LARGE else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        return value if len(value) <= MAX_CELL else f"{value[:MAX_CELL]}… ({len(value):,} characters)"
    if isinstance(value, bytes | bytearray):
        return f"<{len(value):,} bytes>"
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta | uuid.UUID):
        return str(value)
    return _nested(value, depth)


def _nested(value: Any, depth: int) -> Any:
    if depth < _MAX_DEPTH and issubclass(type(value), Mapping):
        return {str(key)[:MAX_CELL]: shown(value[key], depth + 1) for key in list(value)[:_MAX_ITEMS]}
    if depth < _MAX_DEPTH and issubclass(type(value), list | tuple | set | frozenset):
        return [shown(inner, depth + 1) for inner in list(value)[:_MAX_ITEMS]]
    return str(value)[:MAX_CELL]


def all_shown(rows: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """Return rows as JSON can hold them.  Column by column, as most hold one plain type that needs no look at each."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return list(map(list, zip(*columns, strict=True))) if columns else [[] for _ in rows]


# Types whose values all become text in one way, whatever they are.
_WRITTEN: dict[type, Callable[[Any], str]] = {
    decimal.Decimal: str, uuid.UUID: str, datetime.timedelta: str, datetime.date: datetime.date.isoformat,
    datetime.datetime: datetime.datetime.isoformat, datetime.time: datetime.time.isoformat,
}  # fmt: skip


def _column(column: tuple[Any, ...]) -> Sequence[Any]:
    kinds = set(map(type, column)) - {type(None)}
    if _plain(column, kinds):
        return column
    if len(kinds) == 1 and (write := _WRITTEN.get(next(iter(kinds)))):
        return [None if value is None else write(value) for value in column]
    return [shown(value) for value in column]


def _plain(column: tuple[Any, ...], kinds: set[type]) -> bool:
    if kinds == {str}:
        there = column if None not in column else [value for value in column if value is not None]
        return max(map(len, there), default=0) <= MAX_CELL
    if kinds == {int}:
        numbers: list[int] = [value for value in column if value is not None]
        return min(numbers) >= -_LARGE and max(numbers) <= _LARGE
    if kinds == {float}:
        return all(value is None or math.isfinite(value) for value in column)
    return kinds <= {bool}


def rows_that_fit(columns: Sequence[str], rows: Sequence[list[Any]], room: int) -> list[list[Any]]:
    """Return the first rows that a Markdown table of `room` characters holds; at least one, if there is one."""
    used = sum(len(name) + 10 for name in columns)
    kept: list[list[Any]] = []
    for row in rows:
        used += sum(len(str(value)) + 3 for value in row) + 2
        if used > room and kept:
            break
        kept.append(row)
    return kept


def column_in_words(column: Column) -> str:
    """Return "id INTEGER, primary key"."""
    words = [f"{column.name} {column.type}".strip()]
    words += ["primary key"] if column.key else []
    words += ["not null"] if column.required and not column.key else []
    words += [f"default {column.default[:60]}"] if column.default else []
    words += [column.about[:200]] if column.about else []
    return ", ".join(words)
