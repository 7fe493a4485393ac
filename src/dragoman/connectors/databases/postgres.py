"""PostgreSQL as an engine: every statement in a read-only transaction of its own, with the server's clock over it.

What a transaction does not stop (files, other servers, locks), the account must not be able to do: one that can
is refused when the source is opened.  Functions are those that compute and nothing else (`postgres_catalog`).
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import closing, contextmanager
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from dragoman.connectors.databases.engine import (
    BESIDE,
    CHUNK,
    Ask,
    Change,
    EngineFault,
    Estimate,
    Gate,
    OutOfTime,
    Page,
    Table,
    held,
    in_doubt,
    taken,
)
from dragoman.connectors.databases.pool import Pool, quiet
from dragoman.connectors.databases.postgres_catalog import CHANGED, FUNCTIONS, POWERS, STAMP, STAMPS, read_tables
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.source import SourceError

CONNECT = 10  # seconds
_LOOK = 2.0  # seconds between two looks at the catalogue
_QUOTED = re.compile(r'(?:relation|column|function) "?([^"\s]+)"? does not exist')
_MISSING = {"42P01": "table", "42703": "column", "42883": "function"}
_GONE = ("08", "57P")
_UNORDERED = "SELECT set_config('enable_indexscan', 'off', true), set_config('enable_indexonlyscan', 'off', true)"


class Postgres:
    """One database of a PostgreSQL server."""

    about = "PostgreSQL database"
    guarded = True
    style = "%({})s"
    dialect = "postgres"
    much = 50_000_000.0

    def __init__(self, address: str, rules: Rules) -> None:
        self._address = address
        self._seconds = rules.timeout
        self._password = self._secret(address)
        self._pool: Pool[psycopg.Connection[Any]] = Pool(
            self._connected, lambda connection: connection.close(), _stands
        )
        self._lock = threading.Lock()
        self._functions: frozenset[str] | None = None
        self._rows: dict[str, int] = {}
        self._looked: tuple[float, str] = (-_LOOK, "")
        with self._lent(5.0) as cursor:
            self._judge_account(cursor, rules)

    def tables(self) -> dict[str, Table]:
        with self._lent(10.0) as cursor:
            found = read_tables(cursor)
        self._rows = {table.bare: table.rows for table in found.values()}
        return found

    def functions(self) -> frozenset[str]:
        with self._lock:
            if self._functions is None:
                with self._lent(5.0) as cursor:
                    cursor.execute(FUNCTIONS)
                    self._functions = frozenset(str(name) for (name,) in cursor.fetchall())
            return self._functions

    def schema_stamp(self) -> str:
        """Return the newest change in the catalogue, looked at again every two seconds at most."""
        now = time.monotonic()
        with self._lock:
            if now - self._looked[0] < _LOOK:
                return self._looked[1]
        with self._lent(self._seconds) as cursor:
            cursor.execute(
                "SELECT (SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_class) || '/' || "
                "(SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM pg_attribute)"
            )
            found = str(_first(cursor))
        with self._lock:
            self._looked = (now, found)
        return found

    def stamp(self) -> str:
        with self._lent(5.0) as cursor:
            cursor.execute(STAMP)
            return str(_first(cursor))

    def stamps(self) -> dict[str, str]:
        with self._lent(5.0) as cursor:
            cursor.execute(STAMPS)
            return {str(name): str(count) for name, count in cursor.fetchall()}

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        sql = ask.paged or ask.sql
        with self._lent(ask.seconds) as cursor:
            if ask.unordered:
                cursor.execute(_UNORDERED)
            if gate is not None:
                gate(self._estimate(cursor, sql, ask.parameters))
            with closing(_rows(cursor, sql, ask.parameters)) as rows:
                found, more = taken(_Stream(rows), 0 if ask.paged else ask.start, ask.limit)
                columns = [column.name for column in cursor.description or ()]
        return Page(columns, found, more)

    def explain(self, sql: str, seconds: float) -> Page:
        with self._lent(seconds) as cursor, closing(_rows(cursor, f"EXPLAIN {sql}", {})) as rows:
            return Page(["plan"], _Stream(rows).fetchmany(1_000), False)

    def change(self, change: Change) -> dict[str, int]:
        # By a connection of its own: those that read stay such as cannot write.
        with self._told(), closing(self._connected(writes=True)) as connection, connection.cursor() as cursor:
            cursor.execute(_said(f"SET LOCAL statement_timeout = {max(1, int(change.seconds * 1_000))}"))
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            # Binary: by the protocol that takes one statement and no second one.
            cursor.execute(_said(change.sql), dict(change.parameters) or None, binary=True)
            rows, ran = max(cursor.rowcount, 0), (cursor.statusmessage or "").split(" ")[0].lower()
            if ran != change.verb:
                raise EngineFault(f"the engine ran {ran or 'nothing'}, not {change.verb}; nothing was changed")
            cursor.execute(CHANGED)
            found = {change.name: rows, BESIDE: max(int(_first(cursor) or 0) - rows, 0)}
            if held(change, found):
                try:
                    connection.commit()
                except psycopg.OperationalError as fault:
                    raise in_doubt(fault) from None
        return found

    def _estimate(self, cursor: psycopg.Cursor[Any], sql: str, values: Mapping[str, Any]) -> Estimate:
        with closing(_rows(cursor, f"EXPLAIN (FORMAT JSON) {sql}", values)) as rows:
            plan = next(rows)[0]
        return self._work((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])

    def _work(self, node: dict[str, Any]) -> Estimate:
        """Return the rows that a plan reads: all of a table that is scanned, an inner loop's once for each outer."""
        inner = [self._work(child) for child in node.get("Plans", [])]
        rows = float(node.get("Plan Rows", 0))
        table = str(node.get("Relation Name", ""))
        if node.get("Node Type") == "Seq Scan":
            rows = max(rows, float(self._rows.get(table, -1)))
        if node.get("Node Type") == "Nested Loop" and len(inner) == 2:
            loops = max(float(node["Plans"][0].get("Plan Rows", 1)), 1.0)
            inner[1] = inner[1]._replace(rows=inner[1].rows * loops)
        step = f"{str(node.get('Node Type', '')).lower()}{f' on {table}' if table else ''}"
        dearest = max([Estimate(rows, step, table), *inner], key=lambda found: found.rows)
        total = rows + sum(found.rows for found in inner)
        if node.get("Node Type") == "Limit" and node.get("Plans"):
            # A limit ends what is below it early: by as much as the planner says that it saves.
            below = float(node["Plans"][0].get("Total Cost", 0)) or 1.0
            total *= min(1.0, float(node.get("Total Cost", 0)) / below)
        return Estimate(total, dearest.step, dearest.table)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _lent(self, seconds: float) -> Generator[psycopg.Cursor[Any], None, None]:
        with self._told(), self._pool.lent() as connection:
            if seconds != self._seconds:
                connection.execute(_said(f"SET LOCAL statement_timeout = {max(1, int(seconds * 1_000))}"))
            try:
                with connection.cursor() as cursor:
                    yield cursor
            finally:
                # Whatever the statement did to its session ends with its transaction.
                connection.rollback()

    def _connected(self, *, writes: bool = False) -> psycopg.Connection[Any]:
        connection = psycopg.connect(
            self._address, connect_timeout=CONNECT, application_name="dragoman", prepare_threshold=None
        )
        connection.set_read_only(not writes)
        connection.execute("SELECT set_config('search_path', quote_ident(coalesce(current_schema(), 'public')), false)")
        connection.execute(_said(f"SET default_transaction_read_only = {'off' if writes else 'on'}"))
        connection.execute("SET standard_conforming_strings = on")
        connection.execute("SET lock_timeout = '2s'")
        # One dear question to the catalogue would load the compiler, and then each parallel worker of each statement
        # would load it again: 60 ms.
        connection.execute("SET jit = off")
        connection.execute(_said(f"SET statement_timeout = {max(1, int(self._seconds * 1_000))}"))
        connection.execute("SET idle_in_transaction_session_timeout = '60s'")
        connection.commit()
        return connection

    def _judge_account(self, cursor: psycopg.Cursor[Any], rules: Rules) -> None:
        cursor.execute(POWERS)
        row = cursor.fetchone()
        user, powers = (str(row[0]), [str(name) for name in row[1]]) if row else ("", [])
        if powers and not rules.superuser:
            self.close()
            raise SourceError(
                f"the account {user} can do more than read ({', '.join(powers)}), and no transaction stops that; give "
                "the source an account that may only SELECT, or set superuser: true to use this one all the same"
            )

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except psycopg.errors.QueryCanceled as fault:
            raise OutOfTime("stopped by the server") from fault
        except psycopg.Error as fault:
            raise self._in_words(fault) from None  # the driver's own text may hold the address

    def _in_words(self, fault: psycopg.Error) -> EngineFault:
        state = fault.sqlstate or ""
        text = self._clean(fault.diag.message_primary or str(fault))
        if (not state and isinstance(fault, psycopg.OperationalError)) or state.startswith(_GONE):
            return EngineFault(f"the server cannot be reached now: {text}")
        if state == "25006":
            return EngineFault(f"only reading is served here: {text}")
        if state == "42501":
            return EngineFault(f"the database's account may not: {text}; choose other tables or columns")
        if state == "55P03":
            return EngineFault("a table is locked by somebody else; try again in a moment")
        found = _QUOTED.search(text)
        hint = self._clean(fault.diag.message_hint or "")
        kind = _MISSING.get(state, "")
        told = hint if hint and not kind else ""
        return EngineFault(
            f"the engine says: {text}{'; ' + told if told else ''}", missing=kind, name=found[1] if found else ""
        )

    def _clean(self, text: str) -> str:
        line = " ".join(text.split())[:500]
        return line.replace(self._password, "***") if self._password else line

    @staticmethod
    def _secret(address: str) -> str:
        try:
            return str(conninfo_to_dict(address).get("password") or "")
        except psycopg.Error as fault:
            raise SourceError(
                "this is no address of a PostgreSQL database: postgresql://USER@HOST:PORT/NAME"
            ) from fault


def _rows(cursor: psycopg.Cursor[Any], sql: str, values: Mapping[str, Any]) -> Generator[Any, None, None]:
    # Streamed: by the protocol that takes one statement and no second one, and that can be given up in the middle.
    size = CHUNK if psycopg.capabilities.has_stream_chunked() else 1
    yield from cursor.stream(_said(sql), dict(values) or None, size=size)


def _stands(connection: psycopg.Connection[Any]) -> bool:
    return not connection.closed and quiet(connection.fileno())


class _Stream:
    """Rows that come one after the other, with the fetchmany that `taken` asks for."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows

    def fetchmany(self, count: int) -> list[Any]:
        return [row for _, row in zip(range(count), self._rows, strict=False)]


def _said(sql: str) -> bytes:
    # psycopg asks for literal text or bytes, so that nobody pastes values into it; this is a statement, judged.
    return sql.encode()


def _first(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row[0] if row else None
