"""Tables among the files: columns, types, and rows from any one on."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import ALL
from dragoman.connectors.trees.previews import of_text
from dragoman.errors import ToolError

duckdb = pytest.importorskip("duckdb")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("tables")
    duckdb.sql(
        "SELECT i AS id, 'name ' || i AS \"the, name\", DATE '2026-01-01' + (i % 9)::INT AS day, "
        "CASE WHEN i % 2 THEN i / 4 END AS share FROM range(5000) t(i)"
    ).write_parquet(str(folder / "a.parquet"))
    (folder / "outside.csv").write_text("id\n1\n")
    (folder / "bad.parquet").write_bytes(b"PAR1" + b"\x00\xff" * 500 + b"PAR1")
    (folder / "empty.parquet").write_bytes(b"")
    source = open_options("files", "x", {"path": str(folder)}, Opening())
    yield source
    source.close()


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


def test_a_parquet_file_says_its_columns_types_and_rows(source: Any) -> None:
    told = source.describe(ALL, parse("file://x/a.parquet"))
    assert told["columns"] == ["id", "the, name", "day", "share"] and told["rows"] == 5000
    assert told["types"] == ["BIGINT", "VARCHAR", "DATE", "DOUBLE"]
    assert told["sample"][:2] == [["0", "name 0", "2026-01-01", None], ["1", "name 1", "2026-01-02", "0.25"]]


def test_rows_of_a_parquet_file_are_read_from_any_one_on(source: Any) -> None:
    read = source.fetch(ALL, parse("file://x/a.parquet#rows=4999-5003"), None, 9_000)
    assert rows(read.text) == [
        ["id", "the, name", "day", "share"],
        ["4998", "name 4998", "2026-01-04", ""],
        ["4999", "name 4999", "2026-01-05", "1249.75"],
    ]  # fmt: skip
    assert read.range == "rows 4999-5000" and read.following is None
    with pytest.raises(ToolError, match="it has 5,000 rows; there is no row 6,000"):
        source.fetch(ALL, parse("file://x/a.parquet#rows=6000"), None, 9_000)


def test_stretches_of_a_parquet_file_join_to_the_whole(source: Any) -> None:
    found: list[str] = []
    position = None
    while True:
        read = source.fetch(ALL, parse("file://x/a.parquet"), position, 20_000)
        found += [row[0] for row in rows(read.text)[1:]]
        position = read.following
        if position is None:
            break
    assert found == [str(number) for number in range(5000)]


@pytest.mark.parametrize("name", ["bad.parquet", "empty.parquet"])
def test_what_is_no_parquet_file_says_so(source: Any, name: str) -> None:
    with pytest.raises(ToolError, match=r"cannot be read: is no Parquet file.*#bytes"):
        source.fetch(ALL, parse(f"file://x/{name}"), None, 900)
    assert "no Parquet file" in source.describe(ALL, parse(f"file://x/{name}"))["problem"]


def test_types_of_comma_separated_values_are_judged_by_a_sample() -> None:
    head = (
        "id;price;day;at;ok;name;none;mixed\n"
        "1;1.5;2026-01-01;2026-01-01T10:00:00Z;true;x;;1\n-2;1e3;2026-01-02;2026-01-02 10:00;no;2;;a\n"
    )
    assert of_text(head.encode(), whole=True)["types"] == [
        "integer", "number", "date", "time", "true or false", "text", "empty", "text",
    ]  # fmt: skip
    assert of_text(b"id,name\n1,x", whole=False) == {"columns": ["id", "name"], "types": [], "sample": []}
    assert of_text(b"", whole=True) == {}


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_some_table_or_none(head: bytes, whole: bool) -> None:
    told = of_text(head, whole=whole)
    assert told == {} or len(told["types"]) in (0, len(told["columns"]))
