"""Connections to somebody's SQLite database that cannot change it, whatever statement arrives, and that come to an end.

Read-only file, read-only session, no second database, and an authorizer that lets through reading and nothing else.
The database is untrusted as well: its schema may call no function that has a side effect.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from dragoman.connectors.databases.engine import OutOfTime as OutOfTime

BUSY = 1.0  # seconds to wait for a lock
MAX_VALUE = 8 * 1024 * 1024  # bytes of one string or blob, stored or computed
_MAX_VIRTUAL = 200
_STEPS = 20_000  # of SQLite's machine, about half a millisecond, between two looks at the clock

_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
# The engine's own; others come only with extensions, which cannot be loaded here.
_FUNCTIONS_REFUSED = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
# Tables of the engine's own that tell of tables and values which somebody may not see.
_TELLTALES = frozenset({"sqlite_master", "sqlite_temp_master", "sqlite_stat1", "sqlite_stat4"})
_TABLE_FUNCTIONS = ("json_each('[]')", "json_tree('[]')")
_LIMITS = {
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,  # ATTACH, and VACUUM INTO, which attaches its target
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 500,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 200,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 5_000,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def address(path: Path) -> str:
    """Return the URI that opens the database for reading only.

    In WAL mode a reader keeps two files beside the database. Where it may not
    make them, and no writer has, the file is declared immutable, or it could
    not be opened at all (sqlite.org/wal.html, "Read-Only Databases").
    """
    uri = f"file:{quote(str(path))}?mode=ro"
    waiting = Path(f"{path}-wal").exists()
    return uri if waiting or os.access(path.parent, os.W_OK) else f"{uri}&immutable=1"


@contextmanager
def trusted(path: Path, seconds: float) -> Generator[sqlite3.Connection, None, None]:
    """Open for statements of our own, such as PRAGMA table_info, that an authorizer would stop; read-only all the same.

    Raises sqlite3.Error, and OutOfTime when the block runs for longer than `seconds`.
    """
    with _opened(path, seconds) as db:
        yield db


@contextmanager
def guarded(
    path: Path, seconds: float, closed: frozenset[tuple[str, str]] = frozenset()
) -> Generator[sqlite3.Connection, None, None]:
    """Open for statements of strangers.  Raises as `trusted` does; what is not reading fails as "not authorized".

    So does reading a column in `closed`, pairs of table and column in lower
    case, "*" for all of the table's: directly, in a view, or by any trick.
    """
    with _opened(path, seconds) as db:
        _connect_virtual_tables(db)
        db.set_authorizer(partial(_authorize_but, closed) if closed else _authorize)
        yield db


@contextmanager
def changing(
    path: Path, seconds: float, table: str, closed: frozenset[tuple[str, str]] = frozenset()
) -> Generator[sqlite3.Connection, None, None]:
    """Open for one statement of a stranger's that changes rows of one table, in a transaction.

    It is taken back unless the block ends it with `commit`. What triggers and
    foreign keys of the table change besides is let through; the rest of what is
    not reading fails as "not authorized", and so does what is `closed`, but for
    the owner's triggers.
    """
    with _opened(path, seconds, writes=True) as db:
        _connect_virtual_tables(db)
        reached, triggers = _reached(db, table), _triggers(db)
        db.execute("PRAGMA foreign_keys=ON")
        db.execute("BEGIN IMMEDIATE")
        db.set_authorizer(partial(_authorize_change, reached, triggers, closed))
        try:
            yield db
        finally:
            db.set_authorizer(None)
            if db.in_transaction:
                db.execute("ROLLBACK")


def commit(db: sqlite3.Connection) -> None:
    """Let what was changed in the block of `changing` count."""
    db.set_authorizer(None)
    db.execute("COMMIT")


@contextmanager
def _opened(path: Path, seconds: float, *, writes: bool = False) -> Generator[sqlite3.Connection, None, None]:
    place = f"file:{quote(str(path))}?mode=rw" if writes else address(path)
    db = sqlite3.connect(place, uri=True, timeout=BUSY, isolation_level=None)
    deadline = time.monotonic() + seconds
    try:
        for limit, value in _LIMITS.items():
            db.setlimit(limit, value)
        if not writes:
            db.execute("PRAGMA query_only=ON")
        # Who may write fires the owner's triggers, which may keep a full-text table; the authorizer stands as well.
        db.execute(f"PRAGMA trusted_schema={'ON' if writes else 'OFF'}")
        db.execute("PRAGMA cell_size_check=ON")
        db.text_factory = as_text
        db.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        yield db
    except sqlite3.OperationalError as fault:
        if getattr(fault, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
            raise OutOfTime(f"stopped after {seconds:g} seconds") from fault
        raise
    finally:
        db.close()


def _connect_virtual_tables(db: sqlite3.Connection) -> None:
    """Let full-text and other virtual tables set themselves up: what they declare then looks like writing."""
    listed = db.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'create virtual%' LIMIT ?", (_MAX_VIRTUAL,)
    )
    quoted = [name.replace('"', '""') for (name,) in listed.fetchall()]
    for source in (*(f'"{name}"' for name in quoted), *_TABLE_FUNCTIONS):
        try:
            db.execute(f"SELECT 1 FROM {source} LIMIT 0")
        except sqlite3.Error:
            continue  # of a module that is not here, or damaged: whoever asks for it is told


def as_text(data: bytes) -> str:
    """Return what SQLite holds as text, whatever the bytes are."""
    return data.decode("utf-8", "replace")


def _authorize_but(
    closed: frozenset[tuple[str, str]],
    action: int,
    first: str | None,
    second: str | None,
    database: str | None,
    trigger: str | None,
) -> int:
    if action == sqlite3.SQLITE_READ:
        table = (first or "").lower()
        if table in _TELLTALES or not closed.isdisjoint({(table, (second or "").lower()), (table, "*")}):
            return sqlite3.SQLITE_DENY
    return _authorize(action, first, second, database, trigger)


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _trigger: str | None) -> int:
    if action in _ALLOWED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _FUNCTIONS_REFUSED:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_PRAGMA and first == "data_version" and second is None:
        return sqlite3.SQLITE_OK  # full-text tables ask for it to see whether another program has written
    return sqlite3.SQLITE_DENY


_CHANGES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})


def _authorize_change(
    reached: frozenset[str],
    triggers: frozenset[str],
    closed: frozenset[tuple[str, str]],
    action: int,
    first: str | None,
    second: str | None,
    database: str | None,
    trigger: str | None,
) -> int:
    if action in _CHANGES:
        let = database == "main" and ((first or "").lower() in reached or (trigger or "").lower() in triggers)
        return sqlite3.SQLITE_OK if let else sqlite3.SQLITE_DENY
    if (trigger or "").lower() in triggers:
        return _authorize(action, first, second, database, trigger)
    return _authorize_but(closed, action, first, second, database, trigger)


def _reached(db: sqlite3.Connection, table: str) -> frozenset[str]:
    """Return the table, in lower case, those that its foreign keys change with it, and where full-text tables keep."""
    listed = [(str(row[1]), str(row[2])) for row in db.execute("PRAGMA table_list").fetchall() if row[0] == "main"]
    follow: dict[str, set[str]] = {}
    for name, _ in listed:
        quoted = name.replace('"', '""')
        for row in db.execute(f'PRAGMA foreign_key_list("{quoted}")').fetchall():
            if not {str(row[5]).upper(), str(row[6]).upper()} <= {"NO ACTION", "RESTRICT"}:
                follow.setdefault(str(row[2]).lower(), set()).add(name.lower())
    found, todo = {table.lower()}, [table.lower()]
    while todo:
        more = follow.get(todo.pop(), set()) - found
        found |= more
        todo += more
    return frozenset(found | {name.lower() for name, kind in listed if kind == "shadow"})


def _triggers(db: sqlite3.Connection) -> frozenset[str]:
    """Return the names of triggers, in lower case; not of those named as a view: SQLite tells them by name alone."""
    listed = db.execute("SELECT type, lower(name) FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchall()
    views = {str(name) for kind, name in listed if kind == "view"}
    return frozenset(str(name) for kind, name in listed if kind == "trigger") - views
