"""DuckDB as an engine: a file of its own, or a folder whose CSV, Parquet and JSON files are tables.

DuckDB calls SQL code that can read and write files, so it is shut in: no file but those of the folder, no network, no
extensions, settings locked, and statements of the type SELECT only, by DuckDB's own parser.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec

from dragoman.connectors.databases.duck_folder import counted, fingerprint, made_of, tables_in
from dragoman.connectors.databases.engine import (
    MAX_TABLES,
    Ask,
    Change,
    Column,
    EngineFault,
    Estimate,
    Gate,
    Link,
    OutOfTime,
    Page,
    Table,
    held,
    taken,
)
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.turns import Turns

MEMORY = "1GB"
_LOOK = 1.0  # seconds between two looks at a folder's files
_SETTINGS: dict[str, Any] = {
    "memory_limit": MEMORY, "threads": 2, "autoinstall_known_extensions": False, "autoload_known_extensions": False,
    "allow_community_extensions": False, "python_enable_replacements": False,
}  # fmt: skip
# Of the engine's own functions those that compute: none that reads files, settings, statistics or the catalogue, runs a
# statement or a plan, waits, or counts on.
_REFUSED = re.compile(
    r"__|pg_(?!typeof|size_pretty)|has_|in_search_path|current_(setting|query|connection|schemas|transaction)|"
    r"get(variable|env)|json_(serialize|deserialize|execute)|nextval|currval|setval|setseed|txid|sleep|write_log|obj_desc|col_desc|"
    r"shobj|inet_|stats$|parse_duckdb|invoke|combine|finalize|to_aggregate|get_block|unpivot_list|vector_type|read_|sniff"
)
_TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "columns", "repeat"})
_MISSING = re.compile(
    r"(?:Table|Referenced column|Column|Scalar Function|column) (?:with name )?\"?([\w.]+)\"? "
    r"(?:does not exist|not found)"
)


class Duck:
    """One DuckDB file, or one folder."""

    about = "DuckDB database"
    guarded = True
    style = "${}"
    dialect = "duckdb"
    much = 2_000_000_000.0

    def __init__(self, address: str, rules: Rules) -> None:
        self._path = Path(address.partition("://")[2])
        self._folder = self._path.is_dir()
        if self._folder:
            self.about = "DuckDB over a folder of files"
        self._lock = threading.Lock()
        self._turns = Turns()
        self._kept: tuple[str, Any] = ("", None)
        self._rows: dict[str, int] = {}
        self._looked: tuple[float, str] = (0.0, "")
        self._functions: frozenset[str] | None = None

    def tables(self) -> dict[str, Table]:
        with self._connected() as db:
            found = _read_tables(db)
        return {
            name: msgspec.structs.replace(table, rows=self._rows[name], exact=True) if name in self._rows else table
            for name, table in found.items()
        }

    def functions(self) -> frozenset[str]:
        if self._functions is None:
            with self._connected() as db:
                listed = db.execute(
                    "SELECT DISTINCT lower(function_name) FROM duckdb_functions() "
                    "WHERE internal AND function_type IN ('scalar', 'aggregate', 'macro', 'window')"
                ).fetchall()
            own = {str(name) for (name,) in listed}
            self._functions = frozenset(name for name in own if not _REFUSED.match(name)) | _TABLE_FUNCTIONS
        return self._functions

    def schema_stamp(self) -> str:
        return self.stamp()

    def stamp(self) -> str:
        """Return the state of all files, looked at again once a second at most."""
        now = time.monotonic()
        with self._lock:
            if now - self._looked[0] < _LOOK and self._looked[1]:
                return self._looked[1]
        try:
            found = fingerprint(self._path)
        except OSError as fault:
            raise EngineFault(f"it cannot be read now: {fault.strerror}") from fault
        with self._lock:
            self._looked = (now, found)
        return found

    def stamps(self) -> dict[str, str]:
        return {"": self.stamp()}

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        with self._connected() as db, _stopped(db, ask.seconds):
            _only(db, ask.sql, "SELECT")
            if gate is not None:
                plan = db.execute(
                    f"EXPLAIN (FORMAT JSON) {ask.paged or ask.sql}", dict(ask.parameters) or None
                ).fetchall()
                gate(_dearest(json.loads(plan[0][1])[0]))
            db.execute(ask.paged or ask.sql, dict(ask.parameters) or None)
            columns = [str(column[0]) for column in db.description or ()]
            found, more = taken(db, 0 if ask.paged else ask.start, ask.limit)
        return Page(columns, found, more)

    def explain(self, sql: str, seconds: float) -> Page:
        with self._connected() as db, _stopped(db, seconds):
            _only(db, sql, "SELECT")
            return Page(["plan"], [(row[1],) for row in db.execute(f"EXPLAIN {sql}").fetchall()], False)

    def change(self, change: Change) -> dict[str, int]:
        if self._folder:
            raise EngineFault("files of a folder are only read here")
        with _told(), self._turns.alone():
            db = duckdb.connect(str(self._path), config=_SETTINGS)
            try:
                _shut_in(db, [])
                _only(db, change.sql, change.verb.upper())
                with _stopped(db, change.seconds):
                    db.execute("BEGIN")
                    row = db.execute(change.sql, dict(change.parameters) or None).fetchone()
                    found = {change.name: int(row[0]) if row else 0}
                    db.execute("COMMIT" if held(change, found) else "ROLLBACK")
            finally:
                db.close()  # and with it whatever was not ended
        return found

    def close(self) -> None:
        with self._lock:
            if self._kept[1] is not None:
                self._kept[1].close()
            self._kept = ("", None)

    @contextmanager
    def _connected(self) -> Generator[Any, None, None]:
        """Give a connection of its own to the block: to a folder's tables, which stay open, or to the file."""
        with _told(), self._turns.shared():
            root = self._root()
            db = root.cursor()
            try:
                yield db
            finally:
                db.close()
                if not self._folder:
                    root.close()  # so that the file's owner can write to it

    def _root(self) -> Any:
        if not self._folder:
            root = duckdb.connect(str(self._path), read_only=True, config=_SETTINGS)
            _shut_in(root, [])
            return root
        stamp = self.stamp()
        with self._lock:
            if self._kept[0] != stamp or self._kept[1] is None:
                root = duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": ""})
                found = tables_in(self._path)
                self._rows = {}
                for name, files in found.items():
                    # A file that cannot be read hides no other; `describe` does not list it.
                    with _left_out():
                        root.execute(made_of(name, files))
                        if count := counted(files):
                            self._rows[name] = int(root.execute(count).fetchall()[0][0])
                _shut_in(root, [str(file) for files in found.values() for file in files])
                self._kept = (stamp, root)
            return self._kept[1]


def _shut_in(root: Any, files: list[str]) -> None:
    if files:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        root.execute(f"SET allowed_paths = [{listed}]")
    root.execute("SET enable_external_access = false")
    root.execute("SET lock_configuration = true")


def _only(db: Any, sql: str, kind: str) -> None:
    """Raise EngineFault unless DuckDB's own parser says that this is one statement of that kind."""
    statements = db.extract_statements(sql)
    if len(statements) != 1 or statements[0].type.name != kind:
        kinds = ", ".join(statement.type.name for statement in statements)
        raise EngineFault(f"only one {kind} is served here, not {kinds or 'nothing'}")


@contextmanager
def _stopped(db: Any, seconds: float) -> Generator[None, None, None]:
    timer = threading.Timer(seconds, db.interrupt)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _left_out() -> Generator[None, None, None]:
    try:
        yield
    except duckdb.Error:
        return


@contextmanager
def _told() -> Generator[None, None, None]:
    try:
        yield
    except duckdb.InterruptException as fault:
        raise OutOfTime("interrupted") from fault
    except duckdb.OutOfMemoryException as fault:
        raise EngineFault(f"it needs more than {MEMORY} of memory: aggregate less, or filter first") from fault
    except duckdb.Error as fault:
        text = " ".join(str(fault).partition("\n\nLINE")[0].split())[:500]
        if "lock" in text and isinstance(fault, duckdb.IOException):
            raise EngineFault("it is locked by another program that writes to it; try again in a moment") from fault
        if isinstance(fault, duckdb.PermissionException) or "configuration has been locked" in text:
            raise EngineFault(f"only reading the tables is served here: {text.partition(' - ')[2] or text}") from None
        found = _MISSING.search(text)
        kind = "table" if "Table" in text else "column"
        text = text.partition(" Did you mean")[0].partition(" Candidate bindings")[0]
        missing, name = (kind, found[1]) if found and "Function" not in found[0] else ("", "")
        raise EngineFault(f"the engine says: {text}", missing=missing, name=name) from fault


def _dearest(node: dict[str, Any]) -> Estimate:
    inner = [_dearest(child) for child in node.get("children", [])]
    info = node.get("extra_info", {})
    said = re.sub(r"[^\d]", "", str(info.get("Estimated Cardinality", "")))
    name = str(node.get("name", "")).strip().lower().replace("_", " ")
    own = Estimate(float(said or 0), name, str(info.get("Table", "")))
    top = max([own, *inner], key=lambda found: found.rows)
    return top._replace(rows=max(own.rows, *(found.rows for found in inner)) if inner else own.rows)


def _read_tables(db: Any) -> dict[str, Table]:
    keys: dict[tuple[str, str], list[str]] = {}
    links: dict[tuple[str, str], list[Link]] = {}
    for schema, table, kind, columns, other, targets in db.execute(
        "SELECT schema_name, table_name, constraint_type, constraint_column_names, referenced_table, "
        "referenced_column_names FROM duckdb_constraints() WHERE database_name = current_database()"
    ).fetchall():
        if kind == "PRIMARY KEY":
            keys[schema, table] = list(columns)
        elif kind == "FOREIGN KEY" and other:
            links.setdefault((schema, table), []).append(
                Link(columns=list(columns), table=other, targets=list(targets))
            )
    columns_of: dict[tuple[str, str], list[Column]] = {}
    for schema, table, name, kind, nullable, default in db.execute(
        "SELECT schema_name, table_name, column_name, data_type, is_nullable, coalesce(column_default, '') "
        "FROM duckdb_columns() WHERE NOT internal AND database_name = current_database() "
        "ORDER BY schema_name, table_name, column_index"
    ).fetchall():
        key = keys.get((schema, table), [])
        column = Column(
            name=name, type=str(kind)[:200], required=not nullable, key=key.index(name) + 1 if name in key else 0,
            default=str(default)[:100],
        )  # fmt: skip
        columns_of.setdefault((schema, table), []).append(column)
    found: dict[str, Table] = {}
    for schema, name, kind, rows, definition in db.execute(
        "SELECT schema_name, table_name, 'table', estimated_size, '' FROM duckdb_tables() "
        "WHERE NOT internal AND database_name = current_database() "
        "UNION ALL SELECT schema_name, view_name, 'view', -1, sql FROM duckdb_views() "
        "WHERE NOT internal AND database_name = current_database() ORDER BY 1, 2 LIMIT " + str(MAX_TABLES)
    ).fetchall():
        full = name if schema == "main" else f"{schema}.{name}"
        body = re.sub(r"(?is)^\s*CREATE\s+VIEW\s+(?:\"(?:[^\"]|\"\")*\"|[\w.])+\s+AS\s+", "", str(definition)).rstrip(
            "; \n"
        )
        of_file = kind == "view" and re.match(r"(?i)SELECT \* FROM read_(csv|parquet|json)\(", body) is not None
        found[full] = Table(
            name=full, schema=schema, kind="table" if of_file else kind, columns=columns_of.get((schema, name), []),
            links=links.get((schema, name), []), rows=int(rows if rows is not None else -1),
            definition="" if of_file or kind == "table" else body,
        )  # fmt: skip
    return dict(sorted(found.items()))
