"""What is masked has no influence: whatever statement is let through gives the same over any masked values.

Statements are made up at random and judged by their text alone; SQLite, without its own guard, runs those that pass.
"""

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.connectors.databases.access import Access, access_to
from dragoman.connectors.databases.engine import Column, Table
from dragoman.connectors.databases.judge import judge, why_not
from dragoman.connectors.databases.statement import read_statement
from dragoman.connectors.view import View
from dragoman.errors import ToolError

SCHEMA = """
CREATE TABLE c(id INTEGER, name TEXT, email TEXT);
CREATE TABLE o(id INTEGER, cid INTEGER, email TEXT);
CREATE TABLE s(id INTEGER, word TEXT);
CREATE VIEW v AS SELECT id, email AS mail FROM c;
CREATE VIEW w AS SELECT id, name FROM c;
INSERT INTO o VALUES (1, 1, 'p'), (2, 2, 'q');
"""
COLUMNS = {
    "c": ["id", "name", "email"],
    "o": ["id", "cid", "email"],
    "s": ["id", "word"],
    "v": ["id", "mail"],
    "w": ["id", "name"],
}
VIEWS = {"v": "SELECT id, email AS mail FROM c", "w": "SELECT id, name FROM c"}

names = st.sampled_from(["id", "name", "email", "cid", "mail", "word", "EMAIL", '"email"', "e", "x", "c", "o", "rowid"])
aliases = st.sampled_from(["a", "b", "c", "o", "x", "s"])
columns = st.one_of(names, st.tuples(aliases, names).map(".".join), st.just("1"), st.just("'k'"))
terms = st.recursive(
    columns,
    lambda inner: st.one_of(
        inner.map(lambda t: f"lower({t})"),
        inner.map(lambda t: f"count({t})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]} || {p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"CASE WHEN {p[0]} > {p[1]} THEN 1 ELSE 0 END"),
        inner.map(lambda t: f"max({t}) OVER (ORDER BY {t})"),
    ),
    max_leaves=3,
)


def from_(query: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    table = st.sampled_from(["c", "o", "s", "v", "w", "main.c", '"C"', "t", "t2"])
    source = st.one_of(
        table,
        st.tuples(table, aliases).map(" AS ".join),
        st.tuples(query, aliases).map(lambda p: f"({p[0]}) AS {p[1]}"),
    )
    joined = st.tuples(
        source,
        st.sampled_from([" JOIN ", " NATURAL JOIN ", ", ", " LEFT JOIN "]),
        source,
        st.sampled_from(["", " USING (email)", " USING (id)", " ON a.id = b.id"]),
    )
    return st.one_of(
        source,
        joined.map(lambda p: p[0] + p[1] + p[2] + ("" if "NATURAL" in p[1] or p[1] == ", " else p[3])),
        joined.map(lambda p: f"({p[0]} JOIN {p[2]}) AS x"),
    )


def select(query: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.one_of(
        terms,
        st.just("*"),
        aliases.map(lambda a: f"{a}.*"),
        st.tuples(terms, names).map(lambda p: f"{p[0]} AS {p[1]}"),
        query.map(lambda q: f"({q} LIMIT 1)"),
    )
    tail = st.one_of(
        st.just(""), terms.map(lambda t: f" WHERE {t} > 'a'"), terms.map(lambda t: f" ORDER BY {t}"),
        query.map(lambda q: f" WHERE EXISTS ({q})"),
        names.map(lambda n: f" GROUP BY {n}"), names.map(lambda n: f" GROUP BY {n} HAVING max({n}) > 'b'"),
    )  # fmt: skip
    plain = st.tuples(st.lists(item, min_size=1, max_size=2).map(", ".join), from_(query), tail).map(
        lambda p: f"SELECT {p[0]} FROM {p[1]}{p[2]}"
    )
    return st.one_of(
        plain,
        st.tuples(st.sampled_from(["t", "c", "s", "t(x)", "t2(id, x)"]), query, plain).map(
            lambda p: f"WITH {p[0]} AS ({p[1]}) {p[2]}"
        ),
        st.tuples(plain, st.sampled_from([" UNION ", " EXCEPT ", " INTERSECT "]), plain).map("".join),
    )


statements = st.recursive(
    st.sampled_from(["SELECT id FROM o", "SELECT email FROM c", "SELECT * FROM c", "SELECT name FROM c"]),
    select,
    max_leaves=4,
)


def access() -> Access:
    tables = {
        name: Table(
            name=name, kind="view" if name in VIEWS else "table", schema="main", definition=VIEWS.get(name, ""),
            columns=[Column(name=column, type="", required=False, key=0) for column in listed],
        )
        for name, listed in COLUMNS.items()
    }  # fmt: skip
    return access_to(tables, [View(deny=("s",))], ["c.email"], lambda table, seen: why_not(table, seen, "sqlite"))


ACCESS = access()


@pytest.fixture(scope="module")
def worlds() -> Iterator[list[sqlite3.Connection]]:
    made = []
    for mails, words in ((("a@1", "z@2"), ("u", "v")), (("y@3", "b@4"), ("w", "t")), ((None, "k"), ("k", None))):
        db = sqlite3.connect(":memory:")
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO c VALUES (?, ?, ?)", [(1, "ada", mails[0]), (2, "bob", mails[1])])
        db.executemany("INSERT INTO s VALUES (?, ?)", list(enumerate(words)))
        made.append(db)
    yield made
    for db in made:
        db.close()


def outcome(db: sqlite3.Connection, sql: str) -> Any:
    try:
        return db.execute(sql).fetchmany(100)
    except sqlite3.Error as fault:
        return str(fault)


@settings(max_examples=100)
@given(sql=statements)
def test_what_passes_is_the_same_whatever_is_masked(sql: str, worlds: list[sqlite3.Connection]) -> None:
    try:
        statement = read_statement(sql, "sqlite")
        judge(statement.tree, ACCESS)
    except ToolError:
        return
    found = [outcome(db, statement.text) for db in worlds]
    assert found[0] == found[1] == found[2], statement.text


@pytest.mark.parametrize(
    "sql",
    ["SELECT email FROM c", "SELECT count(*) FROM v WHERE mail > 'm'", "SELECT c.id FROM s, c WHERE s.word < c.email"],
)
def test_the_worlds_differ_where_nothing_is_judged(sql: str, worlds: list[sqlite3.Connection]) -> None:
    found = [outcome(db, sql) for db in worlds]
    assert not found[0] == found[1] == found[2]
    with pytest.raises(ToolError):
        judge(read_statement(sql, "sqlite").tree, ACCESS)
