"""Depth: the fast answer is the one a naive counter gives."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol import depth as module
from dragoman.protocol.depth import LONG, count_colons, count_sign, thinned, too_deep

text = st.text(st.sampled_from('ab"\\[]{}\n'), max_size=6)
value = st.recursive(
    st.none() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=30,
)


def depth(item: Any) -> int:
    if isinstance(item, dict):
        return 1 + max(map(depth, item.values()), default=0)
    if isinstance(item, list):
        return 1 + max(map(depth, item), default=0)
    return 0


@given(value, st.integers(min_value=0, max_value=8))
def test_the_answer_is_that_of_a_naive_counter(item: Any, limit: int) -> None:
    assert too_deep(json.dumps(item).encode(), limit) == (depth(item) > limit)


@given(st.binary(max_size=60) | st.text('"\\[]{}a', max_size=30).map(str.encode), st.integers(min_value=0, max_value=4))
def test_text_that_is_no_json_is_judged_without_a_fault(data: bytes, limit: int) -> None:
    if too_deep(data, limit):
        assert data.count(b"{") + data.count(b"[") > limit


@pytest.mark.parametrize("pair", [b"[]", b"{}"])
def test_the_limit_itself_is_allowed(pair: bytes) -> None:
    opening, closing = pair[:1], pair[1:]
    assert not too_deep(opening * 64 + closing * 64)
    assert too_deep(opening * 65 + closing * 65)
    assert too_deep(opening * 65)


def test_many_shallow_values_are_not_deep() -> None:
    assert not too_deep(b"[" + b'{"a":[]},' * 10_000 + b"{}]", 3)
    assert too_deep(b"[" + b'{"a":[]},' * 10_000 + b"{}]", 2)


@pytest.mark.parametrize(
    "data", [b'["' + b"[" * 100 + b'"]', b'["\\"' + b"{" * 100 + b'"]', b'{"\\\\":"\\\\' + b"[" * 100 + b'\\""}']
)
def test_brackets_in_strings_do_not_count(data: bytes) -> None:
    json.loads(data)
    assert not too_deep(data)


def test_brackets_behind_a_string_count() -> None:
    assert too_deep(b'["\\\\",' + b"[" * 64 + b"]" * 65)


def test_a_string_that_never_ends_is_left_to_the_parser() -> None:
    assert not too_deep(b'["' + b"[" * 100)
    assert not too_deep(b'["' + b"[" * 100 + b"\\")


@pytest.mark.parametrize("unit", [b"[", b'"', b'\\"', b'"[', b"[]", b"{]", b'"\\'])
def test_the_cost_is_linear(unit: bytes) -> None:
    def cost(length: int) -> float:
        data = b"[" * 100 + unit * (length // len(unit))
        spent: list[float] = []
        for _ in range(5):
            start = time.process_time()
            too_deep(data)
            spent.append(time.process_time() - start)
        return min(spent)

    # Sixteen times the text: 16 when linear, 256 and more when not.
    assert cost(1_000_000) < 120 * max(cost(62_500), 0.0005)


colons = st.text(st.sampled_from('a:"\\{\n'), max_size=6)


@given(st.recursive(st.none() | colons, lambda inner: st.lists(inner) | st.dictionaries(colons, inner), max_leaves=20))
def test_colons_of_what_was_read_are_those_of_its_text(item: Any) -> None:
    assert count_colons(item) == json.dumps(item, ensure_ascii=False, separators=(",", ":")).count(":")


def test_the_colons_of_what_has_many_parts_are_left_to_the_writer() -> None:
    assert count_colons([":"] * 256) == 256
    assert count_colons([":"] * 257) is None
    assert count_colons({"a": ["b"] * 300}) is None


@pytest.mark.parametrize("length", [10, LONG - 1, LONG, 3 * LONG])
@pytest.mark.parametrize("every", [1, 7, 1000, 10**6])
def test_one_sign_is_counted_in_any_text(length: int, every: int) -> None:
    text = "".join(":" if place % every == every - 1 else "x" for place in range(length))
    assert count_sign(text, ":") == count_sign(text.encode(), b":") == length // every


def without_values(item: Any) -> Any:
    """Return how JSON is made: its names, and of its values which kind they are."""
    if isinstance(item, dict):
        return [(name, without_values(inner)) for name, inner in item.items()]
    return [without_values(inner) for inner in item] if isinstance(item, list) else type(item)


@given(value, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_a_thinned_text_has_the_same_names_and_depth(item: Any, escaped: bool, indent: Any) -> None:
    data = json.dumps(item, ensure_ascii=escaped, indent=indent).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LONG", 4)
        thin = thinned(data)
    assert len(thin) <= len(data) and without_values(json.loads(thin)) == without_values(json.loads(data))
    assert [too_deep(thin, limit) for limit in range(5)] == [too_deep(data, limit) for limit in range(5)]


@given(st.binary(max_size=60) | st.text('"\\\\[]{}:,u a', max_size=40).map(str.encode))
def test_what_is_no_json_is_thinned_without_a_fault(data: bytes) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LONG", 4)
        thin = thinned(data)
    assert len(thin) <= len(data)
    assert [too_deep(thin, limit) for limit in range(5)] == [too_deep(data, limit) for limit in range(5)]


STRING = b"x" * LONG


@pytest.mark.parametrize(
    ("data", "thin"),
    [
        (b'{"a":"' + STRING + b'","b":1}', b'{"a":"","b":1}'),
        (b'["' + STRING + b'\\n\\"", "' + STRING + b'" ]', b'["", "" ]'),
        (b'{"a": "' + "\u00e9".encode() * LONG + b'"}', b'{"a": ""}'),
        (b'{"' + STRING + b'": 1}', None),
        (b'{"' + STRING + b'" \n: "' + STRING + b'"}', b'{"' + STRING + b'" \n: ""}'),
        (b'{"a":"' + STRING + b'\\ud800"}', None),
        (b'{"a":"' + STRING + b'\xff"}', None),
        (b'{"a":"' + STRING + b'\\\\"}', None),
        (b'"' + STRING + b'"', None),
        (b'{"a":"' + STRING, None),
        (b'["' + STRING + b'"' + b" " * 99 + b"]", None),
        (b"[" + b'"a",' * 100 + b'"' + STRING + b'"]', None),
    ],
)
def test_only_long_values_that_need_not_be_read_are_cut(data: bytes, thin: bytes | None) -> None:
    assert thinned(data) == (data if thin is None else thin)
