import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.databases.statement import MAX_SQL, check
from dragoman.errors import ToolError

READS = [
    "SELECT 1",
    "select a, b from t where a = 'x;y -- z' order by b limit 3 offset 1;",
    "-- a comment\nSELECT /* another */ 1",
    "WITH t AS (SELECT 1 AS a) SELECT * FROM t",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r",
    "VALUES (1, 2), (3, 4)",
    "SELECT 1 UNION SELECT 2 EXCEPT SELECT 3",
    "EXPLAIN QUERY PLAN SELECT 1",
    "explain select 1",
    "SELECT count(*) FILTER (WHERE a > 1), max(b) FROM t GROUP BY c HAVING count(*) > 2",
    "SELECT a, row_number() OVER (PARTITION BY c ORDER BY d) FROM t",
    "SELECT replace(name, 'drop', 'insert') AS \"delete\" FROM t WHERE name LIKE '%update%'",
    "SELECT json_extract(a, '$.b'), a || b, CAST(c AS INTEGER) FROM t WHERE d IS NOT NULL AND e GLOB 'x*'",
]
WRITES = [
    "DROP TABLE t",
    "DELETE FROM t",
    "UPDATE t SET a = 1",
    "INSERT INTO t VALUES (1)",
    "REPLACE INTO t VALUES (1)",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x AS SELECT 1",
    "ALTER TABLE t ADD COLUMN z",
    "ATTACH 'x.db' AS x",
    "DETACH x",
    "VACUUM",
    "VACUUM main INTO 'copy.db'",
    "PRAGMA query_only = off",
    "PRAGMA table_info(t)",
    "REINDEX",
    "ANALYZE",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "WITH d AS (DELETE FROM t RETURNING *) SELECT * FROM d",
    "WITH x AS (SELECT 1) INSERT INTO t SELECT * FROM x",
    "/* SELECT */ DROP TABLE t",
    "-- SELECT\nDROP TABLE t",
    "EXPLAIN DROP TABLE t",
    "EXPLAIN QUERY PLAN DELETE FROM t",
    "SELECT 1; DROP TABLE t",
    "SELECT 1; SELECT 2",
    "SELECT 1;;DELETE FROM t;",
    "SELECT * INTO x FROM t",
]


@pytest.mark.parametrize("sql", READS)
def test_one_statement_that_reads_passes(sql: str) -> None:
    assert check(sql)


@pytest.mark.parametrize("sql", WRITES)
def test_everything_else_is_refused_with_what_is_served(sql: str) -> None:
    with pytest.raises(ToolError, match=r"only reading is served here|is refused"):
        check(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "   ",
        ";",
        "SELEC 1",
        "SELECT (((",
        "SELECT 'open",
        "x" * (MAX_SQL + 1),
        "SELECT 1\x00",
        "SELECT " + "(" * 4000,
    ],
)
def test_what_is_no_statement_is_refused_in_words(sql: str) -> None:
    with pytest.raises(ToolError) as caught:
        check(sql)
    assert 10 < len(caught.value.message) < 500


@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from(["SELECT", "(", ")", "'", ";", "DROP", "WITH", "--", "/*", "1", ","])).map(" ".join),
    )
)
def test_any_text_passes_or_is_refused_in_words(sql: str) -> None:
    try:
        checked = check(sql)
    except ToolError as fault:
        checked = fault.message
    assert checked
