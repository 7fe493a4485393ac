"""Null where a peer means "absent"."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.nulls import without_nulls

text = st.text(st.characters(codec="utf-8"))
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=10,
)


def said(value: Any) -> Any:
    found = without_nulls(msgspec.Raw(json.dumps(value).encode()))
    return None if found is None else json.loads(bytes(found))


@given(st.dictionaries(st.sampled_from(["a", "b", "_meta"]), anything, max_size=3))
def test_no_member_is_null_afterwards(params: dict[str, Any]) -> None:
    def has_null(value: Any, key: str = "") -> bool:
        inner = value.items() if isinstance(value, dict) and key not in ("arguments", "extensions") else ()
        return any(item is None or has_null(item, name) for name, item in inner)

    found = said(params)
    assert found is None or not has_null(found)
    assert (found is None) == (not has_null(params))


@given(st.binary())
def test_any_bytes_are_put_up_with(data: bytes) -> None:
    found = without_nulls(msgspec.Raw(data))
    assert found is None or isinstance(msgspec.json.decode(found), dict)


def test_nulls_are_left_out_at_any_depth() -> None:
    assert said({"cursor": None}) == {}
    assert said({"_meta": {"a": None, "b": {"c": None, "d": 0}}}) == {"_meta": {"b": {"d": 0}}}
    assert said(None) == {}


@pytest.mark.parametrize("whole", [{}, {"a": 1}, {"arguments": {"a": None}}, [], [None], "x", {"a": [None]}])
def test_where_nothing_is_left_out_nothing_is_changed(whole: Any) -> None:
    assert said(whole) is None


def test_data_keeps_its_nulls() -> None:
    assert said({"name": "x", "arguments": {"a": None}, "cursor": None}) == {"name": "x", "arguments": {"a": None}}
