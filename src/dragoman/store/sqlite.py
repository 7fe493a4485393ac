"""A store in one SQLite file: for any number of processes on one machine, and it outlives them.

Only the owner can read the file. Writes are on disk when they return, so that a claim
survives a crash. Calls run in one thread of their own, and never block the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from dragoman.errors import LocalError

T = TypeVar("T")
WAIT = 10.0  # seconds to wait for another process that writes
PAGES = 262_144  # of 4 KiB: a file of 1 GiB at most
SWEEP = 60.0  # seconds between two removals of what is over
_MAKE = "CREATE TABLE IF NOT EXISTS kept (key TEXT PRIMARY KEY, value BLOB NOT NULL, until REAL NOT NULL) WITHOUT ROWID"
_PUT = (
    "INSERT INTO kept VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value, until = excluded.until"
)


class SqliteStore:
    """Values in the file at `path`, which is made if it is missing; its directory is not."""

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self._path = Path(path).absolute()
        self._clock = clock
        self._swept = float("-inf")
        self._thread: ThreadPoolExecutor | None = None
        self._open: sqlite3.Connection | None = None

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over. Raises LocalError if the file fails."""
        return await self._run(lambda db: self._get(db, key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds. Raises LocalError if the file fails."""
        await self._run(lambda db: self._put(db, key, value, ttl))

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""

        def add(db: sqlite3.Connection) -> bytes | None:
            # The write lock first: between a look and a write, another process could write.
            db.execute("BEGIN IMMEDIATE")
            there = self._get(db, key)
            if there is None:
                self._put(db, key, value, ttl)
            return there

        return await self._run(add)

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one. Raises LocalError if the file fails."""
        await self._run(lambda db: db.execute("DELETE FROM kept WHERE key = ?", (key,)))

    async def close(self) -> None:
        """Close the file and end the thread. The next call opens it again."""
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(thread, self._close)
            thread.shutdown(wait=False)

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, "dragoman store")
        # Shielded: a caller that gives up must not leave half a transaction to the next.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._in_thread, work))

    def _in_thread(self, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            db = self._open = self._open or self._connect()
            with db:
                done = work(db)
            self._sweep(db)
        except (sqlite3.Error, OSError) as error:
            raise LocalError(f"the store {self._path} failed: {error}") from error
        return done

    def _connect(self) -> sqlite3.Connection:
        # Before SQLite makes it, so that nobody else can ever read it; its journals get the same mode.
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600))
        db = sqlite3.connect(self._path, timeout=WAIT, check_same_thread=False)
        try:
            with closing(db.cursor()) as cursor:
                cursor.execute("PRAGMA journal_mode = WAL")
                cursor.execute("PRAGMA synchronous = FULL")
                cursor.execute(f"PRAGMA max_page_count = {PAGES}")
                cursor.execute(_MAKE)
        except BaseException:
            db.close()
            raise
        return db

    def _get(self, db: sqlite3.Connection, key: str) -> bytes | None:
        found = db.execute("SELECT value FROM kept WHERE key = ? AND until > ?", (key, self._clock())).fetchone()
        return None if found is None else bytes(found[0])

    def _put(self, db: sqlite3.Connection, key: str, value: bytes, ttl: float) -> None:
        db.execute(_PUT, (key, value, self._clock() + ttl))

    def _sweep(self, db: sqlite3.Connection) -> None:
        now = self._clock()
        if now - self._swept >= SWEEP:
            self._swept = now
            with db:
                db.execute("DELETE FROM kept WHERE until <= ?", (now,))

    def _close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None
