"""Rows of a Parquet file, by DuckDB, which runs in the process that reads files and may open that file only.

Promise: as many rows as were asked for and no more, each value as text of a bounded length.
"""

from __future__ import annotations

import importlib
from typing import Any

import msgspec

from dragoman.connectors.extract.document import Unreadable

MOST_ROWS = 1_000  # of one request
MOST_COLUMNS = 500
_VALUE = 1_000  # characters
_ROOM = 4_000_000  # characters of all rows
_CONFIG = {
    "threads": 1, "memory_limit": "512MB", "temp_directory": "", "autoinstall_known_extensions": False,
    "autoload_known_extensions": False, "allow_community_extensions": False, "python_enable_replacements": False,
}  # fmt: skip


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a table: names and types of its columns, how many rows there are, and some of them as texts."""

    columns: list[str]
    types: list[str]
    count: int
    rows: list[list[str | None]]


def read_rows(path: str, start: int, most: int) -> Table:
    """Return up to `most` rows behind the first `start` ones.  Raises Unreadable."""
    duckdb: Any = importlib.import_module("duckdb")
    quoted = path.replace("'", "''")
    db = duckdb.connect(":memory:", config=_CONFIG)
    try:
        db.execute(f"SET allowed_paths = ['{quoted}']")
        db.execute("SET enable_external_access = false")
        db.execute("SET lock_configuration = true")
        found = db.execute(f"DESCRIBE SELECT * FROM read_parquet('{quoted}')").fetchall()[:MOST_COLUMNS]
        (count,) = db.execute(f"SELECT num_rows FROM parquet_file_metadata('{quoted}')").fetchone()
        names = ", ".join('"' + str(row[0]).replace('"', '""') + '"' for row in found)
        rows = db.execute(
            f"SELECT {names} FROM read_parquet('{quoted}') LIMIT {min(most, MOST_ROWS)} OFFSET {start}"
        ).fetchall()
    except duckdb.Error as fault:
        raise Unreadable(f"is no Parquet file that can be read ({type(fault).__name__})") from fault
    finally:
        db.close()
    room, texts = _ROOM, list[list[str | None]]()
    for row in rows:
        texts.append([None if value is None else str(value)[:_VALUE] for value in row])
        room -= sum(len(text or "") for text in texts[-1])
        if room < 0:
            break
    return Table(
        columns=[str(row[0]) for row in found], types=[str(row[1]) for row in found], count=int(count),
        rows=texts,
    )  # fmt: skip
