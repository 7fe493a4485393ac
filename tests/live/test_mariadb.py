"""MariaDB as a source, by an account that may do anything: what is refused is refused by us and by the transaction."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.databases.attacks import ALONE, COMMON, MARIADB_ALONE, SECRET, WORD, tried
from tests.live.shop import PASSWORD

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.engine import Ask, EngineFault
from dragoman.connectors.databases.mysql import Mysql
from dragoman.connectors.databases.opening import open_address
from dragoman.connectors.databases.rules import Parameter, Query, Rules
from dragoman.connectors.source import SourceError
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

STRONG = Rules(superuser=True)
MASKS = Rules(mask=["customers.email"], deny=["secrets"], superuser=True)
# MariaDB has neither names for the columns of a table nor VALUES with a subquery.
SHARED = [pair for pair in COMMON if "AS c(a, b" not in pair[0] and "VALUES ((" not in pair[0]]
MASKED = [
    ("SELECT `email` FROM customers", "SELECT `name` FROM customers"),
    ("SELECT 1 /*! UNION SELECT email FROM customers */", "SELECT 1 /*! UNION SELECT name FROM customers */"),
    ("SELECT 1 /*!50000 , email FROM customers */", "SELECT 1"),
    (
        "SELECT name /*M!100000 , email */ FROM customers WHERE /*! 1 = 0 OR email LIKE */ 'a%'",
        "SELECT name FROM customers",
    ),
    ("SELECT 1--1, email FROM customers", "SELECT 1--1, name FROM customers"),
    ("SELECT '\\'', email, '\\'' FROM customers", "SELECT '\\'', name, '\\'' FROM customers"),
    ("SELECT 'a\\\\', email FROM customers", "SELECT 'a\\\\', name FROM customers"),
    ("SELECT EMA\u0130L FROM customers", "SELECT NAME FROM customers"),
    ("SELECT \u00e9mail FROM customers", "SELECT name FROM customers"),
    ("SELECT email FROM shop.customers", "SELECT name FROM shop.customers"),
    ("SELECT shop.customers.email FROM shop.customers", "SELECT shop.customers.name FROM shop.customers"),
    ("SELECT @a := email FROM customers", "SELECT name FROM customers"),
    ("SELECT @@secure_file_priv", "SELECT 1"),
    ("TABLE customers", "TABLE orders"),
    ("SELECT table_name FROM information_schema.tables", "SELECT id FROM orders"),
    ("SELECT user FROM mysql.user", "SELECT id FROM orders"),
    ("SELECT JSON_OBJECT('a', email) FROM customers", "SELECT JSON_OBJECT('a', name) FROM customers"),
    ("SELECT GROUP_CONCAT(name ORDER BY email) FROM customers", "SELECT GROUP_CONCAT(name ORDER BY id) FROM customers"),
    (
        "SELECT name FROM customers ORDER BY (email REGEXP '^a')",
        "SELECT name FROM customers ORDER BY (name REGEXP '^A')",
    ),
    ("SELECT DEFAULT(email) FROM customers", "SELECT upper(name) FROM customers"),
]
WRITES = [
    ("SELECT 'x' INTO OUTFILE '{folder}/x'", "SELECT 'x INTO OUTFILE'"),
    ("SELECT 'x' INTO DUMPFILE '{folder}/x'", "SELECT 'x'"),
    ("SELECT 1 /*! INTO OUTFILE '{folder}/x' */", "SELECT 1 /*! INTO OUTFILE '{folder}/x' */"),
    ("SELECT LOAD_FILE('/etc/passwd')", "SELECT LENGTH('/etc/passwd')"),
    ("SELECT SLEEP(100)", "SELECT SQRT(100)"),
    ("SELECT BENCHMARK(1e9, MD5('x'))", "SELECT MD5('x')"),
    ("SELECT GET_LOCK('a', 10)", "SELECT CONCAT('a', 10)"),
    ("SELECT MASTER_POS_WAIT('a', 1)", "SELECT 1"),
    ("SELECT 1; DROP TABLE orders", "SELECT 1;"),
    ("SELECT id FROM orders FOR UPDATE", "SELECT id FROM orders"),
    ("SELECT id FROM orders LOCK IN SHARE MODE", "SELECT id FROM orders"),
    ("SELECT id INTO @x FROM orders LIMIT 1", "SELECT id FROM orders LIMIT 1"),
    ("DELETE FROM orders", "SELECT * FROM orders"),
    ("/*! DELETE FROM orders */", "/*! DELETE */ SELECT 1"),
    ("WITH d AS (SELECT 1) DELETE FROM orders", "WITH d AS (SELECT 1) SELECT * FROM d"),
    ("LOAD DATA INFILE '/etc/passwd' INTO TABLE orders", "SELECT 1"),
    ("HANDLER orders OPEN", "SELECT 1"),
    ("DO SLEEP(10)", "SELECT 1"),
    ("SET GLOBAL general_log = 1", "SELECT 1"),
    ("CALL x()", "SELECT 1"),
    ("FLUSH TABLES", "SELECT 1"),
    ("KILL 1", "SELECT 1"),
    ("SHOW GRANTS", "SELECT 1"),
    ("EXPLAIN DELETE FROM orders", "EXPLAIN SELECT * FROM orders"),
]
BARE = [
    "DROP TABLE orders", "DELETE FROM orders", "INSERT INTO orders VALUES (9, 1, 1, 'x')", "CREATE TABLE x(a int)",
    "SELECT 1; DROP TABLE orders", "TRUNCATE orders",
]  # fmt: skip


@pytest.fixture(scope="module")
def shop(mariadb_shop: str) -> Iterator[Database]:
    opened = open_address("shop", mariadb_shop, STRONG)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def guarded(mariadb_shop: str) -> Iterator[Database]:
    opened = open_address("shop", mariadb_shop, MASKS)
    yield opened
    opened.close()


@pytest.mark.parametrize(("attack", "twin"), [*SHARED, *MASKED])
def test_what_is_masked_or_denied_stays_unread(attack: str, twin: str, guarded: Database) -> None:
    found, told = tried(guarded, attack)
    assert SECRET not in found + told and WORD not in found + told
    assert told or "/*" in attack, f"it came through: {found}"
    guarded.query(ALL, twin, 0, 100, "")


@pytest.mark.parametrize(("attack", "twin"), WRITES)
def test_what_does_more_than_read_is_refused(attack: str, twin: str, shop: Database, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    told = ""
    try:
        shop.query(ALL, attack.format(folder=tmp_path), 0, 10, "")
    except ToolError as fault:
        told = fault.message
    # What stands in a comment that only they would execute is gone, and the rest runs.
    assert any(word in told for word in ("refused", "served", "parse", "statement")) or "/*!" in attack
    shop.query(ALL, twin.format(folder=tmp_path), 0, 10, "")
    assert list(tmp_path.iterdir()) == []
    assert shop.query(ALL, "SELECT count(*) FROM orders", 0, 10, "").rows == [[2]]


@pytest.mark.parametrize("sql", BARE)
def test_the_transaction_alone_refuses_to_write(sql: str, mariadb_shop: str) -> None:
    engine = Mysql(mariadb_shop, STRONG)
    with pytest.raises(EngineFault):
        engine.read(Ask(sql=sql))
    assert engine.read(Ask(sql="SELECT count(*) FROM orders")).rows == [(2,)]
    engine.close()


def test_describe_tells_keys_estimates_and_views(shop: Database) -> None:
    lines = shop.describe(ALL, parse("db://shop"))["tables"]
    assert "customers(id, name, email, country): about 2 rows" in lines and "view leaky(id, contact)" in lines
    table = shop.describe(ALL, parse("db://shop/orders"))
    assert table["columns"][0] == "id int(11), primary key"
    assert table["foreign_keys"] == ["customer_id -> customers(id)"] and "(customer_id)" in table["indexes"]
    assert shop.about == "MariaDB database"


def test_pages_are_the_whole_without_gaps(shop: Database) -> None:
    seen: list[int] = []
    more = True
    while more:
        rows = shop.query(ALL, "SELECT id FROM big WHERE id <= 2500 ORDER BY id", len(seen), 1_000, "")
        seen += [row[0] for row in rows.rows]
        more = rows.more
    assert seen == list(range(1, 2_501))


def test_a_runaway_statement_is_stopped_at_the_server(mariadb_shop: str) -> None:
    quick = open_address("shop", mariadb_shop, Rules(timeout=0.3, max_read=1e12, superuser=True))
    with pytest.raises(ToolError, match=r"stopped after 0\.3 seconds"):
        quick.query(ALL, "SELECT count(*) FROM big a, big b WHERE a.text > b.text", 0, 10, "")
    listed = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%big AS a%'"
    left = quick.query(ALL, listed, 0, 10, "")
    assert left.rows[0][0] <= 1  # itself
    quick.close()


def test_a_dear_statement_is_refused_before_it_runs(mariadb_shop: str) -> None:
    thrifty = open_address("shop", mariadb_shop, Rules(max_read=50_000, superuser=True))
    with pytest.raises(ToolError, match=r"a scan of all of big.*index for: \(id\)"):
        thrifty.query(ALL, "SELECT count(*) FROM big WHERE part = 3", 0, 10, "")
    assert thrifty.query(ALL, "SELECT part FROM big WHERE id = 3", 0, 10, "").rows == [[3]]
    assert len(thrifty.query(ALL, "SELECT * FROM big", 0, 10, "").rows) == 10
    thrifty.close()


def test_an_account_with_too_much_power_is_refused_and_its_password_told_nowhere(mariadb_shop: str) -> None:
    with pytest.raises(SourceError, match="reads and writes files of the server") as caught:
        open_address("shop", mariadb_shop)
    assert PASSWORD not in str(caught.value)
    with pytest.raises(SourceError, match="cannot be reached") as caught:
        open_address("shop", mariadb_shop.replace(PASSWORD, f"{PASSWORD}-not"))
    assert PASSWORD not in str(caught.value)


def test_what_is_left_unread_does_not_wait_for_the_rest(shop: Database) -> None:
    rows = shop.query(ALL, "SELECT repeat(text, 5000) FROM big", 0, 1_000, "")
    assert rows.more and 50 < len(rows.rows) < 200  # cut by bytes
    assert shop.query(ALL, "SELECT 1", 0, 10, "").rows == [[1]]


@pytest.mark.parametrize("value", ["Ada", "' OR '1'='1", "\\' OR 1=1 -- ", "%s", "Ada'; DROP TABLE orders; --"])
def test_a_query_of_the_owners_has_its_values_bound(value: str, mariadb_shop: str) -> None:
    sql = "SELECT id, '50%' AS share FROM customers WHERE name = :name AND name LIKE '%d%' LIMIT :most"
    parameters = {"name": Parameter(), "most": Parameter(type="integer")}
    rules = Rules(superuser=True, queries={"by_name": Query(sql=sql, parameters=parameters)})
    shop = open_address("shop", mariadb_shop, rules)
    found = shop.run(ALL, "by_name", {"name": value, "most": 5}, lambda share, text: None, lambda: False)
    assert found.rows == ([[1, "50%"]] if value == "Ada" else [])
    shop.close()


@settings(max_examples=60)
@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_string_arrives_as_it_was_written(text: str, shop: Database) -> None:
    for said in (text.replace("\\", "\\\\").replace("'", "''"), text.replace("\\", "\\\\").replace("'", "\\'")):
        assert shop.query(ALL, f"SELECT '{said}', '{said}' = '{said}'", 0, 1, "").rows == [[text, 1]]


def test_a_connection_that_the_server_has_ended_is_opened_again(mariadb_shop: str) -> None:
    shop = open_address("shop", mariadb_shop, STRONG)
    assert shop.query(ALL, "SELECT 1", 0, 1, "").rows == [[1]]
    parts = urlsplit(mariadb_shop)
    with closing(
        pymysql.connect(host=parts.hostname, port=parts.port or 0, user=parts.username, password=parts.password or "")
    ) as db:
        cursor = db.cursor()
        cursor.execute("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'")
        for (number,) in cursor.fetchall():
            cursor.execute(f"KILL {int(number)}")
    assert shop.query(ALL, "SELECT 2", 0, 1, "").rows == [[2]]
    shop.close()


def test_the_order_of_rows_tells_nothing_of_what_is_masked(mariadb_shop: str) -> None:
    sql = "SELECT id FROM entries"
    bare = open_address("shop", mariadb_shop, STRONG)
    masked = open_address("shop", mariadb_shop, Rules(mask=["entries.pin"], superuser=True))
    # Unmasked, the engine reads the small index over pin, and gives the rows in its order.
    assert bare.query(ALL, sql, 0, 9, "").rows[:3] != sorted(bare.query(ALL, sql, 0, 9, "").rows)[:3]
    assert masked.query(ALL, sql, 0, 9, "").rows == sorted(bare.query(ALL, sql, 0, 9, "").rows)
    for hint in ("FORCE INDEX (by_pin)", "USE INDEX FOR ORDER BY (by_pin)"):
        bare.query(ALL, f"{sql} {hint}", 0, 9, "")
        with pytest.raises(ToolError, match="hints of indexes are refused"):
            masked.query(ALL, f"{sql} {hint}", 0, 9, "")
    for one in (bare, masked):
        one.close()


def test_no_other_way_leads_to_what_is_masked(guarded: Database) -> None:
    for attack in [*ALONE, *MARIADB_ALONE]:
        found, told = tried(guarded, attack)
        assert told, f"{attack} came through: {found}"
        assert SECRET not in told and WORD not in told
    assert guarded.query(ALL, "SELECT count(*), max(name) FROM customers", 0, 1, "").rows == [[2, "Bob"]]
