"""Past runs, kept in a file of the user's own: what was run, for whom, how it ended, what it printed.

Bounded by number and by size; the oldest go first.  A run belongs to whom it was made for: for others it is not there.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from pathlib import Path
from typing import NamedTuple

from dragoman.connectors.folders.index_file import private_folder

MAX_RUNS = 500
MAX_BYTES = 200_000_000
_SCHEMA = """CREATE TABLE IF NOT EXISTS run(
    id TEXT PRIMARY KEY, tool TEXT NOT NULL, who TEXT NOT NULL, arguments TEXT NOT NULL, started REAL NOT NULL,
    seconds REAL NOT NULL, state TEXT NOT NULL, output TEXT NOT NULL) WITHOUT ROWID"""
_COLUMNS = "id, tool, who, arguments, started, seconds, state, output"


class Run(NamedTuple):
    """One run.  `arguments` is JSON; `started` is in seconds since 1970; `state` is "done" or why it did not get there.

    `id` sorts by time.
    """

    id: str
    tool: str
    who: str
    arguments: str
    started: float
    seconds: float
    state: str
    output: str


class Runs:
    """The runs of one source.  Any thread may call any method."""

    def __init__(self, path: Path) -> None:
        """Open the file at `path`, or make it.  Raises OSError or sqlite3.Error where that cannot be."""
        private_folder(path.parent)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._db.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        with self._lock:
            self._db.close()

    def keep(self, tool: str, who: str, arguments: str, seconds: float, state: str, output: str) -> str:
        """Keep a run that has just ended, drop those that are too many, and return its id."""
        started = time.time() - seconds
        # By time, so that later ones sort behind; and not to be guessed.
        made = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(started))}-{secrets.token_hex(8)}"
        with self._lock:
            self._db.execute(
                f"INSERT INTO run({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (made, tool, who, arguments, started, seconds, state, output),
            )
            self._db.execute(
                "DELETE FROM run WHERE id IN (SELECT id FROM run ORDER BY id DESC LIMIT -1 OFFSET ?)", (MAX_RUNS,)
            )
            self._db.execute(
                "DELETE FROM run WHERE id IN (SELECT id FROM (SELECT id, "
                "sum(length(output)) OVER (ORDER BY id DESC) AS held FROM run) WHERE held > ?) AND id <> ?",
                (MAX_BYTES, made),
            )
        return made

    def find(self, made: str, who: str) -> Run | None:
        """Return a run of this caller's."""
        with self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM run WHERE id = ? AND who = ?", (made, who)).fetchone()
        return Run(*row) if row else None

    def listed(self, who: str, after: str, limit: int) -> tuple[list[Run], int]:
        """Return up to `limit` of this caller's runs, newest first, from behind the run `after`; and how many all are.

        Without their output, which can be long.
        """
        columns = _COLUMNS.replace("output", "''")
        with self._lock:
            rows = self._db.execute(
                f"SELECT {columns} FROM run WHERE who = ? AND (? = '' OR id < ?) ORDER BY id DESC LIMIT ?",
                (who, after, after, limit),
            ).fetchall()
            total = self._db.execute("SELECT count(*) FROM run WHERE who = ?", (who,)).fetchone()[0]
        return [Run(*row) for row in rows], total
