"""The file that an index lives in: made private, opened by many, made again when it is damaged.

Readers never wait for the writer (WAL); writes are whole or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

VERSION = 2  # of the tables below and of what the readers write: raise it and every index is made again
BUSY = 10.0  # seconds to wait for another process that writes
_POOL = 8

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file(
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', kind TEXT NOT NULL DEFAULT '', title TEXT NOT NULL DEFAULT '',
    unit TEXT NOT NULL DEFAULT '', parts INTEGER NOT NULL DEFAULT 0, lines INTEGER NOT NULL DEFAULT 0,
    day TEXT NOT NULL DEFAULT '', detail BLOB);
CREATE INDEX file_state ON file(state);
CREATE TABLE piece(
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL, line INTEGER NOT NULL,
    title TEXT NOT NULL, heading TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX piece_file ON piece(file, part, at);
CREATE VIRTUAL TABLE words USING fts5(title, heading, body, content='piece', content_rowid='id',
    tokenize='porter unicode61 remove_diacritics 2');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(words, 'row');
"""


def private_folder(folder: Path) -> None:
    """Make the folder, for this user's eyes only.  Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix":
        folder.chmod(0o700)


class IndexFile:
    """One file, a connection that writes and a few that read.  Any thread may call any method."""

    def __init__(self, path: Path) -> None:
        """Open the index at `path`, or make it.  Raises OSError or sqlite3.Error where that cannot be."""
        self.path = path
        private_folder(path.parent)
        self._pool: list[sqlite3.Connection] = []
        self._pool_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._closed = False
        self._writer = self._open_or_make()

    def _open_or_make(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as fault:
            if isinstance(fault, sqlite3.OperationalError) and "locked" in str(fault):
                raise
            # Damaged or of another version: nothing in it is worth more than the time to make it again.
            for suffix in ("", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            return self._open()

    def _open(self) -> sqlite3.Connection:
        # SQLite would make it with the umask's mode; -wal and -shm take the mode of this file.
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        if os.name == "posix":
            os.chmod(self.path, 0o600)
        db = self._connect()
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("BEGIN IMMEDIATE")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _SCHEMA.strip().split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version={VERSION}")
            db.execute("COMMIT")
            if version not in (0, VERSION):
                raise sqlite3.DatabaseError(f"index of version {version}")
            db.execute("SELECT count(*) FROM words WHERE words MATCH 'x'").fetchone()
        except sqlite3.Error:
            db.close()
            raise
        return db

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute("PRAGMA cache_size=-16000")
        return db

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection, None, None]:
        """Lend a connection, for this thread alone."""
        with self._pool_lock:
            db = self._pool.pop() if self._pool else None
        db = db or self._connect()
        try:
            yield db
        finally:
            with self._pool_lock:
                if self._closed or len(self._pool) >= _POOL:
                    db.close()
                else:
                    self._pool.append(db)

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection, None, None]:
        """One transaction: all of it happens or nothing."""
        with self._write_lock:
            if self._writer.in_transaction:
                yield self._writer
                return
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
            except BaseException:
                self._writer.execute("ROLLBACK")
                raise
            self._writer.execute("COMMIT")

    def close(self) -> None:
        """Release the files.  Safe to call twice."""
        with self._pool_lock:
            self._closed = True
            pool, self._pool = self._pool, []
        for db in pool:
            db.close()
        with self._write_lock:
            self._writer.close()
