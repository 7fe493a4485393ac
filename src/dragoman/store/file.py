"""The SQLite file of a store: its tables, and what is done to them. Runs in the store's thread.

Positions come from one counter for the whole file, which never goes back. Whoever writes
holds the file's only write lock, so entries become visible in the order of their positions.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from dragoman.ports.store import Entry
from dragoman.store.steady import Steady

T = TypeVar("T")
PAGES = 262_144  # of 4 KiB: a file of 1 GiB at most
SWEEP = 60.0  # seconds between two removals of what is over
SWEPT = 1000  # rows of each table in one removal, which must not hold others up
TABLES = """
CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL, until REAL NOT NULL);
CREATE INDEX IF NOT EXISTS kept_until ON kept (until);
CREATE TABLE IF NOT EXISTS streams
    (name TEXT PRIMARY KEY, held INTEGER NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS streams_until ON streams (until);
CREATE TABLE IF NOT EXISTS entries
    (position INTEGER PRIMARY KEY AUTOINCREMENT, stream TEXT NOT NULL, value BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS entries_stream ON entries (stream);
CREATE TABLE IF NOT EXISTS leases (key TEXT PRIMARY KEY, owner TEXT NOT NULL, until REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock
    (one INTEGER PRIMARY KEY CHECK (one = 1), boot TEXT NOT NULL, shift REAL NOT NULL, known REAL NOT NULL);
"""
PUT = "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until"
LEASE = (
    "INSERT INTO leases VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET owner = ?2, until = ?3"
    " WHERE owner = ?2 OR until <= ?4"
)
TRIM = "DELETE FROM entries WHERE position IN (SELECT position FROM entries WHERE stream = ? ORDER BY position LIMIT ?)"


class File:
    """An open store file. Raises sqlite3.Error and OSError."""

    def __init__(self, path: Path, clock: Steady, patience: float, pages: int) -> None:
        # Before SQLite makes it, so that nobody else can ever read it; its journals get the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        self._since_boot = clock.since_boot
        self._patience = round(patience * 1000)
        self._swept = float("-inf")
        self._version: int | None = None
        self._looked = 0
        self._db = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(pages)
            self._shift = self.transact(lambda _: self._set_up(clock))
        except BaseException:
            self._db.close()
            raise

    def close(self) -> None:
        self._db.close()

    def transact(self, work: Callable[[File], T]) -> T:
        """Do `work` in one transaction, which waits for the write lock first: nobody writes between its steps."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            done = work(self)
            self._db.execute("COMMIT")
        except BaseException:
            # A full disk has rolled back by itself.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return done

    def get(self, key: str) -> bytes | None:
        found = self._db.execute("SELECT value FROM kept WHERE key = ? AND until > ?", (key, self._now())).fetchone()
        return None if found is None else bytes(found[0])

    def put(self, key: str, value: bytes, ttl: float) -> None:
        self._db.execute(PUT, (key, value, self._now() + ttl))

    def drop(self, key: str) -> None:
        self._db.execute("DELETE FROM kept WHERE key = ?", (key,))

    def keys(self, prefix: str, end: str | None, most: int) -> list[str]:
        query = "SELECT key FROM kept WHERE key >= ? AND until > ?" + ("" if end is None else " AND key < ?")
        bounds = (prefix, self._now()) if end is None else (prefix, self._now(), end)
        return [key for (key,) in self._db.execute(f"{query} ORDER BY key LIMIT ?", (*bounds, most))]

    def append(self, stream: str, value: bytes, ttl: float, most: int) -> None:
        now = self._now()
        found = self._db.execute("SELECT held, until FROM streams WHERE name = ?", (stream,)).fetchone()
        held, until = found or (0, now)
        surplus = held if until <= now else max(held + 1 - most, 0)
        if surplus:
            self._db.execute(TRIM, (stream, surplus))
        self._db.execute("INSERT INTO entries (stream, value) VALUES (?, ?)", (stream, value))
        self._db.execute("INSERT OR REPLACE INTO streams VALUES (?, ?, ?)", (stream, held + 1 - surplus, now + ttl))

    def read(self, stream: str, after: int, most: int) -> list[Entry]:
        found = self._db.execute(
            "SELECT position, value FROM entries WHERE stream = ?1 AND position > ?2"
            " AND EXISTS (SELECT 1 FROM streams WHERE name = ?1 AND until > ?3) ORDER BY position LIMIT ?4",
            (stream, after, self._now(), most),
        )
        return [(position, bytes(value)) for position, value in found]

    def appended(self) -> list[str]:
        """Return the streams that got entries since this was last asked. Nearly free if nobody else wrote."""
        (version,) = self._db.execute("PRAGMA data_version").fetchone()
        if version == self._version:
            return []
        first, looked = self._version is None, self._looked
        self._version = version
        (self._looked,) = self._db.execute("SELECT coalesce(max(position), ?) FROM entries", (looked,)).fetchone()
        if first:
            return []
        found = self._db.execute("SELECT DISTINCT stream FROM entries WHERE position > ?", (looked,))
        return [stream for (stream,) in found]

    def lease(self, key: str, owner: str, ttl: float) -> bool:
        now = self._now()
        return self._db.execute(LEASE, (key, owner, now + ttl, now)).rowcount == 1

    def release(self, key: str, owner: str) -> bool:
        gone = self._db.execute(
            "DELETE FROM leases WHERE key = ? AND owner = ? RETURNING until", (key, owner)
        ).fetchone()
        return gone is not None and gone[0] > self._now()

    def sweep(self, *, at_once: bool = False) -> bool:
        """Remove what is over, if it is time for that, and return whether there was something."""
        now = self._now()
        if now - self._swept < SWEEP and not at_once:
            return False
        self._swept = now
        # What was asked for is done: another process that writes just now must not turn it into an error.
        self._db.execute(f"PRAGMA busy_timeout = {self._patience if at_once else 0}")
        try:
            rows = self.transact(lambda _: self._remove(now))
        except sqlite3.OperationalError as error:
            if at_once or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {self._patience}")
        if max(rows) >= SWEPT:
            self._swept = float("-inf")  # there is more
        return any(rows)

    def _remove(self, now: float) -> list[int]:
        self._db.execute("UPDATE clock SET known = ?", (now,))
        over = self._db.execute("SELECT name FROM streams WHERE until <= ? LIMIT ?", (now, SWEPT)).fetchall()
        self._db.executemany("DELETE FROM entries WHERE stream = ?", over)
        self._db.executemany("DELETE FROM streams WHERE name = ?", over)
        limited = "DELETE FROM {0} WHERE key IN (SELECT key FROM {0} WHERE until <= ? LIMIT ?)"
        rows = [self._db.execute(limited.format(table), (now, SWEPT)).rowcount for table in ("kept", "leases")]
        return [len(over), *rows]

    def _prepare(self, pages: int) -> None:
        with closing(self._db.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode = WAL")
            cursor.execute("PRAGMA synchronous = FULL")
            cursor.execute(f"PRAGMA max_page_count = {pages}")

    def _set_up(self, clock: Steady) -> float:
        for statement in TABLES.split(";"):
            self._db.execute(statement)
        boot, shift, known = self._db.execute("SELECT boot, shift, known FROM clock").fetchone() or (None, 0.0, None)
        if boot != clock.boot:
            shift = clock.shift(known)
        now = clock.since_boot() + shift
        self._db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", (clock.boot, shift, now))
        return float(shift)

    def _now(self) -> float:
        return self._since_boot() + self._shift
