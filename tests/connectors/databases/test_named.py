import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.source import Rows, SourceError
from dragoman.connectors.view import ALL, View
from dragoman.errors import ToolError

QUERIES: dict[str, Any] = {
    "orders_of": {
        "sql": "SELECT id, note FROM orders WHERE customer = :customer AND total >= :least ORDER BY id",
        "about": "orders of one customer",
        "parameters": {
            "customer": {"type": "string", "about": "the customer's name"},
            "least": {"type": "number", "default": 0, "minimum": 0},
        },
    },
    "emails_per_country": {"sql": "SELECT count(DISTINCT email) AS n FROM customers"},
    "since": {"sql": "SELECT id FROM orders WHERE day >= :day", "parameters": {"day": {"type": "date"}}},
    "of_kind": {
        "sql": "SELECT count(*) FROM orders WHERE kind = :kind",
        "parameters": {"kind": {"type": "string", "choices": ["a", "b"]}},
    },
}


def rules(**more: Any) -> Rules:
    return msgspec.convert({"queries": QUERIES, **more}, Rules)


def run(shop: Database, tool: str, arguments: Mapping[str, Any], view: View = ALL) -> Rows:
    return shop.run(view, tool, arguments, lambda share, text: None, lambda: False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "shop.db"
    db = sqlite3.connect(place)
    db.executescript(
        "CREATE TABLE orders(id INTEGER, customer TEXT, total REAL, note TEXT, day TEXT, kind TEXT);"
        "CREATE TABLE customers(id INTEGER, email TEXT);"
        "INSERT INTO orders VALUES (1, 'Ada', 5, '100%', '2026-01-01', 'a'), (2, 'Bob', 7, 'x', '2026-03-01', 'b');"
        "INSERT INTO customers VALUES (1, 'a@example.org')"
    )
    db.close()
    return place


@pytest.fixture
def shop(path: Path) -> Database:
    return Database("shop", Sqlite(path), rules(mask=["customers.email"]))


def test_a_query_runs_with_its_values_bound(shop: Database) -> None:
    assert run(shop, "orders_of", {"customer": "Ada"}).rows == [[1, "100%"]]
    assert run(shop, "orders_of", {"customer": "Ada", "least": 6}).rows == []
    assert run(shop, "since", {"day": "2026-02-01"}).rows == [[2]]


@pytest.mark.parametrize("value", ["' OR '1'='1", "x'; DROP TABLE orders; --", ":least", "Ada' --", "%(least)s"])
def test_no_value_becomes_part_of_the_statement(value: str, shop: Database) -> None:
    assert run(shop, "orders_of", {"customer": value}).rows == []
    assert run(shop, "orders_of", {"customer": "Ada"}).rows == [[1, "100%"]]


@pytest.mark.parametrize(
    ("tool", "arguments", "text", "right"),
    [
        ("orders_of", {}, "orders_of needs customer", {"customer": "Ada"}),
        ("orders_of", {"customer": 1}, "customer of orders_of is of type string, not int", {"customer": "1"}),
        ("orders_of", {"customer": "a", "least": True}, "of type number, not bool", {"customer": "a", "least": 1}),
        ("orders_of", {"customer": "a", "least": -1}, "is at least 0", {"customer": "a", "least": 0}),
        ("orders_of", {"customer": "a" * 201}, "at most 200 characters", {"customer": "a" * 200}),
        ("orders_of", {"customer": "a", "lest": 1}, "takes no 'lest'; it takes customer, least", {"customer": "a"}),
        ("since", {"day": "yesterday"}, "is a date", {"day": "2026-01-01"}),
        ("of_kind", {"kind": "c"}, "is one of a, b", {"kind": "a"}),
        ("nothing", {}, "there is no query 'nothing'", None),
    ],
)
def test_a_wrong_argument_is_named(
    tool: str, arguments: dict[str, Any], text: str, right: dict[str, Any] | None, shop: Database
) -> None:
    with pytest.raises(ToolError, match=text):
        run(shop, tool, arguments)
    if right is not None:
        run(shop, tool, right)


def test_the_owners_query_may_read_what_is_masked(shop: Database) -> None:
    assert run(shop, "emails_per_country", {}).rows == [[1]]
    with pytest.raises(ToolError, match="masked"):
        shop.query(ALL, "SELECT count(DISTINCT email) FROM customers", 0, 10, "")


def test_a_query_over_a_hidden_table_is_hidden_with_it(shop: Database) -> None:
    narrow = View(deny=("customers",))
    assert [one.name for one in shop.programs(narrow)] == ["orders_of", "since", "of_kind"]
    with pytest.raises(ToolError, match="there is no query"):
        run(shop, "emails_per_country", {}, narrow)
    assert "emails_per_country" in [one.name for one in shop.programs(ALL)]


def test_queries_are_described_with_their_schema(shop: Database) -> None:
    assert "queries/orders_of: orders of one customer" in shop.describe(ALL, parse("db://shop"))["queries"]
    about = shop.describe(ALL, parse("db://shop/queries/orders_of"))
    assert about["arguments"]["required"] == ["customer"]
    assert str(about["arguments"]["properties"]["least"]) == "{'type': 'number', 'minimum': 0, 'default': 0}"


def test_without_queries_there_is_nothing_to_run(path: Path) -> None:
    assert not hasattr(Database("shop", Sqlite(path)), "run")
    assert hasattr(Database("shop", Sqlite(path), rules()), "run")


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"sql": "DELETE FROM orders"}, "DELETE is refused"),
        ({"sql": "SELECT :a"}, "a stands in its SQL but not its parameters"),
        ({"sql": "SELECT 1", "parameters": {"a": {}}}, "a stands in its parameters but not its SQL"),
        ({"sql": "SELECT 1; SELECT 2"}, "2 statements"),
    ],
)
def test_a_wrong_query_is_refused_at_the_start(query: dict[str, Any], text: str, path: Path) -> None:
    with pytest.raises(SourceError, match=f"queries.broken: .*{text}|queries.broken: {text}"):
        Database("shop", Sqlite(path), msgspec.convert({"queries": {"broken": query}}, Rules))
    Database("shop", Sqlite(path), msgspec.convert({"queries": {"fine": {"sql": "SELECT 1"}}}, Rules))


def test_what_a_query_names_and_is_not_there_is_told_by_the_check(path: Path) -> None:
    queries = {
        "fine": {"sql": "SELECT note FROM orders WHERE day = :day", "parameters": {"day": {"type": "date"}}},
        "table": {"sql": "SELECT note FROM ordres"},
        "column": {"sql": "SELECT nots FROM orders WHERE id = :id", "parameters": {"id": {"type": "integer"}}},
        "set": {"sql": "UPDATE orders SET nots = :id", "writes": True, "parameters": {"id": {"type": "integer"}}},
        "well": {"sql": "DELETE FROM orders WHERE id = :id", "writes": True, "parameters": {"id": {"type": "integer"}}},
    }
    before = path.read_bytes()
    shop = Database("shop", Sqlite(path), msgspec.convert({"queries": queries}, Rules), writable=True)
    assert sorted(one.partition(":")[0] for one in shop.complaints()) == [
        "queries.column", "queries.set", "queries.table"
    ]  # fmt: skip
    assert path.read_bytes() == before
    assert rules().queries and Database("shop", Sqlite(path), rules()).complaints() == []
