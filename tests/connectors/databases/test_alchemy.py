"""A database by SQLAlchemy: SQLite stands for all of them, as the one that needs no server."""

import sqlite3
from pathlib import Path

import msgspec
import pytest
from tests.connectors.databases.attacks import COMMON, SECRET, WORD, tried
from tests.connectors.databases.test_attacks import SCHEMA

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.opening import open_address
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_source
from dragoman.connectors.source import SourceError
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

QUERY = {"by_name": {"sql": "SELECT id, '50%', ':x' FROM customers WHERE name = :name", "parameters": {"name": {}}}}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop") / "shop.db"
    db = sqlite3.connect(place)
    db.executescript("\n".join(line for line in SCHEMA.splitlines() if "words" not in line))
    db.close()
    return place


def opened(path: Path, **rules: object) -> Database:
    return open_address("shop", f"sqlite+pysqlite:///{path}", msgspec.convert(rules, Rules))


def test_without_a_guard_only_the_owners_queries_run(path: Path) -> None:
    shop = opened(path, queries=QUERY)
    with pytest.raises(ToolError, match="only the owner's own queries are served of shop, by run: by_name"):
        shop.query(ALL, "SELECT 1", 0, 10, "")
    assert shop.run(ALL, "by_name", {"name": "Ada"}, lambda share, text: None, lambda: False).rows == [[1, "50%", ":x"]]
    shop.close()


def test_with_an_account_that_only_reads_statements_run(path: Path) -> None:
    shop = opened(path, read_only_role=True)
    assert shop.query(ALL, "SELECT name, ':x' FROM customers ORDER BY id", 0, 1, "").rows == [["Ada", ":x"]]
    assert shop.describe(ALL, parse("db://shop/orders"))["foreign_keys"] == ["customer_id -> customers(id)"]
    assert shop.about == "sqlite database"
    for sql in ("DELETE FROM orders", "SELECT 1; SELECT 2", "SELECT load_extension('x')", "PRAGMA table_info(orders)"):
        with pytest.raises(ToolError):
            shop.query(ALL, sql, 0, 10, "")
    shop.close()


def test_masks_hold_here_as_well(path: Path) -> None:
    shop = opened(path, read_only_role=True, mask=["customers.email"], deny=["secrets"])
    for attack, twin in COMMON:
        if "AS c(a, b" in attack:
            continue
        found, told = tried(shop, attack)
        assert told, f"{attack} came through: {found}"
        assert SECRET not in told and WORD not in told
        shop.query(ALL, twin, 0, 100, "")
    shop.close()


def test_a_runaway_statement_is_stopped(path: Path) -> None:
    shop = opened(path, read_only_role=True, timeout=0.2)
    with pytest.raises(ToolError, match=r"stopped after 0\.2 seconds"):
        shop.query(
            ALL, "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", 0, 10, ""
        )
    shop.close()


def test_an_unknown_dialect_is_said_without_the_password() -> None:
    with pytest.raises(SourceError, match="SQLAlchemy cannot open") as caught:
        open_address("shop", "nosuch+driver://user:hush-hush@host/name")
    assert "hush-hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("trino://me:geheim@127.0.0.1:8080/cat/schema", r'pip install "trino\[sqlalchemy\]"'),
        ("clickhouse://me:geheim@127.0.0.1/db", 'pip install "clickhouse-sqlalchemy"'),
        ("clickhouse+native://me:geheim@127.0.0.1/db", 'pip install "clickhouse-sqlalchemy"'),
        ("clickhousedb://me:geheim@127.0.0.1/db", 'pip install "clickhouse-connect"'),
        ("snowflake://me:geheim@account/db", 'pip install "snowflake-sqlalchemy"'),
        ("bigquery://project/set", 'pip install "sqlalchemy-bigquery"'),
        ("oracle://me:geheim@127.0.0.1/x", 'pip install "oracledb"'),
        ("mssql+pyodbc://me:geheim@127.0.0.1/x", 'pip install "pyodbc"'),
        ("nothing+driver://me:geheim@127.0.0.1/x", "the package that brings its dialect"),
        ("sqlite+pysqlite://me:geheim@127.0.0.1:port/x", "no address that SQLAlchemy can read"),
        ("mysql://me:geheim@127.0.0.1:port/x", "no address of a MySQL database"),
        ("mysql://me:geheim@[::1/x", "no address of a MySQL database"),
    ],
)
def test_what_is_missing_for_an_address_is_named_and_no_password(address: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as caught:
        open_source(address, (), Opening())
    assert "geheim" not in str(caught.value) and "geheim" not in str(caught.value.__cause__)
