"""Every way around a mask that is known to us, on SQLite: by statement and engine together, and by each alone."""

import sqlite3
from pathlib import Path

import pytest
from tests.connectors.databases.attacks import ALONE, COMMON, SECRET, SQLITE, SQLITE_ALONE, WORD, tried

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.guarded import guarded
from dragoman.connectors.databases.judge import judge
from dragoman.connectors.databases.opening import open_file
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.databases.statement import read_statement
from dragoman.connectors.source import Passage, Question, SourceError
from dragoman.connectors.view import ALL, View
from dragoman.errors import ToolError

RULES = Rules(mask=["customers.email"], deny=["secrets", "words_of_secrets*"])
SCHEMA = f"""
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, email TEXT, country TEXT);
CREATE INDEX by_email ON customers(email);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), total REAL, note TEXT);
CREATE TABLE secrets(id INTEGER PRIMARY KEY, word TEXT);
CREATE VIEW clean AS SELECT id, country FROM customers;
CREATE VIEW leaky AS SELECT id, email AS contact FROM customers;
CREATE VIEW leaky2 AS SELECT id FROM leaky;
CREATE VIEW of_secrets AS SELECT id FROM secrets;
CREATE VIRTUAL TABLE words USING fts5(a);
CREATE VIRTUAL TABLE words_of_secrets USING fts5(a);
INSERT INTO customers VALUES (1, 'Ada', '{SECRET}', 'uk'), (2, 'Bob', 'bob@example.org', 'us');
INSERT INTO orders VALUES (1, 1, 9.5, 'first'), (2, 2, 5, 'second');
INSERT INTO secrets VALUES (1, '{WORD}');
INSERT INTO words VALUES ('hello world');
INSERT INTO words_of_secrets VALUES ('{WORD}');
ANALYZE;
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("shop") / "shop.db"
    db = sqlite3.connect(place)
    db.executescript(SCHEMA)
    db.close()
    return place


@pytest.fixture(scope="module")
def shop(path: Path) -> Database:
    return Database("shop", Sqlite(path), RULES)


@pytest.mark.parametrize(("attack", "twin"), [*COMMON, *SQLITE])
def test_what_is_masked_or_denied_stays_unread(attack: str, twin: str, shop: Database) -> None:
    with pytest.raises(ToolError) as caught:
        shop.query(ALL, attack, 0, 100, "")
    assert SECRET not in caught.value.message and WORD not in caught.value.message
    shop.query(ALL, twin, 0, 100, "")


# SQLite has no such names for columns, so that the text which is judged and run has none either.
@pytest.mark.parametrize(("attack", "twin"), [pair for pair in COMMON if "AS c(a, b" not in pair[0]])
def test_the_statement_alone_shows_the_attack(attack: str, twin: str, shop: Database) -> None:
    access = shop.access(ALL)
    with pytest.raises(ToolError):
        judge(read_statement(attack, "sqlite").tree, access)
    judge(read_statement(twin, "sqlite").tree, access)


@pytest.mark.parametrize(("attack", "twin"), [*COMMON, *SQLITE])
def test_the_engine_alone_gives_no_secret_away(attack: str, twin: str, shop: Database, path: Path) -> None:
    closed = shop.access(ALL).closed_columns()
    with guarded(path, 5.0, closed) as db:
        try:
            found = str(db.execute(attack).fetchall())
        except sqlite3.Error:
            found = ""
    assert SECRET not in found
    with guarded(path, 5.0, closed) as db:
        db.execute(twin).fetchall()


def test_a_refusal_names_the_columns_that_may_be_read(shop: Database) -> None:
    with pytest.raises(ToolError, match=r"customers\.email is masked.*columns of customers to name: id, name, country"):
        shop.query(ALL, "SELECT email FROM customers", 0, 10, "")
    with pytest.raises(ToolError, match=r"\* would read customers\.email, which is masked: name the columns"):
        shop.query(ALL, "SELECT * FROM customers", 0, 10, "")


def test_what_is_denied_is_nowhere(shop: Database) -> None:
    told = str(
        [
            shop.tables(ALL),
            shop.describe(ALL, parse("db://shop")),
            shop.items(ALL, "", "", 100),
            [hit() for hit in shop.search(ALL, Question(text="secrets word"), 10).hits],
        ]
    )
    assert "secrets" not in told.replace("of_secrets", "")
    assert "customers(id, name, email (masked), country): 2 rows" in told
    for call in (
        lambda: shop.describe(ALL, parse("db://shop/secrets")),
        lambda: shop.query(ALL, "SELECT * FROM secret", 0, 1, ""),
    ):
        with pytest.raises(ToolError) as caught:
            call()
        assert "nearest: secrets" not in caught.value.message
    assert "secrets" in Database("shop", shop._engine).tables(ALL)


def test_views_are_masked_by_what_they_read(shop: Database) -> None:
    for view in ("leaky", "leaky2", "of_secrets"):
        with pytest.raises(ToolError, match="may not be read"):
            shop.fetch(ALL, parse(f"db://shop/{view}"), None, 1_000)
    assert "uk" in shop.fetch(ALL, parse("db://shop/clean"), None, 1_000).text


def test_reading_a_table_with_a_mask_gives_the_other_columns(shop: Database) -> None:
    text = shop.fetch(ALL, parse("db://shop/customers"), None, 1_000).text
    assert text.splitlines()[0] == "| id | name | country |" and SECRET not in text


def test_a_caller_sees_no_more_than_the_view_shows(shop: Database) -> None:
    one = View(allow=("orders", "customers.name"), deny=("orders.note",))
    assert shop.tables(one) == ["customers", "orders"]
    assert shop.describe(one, parse("db://shop/orders"))["columns"] == [
        "id INTEGER, primary key",
        "customer_id INTEGER",
        "total REAL",
    ]
    assert shop.query(
        one, "SELECT o.total FROM orders o JOIN customers c ON o.total > 6 AND c.name = 'Ada'", 0, 9, ""
    ).rows == [[9.5]]
    for sql in (
        "SELECT note FROM orders",
        "SELECT country FROM customers",
        "SELECT * FROM orders",
        "SELECT * FROM clean",
    ):
        with pytest.raises(ToolError) as caught:
            shop.query(one, sql, 0, 10, "")
        assert "note," not in caught.value.message and "first" not in caught.value.message
    assert shop.query(ALL, "SELECT note FROM orders WHERE id = 1", 0, 10, "").rows == [["first"]]


def test_a_view_that_the_owner_allows_may_read_a_table_that_is_not(shop: Database, path: Path) -> None:
    narrow = Database("shop", Sqlite(path), Rules(allow=["clean"]))
    assert narrow.tables(ALL) == ["clean"]
    assert narrow.query(ALL, "SELECT country FROM clean ORDER BY id", 0, 10, "").rows == [["uk"], ["us"]]
    with pytest.raises(ToolError, match="there is no table 'customers'"):
        narrow.query(ALL, "SELECT name FROM customers", 0, 10, "")


def test_a_mask_that_fits_nothing_is_said_at_the_start(path: Path) -> None:
    with pytest.raises(SourceError, match=r"mask 'customer\.email' fits no column of shop"):
        open_file("shop", path, Rules(mask=["customer.email"]))
    open_file("shop", path, Rules(mask=["Customers.EMAIL", "*.word"]))


def test_a_plan_tells_nothing_of_what_stands_behind_a_view(path: Path) -> None:
    narrow = Database("shop", Sqlite(path), Rules(allow=["clean", "orders"]))
    with pytest.raises(ToolError, match="the plan of a statement over the view clean is not told"):
        narrow.query(ALL, "EXPLAIN QUERY PLAN SELECT id FROM clean", 0, 10, "")
    assert narrow.query(ALL, "EXPLAIN QUERY PLAN SELECT id FROM orders", 0, 10, "").rows


@pytest.fixture(scope="module")
def ranked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a database in which an index ranks rows the other way round than they lie."""
    place = tmp_path_factory.mktemp("ranked") / "shop.db"
    db = sqlite3.connect(place)
    db.executescript(
        "CREATE TABLE pay(id INTEGER PRIMARY KEY, name TEXT, salary INTEGER);"
        "CREATE TABLE bonus(id INTEGER PRIMARY KEY, name TEXT, sum INTEGER);"
        "CREATE INDEX by_salary ON pay(salary); CREATE INDEX by_half ON bonus(sum / 2);"
        "CREATE VIEW ids AS SELECT id FROM pay WHERE id < 9; CREATE VIEW again AS SELECT id AS n FROM ids;"
        "INSERT INTO pay VALUES (1, 'a', 30), (2, 'b', 20), (3, 'c', 10);"
        "INSERT INTO bonus VALUES (1, 'a', 30), (2, 'b', 20), (3, 'c', 10)"
    )
    db.close()
    return place


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id FROM pay",
        "SELECT p.id FROM pay AS p",
        "SELECT id FROM main.pay",
        "SELECT id FROM bonus",
        "SELECT id FROM ids",
        "SELECT n FROM again",
        "SELECT a.n FROM again AS a",
        "WITH q AS (SELECT id FROM pay) SELECT id FROM q",
        "SELECT id FROM (SELECT id FROM pay LIMIT 3)",
        "SELECT v.id FROM (ids AS v JOIN pay AS p ON p.id = v.id)",
    ],
)
def test_the_order_of_rows_tells_nothing_of_what_is_masked(ranked: Path, sql: str) -> None:
    masked = open_file("shop", ranked, Rules(mask=["pay.salary", "bonus.sum"]))
    assert masked.query(ALL, sql, 0, 9, "").rows == [[1], [2], [3]]
    assert masked.query(ALL, sql, 0, 1, "").rows == [[1]]


def test_without_a_mask_an_index_gives_its_order(ranked: Path) -> None:
    # So the test above could fail: this is what SQLite does when it is let.
    bare = open_file("shop", ranked)
    assert bare.query(ALL, "SELECT id FROM pay", 0, 9, "").rows == [[3], [2], [1]]
    masked = open_file("shop", ranked, Rules(mask=["pay.salary"]))
    with pytest.raises(ToolError, match="no table 'by_salary'"):
        masked.query(ALL, "SELECT id FROM pay INDEXED BY by_salary", 0, 9, "")
    passage = masked.fetch(ALL, parse("db://shop/pay"), None, 1_000)
    assert isinstance(passage, Passage) and passage.text.index("| 1") < passage.text.index("| 3")


def test_no_other_way_leads_to_what_is_masked(shop: Database) -> None:
    for attack in [*ALONE, *SQLITE_ALONE]:
        found, told = tried(shop, attack)
        assert told, f"{attack} came through: {found}"
        assert SECRET not in told and WORD not in told
    assert shop.query(ALL, "SELECT count(*), max(name) FROM customers", 0, 1, "").rows == [[2, "Bob"]]
