import sqlite3
from pathlib import Path

import pytest

from dragoman.connectors.address import parse
from dragoman.connectors.databases.cells import MAX_CELL
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.source import Question
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

SCHEMA = """
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, region TEXT DEFAULT 'north');
CREATE TABLE order_lines(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), amount_cents INTEGER);
CREATE INDEX by_customer ON order_lines(customer_id);
CREATE VIEW totals AS SELECT customer_id, sum(amount_cents) AS total FROM order_lines GROUP BY 1;
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "shop.db"
    db = sqlite3.connect(place)
    db.executescript(SCHEMA)
    db.executemany("INSERT INTO customers(id, name) VALUES (?, ?)", [(n, f"customer {n}") for n in range(1, 11)])
    db.executemany("INSERT INTO order_lines VALUES (?, ?, ?)", [(n, n % 10 + 1, n * 100) for n in range(1, 2_501)])
    db.commit()
    db.close()
    return place


@pytest.fixture
def shop(path: Path) -> Database:
    return Database("shop", Sqlite(path))


def test_describe_tells_tables_columns_keys_and_rows(shop: Database) -> None:
    about = shop.describe(ALL, parse("db://shop"))
    assert about["tables"] == [
        "customers(id, name, region): 10 rows",
        "order_lines(id, customer_id, amount_cents): 2,500 rows",
        "view totals(customer_id, total)",
    ]
    table = shop.describe(ALL, parse("db://shop/order_lines"))
    assert table["columns"] == ["id INTEGER, primary key", "customer_id INTEGER", "amount_cents INTEGER"]
    assert table["foreign_keys"] == ["customer_id -> customers(id)"]
    assert table["indexes"] == ["(customer_id)"]


def test_rows_of_a_large_table_are_estimated(shop: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.databases.sqlite_schema.COUNTED", 0)
    assert shop.describe(ALL, parse("db://shop/order_lines"))["rows"] == "about 2,500 rows"


def test_query_gives_columns_rows_and_whether_there_are_more(shop: Database) -> None:
    rows = shop.query(ALL, "SELECT id, amount_cents FROM order_lines ORDER BY id", 2, 3, "")
    assert (rows.columns, rows.rows, rows.more) == (["id", "amount_cents"], [[3, 300], [4, 400], [5, 500]], True)
    last = shop.query(ALL, "SELECT id FROM order_lines ORDER BY id", 2_498, 10, "")
    assert (last.rows, last.more) == ([[2499], [2500]], False)


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("SELECT custmer_id FROM order_lines", "nearest: order_lines.customer_id"),
        ("SELECT * FROM orderlines", "nearest: order_lines"),
        ("SELECT * FROM xyzzy", "call describe on db://shop/"),
        ("SELECT * FROM pragma_table_list", "only reading is served"),
        ("SELECT nosuch(1)", "no such function"),
        ("DROP TABLE customers", "DROP is refused"),
    ],
)
def test_a_wrong_statement_is_answered_with_the_next_step(sql: str, text: str, shop: Database) -> None:
    with pytest.raises(ToolError, match=text):
        shop.query(ALL, sql, 0, 10, "")
    assert shop.query(ALL, "SELECT 1", 0, 10, "").rows == [[1]]


def test_a_runaway_statement_is_stopped_with_advice(path: Path) -> None:
    shop = Database("shop", Sqlite(path), Rules(timeout=0.2))
    with pytest.raises(ToolError, match=r"stopped after 0\.2 seconds; filter by an indexed column"):
        shop.query(
            ALL, "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r", 0, 10, ""
        )


def test_a_locked_database_is_said_to_be_locked(shop: Database, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.databases.guarded.BUSY", 0.05)
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ToolError, match="shop: it is locked by another program"):
        shop.query(ALL, "SELECT 1 FROM customers", 0, 10, "")
    writer.execute("ROLLBACK")
    writer.close()
    assert shop.query(ALL, "SELECT count(*) FROM customers", 0, 10, "").rows == [[10]]


def test_a_database_that_is_gone_is_said_to_be_gone(shop: Database, path: Path) -> None:
    path.unlink()
    with pytest.raises(ToolError, match="cannot be read now"):
        shop.query(ALL, "SELECT 1", 0, 10, "")


def test_values_that_json_cannot_hold_are_put_into_words(shop: Database) -> None:
    rows = shop.query(ALL, f"SELECT x'0102', 9e999, printf('%.*c', {MAX_CELL * 2}, 'x'), NULL", 0, 10, "")
    blob, infinite, text, nothing = rows.rows[0]
    assert (blob, infinite, nothing) == ("<2 bytes>", "inf", None)
    assert text == "x" * MAX_CELL + "… (4,000 characters)"


def test_fetch_pages_through_all_rows_of_a_table(shop: Database) -> None:
    seen: list[str] = []
    position = None
    while True:
        passage = shop.fetch(ALL, parse("db://shop/order_lines"), position, 3_000)
        assert len(passage.text) <= 3_000
        seen += [line.split(" | ")[0].strip("| ") for line in passage.text.splitlines()[2:]]
        position = passage.following
        if position is None:
            break
    assert seen == [str(number) for number in range(1, 2_501)]


def test_fetch_gives_the_rows_asked_for(shop: Database) -> None:
    passage = shop.fetch(ALL, parse("db://shop/customers#lines=2-3"), None, 3_000)
    assert passage.range == "rows 2-3"
    assert passage.text.splitlines()[2:] == ["| 2 | customer 2 | north |", "| 3 | customer 3 | north |"]
    assert passage.following is None


def test_search_finds_tables_by_the_words_in_their_names(shop: Database) -> None:
    found = shop.search(ALL, Question(text="order lines of a customer"), 5)
    assert [hit().uri for hit in found.hits][:2] == ["db://shop/order_lines", "db://shop/customers"]
    assert not shop.search(ALL, Question(text="weather"), 5).hits


def test_a_schema_that_changes_is_read_again(shop: Database, path: Path) -> None:
    assert "extra" not in shop.tables(ALL)
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE extra(a)")
    db.commit()
    db.close()
    assert "extra" in shop.tables(ALL)


def test_a_view_over_nothing_does_not_hide_the_others(path: Path) -> None:
    db = sqlite3.connect(path)
    db.execute("CREATE VIEW broken AS SELECT * FROM never_there")
    db.commit()
    db.close()
    assert "customers" in Database("shop", Sqlite(path)).tables(ALL)


def test_text_that_is_none_is_shown_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "odd.db"
    db = sqlite3.connect(path)
    db.execute("CREATE TABLE t(a TEXT)")
    db.execute("INSERT INTO t VALUES ('fine'), (CAST(x'41ff42' AS TEXT))")
    db.commit()
    db.close()
    found = Database("odd", Sqlite(path)).query(ALL, "SELECT a FROM t ORDER BY a DESC", 0, 9, "")
    assert found.rows == [["fine"], ["A\ufffdB"]]
