"""SQLite files as an engine.  Nothing is kept open between calls, so that the file can be replaced or written.

What it may do is held by `guarded`, for the statement and for every column that is closed to it.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from dragoman.connectors.databases.engine import BESIDE, Ask, Change, EngineFault, Gate, Page, Table, held, taken
from dragoman.connectors.databases.guarded import as_text, changing, commit, guarded
from dragoman.connectors.databases.sqlite_schema import fingerprint, read_schema

_MISSING = re.compile(r"no such (column|table|function): (.+)")


class Sqlite:
    """One SQLite file."""

    about = "SQLite database"
    guarded = True
    style = ":{}"
    dialect = "sqlite"
    much = float("inf")

    def __init__(self, path: Path) -> None:
        self._path = path

    def tables(self) -> dict[str, Table]:
        with _explained():
            return read_schema(self._path)

    def functions(self) -> None:
        """SQLite's own functions only compute; those that do not are stopped by the authorizer."""

    def stamp(self) -> str:
        try:
            return fingerprint(self._path)
        except OSError as fault:
            raise EngineFault(f"the database cannot be read now: {fault.strerror}") from fault

    def schema_stamp(self) -> str:
        return self.stamp()

    def stamps(self) -> dict[str, str]:
        return {"": self.stamp()}

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        """As the port says; SQLite's plans hold no numbers for the gate, and the time limit stands behind."""
        with _explained():
            try:
                return self._read(ask, str)
            except sqlite3.OperationalError as fault:
                if "decode" not in str(fault):
                    raise
            # Some text is none: once more, with every text looked at, which takes twice as long.
            return self._read(ask, as_text)

    def _read(self, ask: Ask, text: Callable[[bytes], str]) -> Page:
        with guarded(self._path, ask.seconds, ask.closed) as db:
            db.text_factory = text
            cursor = db.execute(ask.sql, dict(ask.parameters))
            columns = [str(column[0]) for column in cursor.description or ()]
            rows, more = taken(cursor, ask.start, ask.limit)
        return Page(columns, rows, more)

    def explain(self, sql: str, seconds: float) -> Page:
        return self.read(Ask(sql=f"EXPLAIN QUERY PLAN {sql}", seconds=seconds))

    def change(self, change: Change) -> dict[str, int]:
        with _explained(), changing(self._path, change.seconds, change.table, change.closed) as db:
            before = db.total_changes
            rows = max(db.execute(change.sql, dict(change.parameters)).rowcount, 0)
            found = {change.name: rows, BESIDE: db.total_changes - before - rows}
            if held(change, found):
                commit(db)
        return found

    def close(self) -> None:
        """Nothing is open between calls."""


@contextmanager
def _explained() -> Generator[None, None, None]:
    try:
        yield
    except sqlite3.Error as fault:
        text = str(fault)
        if "locked" in text or "busy" in text:
            raise EngineFault("it is locked by another program that writes to it; try again in a moment") from fault
        if any(word in text for word in ("not authorized", "prohibited", "readonly", "too many attached")):
            raise EngineFault(
                f"the engine refused it ({text}): only reading is served here; describe shows tables and columns"
            ) from fault
        if found := _MISSING.match(text):
            raise EngineFault(text, missing=found[1], name=found[2]) from fault
        if "unable to open" in text or "not a database" in text or "malformed" in text:
            raise EngineFault(f"the database cannot be read now: {text}") from fault
        raise EngineFault(f"the engine says: {text}") from fault
