"""The engine's own guard, without the parser before it: it must hold alone."""

import hashlib
import sqlite3
from pathlib import Path

import pytest
from tests.connectors.databases.test_statement import READS

from dragoman.connectors.databases.guarded import OutOfTime, address, guarded, trusted

MORE_READS = [
    "SELECT * FROM t",
    "SELECT upper(a), length(a) FROM t",
    "SELECT * FROM t_words WHERE t_words MATCH 'hello'",
]
ATTACKS = [
    "DROP TABLE t",
    "DELETE FROM t",
    "UPDATE t SET a = 1",
    "INSERT INTO t VALUES (1)",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x (a)",
    "CREATE VIEW v AS SELECT 1",
    "ALTER TABLE t ADD COLUMN z",
    "ATTACH '{folder}/new.db' AS e",
    "ATTACH ':memory:' AS e",
    "VACUUM",
    "VACUUM main INTO '{folder}/copy.db'",
    "PRAGMA query_only=off",
    "PRAGMA journal_mode=delete",
    "PRAGMA writable_schema=on",
    "PRAGMA temp_store_directory='{folder}'",
    "SELECT * FROM pragma_table_info('t')",
    "SELECT load_extension('{folder}/x.so')",
    "SELECT fts3_tokenizer('simple')",
    "SELECT writefile('{folder}/written.txt', 'x')",
    "SELECT readfile('/etc/passwd')",
    "REINDEX",
    "ANALYZE",
    "BEGIN IMMEDIATE",
    "SELECT 1; DROP TABLE t",
    "INSERT INTO t_words(t_words) VALUES ('rebuild')",
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE t(a, b, c, d, e, name); INSERT INTO t(a, name) VALUES ('hello', 'x'), ('{\"b\": 1}', 'y');"
        "CREATE VIRTUAL TABLE t_words USING fts5(a); INSERT INTO t_words VALUES ('hello world');"
    )
    db.close()
    return path


def everything(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


@pytest.mark.parametrize("sql", ATTACKS)
def test_the_engine_refuses_to_change_or_reach_anything(sql: str, shop: Path) -> None:
    before = everything(shop.parent)
    with guarded(shop, 5.0) as db, pytest.raises((sqlite3.DatabaseError, sqlite3.Warning, sqlite3.ProgrammingError)):
        db.execute(sql.format(folder=shop.parent)).fetchall()
    assert everything(shop.parent) == before


@pytest.mark.parametrize("sql", [*READS, *MORE_READS])
def test_reading_passes_the_engine(sql: str, shop: Path) -> None:
    with guarded(shop, 5.0) as db:
        db.execute(sql.rstrip(";")).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r ORDER BY n DESC",
    ],
)
def test_a_statement_without_end_is_stopped(sql: str, shop: Path) -> None:
    with pytest.raises(OutOfTime, match=r"0\.3 seconds"), guarded(shop, 0.3) as db:
        db.execute(sql).fetchall()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT randomblob(100000000)",
        "SELECT zeroblob(100000000)",
        "SELECT replace(hex(zeroblob(4000000)), '0', 'xxxxxxxx')",
    ],
)
def test_one_value_cannot_fill_the_memory(sql: str, shop: Path) -> None:
    with guarded(shop, 5.0) as db, pytest.raises(sqlite3.DataError, match="too big"):
        db.execute(sql).fetchall()
    with guarded(shop, 5.0) as db:
        assert db.execute("SELECT length(randomblob(1000))").fetchone() == (1000,)


def test_our_own_statements_may_ask_for_the_schema_but_not_write(shop: Path) -> None:
    with trusted(shop, 5.0) as db:
        assert [row[1] for row in db.execute("PRAGMA table_info(t)")] == ["a", "b", "c", "d", "e", "name"]
        with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"):
            db.execute("DELETE FROM t")


def test_a_file_name_cannot_add_options(tmp_path: Path) -> None:
    path = tmp_path / "odd?mode=rwc&x=#1 %41.db"
    sqlite3.connect(path).execute("CREATE TABLE t(a)").connection.close()
    with guarded(path, 5.0) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_database_in_a_folder_that_may_not_be_written_to_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "w.db"
    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("CREATE TABLE t(a)")
    db.close()
    assert address(path).endswith("?mode=ro")
    monkeypatch.setattr("os.access", lambda place, mode: False)
    assert address(path).endswith("?mode=ro&immutable=1")
    with guarded(path, 5.0) as db:
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
    assert [file.name for file in tmp_path.iterdir()] == ["w.db"]


def test_bytes_that_are_not_text_are_shown_all_the_same(shop: Path) -> None:
    with guarded(shop, 5.0) as db:
        assert db.execute("SELECT CAST(x'41ff42' AS TEXT)").fetchone() == ("A\ufffdB",)
