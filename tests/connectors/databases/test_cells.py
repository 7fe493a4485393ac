import datetime
import decimal
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.databases.cells import MAX_CELL, all_shown, shown

plain: Any = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=20), st.decimals(),
    st.datetimes(), st.dates(), st.times(), st.timedeltas(), st.uuids(),
)  # fmt: skip
values: Any = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(values, min_size=width, max_size=width), max_size=5)))
def test_whatever_a_driver_gives_becomes_json_and_row_by_row_is_as_column_by_column(rows: list[list[Any]]) -> None:
    found = all_shown(rows)
    assert found == [[shown(value) for value in row] for row in rows]
    msgspec.json.decode(msgspec.json.encode(found))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (2**53, 2**53),
        (2**53 + 1, "9007199254740993"),
        (float("inf"), "inf"),
        (b"ab", "<2 bytes>"),
        ("x" * MAX_CELL, "x" * MAX_CELL),
        ("x" * (MAX_CELL + 1), "x" * MAX_CELL + "… (2,001 characters)"),
        (decimal.Decimal("1.50"), "1.50"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (datetime.timedelta(days=1), "1 day, 0:00:00"),
        (uuid.UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ({"a": (1, b"x")}, {"a": [1, "<1 bytes>"]}),
    ],
)
def test_what_json_cannot_hold_is_put_into_words(value: Any, words: Any) -> None:
    assert shown(value) == words
    assert all_shown([[value, 1], [None, True]])[0][0] == words


def test_a_value_without_end_is_cut() -> None:
    deep: Any = 1
    for _ in range(50):
        deep = [deep]
    assert len(msgspec.json.encode(shown(deep))) < 200
    assert len(shown(list(range(10_000)))) == 200
