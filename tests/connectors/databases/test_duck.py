"""DuckDB as a source: files and folders as tables, and what no statement gets out of it."""

import gzip
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.databases.attacks import ALONE, COMMON, DUCKDB_ALONE, SECRET, WORD, tried

from dragoman.connectors.address import parse
from dragoman.connectors.databases.database import Database
from dragoman.connectors.databases.duck import Duck
from dragoman.connectors.databases.engine import Ask, EngineFault, OutOfTime
from dragoman.connectors.databases.opening import open_address
from dragoman.connectors.databases.rules import Rules
from dragoman.connectors.view import ALL
from dragoman.errors import ToolError

RULES = Rules(mask=["customers.email"], deny=["secrets"])
MASKED = [
    ("SELECT COLUMNS('em.*') FROM customers", "SELECT COLUMNS('no.*') FROM orders"),
    ("SELECT COLUMNS(*) FROM customers", "SELECT COLUMNS(*) FROM orders"),
    ("SELECT * EXCLUDE (id) FROM customers", "SELECT * EXCLUDE (id) FROM orders"),
    ("SELECT * REPLACE (1 AS id) FROM customers", "SELECT * REPLACE (1 AS id) FROM orders"),
    ("FROM customers", "FROM orders"),
    ("FROM customers SELECT #3", "FROM customers SELECT id"),
    ("SELECT customers FROM customers", "SELECT orders FROM orders"),
    ("SELECT c.x.email FROM (SELECT customers AS x FROM customers) c", "SELECT c.x FROM (SELECT 1 AS x) c"),
    ("SELECT unnest(c) FROM customers c", "SELECT unnest([id, 2]) FROM customers c"),
    ("SELECT struct_extract(c, 'email') FROM customers c", "SELECT struct_extract({'a': name}, 'a') FROM customers c"),
    ("SELECT to_json(c) FROM customers c", "SELECT to_json(c.name) FROM customers c"),
    ("SELECT [x.email for x in list(c)] FROM customers c", "SELECT [x for x in list(c.name)] FROM customers c"),
    ("SELECT e: email FROM customers", "SELECT e: name FROM customers"),
    ("SELECT id FROM customers GROUP BY ALL, email", "SELECT id FROM customers GROUP BY ALL"),
    ("SELECT arg_max(id, email) FROM customers", "SELECT arg_max(id, name) FROM customers"),
    (
        "SELECT id FROM customers QUALIFY row_number() OVER (ORDER BY email) = 1",
        "SELECT id FROM customers QUALIFY row_number() OVER (ORDER BY name) = 1",
    ),
    ("PIVOT customers ON email USING count(*)", "SELECT country, count(*) FROM customers GROUP BY country"),
    ("SELECT * FROM (PIVOT customers ON email USING count(*))", "SELECT * FROM (SELECT id FROM customers)"),
    ("SELECT * FROM (UNPIVOT customers ON COLUMNS(*))", "SELECT id FROM customers"),
    ("SUMMARIZE customers", "SELECT id FROM customers"),
    ("SELECT * FROM (SUMMARIZE customers)", "SELECT id FROM customers"),
    ("SELECT * FROM (DESCRIBE secrets)", "SELECT id FROM customers"),
    ("SHOW TABLES", "SELECT id FROM customers"),
    ("SELECT * FROM query('SELECT email FROM customers')", "SELECT upper('SELECT email FROM customers')"),
    ("SELECT * FROM query_table('customers')", "SELECT upper('customers')"),
    ("SELECT * FROM query_table(['customers'])", "SELECT ['customers']"),
    ("SELECT * FROM duckdb_tables()", "SELECT * FROM range(3)"),
    ("SELECT * FROM pragma_storage_info('customers')", "SELECT * FROM range(3)"),
    ("SELECT * FROM information_schema.columns", "SELECT id FROM customers"),
    ("SELECT sql FROM sqlite_master", "SELECT id FROM customers"),
    ("SELECT email FROM main.customers", "SELECT name FROM main.customers"),
    ("SELECT email FROM memory.main.customers", "SELECT name FROM customers"),
    ("SELECT stats(email) FROM customers", "SELECT id FROM customers"),
    ("SELECT json_serialize_sql('SELECT email FROM customers')", "SELECT upper('SELECT email FROM customers')"),
]  # fmt: skip
FILES = [
    "SELECT * FROM read_csv('{folder}/customers.csv')",
    "SELECT * FROM read_text('{outside}')",
    "SELECT * FROM read_csv('{outside}')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM read_parquet('https://127.0.0.1:1/x.parquet')",
    "COPY orders TO '{folder}/out.csv'",
    "COPY orders TO '{folder}/orders.csv' (USE_TMP_FILE false)",
    "EXPORT DATABASE '{folder}/out'",
    "ATTACH '{folder}/new.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "PRAGMA enable_profiling",
    "CREATE TABLE x AS SELECT 1",
    "CREATE MACRO f(a) AS a",
    "CALL pragma_version()",
    "SELECT 1; CREATE TABLE x(a INT)",
    "EXPLAIN ANALYZE SELECT 1",
    "CHECKPOINT",
    "SELECT sleep_ms(10)",
    "SELECT current_setting('memory_limit')",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("data") / "shop"
    place.mkdir()
    (place.parent / "outside.csv").write_text(f"a\n{WORD}\n")
    (place / "customers.csv").write_text(f"id,name,email,country\n1,Ada,{SECRET},uk\n2,Bob,bob@example.org,us\n")
    (place / "orders.csv").write_text("id,customer_id,total,note\n1,1,9.5,first\n2,2,5,second\n")
    (place / "riddles.json").write_text(f'[{{"id": 1, "word": "{WORD}"}}]')
    (place / ".hidden.csv").write_text("a\n1\n")
    (place / "broken.parquet").write_text("no parquet")
    (place / "days").mkdir()
    for day in (1, 2):
        (place / "days" / f"part-2026-03-0{day}.csv").write_text(f"day,sold\n{day},{day * 10}\n")
    for year in (2025, 2026):
        (place / "years" / f"year={year}").mkdir(parents=True)
        duckdb.sql("SELECT 7 AS n").write_parquet(str(place / "years" / f"year={year}" / "x.parquet"))
    with gzip.open(place / "lines.jsonl.gz", "wt") as stream:
        stream.write('{"a": 1}\n{"a": 2}\n')
    (place / "leading_out.csv").symlink_to(place.parent / "outside.csv")
    return place


@pytest.fixture(scope="module")
def shop(folder: Path) -> Database:
    return open_address("shop", f"duckdb://{folder}")


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("file") / "shop.duckdb"
    with duckdb.connect(str(path)) as db:
        for sql in (
            "CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT, email TEXT, country TEXT)",
            "CREATE TABLE orders(id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customers(id), total DOUBLE, "
            "note TEXT)",
            "CREATE TABLE secrets(id INTEGER, word TEXT)",
            "CREATE VIEW clean AS SELECT id, country FROM customers",
            "CREATE VIEW leaky AS SELECT id, email AS contact FROM customers",
            f"INSERT INTO customers VALUES (1, 'Ada', '{SECRET}', 'uk'), (2, 'Bob', 'bob@example.org', 'us')",
            "INSERT INTO orders VALUES (1, 1, 9.5, 'first'), (2, 2, 5, 'second')",
            f"INSERT INTO secrets VALUES (1, '{WORD}')",
        ):
            db.execute(sql)
    return path


@pytest.fixture(scope="module")
def guarded(filed: Path) -> Database:
    return open_address("shop", f"duckdb://{filed}", RULES)


@pytest.mark.parametrize(("attack", "twin"), [*COMMON, *MASKED])
def test_what_is_masked_or_denied_stays_unread(attack: str, twin: str, guarded: Database) -> None:
    found, told = tried(guarded, attack)
    assert told, f"it came through: {found}"
    assert SECRET not in told and WORD not in told
    guarded.query(ALL, twin, 0, 100, "")


@pytest.mark.parametrize("sql", FILES)
def test_no_statement_reaches_files_or_settings(sql: str, shop: Database, folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(ToolError) as caught:
        shop.query(ALL, sql.format(folder=folder, outside=folder.parent / "outside.csv"), 0, 10, "")
    assert WORD not in caught.value.message
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    "sql",
    [
        sql
        for sql in FILES
        if "{folder}/customers" not in sql and "SELECT sleep" not in sql and "current_setting" not in sql
    ],
)
def test_the_engine_alone_refuses_it_too(sql: str, folder: Path) -> None:
    engine = Duck(f"duckdb://{folder}", Rules())
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises((EngineFault, OutOfTime)):
        engine.read(Ask(sql=sql.format(folder=folder, outside=folder.parent / "outside.csv")))
    assert engine.read(Ask(sql="SELECT count(*) FROM orders")).rows == [(2,)]
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    engine.close()


@pytest.mark.parametrize("sql", ["SELECT * FROM '{folder}/customers.csv'", 'SELECT name FROM "{folder}/customers.csv"'])
def test_a_file_is_read_by_its_table_alone_where_there_are_rules(sql: str, folder: Path) -> None:
    ruled = open_address("shop", f"duckdb://{folder}", Rules(mask=["customers.email"]))
    with pytest.raises(ToolError, match="there is no table"):
        ruled.query(ALL, sql.format(folder=folder), 0, 10, "")
    assert len(ruled.query(ALL, "SELECT name FROM customers", 0, 10, "").rows) == 2
    ruled.close()


def test_the_files_of_a_folder_are_its_tables(shop: Database) -> None:
    assert shop.tables(ALL) == ["customers", "days", "lines", "orders", "riddles", "years"]
    assert shop.query(ALL, "SELECT sum(sold) FROM days", 0, 10, "").rows == [[30]]
    assert shop.query(ALL, "SELECT year, n FROM years ORDER BY year", 0, 10, "").rows == [[2025, 7], [2026, 7]]
    assert shop.query(
        ALL, "SELECT c.name, o.total FROM orders o JOIN customers c ON c.id = o.customer_id WHERE o.id = 1", 0, 10, ""
    ).rows == [["Ada", 9.5]]
    assert shop.describe(ALL, parse("db://shop/orders"))["columns"][2] == "total DOUBLE"


def test_a_new_file_is_a_new_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    engine = Duck(f"duckdb://{tmp_path}", Rules())
    shop = Database("shop", engine)
    assert shop.tables(ALL) == ["a"]
    (tmp_path / "b.csv").write_text("x\n1\n")
    engine._looked = (0.0, "")  # a second later
    assert shop.tables(ALL) == ["a", "b"]
    shop.close()


def test_a_file_of_duckdb_tells_keys_and_rows_and_can_be_written_meanwhile(guarded: Database, filed: Path) -> None:
    assert guarded.describe(ALL, parse("db://shop/orders"))["foreign_keys"] == ["customer_id -> customers(id)"]
    assert (
        "customers(id, name, email (masked), country): about 2 rows"
        in guarded.describe(ALL, parse("db://shop"))["tables"]
    )
    with duckdb.connect(str(filed)) as db:
        db.execute("CREATE OR REPLACE TABLE later(a INT)")
    assert guarded.query(ALL, "SELECT count(*) FROM orders", 0, 10, "").rows == [[2]]


def test_a_server_of_tables_ends_without_a_word_about_leaks(folder: Path) -> None:
    words = [sys.executable, "-m", "dragoman", "serve", f"duckdb:///{folder}", "--stdio"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=True)
    assert "leaked" not in done.stderr


def test_a_runaway_statement_is_stopped(folder: Path) -> None:
    quick = open_address("shop", f"duckdb://{folder}", Rules(timeout=0.2, max_read=1e30))
    with pytest.raises(ToolError, match=r"stopped after 0\.2 seconds"):
        quick.query(
            ALL, "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3", 0, 10, ""
        )
    assert quick.query(ALL, "SELECT 1", 0, 10, "").rows == [[1]]
    quick.close()


def test_a_dear_statement_is_refused_before_it_runs(folder: Path) -> None:
    thrifty = open_address("shop", f"duckdb://{folder}", Rules(max_read=1_000_000))
    with pytest.raises(ToolError, match="would read about"):
        thrifty.query(ALL, "SELECT count(*) FROM range(100000) a, range(100000) b WHERE a.range < b.range", 0, 10, "")
    assert thrifty.query(ALL, "SELECT count(*) FROM range(1000)", 0, 10, "").rows == [[1000]]
    thrifty.close()


@settings(max_examples=30)
@given(text=st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs", "Cc"]), max_size=30))
def test_a_string_arrives_as_it_was_written(text: str, shop: Database) -> None:
    said = text.replace("'", "''")
    assert shop.query(ALL, f"SELECT '{said}', '{said}' = '{said}'", 0, 1, "").rows == [[text, True]]


def test_no_other_way_leads_to_what_is_masked(guarded: Database) -> None:
    for attack in [*ALONE, *DUCKDB_ALONE]:
        found, told = tried(guarded, attack)
        assert told, f"{attack} came through: {found}"
        assert SECRET not in told and WORD not in told
    assert guarded.query(ALL, "SELECT count(*), max(name) FROM customers", 0, 1, "").rows == [[2, "Bob"]]
