"""What a database as a source costs over its driver: one page of 1,000 rows, sorted out of 500,000, both ways in turn.

The driver's time is a connection of the kind that the engine uses, the statement, and its rows; ours adds the statement
taken apart, judged and written anew, the look at the schema, the engine's estimate, and the rows made fit for JSON.
"""

import contextlib
import random
import sqlite3
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
SORTED = "SELECT id, customer, total, note, day FROM orders WHERE total > 1 ORDER BY total DESC LIMIT 1000"
PLAIN = "SELECT id, customer, total, note, day FROM orders LIMIT 1000"
TABLE = "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, total DOUBLE PRECISION, note TEXT, day TEXT)"


def rows() -> Iterator[tuple[int, int, float, str, str]]:
    for n in range(ROWS):
        yield n, n * 7 % 1000, n * 7919 % 100_003 / 7, f"note number {n}", f"2026-{n % 12 + 1:02}-{n % 28 + 1:02}"


def paired(ours: Callable[[], Any], driver: Callable[[], Any]) -> tuple[float, float]:
    """Return the least milliseconds of both, measured in turns without order: what is above is the machine's."""
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(ROUNDS + 2):
        for at, function in random.sample(list(enumerate((ours, driver))), 2):
            began = time.perf_counter()
            function()
            if round_ > 1:
                times[at].append((time.perf_counter() - began) * 1_000)
    return min(times[0]), min(times[1])


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
def postgres() -> Iterator[tuple[str, Callable[[str], Any], Any]]:
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

            yield "PostgreSQL", driver, open_address("shop", address)


def one(table: Any, name: str, driver: Callable[[str], Any], source: Any) -> None:
    from dragoman.connectors.view import ALL

    def ours(sql: str) -> Any:
        found = source.query(ALL, sql, 0, 1_000, "")
        assert len(found.rows) == 1_000
        return found

    got, bare = paired(lambda: ours(SORTED), lambda: driver(SORTED))
    small, least = paired(lambda: ours(PLAIN), lambda: driver(PLAIN))
    detail = f"{got:.1f} ms against {bare:.1f}; the first 1,000 rows unsorted {small:.1f} against {least:.1f}"
    table.add(f"SQL, {name}: 1,000 rows, ratio to the driver", got / bare, 1.2, detail)
    source.close()


def measure(table: Any) -> None:
    from tests.servers import private

    with tempfile.TemporaryDirectory() as folder:
        one(table, *sqlite(Path(folder)))
        one(table, *duck(Path(folder)))
    if private.postgres_programs() is None:
        print("SQL, PostgreSQL: not here, not measured")
        return
    with postgres() as parts:
        one(table, *parts)
