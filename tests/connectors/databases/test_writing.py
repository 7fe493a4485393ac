"""Changes of databases: tried and taken back, confirmed, done once, and never more than was told."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman import Client, ToolError
from dragoman.connectors import SourceError, build, database
from dragoman.connectors.address import parse
from dragoman.connectors.answers_run import MoreAnswers
from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.databases.engine import Change, EngineFault
from dragoman.connectors.databases.sqlite import Sqlite
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import Changing, Preview
from dragoman.connectors.view import ALL, View

SHOP = """
CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, email TEXT);
CREATE TABLE orders(id INTEGER PRIMARY KEY, customer INTEGER, note TEXT);
CREATE TABLE secrets(id INTEGER PRIMARY KEY, word TEXT);
CREATE VIEW clean AS SELECT id, name FROM customers;
INSERT INTO customers VALUES (1, 'Ada', 'ada@example.org'), (2, 'Bob', 'bob@example.org');
INSERT INTO orders VALUES (1, 1, 'a'), (2, 1, 'b'), (3, 2, 'c');
INSERT INTO secrets VALUES (1, 'xyzzy');
"""
RULES: dict[str, Any] = {"mask": ["customers.email"], "deny": ["secrets"], "max_change": 2}
QUERIES = {
    "rename": {
        "sql": "UPDATE customers SET name = :name, email = NULL WHERE id = :id",
        "about": "a customer's new name",
        "writes": True,
        "parameters": {"name": {"type": "string"}, "id": {"type": "integer"}},
    },
    "all_of": {"sql": "SELECT * FROM orders WHERE customer = :id", "parameters": {"id": {"type": "integer"}}},
}


def made(folder: Path, engine: str) -> Path:
    path = folder / f"shop.{engine}"
    db: Any = sqlite3.connect(path) if engine == "db" else duckdb.connect(str(path))
    for statement in SHOP.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.commit()
    db.close()
    return path


def rows(path: Path, table: str = "orders") -> list[Any]:
    db: Any = sqlite3.connect(path) if path.suffix == ".db" else duckdb.connect(str(path), read_only=True)
    found = list(db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall())
    db.close()
    return found


@pytest.fixture(params=["db", "duckdb"])
def path(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    return made(tmp_path, request.param)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return made(tmp_path, "db")


def opened(path: Path, **rules: Any) -> Changing:
    source = open_options("database", "shop", {"url": str(path), **RULES, **rules}, Opening(writable=("shop",)))
    assert isinstance(source, Changing)
    return source


def tried(shop: Changing, sql: str, view: View = ALL) -> Preview:
    return shop.preview(view, "change", {"sql": sql})


def test_a_change_is_tried_and_taken_back_then_done(path: Path) -> None:
    shop, before = opened(path), rows(path)
    sql = "UPDATE orders SET note = 'x' WHERE customer = 1"
    found = tried(shop, sql)
    assert found.rows == {"orders": 2} and found.uri == "db://shop/orders"
    assert "update 2 rows of orders" in found.text and "'x'" in found.text
    assert rows(path) == before
    shop.change(ALL, "change", {"sql": sql}, found)
    assert [note for _, _, note in rows(path)] == ["x", "x", "c"]


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("INSERT INTO orders (id, customer, note) VALUES (8, 2, 'n'), (9, 2, 'm')", 5),
        ("INSERT INTO orders (id, note) SELECT id + 10, name FROM customers WHERE id = 1;", 4),
        ("DELETE FROM orders WHERE id IN (SELECT id FROM customers)", 1),
        ("UPDATE orders SET customer = (SELECT max(id) FROM customers) WHERE id = 3", 3),
        ("INSERT INTO customers (id, name) VALUES (7, 'Eve')", 3),
    ],
)
def test_rows_are_put_in_changed_and_taken_out(place: Path, sql: str, count: int) -> None:
    shop = opened(place)
    shop.change(ALL, "change", {"sql": sql}, tried(shop, sql))
    assert len(rows(place)) == count


REFUSED = [
    ("DROP TABLE orders", "DROP is refused"),
    ("CREATE TABLE x(id INTEGER)", "CREATE is refused"),
    ("ALTER TABLE orders ADD COLUMN x", "ALTER is refused"),
    ("SELECT * FROM orders", "SELECT is refused"),
    ("UPDATE orders SET note = 'x' WHERE id = 1; DROP TABLE orders", "2 statements"),
    ("UPDATE orders SET note = 'x'", "would change 3 rows, and at most 2"),
    ("DELETE FROM orders WHERE id = 1 RETURNING note", "RETURNING is refused"),
    ("INSERT INTO orders VALUES (9, 9, 'x')", "name the columns"),
    ("INSERT INTO orders (id) VALUES (1) ON CONFLICT DO NOTHING", "ON CONFLICT is refused"),
    ("INSERT OR REPLACE INTO orders (id) VALUES (1)", "INSERT OR ... is refused"),
    ("WITH q AS (SELECT 1 AS id) INSERT INTO orders (id) SELECT id FROM q", "WITH is refused"),
    ("UPDATE orders SET note = c.name FROM customers c WHERE c.id = orders.customer", "FROM is refused"),
    ("DELETE FROM orders USING customers WHERE customers.id = orders.id", "USING is refused"),
    ("UPDATE orders AS o SET note = 'x' WHERE id = 1", "by its name and no other"),
    ("UPDATE clean SET name = 'x' WHERE id = 1", "is a view"),
    ("UPDATE nothing SET a = 1", "no table 'nothing'"),
    ("UPDATE customers SET email = 'x' WHERE id = 1", "masked"),
    ("INSERT INTO customers (id, email) VALUES (9, 'x')", "masked"),
    ("UPDATE customers SET name = email WHERE id = 1", "masked"),
    ("UPDATE customers SET name = 'x' WHERE email LIKE 'a%'", "masked"),
    ("INSERT INTO orders (note) SELECT email FROM customers WHERE id = 1", "masked"),
    ("UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1) WHERE id = 1", "masked"),
    ("DELETE FROM customers WHERE id = 1", "hold what may not be read"),
    ("DELETE FROM secrets WHERE id = 1", "no table 'secrets'"),
    ("UPDATE orders SET note = (SELECT word FROM secrets) WHERE id = 1", "no table 'secrets'"),
    ("UPDATE orders SET nothing = 1 WHERE id = 1", "nothing cannot be set"),
    ("UPDATE orders SET note = ? WHERE id = 1", "placeholder"),
]


@pytest.mark.parametrize(("sql", "said"), REFUSED)
def test_what_may_not_be_changed_is_refused_and_nothing_happens(tmp_path: Path, sql: str, said: str) -> None:
    path = made(tmp_path, "db")
    shop, before = opened(path), [rows(path, table) for table in ("orders", "customers", "secrets")]
    with pytest.raises(ToolError, match=said.replace("(", r"\(")):
        shop.change(ALL, "change", {"sql": sql}, tried(shop, sql))
    assert [rows(path, table) for table in ("orders", "customers", "secrets")] == before
    # Its legal twin passes, so that it is the statement that was refused, and not the table or the time.
    tried(shop, "UPDATE orders SET note = 'x' WHERE id = 1")


def test_what_changed_meanwhile_is_not_changed_blindly(path: Path) -> None:
    shop = opened(path)
    sql = "DELETE FROM orders WHERE customer = 1"
    seen = tried(shop, sql)
    shop.change(ALL, "change", {"sql": "DELETE FROM orders WHERE id = 1"}, Preview(text="", uri="", rows={"orders": 1}))
    with pytest.raises(ToolError, match=r"changed since it was tried.*would change 1 rows now, not 2"):
        shop.change(ALL, "change", {"sql": sql}, seen)
    assert len(rows(path)) == 2


def test_the_owner_says_which_tables_and_columns(place: Path) -> None:
    shop = opened(place, writable=["orders.note", "customers"])
    tried(shop, "UPDATE orders SET note = 'x' WHERE id = 1")
    tried(shop, "UPDATE customers SET name = 'x' WHERE id = 1")
    for sql in ("UPDATE orders SET customer = 2 WHERE id = 1", "INSERT INTO orders (id, note) VALUES (9, 'x')"):
        with pytest.raises(ToolError, match="not among what may be changed; columns of orders to set: note"):
            tried(shop, sql)
    with pytest.raises(ToolError, match="may not be deleted here"):
        tried(shop, "DELETE FROM orders WHERE id = 1")


def test_queries_of_the_owners_change_what_they_say(path: Path) -> None:
    shop = opened(path, queries=QUERIES, statements=False)
    assert {(one.name, one.read_only, one.tried) for one in shop.programs(ALL)} == {
        ("rename", False, True), ("all_of", True, False)
    }  # fmt: skip
    given = {"name": "'; DROP TABLE orders; --", "id": 1}
    seen = shop.preview(ALL, "rename", given)
    assert "rename(name='; DROP" in seen.text
    shop.change(ALL, "rename", given, seen)
    assert rows(path, "customers")[0] == (1, "'; DROP TABLE orders; --", None)
    with pytest.raises(ToolError, match="no 'change' in shop"):
        tried(shop, "UPDATE orders SET note = 'x' WHERE id = 1")
    # Who may not see what it changes does not see it, and neither does who may not change anything.
    assert [one.name for one in shop.programs(View(deny=("customers",)))] == ["all_of"]
    assert [one.name for one in shop.programs(View(writes=False))] == ["all_of"]


def test_nothing_is_run_that_was_not_allowed(place: Path) -> None:
    shop = open_options("database", "shop", {"url": str(place), "queries": QUERIES}, Opening())
    assert not isinstance(shop, Changing)
    assert [one.name for one in shop.programs(ALL)] == ["all_of"]
    with pytest.raises(ToolError, match=r"rename changes things.*--allow-write shop"):
        MoreAnswers(Catalogue([shop])).program("rename")
    assert shop.describe(ALL, parse("db://shop"))["not_served"] == "rename: they change data"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"statements": False}, "it has none"),
        ({"queries": {"change": QUERIES["rename"]}}, "has the name under which statements are run"),
        ({"queries": {"x": {"sql": "DROP TABLE orders", "writes": True}}}, "queries.x: DROP is refused"),
        ({"queries": {"x": {"sql": "SELECT 1", "writes": True}}}, "queries.x: SELECT is refused"),
        ({"queries": {"x": {"sql": "DELETE FROM orders"}}}, "queries.x: DELETE is refused"),
        ({"max_change": 0}, "max_change"),
        ({"writable": ["ordres.note"]}, "writable 'ordres.note' fits no table or column of shop"),
        ({"writable": ["orders", "customers.nme"]}, "writable 'customers.nme' fits no"),
    ],
)
def test_rules_of_writing_that_mean_nothing_are_refused(tmp_path: Path, rules: dict[str, Any], said: str) -> None:
    with pytest.raises(SourceError, match=said):
        opened(made(tmp_path, "db"), **rules)


def test_what_cannot_be_written_says_so_at_the_start(tmp_path: Path) -> None:
    path = made(tmp_path, "db")
    with pytest.raises(SourceError, match="says what is writable, and nothing is without --allow-write shop"):
        open_options("database", "shop", {"url": str(path), "writable": ["orders"]}, Opening())
    for url in (f"duckdb:///{tmp_path}", f"sqlite+pysqlite:///{path}"):
        with pytest.raises(SourceError, match="only read: leave shop out of --allow-write"):
            open_options("database", "shop", {"url": url}, Opening(writable=("shop",)))


WORDS = [
    "INSERT", "INTO", "UPDATE", "DELETE", "FROM", "SET", "WHERE", "VALUES", "SELECT", "orders", "customers",
    "secrets", "clean", "note", "name", "email", "id", "(", ")", ",", "=", "1", "'x'", "RETURNING", "*", "ON",
    "CONFLICT", "DO", "WITH", "q", "AS", "REPLACE", "OR", ";", "--", "/*", "*/", "UNION", "main", ".", "DEFAULT",
    "NULL", "COMMIT", "DROP", "TABLE",
]  # fmt: skip


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Changing]:
    path = made(tmp_path_factory.mktemp("mixed"), "db")
    return path, opened(path)


@given(sql=st.one_of(st.text(max_size=80), st.lists(st.sampled_from(WORDS), min_size=3, max_size=14).map(" ".join)))
@settings(max_examples=80, deadline=None)
def test_any_text_is_refused_or_tried_and_changes_nothing(mixed: tuple[Path, Changing], sql: str) -> None:
    path, shop = mixed
    before, told = path.read_bytes(), ""
    try:
        assert set(tried(shop, sql).rows) <= {"orders", "customers"}
    except ToolError as refused:
        told = refused.message
    assert "@example" not in told and "xyzzy" not in told
    assert path.read_bytes() == before


# What reaches the engine as it is, without the parser and the judge before it.
BARE = [
    "DROP TABLE orders",
    "CREATE TABLE x(a)",
    "DELETE FROM customers",
    "INSERT INTO secrets VALUES (9, 'x')",
    "UPDATE sqlite_master SET sql = ''",
    "ATTACH ':memory:' AS other",
    "VACUUM INTO 'copy.db'",
    "PRAGMA writable_schema = ON",
    "COMMIT",
    "ALTER TABLE orders RENAME TO gone",
    "CREATE TEMP TRIGGER t AFTER UPDATE ON orders BEGIN DELETE FROM secrets; END",
]


@pytest.mark.parametrize("sql", BARE)
def test_the_engine_alone_changes_one_table_and_nothing_else(tmp_path: Path, sql: str) -> None:
    path = made(tmp_path, "db")
    before = path.read_bytes()
    change = Change(
        sql=sql, verb="update", schema="main", table="orders", name="orders", most=9, expected={"orders": 1}
    )
    with pytest.raises(EngineFault):
        Sqlite(path).change(change)
    assert path.read_bytes() == before
    Sqlite(path).change(msgspec.structs.replace(change, sql="UPDATE orders SET note = 'x' WHERE id = 1"))
    assert path.read_bytes() != before


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders SET note = (SELECT email FROM customers WHERE id = 1) WHERE id = 1",
        "UPDATE orders SET note = 'x' WHERE id = 1 AND EXISTS (SELECT 1 FROM customers WHERE email LIKE 'a%')",
        "UPDATE orders SET note = (SELECT word FROM secrets) WHERE id = 1",
        "UPDATE orders SET note = (SELECT max(contact) FROM leaky) WHERE id = 1",
    ],
)
def test_the_engine_alone_reads_nothing_masked_for_a_change(tmp_path: Path, sql: str) -> None:
    path = made(tmp_path, "db")
    db = sqlite3.connect(path)
    db.execute("CREATE VIEW leaky AS SELECT email AS contact FROM customers")
    db.close()
    before, closed = path.read_bytes(), frozenset({("customers", "email"), ("secrets", "*")})
    change = Change(sql=sql, verb="update", schema="main", table="orders", name="orders", closed=closed)
    with pytest.raises(EngineFault, match="refused"):
        Sqlite(path).change(change)
    assert path.read_bytes() == before
    Sqlite(path).change(msgspec.structs.replace(change, closed=frozenset()))


def test_a_change_in_duckdb_reads_no_file(tmp_path: Path) -> None:
    shop: Any = open_options("database", "shop", {"url": str(made(tmp_path, "duckdb"))}, Opening(writable=("shop",)))
    for sql in (
        "INSERT INTO orders (id, note) SELECT 9, content FROM read_text('/etc/hostname')",
        "INSERT INTO orders (id, note) SELECT 9, * FROM '/etc/hostname'",
        "UPDATE orders SET note = (SELECT content FROM read_text('/etc/hostname')) WHERE id = 1",
        "UPDATE orders SET note = getenv('HOME') WHERE id = 1",
    ):
        with pytest.raises(ToolError):
            tried(shop, sql)
    assert tried(shop, "UPDATE orders SET note = 'x' WHERE id = 1").rows == {"orders": 1}


def test_a_table_says_what_can_be_set_in_it(place: Path) -> None:
    shop = opened(place, writable=["orders.note"])
    assert shop.describe(ALL, parse("db://shop/orders"))["change_with"] == (
        'run with tool="shop/change"; columns to set: note'
    )
    for view, table in ((ALL, "customers"), (View(writes=False), "orders"), (ALL, "clean")):
        assert "change_with" not in shop.describe(view, parse(f"db://shop/{table}"))


def test_rows_that_triggers_and_foreign_keys_change_are_counted(tmp_path: Path) -> None:
    path = made(tmp_path, "db")
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE items(id INTEGER PRIMARY KEY, of INTEGER REFERENCES orders(id) ON DELETE CASCADE);"
        "INSERT INTO items VALUES (1, 1);"
        "CREATE TRIGGER t AFTER UPDATE ON orders BEGIN DELETE FROM secrets; END;"
        "CREATE VIRTUAL TABLE words USING fts5(note);"
        "CREATE TABLE notes(id INTEGER PRIMARY KEY, note TEXT);"
        "CREATE TRIGGER w AFTER INSERT ON notes BEGIN INSERT INTO words VALUES (new.note); END"
    )
    db.close()
    shop = opened(path, max_change=20)
    assert tried(shop, "DELETE FROM orders WHERE id = 1").rows == {"orders": 1, "other tables": 1}
    assert tried(shop, "UPDATE orders SET note = 'x' WHERE id = 1").rows == {"orders": 1, "other tables": 1}
    sql = "INSERT INTO notes (note) VALUES ('marmalade')"
    shop.change(ALL, "change", {"sql": sql}, tried(shop, sql))
    assert len(rows(path, "notes")) == 1
    db = sqlite3.connect(path)
    assert db.execute("SELECT note FROM words WHERE words MATCH 'marmalade'").fetchall() == [("marmalade",)]
    db.close()


def test_reading_goes_on_while_something_is_written(tmp_path: Path) -> None:
    shop: Any = opened(made(tmp_path, "duckdb"))
    sql = "UPDATE orders SET note = 'x' WHERE id = 1"
    for _ in range(2):
        assert shop.query(ALL, "SELECT count(*) FROM orders", 0, 10, "").rows == [[3]]
        shop.change(ALL, "change", {"sql": sql}, tried(shop, sql))


# --- by the tool --------------------------------------------------------------------------------------------------

Run = Callable[..., Any]
SQL = "UPDATE orders SET note = 'x' WHERE id = 1"


@pytest.fixture(params=["modern", "legacy"])
async def run(place: Path, request: pytest.FixtureRequest) -> AsyncIterator[Run]:
    """Give what runs a tool for a client that cannot be asked."""
    server = build([database(place, "shop")], allow_write=["shop"], record=place.parent / "record.jsonl")
    async with Client(server, mode=request.param) as client:

        async def one(tool: str = "change", **arguments: Any) -> Any:
            return (await client.call_tool("run", {"tool": tool, "arguments": arguments})).structured

        yield one


async def test_without_a_way_to_ask_the_first_call_changes_nothing(place: Path, run: Run) -> None:
    told = await run(sql=SQL)
    assert told["would_change"] == {"orders": 1} and "nothing was changed yet" in told["hint"]
    assert rows(place)[0][2] == "a"
    with pytest.raises(ToolError, match="not the word of this change"):
        await run(sql=SQL.replace("'x'", "'y'"), confirm=told["confirm"])
    with pytest.raises(ToolError, match="not the word of this change"):
        await run(sql=SQL, confirm="guessed")
    assert rows(place)[0][2] == "a"
    assert (await run(sql=SQL, confirm=told["confirm"]))["changed"] == {"orders": 1}
    assert rows(place)[0][2] == "x"
    with pytest.raises(ToolError, match="not the word of this change"):
        await run(sql=SQL, confirm=told["confirm"])
    record = [msgspec.json.decode(line) for line in (place.parent / "record.jsonl").read_text().splitlines()]
    assert [(line["tool"], line.get("changing"), line.get("changed")) for line in record[-2:]] == [
        ("run", {"orders": 1}, None), ("run", None, {"orders": 1})
    ]  # fmt: skip


async def test_with_a_key_a_change_is_done_once(place: Path, run: Run) -> None:
    sql = "INSERT INTO orders (note) VALUES ('new')"
    word = (await run(sql=sql))["confirm"]
    first = await run(sql=sql, confirm=word, key="k1")
    again = await run(sql=sql, confirm=word, key="k1")
    assert first["changed"] == again["changed"] == {"orders": 1} and "not" not in first.get("hint", "")
    assert "nothing was changed again" in again["hint"]
    assert len(rows(place)) == 4
    with pytest.raises(ToolError, match="given to another change"):
        await run(sql=SQL, key="k1")


async def test_of_two_calls_at_once_with_one_key_one_is_done(place: Path, run: Run) -> None:
    sql = "INSERT INTO orders (note) VALUES ('new')"
    words = [(await run(sql=sql))["confirm"] for _ in range(4)]
    found = await asyncio.gather(*(run(sql=sql, confirm=word, key="k") for word in words), return_exceptions=True)
    assert len(rows(place)) == 4
    assert all(isinstance(one, ToolError) or one["changed"] == {"orders": 1} for one in found)


async def test_arguments_that_do_not_fit_are_named(run: Run) -> None:
    with pytest.raises(ToolError, match="sql"):
        await run()
    with pytest.raises(ToolError, match="confirmed"):
        await run(sql=SQL, confirmed=True)
    with pytest.raises(ToolError, match="key"):
        await run(sql=SQL, key="k" * 101)
    for name in ("shop/change", "queries/change", "db://shop/queries/change"):
        assert "would_change" in await run(name, sql=SQL)
    assert "no row fits" in (await run(sql="DELETE FROM orders WHERE id = 99"))["hint"]


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_the_user_is_asked_where_the_client_can_ask(place: Path, mode: str) -> None:
    server = build([database(place, "shop")], allow_write=["shop"])
    asked: list[str] = []
    says = [False, True]

    async def answer(question: Any) -> Any:
        asked.append(question.message)
        return says[len(asked) - 1]

    async with Client(server, mode=mode, on_elicit=answer) as client:
        with pytest.raises(ToolError, match="the user said no"):
            await client.call_tool("run", {"tool": "change", "arguments": {"sql": SQL}})
        assert rows(place)[0][2] == "a"
        done = await client.call_tool("run", {"tool": "change", "arguments": {"sql": SQL}})
    assert done.structured["changed"] == {"orders": 1} and rows(place)[0][2] == "x"
    assert asked == ["Change data in shop: update 1 row of orders\nUPDATE orders SET note = 'x' WHERE id = 1"] * 2


async def test_definitions_say_that_data_can_change(place: Path) -> None:
    async with Client(build([database(place, "shop")], allow_write=["shop"])) as client:
        tools = {tool.name: tool for tool in await client.list_tools()}
        listed = (await client.call_tool("list", {"uri": "shop"})).structured["items"]
        said = (await client.call_tool("describe", {"uri": "db://shop/queries/change"})).structured
    assert tools["run"].annotations.destructive_hint is True and tools["run"].annotations.read_only_hint is False
    assert "tried first" in tools["run"].description
    assert tools["query"].annotations.read_only_hint is True
    assert "db://shop/queries/change" in [item["uri"] for item in listed]
    assert said["read_only"] is False and said["run_with"] == 'run with tool="shop/change"'
