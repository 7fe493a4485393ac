"""MySQL and MariaDB as an engine: each statement alone in a read-only transaction, with the server's clock on it.

A read-only transaction stops writing to tables and nothing else: files, locks and waiting are stopped by the list of
functions, and by the statement, which is written anew before it is sent (their comments can hold statements).
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
from pymysql.constants import CLIENT
from pymysql.cursors import SSCursor

from dragoman.connectors.databases.engine import (
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
from dragoman.connectors.databases.mysql_catalog import (
    FOLLOWING,
    FUNCTIONS,
    POWERS,
    SCHEMA,
    STAMP,
    STAMPS,
    TAKES_BACK,
    read_tables,
)
from dragoman.connectors.databases.pool import Pool, quiet
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.source import SourceError

CONNECT = 10  # seconds
_LOOK = 2.0  # seconds between two looks at the catalogue
_SLACK = 5.0  # seconds that a socket waits longer than the server's clock
_OUT_OF_TIME = {1969, 3024, 1317, 2013}
_MISSING = {1146: "table", 1054: "column", 1305: "function"}
_MODE = "STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"


class Mysql:
    """One database of a MySQL or MariaDB server."""

    guarded = True
    style = "%({})s"
    dialect = "mysql"
    much = 50_000_000.0

    def __init__(self, address: str, rules: Rules) -> None:
        self._account = _account(address)
        self._database = str(self._account["database"])
        self._maria = False
        self._pool: Pool[Any] = Pool(self._connected, _ended, _stands)
        self._lock = threading.Lock()
        self._looked: tuple[float, str] = (-_LOOK, "")
        with self._lent(5.0) as cursor:
            powers = self._powers(cursor)
        if powers and not rules.superuser:
            self.close()
            raise SourceError(
                f"the account {self._account['user']} can do more than read ({', '.join(powers)}), and no transaction "
                "stops that; give the source an account that may only SELECT, or set superuser: true to use this one"
            )

    @property
    def about(self) -> str:
        return "MariaDB database" if self._maria else "MySQL database"

    def tables(self) -> dict[str, Table]:
        with self._lent(10.0) as cursor:
            return read_tables(cursor, self._database)

    def functions(self) -> frozenset[str]:
        return FUNCTIONS

    def schema_stamp(self) -> str:
        """Return the state of tables and columns, looked at again every two seconds at most."""
        now = time.monotonic()
        with self._lock:
            if now - self._looked[0] < _LOOK:
                return self._looked[1]
        with self._lent(5.0) as cursor:
            cursor.execute(SCHEMA, (self._database, self._database))
            found = str(cursor.fetchall()[0])
        with self._lock:
            self._looked = (now, found)
        return found

    def stamp(self) -> str:
        with self._lent(5.0) as cursor:
            cursor.execute(STAMP, (self._database,))
            return str(cursor.fetchall()[0][0])

    def stamps(self) -> dict[str, str]:
        with self._lent(5.0) as cursor:
            cursor.execute(STAMPS, (self._database,))
            return {str(name): str(stamp) for name, stamp in cursor.fetchall()}

    def read(self, ask: Ask, gate: Gate | None = None) -> Page:
        with self._lent(ask.seconds) as cursor:
            if gate is not None:
                gate(_estimate(cursor, ask))
            cursor.execute(ask.paged or ask.sql, dict(ask.parameters) or None)
            columns = [str(column[0]) for column in cursor.description or ()]
            found, more = taken(cursor, 0 if ask.paged else ask.start, ask.limit)
            if ask.paged and len(found) == ask.limit:
                cursor.fetchone()  # the end, behind the one row more that was asked for
            return Page(columns, found, more)

    def explain(self, sql: str, seconds: float) -> Page:
        return self.read(Ask(sql=f"EXPLAIN {sql}", seconds=seconds))

    def change(self, change: Change) -> dict[str, int]:
        # By a connection of its own: those that read stay such as cannot write. Closed, it takes back what is open.
        with self._told(), closing(self._connected(writes=True)) as connection, connection.cursor() as cursor:
            self._judge_table(cursor, change)
            values = dict(change.parameters) or None
            if change.sql.split(None, 1)[0].lower() != change.verb:
                raise EngineFault(f"this is no {change.verb}; nothing was changed")
            # Only what changes rows has a plan: whatever else reached this place ends here, as CREATE would commit.
            cursor.execute(f"EXPLAIN {change.sql}", values)
            cursor.fetchall()
            if self._maria:  # MySQL has no clock of the server's over what writes: the socket's ends it
                cursor.execute(f"SET SESSION max_statement_time = {change.seconds}")
            cursor.execute("START TRANSACTION")
            connection._read_timeout = change.seconds + _SLACK
            found = {change.name: int(cursor.execute(change.sql, values))}
            if held(change, found):
                try:
                    connection.commit()
                except (pymysql.OperationalError, OSError) as fault:
                    raise in_doubt(fault) from None
        return found

    def _judge_table(self, cursor: Any, change: Change) -> None:
        """Raise EngineFault for a table whose changes could not be taken back, or would change others uncounted."""
        cursor.execute(TAKES_BACK, (self._database, change.table))
        row = cursor.fetchone()
        if row is None or not row[0]:
            kind = f"is of the engine {row[1]}, which takes nothing back" if row else "is not there"
            raise EngineFault(f"{change.name} {kind}: it is not changed here")
        cursor.execute(FOLLOWING, (self._database, change.table, change.verb))
        others = [str(name) for (name,) in cursor.fetchall()]
        if others and change.verb != "insert":
            raise EngineFault(
                f"rows of {', '.join(others[:5])} would be changed with it, by their foreign keys, and the engine does "
                "not tell how many: change those first"
            )

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _lent(self, seconds: float) -> Generator[Any, None, None]:
        with self._told(), self._pool.lent() as connection:
            cursor = connection.cursor(SSCursor)
            self._maria = "mariadb" in str(connection.get_server_info()).lower()
            limit = f"max_statement_time = {seconds}" if self._maria else f"max_execution_time = {int(seconds * 1_000)}"
            cursor.execute(f"SET SESSION {limit}")
            cursor.execute("START TRANSACTION READ ONLY")
            connection._read_timeout = seconds + _SLACK
            try:
                yield cursor
                if not _drained(cursor):
                    _abandon(connection, cursor)
                    return
                cursor.execute("ROLLBACK")
                cursor.close()
            except BaseException:
                _abandon(connection, cursor)
                raise

    def _connected(self, *, writes: bool = False) -> Any:
        connection = pymysql.connect(
            **self._account, charset="utf8mb4", autocommit=not writes, connect_timeout=CONNECT, local_infile=False,
            client_flag=0, init_command=f"SET SESSION sql_mode = '{_MODE}', SESSION lock_wait_timeout = 2",
        )  # fmt: skip
        if not writes:
            # What ends a transaction by itself, as CREATE does, then finds the next one read-only as well.
            with connection.cursor() as cursor:
                cursor.execute("SET SESSION TRANSACTION READ ONLY")
        if connection.client_flag & CLIENT.MULTI_STATEMENTS:
            connection.close()
            raise EngineFault("the driver would send several statements at once")
        return connection

    def _powers(self, cursor: Any) -> list[str]:
        cursor.execute("SELECT privilege_type FROM information_schema.user_privileges")
        held = {str(name).upper() for (name,) in cursor.fetchall()}
        return [told for name, told in POWERS.items() if name in held]

    @contextmanager
    def _told(self) -> Generator[None, None, None]:
        try:
            yield
        except (pymysql.MySQLError, OSError) as fault:
            number = fault.args[0] if fault.args and isinstance(fault.args[0], int) else 0
            if number in _OUT_OF_TIME or "timed out" in str(fault):
                raise OutOfTime("stopped by the server") from None
            raise self._in_words(number, str(fault.args[-1] if fault.args else fault)) from None

    def _in_words(self, number: int, text: str) -> EngineFault:
        password = str(self._account.get("password") or "")
        text = " ".join(text.split())[:500]
        text = text.replace(password, "***") if password else text
        if not number or 2000 <= number < 2100 or number in (1040, 1045, 1049):
            return EngineFault(f"the server cannot be reached now: {text}")
        if number == 1792:
            return EngineFault(f"only reading is served here: {text}")
        if number in (1044, 1142, 1143, 1370, 1227):
            return EngineFault(f"the database's account may not: {text}; choose other tables or columns")
        if number == 1205:
            return EngineFault("a table is locked by somebody else; try again in a moment")
        quoted = text.split("'")
        name = quoted[1] if len(quoted) > 2 else ""
        return EngineFault(f"the engine says: {text}", missing=_MISSING.get(number, ""), name=name)


def _account(address: str) -> dict[str, Any]:
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port or 3306
    except ValueError:  # a port that is no number, a bracket that is not closed
        raise SourceError("this is no address of a MySQL database: mysql://USER@HOST:PORT/NAME") from None
    database = unquote(parts.path.lstrip("/"))
    if not host or not database:
        raise SourceError("this is no address of a MySQL database: mysql://USER@HOST:PORT/NAME")
    found: dict[str, Any] = {
        "host": host, "port": port, "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""), "database": database,
    }  # fmt: skip
    options = parse_qs(parts.query)
    if "ssl_ca" in options:
        found["ssl"] = ssl.create_default_context(cafile=options["ssl_ca"][0])
    elif options.get("ssl") == ["true"]:
        found["ssl"] = ssl.create_default_context()
    return found


def _drained(cursor: Any) -> bool:
    """Tell whether all rows have come: a connection with more of them under way cannot be used again."""
    return not getattr(cursor._result, "unbuffered_active", False)


def _abandon(connection: Any, cursor: Any) -> None:
    """Close the connection without reading what is still under way: the server then stops sending."""
    if cursor._result is not None:
        cursor._result.unbuffered_active = False
        cursor._result.connection = None
    with suppress(pymysql.MySQLError, OSError):
        connection._force_close()


def _stands(connection: Any) -> bool:
    return bool(connection.open) and quiet(connection._sock.fileno())


def _ended(connection: Any) -> None:
    with suppress(pymysql.MySQLError, OSError):
        if connection.open:
            connection.close()


def _estimate(cursor: Any, ask: Ask) -> Estimate:
    """Return the rows of the steps multiplied, as each is done once for every row of those before it."""
    cursor.execute(f"EXPLAIN {ask.sql}", dict(ask.parameters) or None)
    names = [str(column[0]).lower() for column in cursor.description or ()]
    steps = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    totals: dict[Any, float] = {}
    dearest = Estimate(0.0)
    for step in steps:
        rows = float(step.get("rows") or 1)
        totals[step["id"]] = totals.get(step["id"], 1.0) * max(rows, 1.0)
        if rows >= dearest.rows:
            how = "a scan of all" if step.get("type") == "ALL" else f"access by {step.get('type')}"
            dearest = Estimate(rows, f"{how} of {step.get('table')}", str(step.get("table") or ""))
    return dearest._replace(rows=sum(totals.values()))
