"""PostgreSQL as a source: what it tells, what is refused by the statement, and what by the server alone."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.databases.attacks import ALONE, COMMON, POSTGRES_ALONE, SECRET, WORD, tried
from tests.live.shop import PASSWORD

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.engine import Ask, EngineFault, OutOfTime
from dragoman.connectors.databases.opening import open_address
from dragoman.connectors.databases.postgres import Postgres
from dragoman.connectors.databases.rules import Parameter, Query, Rules
from dragoman.connectors.source import SourceError
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

MASKS = Rules(mask=["customers.email", "events.email", "sales.leads.email"], deny=["secrets"])
MASKED = [
    ('SELECT "email" FROM customers', 'SELECT "name" FROM customers'),
    ('SELECT U&"\\0065mail" FROM customers', "SELECT name FROM customers"),
    ("SELECT row_to_json(c) FROM customers c", "SELECT row_to_json(o) FROM orders o"),
    ("SELECT to_jsonb(customers) FROM customers", "SELECT to_jsonb(orders) FROM orders"),
    ("SELECT c::text FROM customers c", "SELECT o::text FROM orders o"),
    ("SELECT (c).email FROM customers c", "SELECT c.name FROM customers c"),
    ("SELECT c.to_json FROM customers c", "SELECT c.name FROM customers c"),
    ("SELECT email(c) FROM customers c", "SELECT upper(c.name) FROM customers c"),
    ("SELECT array_agg(c) FROM customers c", "SELECT array_agg(c.name) FROM customers c"),
    ("SELECT ROW(c.*) FROM customers c", "SELECT ROW(c.id, c.name) FROM customers c"),
    ("SELECT count(c.*) FROM customers c", "SELECT count(c.id) FROM customers c"),
    ("SELECT c IS NULL FROM customers c", "SELECT c.name IS NULL FROM customers c"),
    (
        "SELECT (SELECT c FROM (SELECT 1) x) FROM customers c",
        "SELECT (SELECT c.name FROM (SELECT 1) x) FROM customers c",
    ),
    ("TABLE customers", "TABLE orders"),
    ("SELECT * FROM ONLY customers", "SELECT id FROM ONLY customers"),
    (
        "SELECT x.email FROM customers c, LATERAL (SELECT c.email) x",
        "SELECT x.name FROM customers c, LATERAL (SELECT c.name) x",
    ),
    (
        'SELECT id FROM customers ORDER BY email COLLATE "C" LIMIT 1',
        'SELECT id FROM customers ORDER BY name COLLATE "C" LIMIT 1',
    ),
    ("SELECT DISTINCT ON (email) id FROM customers", "SELECT DISTINCT ON (country) id FROM customers"),
    (
        "SELECT country FROM customers GROUP BY GROUPING SETS ((country), (email))",
        "SELECT country FROM customers GROUP BY GROUPING SETS ((country), (name))",
    ),
    (
        "SELECT string_agg(name, ',' ORDER BY email) FROM customers",
        "SELECT string_agg(name, ',' ORDER BY id) FROM customers",
    ),
    (
        "SELECT count(*) FILTER (WHERE email LIKE 'a%') FROM customers",
        "SELECT count(*) FILTER (WHERE name LIKE 'A%') FROM customers",
    ),
    ("SELECT email FROM public.customers", "SELECT name FROM public.customers"),
    ("SELECT public.customers.email FROM public.customers", "SELECT customers.name FROM public.customers"),
    ("SELECT email FROM postgres.public.customers", "SELECT name FROM public.customers"),
    ("SELECT email FROM events_1", "SELECT id FROM events_1"),
    ("SELECT email FROM events", "SELECT id FROM events"),
    ("SELECT email FROM sales.leads", "SELECT id FROM sales.leads"),
    ("SELECT email FROM kept", "SELECT id FROM orders"),
    ("SELECT most_common_vals::text FROM pg_stats WHERE tablename = 'customers'", "SELECT id FROM orders"),
    ("SELECT * FROM pg_catalog.pg_statistic", "SELECT id FROM orders"),
    ("SELECT column_name FROM information_schema.columns", "SELECT id FROM orders"),
    ("SELECT query FROM pg_stat_activity", "SELECT id FROM orders"),
    (
        "SELECT p.a FROM pg_stats p, (WITH pg_stats AS (SELECT 1 AS a) SELECT a FROM pg_stats) q",
        "SELECT id FROM orders",
    ),
    (
        "SELECT query_to_xml('SELECT email FROM customers', true, false, '')",
        "SELECT upper('SELECT email FROM customers')",
    ),
    ("SELECT table_to_xml('customers', true, false, '')", "SELECT upper('customers')"),
    ("SELECT email_of(1)", "SELECT abs(1)"),
    ("SELECT public.email_of(1)", "SELECT pg_catalog.abs(1)"),
    ("SELECT * FROM email_of(1)", "SELECT * FROM generate_series(1, 2)"),
    ("SELECT 'secrets'::regclass", "SELECT 'secrets'::text"),
    ("SELECT to_regclass('secrets')", "SELECT upper('secrets')"),
    ("SELECT has_table_privilege('secrets', 'SELECT')", "SELECT upper('secrets')"),
    ("SELECT ts_stat('SELECT email FROM customers')", "SELECT to_tsvector('simple', name) FROM customers"),
    ("SELECT E'\\'' , email, E'\\'' FROM customers", "SELECT '''', name, '''' FROM customers"),
    ("SELECT $$a$$, email FROM customers", "SELECT $$a$$, name FROM customers"),
    ("SELECT 1 /* /* */ , email /* */ */ , email FROM customers", "SELECT 1 /* /* */ */ , name FROM customers"),
]
WRITES = [
    ("SELECT pg_read_file('/etc/passwd')", "SELECT length('/etc/passwd')"),
    ("SELECT pg_ls_dir('/')", "SELECT length('/')"),
    ("SELECT * FROM ROWS FROM (pg_ls_dir('/'))", "SELECT * FROM ROWS FROM (generate_series(1, 2))"),
    ("SELECT lo_import('/etc/passwd')", "SELECT length('/etc/passwd')"),
    ("SELECT lo_creat(-1)", "SELECT abs(-1)"),
    ("SELECT dblink('dbname=x', 'DROP TABLE orders')", "SELECT upper('DROP TABLE orders')"),
    ("SELECT pg_sleep(100)", "SELECT sqrt(100)"),
    ("SELECT pg_advisory_lock(1)", "SELECT abs(1)"),
    ("SELECT pg_terminate_backend(1)", "SELECT abs(1)"),
    ("SELECT pg_notify('a', 'b')", "SELECT concat('a', 'b')"),
    ("SELECT set_config('statement_timeout', '0', false)", "SELECT concat('statement_timeout', '0')"),
    ("SELECT current_setting('data_directory')", "SELECT current_user"),
    ("SELECT setval('s', 1)", "SELECT abs(1)"),
    ("SELECT pg_import_system_collations('pg_catalog')", "SELECT upper('pg_catalog')"),
    ("SELECT 1; DROP TABLE orders", "SELECT 1;"),
    ("SELECT 1; COMMIT; DROP TABLE orders", "SELECT 1"),
    ("/* SELECT */ DROP TABLE orders", "/* DROP */ SELECT 1"),
    ("WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d", "WITH d AS (SELECT * FROM orders) SELECT * FROM d"),
    ("SELECT * INTO copied FROM orders", "SELECT * FROM orders"),
    ("SELECT id FROM orders FOR UPDATE", "SELECT id FROM orders"),
    ("EXPLAIN ANALYZE DELETE FROM orders", "EXPLAIN SELECT * FROM orders"),
    ("EXPLAIN (ANALYZE) DELETE FROM orders", "EXPLAIN SELECT 1"),
    ("COPY orders TO PROGRAM 'id'", "SELECT 'COPY orders TO PROGRAM'"),
    ("DO $$ BEGIN DELETE FROM orders; END $$", "SELECT $$ BEGIN DELETE FROM orders; END $$"),
    ("CALL x()", "VALUES (1)"),
    ("SET statement_timeout = 0", "SELECT 0 AS statement_timeout"),
    ("BEGIN READ WRITE", "SELECT 'BEGIN READ WRITE'"),
    ("SELECT query_to_xml('DELETE FROM orders', true, false, '')", "SELECT upper('DELETE FROM orders')"),
]
# What is sent to the server as it is, without the parser before it.
BARE = [
    "DROP TABLE orders",
    "DELETE FROM orders",
    "SELECT 1; DROP TABLE orders",
    "COMMIT; DROP TABLE orders",
    "SET TRANSACTION READ WRITE; DELETE FROM orders",
    "SELECT set_config('transaction_read_only', 'off', false), (SELECT lo_creat(-1))",
    "WITH d AS (DELETE FROM orders RETURNING *) SELECT * FROM d",
    "CREATE TEMP TABLE x AS SELECT 1",
    "SELECT pg_read_file('/etc/passwd')",
    "COPY orders TO PROGRAM 'id'",
    "SELECT lo_import('/etc/passwd')",
    "SELECT id FROM orders FOR UPDATE",
    "SELECT nextval('numbers')",
    "VACUUM",
]


@pytest.fixture(scope="module")
def shop(postgres_shop: str) -> Iterator[Database]:
    opened = open_address("shop", postgres_shop)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def guarded(postgres_shop: str) -> Iterator[Database]:
    opened = open_address("shop", postgres_shop, MASKS)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def engine(postgres_shop: str) -> Iterator[Postgres]:
    made = Postgres(postgres_shop, Rules())
    yield made
    made.close()


@pytest.mark.parametrize(("attack", "twin"), [*COMMON, *MASKED])
def test_what_is_masked_or_denied_stays_unread(attack: str, twin: str, guarded: Database) -> None:
    found, told = tried(guarded, attack)
    assert found == "", f"it came through: {found}"
    assert SECRET not in told and WORD not in told
    guarded.query(ALL, twin, 0, 100, "")


@pytest.mark.parametrize(("attack", "twin"), WRITES)
def test_what_does_more_than_read_is_refused(attack: str, twin: str, shop: Database) -> None:
    with pytest.raises(ToolError) as caught:
        shop.query(ALL, attack, 0, 10, "")
    assert "refused" in caught.value.message or "served" in caught.value.message or "parse" in caught.value.message
    shop.query(ALL, twin, 0, 10, "")
    assert shop.query(ALL, "SELECT count(*) FROM orders", 0, 10, "").rows == [[2]]


@pytest.mark.parametrize("sql", BARE)
def test_the_server_alone_refuses_it_too(sql: str, engine: Postgres) -> None:
    with pytest.raises((EngineFault, OutOfTime)):
        engine.read(Ask(sql=sql))
    assert engine.read(Ask(sql="SELECT count(*) FROM orders")).rows == [(2,)]


def test_describe_tells_keys_estimates_views_and_schemas(shop: Database) -> None:
    lines = shop.describe(ALL, parse("db://shop"))["tables"]
    assert "customers(id, name, email, country): about 2 rows" in lines
    assert "sales.leads(id, email)" in " ".join(lines) and "view leaky(id, contact)" in lines
    table = shop.describe(ALL, parse("db://shop/orders"))
    assert table["columns"][0] == "id integer, primary key"
    assert table["foreign_keys"] == ["customer_id -> customers(id)"]
    assert "(customer_id)" in table["indexes"]


def test_values_of_every_kind_arrive_as_json_has_them(shop: Database) -> None:
    row = shop.query(ALL, "SELECT a, b, c, d, e, f, h, i FROM kinds", 0, 10, "").rows[0]
    assert row == [
        "1.50", "2026-01-02T03:04:05+00:00", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", {"k": [1]}, "<2 bytes>", [1, 2],
        True, "9007199254740993",
    ]  # fmt: skip


def test_pages_are_the_whole_without_gaps(shop: Database) -> None:
    seen: list[int] = []
    more = True
    while more:
        rows = shop.query(ALL, "SELECT id FROM big WHERE id <= 2500 ORDER BY id", len(seen), 1_000, "")
        seen += [row[0] for row in rows.rows]
        more = rows.more
    assert seen == list(range(1, 2_501))
    limited = shop.query(ALL, "SELECT id FROM big ORDER BY id LIMIT 15 OFFSET 5", 10, 1_000, "")
    assert ([row[0] for row in limited.rows], limited.more) == ([16, 17, 18, 19, 20], False)


def test_a_runaway_statement_is_stopped_at_the_server(postgres_shop: str) -> None:
    quick = open_address("shop", postgres_shop, Rules(timeout=0.3, max_read=1e12))
    with pytest.raises(ToolError, match=r"stopped after 0\.3 seconds"):
        quick.query(ALL, "SELECT count(*) FROM big a, big b WHERE a.text > b.text", 0, 10, "")
    with psycopg.connect(postgres_shop) as db:
        running = db.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%big a%' AND state = 'active' "
            "AND pid <> pg_backend_pid()"
        ).fetchone()
    assert running == (0,)
    assert quick.query(ALL, "SELECT 1", 0, 10, "").rows == [[1]]
    quick.close()


def test_a_dear_statement_is_refused_before_it_runs(postgres_shop: str) -> None:
    thrifty = open_address("shop", postgres_shop, Rules(max_read=50_000))
    with pytest.raises(
        ToolError,
        match=r"would read about 1\d\d,\d\d\d rows, most of all for seq scan on big.*index for: unique \(id\)",
    ):
        thrifty.query(ALL, "SELECT count(*) FROM big WHERE part = 3", 0, 10, "")
    assert thrifty.query(ALL, "SELECT part FROM big WHERE id = 3", 0, 10, "").rows == [[3]]
    assert len(thrifty.query(ALL, "SELECT * FROM big", 0, 10, "").rows) == 10  # a page of it is cheap
    thrifty.close()


def test_an_account_with_too_much_power_is_refused(postgres_shop: str) -> None:
    strong = postgres_shop.replace(f"reader:{PASSWORD}", "postgres")
    with pytest.raises(SourceError, match="superuser"):
        open_address("shop", strong)
    open_address("shop", strong, Rules(superuser=True)).close()


def test_the_password_is_told_nowhere(postgres_shop: str) -> None:
    wrong = postgres_shop.replace("/postgres", "/nowhere")
    with pytest.raises(SourceError) as caught:
        open_address("shop", wrong)
    assert PASSWORD not in str(caught.value) and "nowhere" in str(caught.value)
    opened = open_address("shop", postgres_shop)
    assert PASSWORD not in repr(opened) + str(opened.describe(ALL, parse("db://shop")))
    opened.close()


def test_a_wrong_name_is_answered_with_the_nearest(shop: Database) -> None:
    with pytest.raises(ToolError, match=r"nearest: customers\.country"):
        shop.query(ALL, "SELECT countri FROM customers", 0, 10, "")
    with pytest.raises(ToolError, match="nearest: orders"):
        shop.query(ALL, "SELECT * FROM ordres", 0, 10, "")


def test_changes_are_noticed_by_the_stamp(postgres_shop: str) -> None:
    shop = open_address("shop", postgres_shop)
    before = shop.stamp(ALL)
    with psycopg.connect(postgres_shop, autocommit=True) as db:
        db.execute("INSERT INTO sales.leads VALUES (77, 'x')")
        db.execute("SELECT pg_stat_force_next_flush()")
        db.execute("DELETE FROM sales.leads WHERE id = 77")
    assert shop.stamp(ALL) != before
    shop.close()


@pytest.mark.parametrize("value", ["Ada", "' OR '1'='1", "%s", "Ada'; DROP TABLE orders; --"])
def test_a_query_of_the_owners_has_its_values_bound(value: str, postgres_shop: str) -> None:
    sql = "SELECT id, '50%' AS share FROM customers WHERE name = :name AND name LIKE '%d%' LIMIT :most"
    parameters = {"name": Parameter(), "most": Parameter(type="integer")}
    shop = open_address("shop", postgres_shop, Rules(queries={"by_name": Query(sql=sql, parameters=parameters)}))
    found = shop.run(ALL, "by_name", {"name": value, "most": 5}, lambda share, text: None, lambda: False)
    assert found.rows == ([[1, "50%"]] if value == "Ada" else [])
    shop.close()


@settings(max_examples=60)
@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_string_arrives_as_it_was_written(text: str, shop: Database) -> None:
    said = text.replace("'", "''")
    assert shop.query(ALL, f"SELECT '{said}', '{said}' = '{said}'", 0, 1, "").rows == [[text, True]]
    name = (said.replace('"', '""') or "x")[:20]
    assert len(shop.query(ALL, f'SELECT 1 AS "{name}"', 0, 1, "").rows) == 1


def test_a_connection_that_the_server_has_ended_is_opened_again(postgres_shop: str) -> None:
    shop = open_address("shop", postgres_shop)
    assert shop.query(ALL, "SELECT 1", 0, 1, "").rows == [[1]]
    with psycopg.connect(postgres_shop, autocommit=True) as db:
        ended = db.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'dragoman'"
        ).fetchall()
    assert ended
    assert shop.query(ALL, "SELECT 2", 0, 1, "").rows == [[2]]
    shop.close()


def test_the_order_of_rows_tells_nothing_of_what_is_masked(engine: Postgres, postgres_shop: str) -> None:
    shown = "SELECT current_setting('enable_indexscan') || current_setting('enable_indexonlyscan')"
    assert engine.read(Ask(sql=shown)).rows[0][0] == "onon"
    assert engine.read(Ask(sql=shown, unordered=True)).rows[0][0] == "offoff"
    assert engine.read(Ask(sql=shown)).rows[0][0] == "onon"
    asked: list[bool] = []

    class Hearing(Postgres):
        def read(self, ask: Ask, gate: Any = None) -> Any:
            asked.append(ask.unordered)
            return super().read(ask, gate)

    rules = Rules(mask=["entries.pin"])
    shop = Database("shop", Hearing(postgres_shop, rules), rules)
    for sql in (
        "SELECT id FROM entries",
        "SELECT id FROM orders",
        "WITH q AS (SELECT id FROM entries) SELECT id FROM q",
    ):
        shop.query(ALL, sql, 0, 9, "")
    assert asked == [True, False, True]
    shop.close()


def test_no_other_way_leads_to_what_is_masked(guarded: Database) -> None:
    for attack in [*ALONE, *POSTGRES_ALONE]:
        found, told = tried(guarded, attack)
        assert told, f"{attack} came through: {found}"
        assert SECRET not in told and WORD not in told
    assert guarded.query(ALL, "SELECT count(*), max(name) FROM customers", 0, 1, "").rows == [[2, "Bob"]]
