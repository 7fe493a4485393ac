"""What an SQLite database holds: tables, views, columns, keys, indexes, and about how many rows.

Counts are exact where counting is quick and estimates, marked as such, where it is not.
"""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import msgspec

from dragoman.connectors.databases.engine import MAX_TABLES, Column, Link, OutOfTime, Table
from dragoman.connectors.databases.guarded import trusted

_SECONDS = 5.0
# SQLite keeps the text that made a view. A list of column names before AS gives no match, and then no definition.
_VIEW = re.compile(
    r"""\s*CREATE\s+(?:TEMP(?:ORARY)?\s+)?VIEW\s+(?:IF\s+NOT\s+EXISTS\s+)?"""
    r"""(?:"(?:[^"]|"")*"|`[^`]*`|\[[^\]]*\]|'[^']*'|\w+)(?:\.\w+)?\s+AS\s+""",
    re.IGNORECASE,
)
COUNTED = 64 * 1024 * 1024  # bytes of file up to which rows are counted: SQLite cannot be stopped while it counts


def read_schema(path: Path) -> dict[str, Table]:
    """Return the tables and views by name, sorted.  Raises sqlite3.Error and OutOfTime."""
    with trusted(path, _SECONDS) as db:
        listed = db.execute(
            "SELECT name, type, sql FROM sqlite_master WHERE type IN ('table', 'view') "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name LIMIT ?",
            (MAX_TABLES,),
        ).fetchall()
        shadows = _shadows(db)
        estimates = _estimates(db)
        tables: dict[str, Table] = {}
        for name, kind, sql in listed:
            if name not in shadows:
                tables[name] = _table(db, name, kind, sql or "")
    return {name: _counted(path, table, estimates.get(name)) for name, table in tables.items()}


def _table(db: sqlite3.Connection, name: str, kind: str, sql: str) -> Table:
    try:
        columns = [
            Column(name=row[1], type=row[2] or "", required=bool(row[3]), key=row[5], default=str(row[4] or ""))
            for row in db.execute(f"PRAGMA table_xinfo({_quoted(name)})")
            if row[6] != 1  # the hidden columns of virtual tables
        ]
    except sqlite3.OperationalError:
        columns = []  # a view over something that is gone, or a module that is not loaded here
    links: dict[int, Link] = {}
    for row in db.execute(f"PRAGMA foreign_key_list({_quoted(name)})"):
        link = links.setdefault(row[0], Link(columns=[], table=row[2], targets=[]))
        link.columns.append(row[3])
        link.targets.append(row[4] or "")
    indexes: list[str] = []
    for row in db.execute(f"PRAGMA index_list({_quoted(name)})").fetchall():
        over = ", ".join(str(part[2]) for part in db.execute(f"PRAGMA index_info({_quoted(row[1])})"))
        indexes.append(f"{'unique ' if row[2] else ''}({over})")
    made = _VIEW.match(sql) if kind == "view" else None
    definition = sql[made.end() :] if made else ""
    return Table(
        name=name,
        kind=kind,
        schema="main",
        columns=columns,
        links=list(links.values()),
        indexes=indexes,
        definition=definition,
    )


def _counted(path: Path, table: Table, estimate: int | None) -> Table:
    if table.kind != "table":
        return table
    if path.stat().st_size <= COUNTED:
        try:
            with trusted(path, _SECONDS) as db:
                rows = db.execute(f"SELECT count(*) FROM {_quoted(table.name)}").fetchone()[0]
                return msgspec.structs.replace(table, rows=rows, exact=True)
        except (OutOfTime, sqlite3.Error):
            pass  # a virtual table whose module is not here
    rows = estimate if estimate is not None else _largest_rowid(path, table.name)
    return msgspec.structs.replace(table, rows=rows, exact=False)


def _largest_rowid(path: Path, name: str) -> int:
    try:
        with trusted(path, 0.2) as db:
            return int(db.execute(f"SELECT max(rowid) FROM {_quoted(name)}").fetchone()[0] or 0)
    except (OutOfTime, sqlite3.Error, TypeError, ValueError):
        return -1


def _estimates(db: sqlite3.Connection) -> dict[str, int]:
    """Return what ANALYZE has left behind, if it ever ran."""
    try:
        rows = db.execute("SELECT tbl, stat FROM sqlite_stat1").fetchall()
    except sqlite3.OperationalError:
        return {}
    return {str(name): int(first) for name, stat in rows if (first := str(stat).partition(" ")[0]).isdigit()}


def _shadows(db: sqlite3.Connection) -> set[str]:
    """Return the tables that virtual tables keep their data in: they are nobody's business."""
    try:
        return {str(row[1]) for row in db.execute("PRAGMA table_list") if row[2] == "shadow"}
    except sqlite3.OperationalError:
        return set()


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def fingerprint(path: Path) -> str:
    """Return a short text that changes when the database does.  Raises OSError."""
    seen: list[str] = []
    for suffix in ("", "-wal"):
        file = Path(f"{path}{suffix}")
        if file.exists():
            info = file.stat()
            seen.append(f"{info.st_mtime_ns:x}.{info.st_size:x}")
    return "-".join(seen)
