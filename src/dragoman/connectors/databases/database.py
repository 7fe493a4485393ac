"""A SQLite file as a source: tables are its items, and it answers SQL that reads.

Nothing is kept open between calls, so that the file can be replaced or written by its owner at any time.
"""

from __future__ import annotations

import difflib
import math
import re
import sqlite3
import threading
from collections.abc import Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from dragoman.connectors.address import Address, make
from dragoman.connectors.databases.guarded import OutOfTime, guarded
from dragoman.connectors.databases.schema import Table, fingerprint, read_schema
from dragoman.connectors.databases.statement import check
from dragoman.connectors.extract.tables import markdown_table
from dragoman.connectors.source import Entry, Hit, Hits, Listing, Passage, Position, Progress, Rows
from dragoman.errors import ToolError

SECONDS = 5.0  # one statement
MAX_ROWS = 1_000  # one page
MAX_CELL = 2_000  # characters of one value
MAX_SKIP = 10_000_000  # rows before the page
_WORD = re.compile(r"[^\W_]+")


class Database:
    """One SQLite file under one name."""

    scheme = "db"
    about = "SQLite database"

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self._path = path
        self._lock = threading.Lock()
        self._known: tuple[str, dict[str, Table]] = ("", {})

    def start(self) -> None:
        """Nothing goes on behind: the engine's own file is the index."""

    def close(self) -> None:
        """Nothing is open between calls."""

    def progress(self) -> Progress:
        return Progress(indexed=0, total=0)

    def stamp(self) -> str:
        try:
            return fingerprint(self._path)
        except OSError as fault:
            raise ToolError(f"the database {self.name} cannot be read now: {fault.strerror}") from fault

    def tables(self) -> list[str]:
        return list(self._schema())

    def search(self, query: str, limit: int) -> Hits:
        """Find tables and columns by name: what stands in the rows is for `query`."""
        words = {word.lower().rstrip("s") for word in _WORD.findall(query)}
        scored: list[tuple[int, str, Hit]] = []
        for table in self._schema().values():
            matching = [column.name for column in table.columns if _words(column.name) & words]
            score = 2 * len(_words(table.name) & words) + len(matching)
            if score:
                text = ", ".join(column.name for column in table.columns)[:300]
                where = f"table with columns {', '.join(matching)}" if matching else "table"
                hit = Hit(uri=self._uri(table.name), title=f"{self.name}.{table.name}", where=where[:200], text=text)
                scored.append((-score, table.name, hit))
        scored.sort(key=lambda item: item[:2])
        covered = {word for _, name, _ in scored[:1] for word in _words(name)} & words
        return Hits(
            hits=[partial(_same, hit) for _, _, hit in scored[:limit]],
            weight=len(covered) / len(words) if words else 0.0,
            searched=f"{self.name}: names of tables and columns",
        )

    def items(self, prefix: str, after: str, limit: int) -> Listing:
        tables = [table for name, table in self._schema().items() if name.startswith(prefix)]
        rest = [table for table in tables if table.name > after]
        entries = [
            Entry(key=table.name, uri=self._uri(table.name), kind=table.kind, extent=table.rows_in_words())
            for table in rest[:limit]
        ]
        return Listing(entries=entries, total=len(tables), more=len(rest) > limit)

    def describe(self, address: Address) -> dict[str, Any]:
        if not address.path:
            schema = self._schema()
            tables = [_line(table) for table in schema.values()]
            return {
                "uri": self._uri(""),
                "kind": self.about,
                "dialect": "SQLite",
                "tables": tables,
                "tables_total": len(tables),
            }
        table = self._table(address.path)
        found: dict[str, Any] = {
            "uri": self._uri(table.name), "kind": table.kind, "rows": table.rows_in_words(),
            "columns": [_column(column) for column in table.columns],
            "foreign_keys": [
                f"{', '.join(link.columns)} -> {link.table}({', '.join(link.targets)})" for link in table.links
            ],
            "indexes": table.indexes,
            "read_with": f'query with source="{self.name}", or fetch {self._uri(table.name)}',
        }  # fmt: skip
        return {key: value for key, value in found.items() if value not in ("", [])}

    def fetch(self, address: Address, position: Position | None, room: int) -> Passage:
        """Return rows of a table, as they lie in it, as Markdown."""
        table = self._table(address.path)
        first = position.part if position else max(address.lines[0], 1)
        last = address.lines[1] or MAX_SKIP
        limit = min(MAX_ROWS, last - first + 1)
        quoted = table.name.replace('"', '""')
        page = self._run(f'SELECT * FROM "{quoted}"', first - 1, limit)
        kept = _rows_that_fit(page, room)
        end = first + len(kept) - 1
        more = (page.more or len(kept) < len(page.rows)) and end < last
        return Passage(
            uri=self._uri(table.name), title=f"{self.name}.{table.name}", text=markdown_table([page.columns, *kept]),
            range=f"rows {first}-{end}" if kept else "no rows", total=table.rows_in_words(),
            following=Position(end + 1, 0) if more else None,
        )  # fmt: skip

    def query(self, sql: str, start: int, limit: int, stamp: str) -> Rows:
        """Run one statement that reads.  Raises ToolError for every other, and for what the engine refuses."""
        page = self._run(check(sql), start, min(limit, MAX_ROWS))
        changed = bool(stamp) and stamp != self.stamp()
        return Rows(columns=page.columns, rows=page.rows, more=page.more, changed=changed)

    def _run(self, sql: str, start: int, limit: int) -> Rows:
        if start > MAX_SKIP:
            raise ToolError(f"only the first {MAX_SKIP:,} rows can be paged through; narrow the statement with WHERE")
        with self._explained(sql), guarded(self._path, SECONDS) as db:
            cursor = db.execute(sql)
            columns = [str(column[0]) for column in cursor.description or ()]
            left = start
            while left and (skipped := cursor.fetchmany(min(left, 10_000))):
                left -= len(skipped)
            rows = [[_value(value) for value in row] for row in cursor.fetchmany(limit + 1)]
        return Rows(columns=columns, rows=rows[:limit], more=len(rows) > limit)

    @contextmanager
    def _explained(self, sql: str) -> Generator[None, None, None]:
        """Turn the engine's faults into sentences that say what to do."""
        try:
            yield
        except OutOfTime as fault:
            raise ToolError(
                f"the statement was stopped after {SECONDS:g} seconds; filter by an indexed column (describe shows "
                "them), aggregate less, or add LIMIT"
            ) from fault
        except sqlite3.Error as fault:
            raise ToolError(self._advice(str(fault), sql)) from fault

    def _advice(self, fault: str, sql: str) -> str:
        if "locked" in fault or "busy" in fault:
            return f"the database {self.name} is locked by another program that writes to it; try again in a moment"
        if "not authorized" in fault or "prohibited" in fault or "readonly" in fault or "too many attached" in fault:
            return f"the engine refused it ({fault}): only reading is served here; describe shows tables and columns"
        if found := re.match(r"no such (column|table): (.+)", fault):
            return f"{fault}; {self._nearest(found[1], found[2], sql)}"
        if "unable to open" in fault or "not a database" in fault or "malformed" in fault:
            return f"the database {self.name} cannot be read now: {fault}"
        return f"the engine says: {fault}"

    def _nearest(self, kind: str, name: str, sql: str = "") -> str:
        # Tables that the statement names come last, so that of columns with one name theirs are told.
        schema = dict(sorted(self._schema().items(), key=lambda item: item[0].lower() in sql.lower()))
        bare = name.rpartition(".")[2].strip('"[]`').lower()
        if kind == "table":
            names = {table.lower(): table for table in schema}
        else:
            names = {
                column.name.lower(): f"{table.name}.{column.name}"
                for table in schema.values()
                for column in table.columns
            }
        near = [names[found] for found in difflib.get_close_matches(bare, names, 3, 0.5)]
        if not near:
            return f"call describe on {self._uri('')} for what there is"
        return f"nearest: {', '.join(near)}; call describe on {self._uri('')} for the rest"

    def _table(self, name: str) -> Table:
        schema = self._schema()
        lowered = {table.lower(): table for table in schema}
        found = lowered.get(name.lower())
        if found is None:
            raise ToolError(f"there is no table {name!r} in {self.name}; {self._nearest('table', name)}")
        return schema[found]

    def _schema(self) -> dict[str, Table]:
        stamp = self.stamp()
        with self._lock:
            if self._known[0] != stamp or not self._known[1]:
                with self._explained(""):
                    self._known = (stamp, read_schema(self._path))
            return self._known[1]

    def _uri(self, table: str) -> str:
        return make(self.scheme, self.name, table)


def _same(hit: Hit) -> Hit:
    return hit


def _words(name: str) -> set[str]:
    """Return the words in a name, singular: order_lines gives order and line, customerId gives customer and id."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word.lower().rstrip("s") for word in _WORD.findall(spaced)}


def _line(table: Table) -> str:
    columns = ", ".join(column.name for column in table.columns)
    rows = table.rows_in_words()
    kind = "view " if table.kind == "view" else ""
    return f"{kind}{table.name}({columns})" + (f": {rows}" if rows else "")


def _column(column: Any) -> str:
    words = [f"{column.name} {column.type}".strip()]
    words += ["primary key"] if column.key else []
    words += ["not null"] if column.required and not column.key else []
    words += [f"default {column.default[:60]}"] if column.default else []
    return ", ".join(words)


def _value(value: Any) -> Any:
    """Return what JSON can hold: no bytes, no infinite number, no text without end."""
    if isinstance(value, bytes):
        return f"<{len(value):,} bytes>"
    if isinstance(value, str) and len(value) > MAX_CELL:
        return f"{value[:MAX_CELL]}… ({len(value):,} characters)"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _rows_that_fit(page: Rows, room: int) -> list[list[Any]]:
    used = sum(len(name) + 10 for name in page.columns)
    kept: list[list[Any]] = []
    for row in page.rows:
        used += sum(len(str(value)) + 3 for value in row) + 2
        if used > room and kept:
            break
        kept.append(row)
    return kept
