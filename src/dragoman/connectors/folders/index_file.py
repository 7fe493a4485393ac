"""The file that an index lives in: made private, opened by many, made again when it is damaged.

Readers never wait for the writer (WAL); writes are whole or not at all.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Generator, MutableMapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dragoman.connectors.folders.place import How, joined
from dragoman.connectors.folders.words import tokens

VERSION = 3  # of the tables below and of what the readers write: raise it and every index is made again
BUSY = 10.0  # seconds to wait for another process that writes
_POOL = 8
KEPT = 5_000  # counts that are remembered: about a megabyte

_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE file(
    id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
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
CREATE TABLE word(term TEXT PRIMARY KEY, back TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX word_back ON word(back);
"""
_INDEXED = "title, heading, body"


def private_folder(folder: Path) -> None:
    """Make the folder, for this user's eyes only.  Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.name == "posix":
        folder.chmod(0o700)


class FileLease:
    """The right to index, held by one process at a time.

    An exclusive lock on an SQLite file: the one lock that works alike on every
    system and is gone with the process that held it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None

    def acquire(self) -> bool:
        """Take it; False while another process has it."""
        os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        db = sqlite3.connect(self._path, timeout=0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            db.close()
            return False
        self._db = db
        return True

    def release(self) -> None:
        """Give it up."""
        if self._db is not None:
            self._db.rollback()
            self._db.close()
            self._db = None


class _Connection(sqlite3.Connection):
    """One that remembers what it has found out of one state of the index."""

    version = -1
    kept: dict[Any, Any]


class IndexFile:
    """One file, a connection that writes and a few that read.  Any thread may call any method."""

    words = "words"
    piece = order = walk = "words.rowid"
    pieces = "words JOIN piece p ON p.id = words.rowid JOIN file f ON f.id = p.file"
    position = "instr"

    def __init__(self, path: Path) -> None:
        """Open the index at `path`, or make it.  Raises OSError or sqlite3.Error where that cannot be."""
        self.path = path
        self.shown = str(path)
        private_folder(path.parent)
        self._pool: list[sqlite3.Connection] = []
        self._pool_lock = threading.Lock()
        self._write_lock = threading.RLock()
        self._closed = False
        self._writer = self._open_or_make()

    def lease(self) -> FileLease:
        """Return the right to index, not yet taken."""
        return FileLease(self.path.with_suffix(".lock"))

    def expression(self, texts: Sequence[str], how: How = "all", *, named: bool = False) -> tuple[str, str]:
        """Return a condition for pieces with these words or phrases, and its value."""
        # Nothing of it is ever syntax: what stands in quotes is words.
        found = joined([f'"{" ".join(tokens(text))}"' for text in texts], how, " AND ", " OR ")
        return "words MATCH ?", f"{{title heading}}: ({found})" if named else found

    def seen(self, link: Any, files: set[int]) -> tuple[str, tuple[Any, ...]]:
        """Return a condition for files with one of these numbers; SQLite asks for each row that it comes to."""
        link.create_function("seen", 1, files.__contains__, deterministic=True)
        return "seen(f.id)", ()

    def remembered(self, link: Any) -> MutableMapping[Any, Any]:
        """Return what the connection remembers until somebody writes, this process or another."""
        (version,) = link.execute("PRAGMA data_version").fetchone()
        if version != link.version or len(link.kept) > KEPT:
            link.version, link.kept = version, dict[Any, Any]()
        kept: dict[Any, Any] = link.kept
        return kept

    def lower(self, link: Any, text: str) -> str:
        """Return the function that puts texts into lower case: SQLite's own knows ASCII only."""
        if text.isascii():
            return "lower"
        link.create_function("lowered", 1, str.lower, deterministic=True)
        return "lowered"

    def add_pieces(self, link: Any, rows: Sequence[tuple[Any, ...]]) -> None:
        """Store a file's pieces (file, part, at, line, title, heading, body) with their words."""
        link.executemany(
            "INSERT INTO piece(file, part, at, line, title, heading, body) VALUES (?, ?, ?, ?, ?, ?, ?)", rows
        )
        # In one go: a trigger on each row would make FTS5 write out its buffer row by row, six times slower.
        for file in {row[0] for row in rows}:
            link.execute(
                f"INSERT INTO words(rowid, {_INDEXED}) SELECT id, {_INDEXED} FROM piece WHERE file = ?", (file,)
            )

    def take_words(self, link: Any, file: int) -> None:
        """Take the words of a file's pieces out; FTS5 is told what they were, since it keeps none of its own."""
        link.execute(
            f"INSERT INTO words(words, rowid, {_INDEXED}) SELECT 'delete', id, {_INDEXED} FROM piece WHERE file = ?",
            (file,),
        )

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
        db = sqlite3.connect(
            self.path, timeout=BUSY, isolation_level=None, check_same_thread=False, factory=_Connection
        )
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
