"""Changes in PostgreSQL and MariaDB: tried and taken back, done as told, and the server's guard alone."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.engine import Ask, Change, EngineFault
from dragoman.connectors.databases.opening import open_address
from dragoman.connectors.databases.rules import Parameter, Query, Rules
from dragoman.connectors.source import Preview
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

RULES = Rules(
    mask=["customers.email", "entries.pin"],
    deny=["secrets"],
    max_change=2,
    superuser=True,
    queries={
        "settle": Query(
            sql="UPDATE entries SET amount = 0, pin = :pin WHERE id = :id", writes=True,
            parameters={"id": Parameter(type="integer"), "pin": Parameter()},
        )
    },
)  # fmt: skip


@pytest.fixture(params=["postgres_shop", "mariadb_shop"])
def shop(request: pytest.FixtureRequest) -> Iterator[Database]:
    source = open_address("shop", request.getfixturevalue(request.param), RULES, writable=True)
    yield source
    source.close()


def tried(shop: Database, sql: str) -> Preview:
    return shop.preview(ALL, "change", {"sql": sql})


def done(shop: Database, sql: str) -> None:
    shop.change(ALL, "change", {"sql": sql}, tried(shop, sql))


def rows(shop: Database) -> Any:
    return shop.query(ALL, "SELECT id, amount, note FROM entries ORDER BY id", 0, 100, "").rows


def test_rows_are_put_in_changed_and_taken_out_again(shop: Database) -> None:
    before = rows(shop)
    done(shop, "INSERT INTO entries (id, amount, note) VALUES (8, 80, 'it''s 100% :x')")
    assert rows(shop) == [*before, [8, 80, "it's 100% :x"]]
    sql = "UPDATE entries SET amount = amount + 1, note = upper(note) WHERE id = 8"
    assert tried(shop, sql).rows == {"entries": 1}
    assert rows(shop)[-1] == [8, 80, "it's 100% :x"]
    done(shop, sql)
    assert rows(shop)[-1] == [8, 81, "IT'S 100% :X"]
    shop.change(ALL, "settle", {"id": 8, "pin": "9"}, shop.preview(ALL, "settle", {"id": 8, "pin": "9"}))
    assert rows(shop)[-1][1] == 0
    with pytest.raises(ToolError, match="changed since it was tried"):
        shop.change(
            ALL, "change", {"sql": "UPDATE entries SET amount = 5 WHERE id > 7"}, tried(shop, f"{sql} OR id = 1")
        )
    nothing = Preview(text="", uri="", rows={})
    shop.change(ALL, "change", {"sql": "UPDATE entries SET amount = 5 WHERE id = 99"}, nothing)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE entries SET amount = 1", "would change 3 rows|would change 4 rows"),
        ("UPDATE entries SET pin = 'x' WHERE id = 1", "masked"),
        ("UPDATE entries SET note = pin WHERE id = 1", "masked"),
        ("INSERT INTO entries (id, note) SELECT 9, email FROM customers WHERE id = 1", "masked"),
        ("UPDATE entries SET note = (SELECT word FROM secrets LIMIT 1) WHERE id = 1", "no table 'secrets'"),
        ("DELETE FROM entries WHERE id = 1", "hold what may not be read"),
        ("UPDATE clean SET country = 'x' WHERE id = 1", "is a view"),
        ("TRUNCATE TABLE entries", "is refused"),
        ("DROP TABLE entries", "DROP is refused"),
        ("CALL x()", "refused"),
        ("UPDATE entries SET note = sleep(3) WHERE id = 1", "not served"),
        ("UPDATE entries SET note = pg_read_file('/etc/passwd') WHERE id = 1", "not served"),
        ("UPDATE entries SET note = load_file('/etc/passwd') WHERE id = 1", "not served"),
        ("UPDATE entries SET note = NULL WHERE id = 1", "(?i)null"),
        ("INSERT INTO entries (id, note) VALUES (1, 'again')", "(?i)duplicate"),
        ("UPDATE entries SET note = 'x' WHERE id = 1 /*! OR 1=1 */; COMMIT", "2 statements"),
    ],
)
def test_what_may_not_be_changed_is_refused(shop: Database, sql: str, said: str) -> None:
    before = rows(shop)
    with pytest.raises(ToolError, match=said):
        done(shop, sql)
    assert rows(shop) == before
    tried(shop, "UPDATE entries SET note = 'y' WHERE id = 1")


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE entries",
        "TRUNCATE TABLE entries",
        "CREATE TABLE x(a INTEGER)",
        "UPDATE entries SET amount = 1 WHERE id = 1; DROP TABLE entries",
        "DELETE FROM entries; COMMIT",
        "COMMIT",
        "GRANT ALL ON entries TO public",
        "SELECT 1",
        "INSERT INTO entries (id, note) VALUES (77, 'x')",
        "DELETE FROM entries WHERE id = 1",
    ],
)
def test_the_server_alone_runs_nothing_but_that_one_kind(shop: Database, sql: str) -> None:
    before = rows(shop)
    table = next(table for table in shop._engine.tables().values() if table.name == "entries")
    change = Change(
        sql=sql, verb="update", schema=table.schema, table="entries", name="entries", most=9, expected={"entries": 1}
    )
    with pytest.raises(EngineFault):
        shop._engine.change(change)
    assert rows(shop) == before
    shop._engine.change(msgspec.structs.replace(change, sql="UPDATE entries SET amount = amount + 1 WHERE id = 1"))
    assert rows(shop)[0][1] == before[0][1] + 1


def test_what_foreign_keys_take_along_is_counted_or_refused(shop: Database) -> None:
    open_ = Database("shop", shop._engine, msgspec.structs.replace(RULES, mask=[], max_change=3), writable=True)
    if "PostgreSQL" in shop.about:
        assert tried(open_, "DELETE FROM entries WHERE id = 3").rows == {"entries": 1, "other tables": 2}
        with pytest.raises(ToolError, match="would change 3 rows, and at most 2"):
            tried(
                Database("shop", shop._engine, msgspec.structs.replace(RULES, mask=[], max_change=2), writable=True),
                "DELETE FROM entries WHERE id = 3",
            )
    else:
        with pytest.raises(ToolError, match="rows of parts would be changed with it"):
            tried(open_, "DELETE FROM entries WHERE id = 3")
        tried(open_, "UPDATE entries SET amount = 1 WHERE id = 3")
    assert tried(open_, "DELETE FROM parts WHERE id = 1").rows == {"parts": 1}


def test_a_table_that_takes_nothing_back_is_not_changed(mariadb_shop: str) -> None:
    pymysql: Any = pytest.importorskip("pymysql")
    engine: Any = open_address("shop", mariadb_shop, RULES, writable=True)
    connection = pymysql.connect(**engine._engine._account, autocommit=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS old(id INTEGER) ENGINE=MyISAM")
        cursor.execute("INSERT INTO old VALUES (1)")
    connection.close()
    fresh = open_address("shop", mariadb_shop, RULES, writable=True)
    with pytest.raises(ToolError, match="of the engine MyISAM, which takes nothing back"):
        tried(fresh, "DELETE FROM old")
    assert fresh.query(ALL, "SELECT count(*) FROM old", 0, 1, "").rows == [[1]]
    for one in (engine, fresh):
        one.close()


def test_connections_that_read_still_cannot_write(shop: Database) -> None:
    done(shop, "UPDATE entries SET amount = 3 WHERE id = 2")
    with pytest.raises(EngineFault, match=r"only reading|read.only|READ ONLY"):
        shop._engine.read(Ask(sql="UPDATE entries SET amount = 4 WHERE id = 2"))
    assert rows(shop)[1][1] == 3


def test_what_the_owners_queries_name_is_checked_and_nothing_changed(shop: Database) -> None:
    before = rows(shop)
    queries = {
        "of": Query(sql="SELECT note FROM entries WHERE id = :id", parameters={"id": Parameter(type="integer")}),
        "table": Query(sql="SELECT note FROM entires"),
        "column": Query(sql="SELECT nots FROM entries"),
        "set": Query(sql="UPDATE entries SET nots = 1 WHERE id = 1", writes=True),
    }
    other = Database("shop", shop._engine, msgspec.structs.replace(RULES, queries=queries), writable=True)
    assert sorted(one.partition(":")[0] for one in other.complaints()) == [
        "queries.column", "queries.set", "queries.table"
    ]  # fmt: skip
    assert shop.complaints() == [] and rows(shop) == before


def test_queries_by_name_answer_in_each_format(shop: Database) -> None:
    queries = {"all": Query(sql="SELECT id, amount FROM entries WHERE id < 3 ORDER BY id", format="csv")}
    other: Any = Database("shop", shop._engine, msgspec.structs.replace(RULES, queries=queries))
    run = lambda **given: other.run(ALL, "all", given, lambda share, text: None, lambda: False)  # noqa: E731
    lines = run().text.splitlines()
    assert lines[0] == "id,amount" and len(lines) == 3
    assert run(format="table").text.count("|") > 6
    assert [len(row) for row in run(format="rows").rows] == [2, 2]
    kept = run(format="file")
    assert kept.total == 2 and other.fetch(ALL, parse(kept.uri), None, 1_000).text.splitlines() == lines
