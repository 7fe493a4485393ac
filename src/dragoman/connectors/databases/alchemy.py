"""Any other database that SQLAlchemy has a dialect for.  There is no guard of the engine's to rely on.

So only the owner's queries run, unless the owner says that the account may only read. Each statement ends with a
rollback. Limit: how well one can be stopped in the middle is the driver's affair.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Any

import sqlalchemy
from sqlalchemy import exc

from dragoman.connectors.databases.dialects import missing
from dragoman.connectors.databases.engine import (
    MAX_TABLES,
    NOT_SAID,
    Ask,
    Change,
    Column,
    EngineFault,
    Gate,
    Link,
    OutOfTime,
    Page,
    Table,
    taken,
)
from dragoman.connectors.databases.functions import PLAIN
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.source import SourceError

_DIALECTS = {
    "postgresql": "postgres", "mssql": "tsql", "mariadb": "mysql", "awsathena": "athena", "clickhousedb": "clickhouse",
    "clickhousesqldb": "clickhouse", "cockroachdb": "postgres", "exa": "exasol", "teradatasql": "teradata",
}  # fmt: skip
_SPOKEN = {
    "athena", "bigquery", "clickhouse", "databricks", "doris", "drill", "druid", "duckdb", "exasol", "hive", "mysql",
    "oracle", "postgres", "presto", "redshift", "snowflake", "spark", "sqlite", "starrocks", "teradata", "trino",
    "tsql",
}  # fmt: skip


class Alchemy:
    """One database by its SQLAlchemy URL."""

    style = "\\:{}"  # that of text(), where other colons are escaped
    much = float("inf")

    def __init__(self, address: str, rules: Rules) -> None:
        try:
            url = sqlalchemy.make_url(address)
            self._engine = sqlalchemy.create_engine(
                url, pool_size=2, max_overflow=2, pool_recycle=300, hide_parameters=True
            )
        except (exc.NoSuchModuleError, ImportError) as fault:
            scheme = address.partition("://")[0]
            raise SourceError(f"SQLAlchemy cannot open {scheme}://: {missing(scheme)} ({fault})") from None
        except (exc.ArgumentError, ValueError):
            # SQLAlchemy's own text repeats the address, password and all.
            told = f"{address.partition('://')[0]}://USER:PASSWORD@HOST:PORT/NAME"
            raise SourceError(f"this is no address that SQLAlchemy can read; write {told}") from None
        name = self._engine.dialect.name
        spoken = _DIALECTS.get(name, name)
        self.dialect = spoken if spoken in _SPOKEN else ""
        self.about = f"{name} database"
        self.guarded = rules.read_only_role
        self._password = str(url.password or "")

    def tables(self) -> dict[str, Table]:
        with self._told():
            inspector = sqlalchemy.inspect(self._engine)
            home = str(inspector.default_schema_name or "")
            names = [(name, "table") for name in inspector.get_table_names()]
            names += [(name, "view") for name in inspector.get_view_names()]
            return {name: _table(inspector, name, kind, home) for name, kind in sorted(names)[:MAX_TABLES]}

    def functions(self) -> frozenset[str]:
        return PLAIN

    def schema_stamp(self) -> str:
        """Return always the same: what changes in the schema is seen at the next start."""
        return NOT_SAID

    def stamp(self) -> str:
        return NOT_SAID

    def stamps(self) -> dict[str, str]:
        return {"": self.stamp()}

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        # What looks like a parameter of SQLAlchemy's in a text that has none is text.
        sql = ask.paged or ask.sql
        text = sqlalchemy.text(sql if ask.parameters else sql.replace(":", "\\:"))
        with self._told(), self._engine.connect() as connection, _stopped(connection, ask.seconds) as out:
            try:
                rows = connection.execution_options(stream_results=True, max_row_buffer=100).execute(
                    text, dict(ask.parameters)
                )
                found, more = taken(rows, 0 if ask.paged else ask.start, ask.limit)
                return Page(list(rows.keys()), [tuple(row) for row in found], more)
            except exc.SQLAlchemyError:
                if out.is_set():
                    raise OutOfTime("stopped") from None
                raise
            finally:
                with suppress(exc.SQLAlchemyError):
                    connection.rollback()

    def explain(self, sql: str, seconds: float) -> Page:
        return self.read(Ask(sql=f"EXPLAIN {sql}", seconds=seconds))

    def change(self, change: Change) -> dict[str, int]:
        """Refuse it: what a dialect makes of a transaction is not known, so that nothing could be tried first."""
        raise EngineFault("only reading is served by way of SQLAlchemy")

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except exc.DBAPIError as fault:
            raise EngineFault(f"the engine says: {self._clean(str(fault.orig))}") from None
        except exc.SQLAlchemyError as fault:
            raise EngineFault(f"the engine says: {self._clean(str(fault))}") from None

    def _clean(self, text: str) -> str:
        line = " ".join(text.split())[:500]
        return line.replace(self._password, "***") if self._password else line


@contextmanager
def _stopped(connection: Any, seconds: float) -> Generator[threading.Event, None, None]:
    """Interrupt what runs on the connection when its time is over, in the way that its driver knows."""
    out = threading.Event()
    raw = connection.connection.dbapi_connection
    stop = getattr(raw, "interrupt", None) or getattr(raw, "cancel", None) or raw.close

    def end() -> None:
        out.set()
        with suppress(Exception):  # whatever a driver makes of being closed in the middle
            stop()

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield out
    finally:
        timer.cancel()


def _table(inspector: Any, name: str, kind: str, home: str) -> Table:
    key: dict[str, Any] = inspector.get_pk_constraint(name) or {}
    keys: list[str] = key.get("constrained_columns") or []
    columns = [
        Column(
            name=str(column["name"]), type=str(column["type"]), required=not column.get("nullable", True),
            key=keys.index(column["name"]) + 1 if column["name"] in keys else 0,
            default=str(column.get("default") or "")[:100],
        )
        for column in inspector.get_columns(name)
    ]  # fmt: skip
    links = [
        Link(
            columns=list(key["constrained_columns"]), table=key["referred_table"], targets=list(key["referred_columns"])
        )
        for key in inspector.get_foreign_keys(name)
    ]
    indexes = [
        f"{'unique ' if index.get('unique') else ''}({', '.join(map(str, index['column_names']))})"
        for index in inspector.get_indexes(name)
    ]
    definition = str(inspector.get_view_definition(name) or "") if kind == "view" else ""
    made = definition.upper().find(" AS ")
    if definition.lstrip().upper().startswith("CREATE") and made >= 0:
        definition = definition[made + 4 :]
    return Table(
        name=name,
        kind=kind,
        columns=columns,
        schema=home,
        links=links,
        indexes=indexes,
        definition=definition.rstrip("; \n"),
    )
