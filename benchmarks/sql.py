"""What a database as a source costs over its driver: one page of 1,000 rows, sorted out of 500,000, both ways in turn.

The driver's work is a connection of the kind that the engine uses, the statement, and its rows; ours adds the statement
taken apart, judged and written anew, the look at the schema, the engine's estimate, and the rows made fit for JSON.
Measured is CPU time, this process's and the server's together, so that a machine busy with other work changes little;
every statement is another one, so that nothing that was taken apart before is remembered.
"""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import environments

sys.path.insert(0, str(environments.ROOT))

ROWS = 500_000
ROUNDS = 21
SORTED = "SELECT id, customer, total, note, day FROM orders WHERE total > {} ORDER BY total DESC LIMIT 1000"
PLAIN = "SELECT id, customer, total, note, day FROM orders WHERE id >= {} LIMIT 1000"
TABLE = "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, total DOUBLE PRECISION, note TEXT, day TEXT)"


def rows() -> Iterator[tuple[int, int, float, str, str]]:
    for n in range(ROWS):
        yield n, n * 7 % 1000, n * 7919 % 100_003 / 7, f"note number {n}", f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}"


def cpu(server: int) -> float:
    """Return the seconds that this process, and a server with what it has started and outlived, have worked."""
    used = time.process_time()
    if server:
        listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(server)], capture_output=True, check=False)
        for pid in [server, *map(int, listed.stdout.split())]:
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                last = 15 if pid == server else 13  # of the server itself, also what its children that ended have used
                used += sum(map(int, fields[11:last])) / os.sysconf("SC_CLK_TCK")
    return used


def paired(ours: Callable[[str], Any], driver: Callable[[str], Any], sql: str, server: int) -> tuple[float, float]:
    """Return the milliseconds of CPU of both: the least where one process works, the mean where clocks are coarse."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(ROUNDS + 2):
        for at, function in random.sample(list(enumerate((ours, driver))), 2):
            statement = sql.format(round_ * 2 + at)
            began = cpu(server)
            function(statement)
            if round_ > 1:
                times[at].append((cpu(server) - began) * 1_000)
    found = sum if server else min
    return tuple(found(one) / (ROUNDS if server else 1) for one in times)  # type: ignore[return-value]


def sqlite(folder: Path) -> tuple[str, Callable[[str], Any], Any]:
    from dragoman.connectors.databases.opening import open_file

    path = folder / "shop.db"
    db = sqlite3.connect(path)
    db.execute(TABLE)
    db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", rows())
    db.commit()
    db.close()

    def driver(sql: str) -> Any:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as opened:
            return opened.execute(sql).fetchall()

    return "SQLite", driver, open_file("shop", path)


def duck(folder: Path) -> tuple[str, Callable[[str], Any], Any]:
    import duckdb

    from dragoman.connectors.databases.opening import open_address

    place = folder / "lake"
    place.mkdir()
    source = folder / "shop.db"
    with contextlib.closing(sqlite3.connect(source)) as db, (place / "orders.csv").open("w") as out:
        out.write("id,customer,total,note,day\n")
        out.writelines(",".join(map(str, row)) + "\n" for row in db.execute("SELECT * FROM orders"))
    duckdb.sql(f"COPY (FROM '{place}/orders.csv') TO '{place}/orders.parquet'")
    (place / "orders.csv").unlink()
    root = duckdb.connect(":memory:", config={"threads": 2})
    root.execute(f"CREATE VIEW orders AS SELECT * FROM read_parquet('{place}/orders.parquet')")

    def driver(sql: str) -> Any:
        return root.cursor().execute(sql).fetchall()

    return "DuckDB on Parquet", driver, open_address("shop", f"duckdb://{place}")


@contextlib.contextmanager
def postgres() -> Iterator[tuple[str, Callable[[str], Any], Any, int]]:
    import psycopg
    from tests.live.shop import PASSWORD, READER
    from tests.servers import private

    from dragoman.connectors.databases.opening import open_address

    with private.directory() as directory, private.postgres(directory) as server:
        with psycopg.connect(server.address, autocommit=True) as db:
            db.execute(TABLE)
            with db.cursor().copy("COPY orders FROM STDIN") as copy:
                for row in rows():
                    copy.write_row(row)
            db.execute("ANALYZE orders")
            db.execute(f"CREATE ROLE {READER} LOGIN PASSWORD '{PASSWORD}'")
            db.execute(f"GRANT SELECT ON orders TO {READER}")
        address = server.address.replace("postgres@", f"{READER}:{PASSWORD}@")
        with psycopg.connect(address) as opened:
            opened.set_read_only(True)

            def driver(sql: str) -> Any:
                found = opened.execute(sql.encode()).fetchall()
                opened.rollback()
                return found

            yield "PostgreSQL", driver, open_address("shop", address), server.pid


@contextlib.contextmanager
def mariadb() -> Iterator[tuple[str, Callable[[str], Any], Any, int]]:
    import pymysql
    from tests.live.mariadb import mariadb as started
    from tests.servers import private

    from dragoman.connectors.databases.opening import open_address
    from dragoman.connectors.databases.rules import Rules

    with private.directory() as directory, started(directory) as address:
        host, port = address.removeprefix("mysql://root@").rstrip("/").split(":")
        db = pymysql.connect(host=host, port=int(port), user="root")
        with db.cursor() as cursor:
            cursor.execute("CREATE DATABASE shop CHARACTER SET utf8mb4")
            cursor.execute("USE shop")
            cursor.execute(TABLE.replace("TEXT", "VARCHAR(40)"))
            every = list(rows())
            for at in range(0, ROWS, 10_000):
                cursor.executemany("INSERT INTO orders VALUES (%s, %s, %s, %s, %s)", every[at : at + 10_000])
            cursor.execute("ANALYZE TABLE orders")
        db.commit()
        opened = pymysql.connect(host=host, port=int(port), user="root", database="shop", autocommit=True)

        def driver(sql: str) -> Any:
            with opened.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()

        pid = int((directory / "pid").read_text())
        yield "MariaDB", driver, open_address("shop", f"{address}shop", Rules(superuser=True)), pid
        opened.close()
        db.close()


def one(table: Any, name: str, driver: Callable[[str], Any], source: Any, server: int = 0) -> None:
    from dragoman.connectors.view import ALL

    def ours(sql: str) -> Any:
        found = source.query(ALL, sql, 0, 1_000, "")
        assert len(found.rows) == 1_000
        return found

    got, bare = paired(ours, driver, SORTED, server)
    small, least = paired(ours, driver, PLAIN, server)
    detail = f"{got:.1f} ms of CPU against {bare:.1f}; the first 1,000 rows unsorted {small:.1f} against {least:.1f}"
    table.add(f"SQL, {name}: 1,000 rows, ratio to the driver", got / bare, 1.2, detail)
    source.close()


def measure(table: Any) -> None:
    from tests.live.mariadb import mariadb_program
    from tests.servers import private

    with tempfile.TemporaryDirectory() as folder:
        one(table, *sqlite(Path(folder)))
        one(table, *duck(Path(folder)))
    for name, there, made in (
        ("PostgreSQL", private.postgres_programs(), postgres),
        ("MariaDB", mariadb_program(), mariadb),
    ):
        if there is None:
            print(f"SQL, {name}: not here, not measured")
            continue
        with made() as parts:
            one(table, *parts)
