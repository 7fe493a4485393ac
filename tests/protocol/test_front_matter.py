"""The head of a SKILL.md: what every reader of YAML and JSON has in common, and nothing that one of them lacks."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.front_matter import MAX_BYTES, read_front_matter, same

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20)
whole = st.integers(-(2**53), 2**53)
real = st.floats(allow_nan=False, allow_infinity=False, width=32)
leaves = st.none() | st.booleans() | whole | real | words
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3))


def read(yaml: str) -> dict[str, Any]:
    return read_front_matter(f"---\n{yaml}\n---\nbody\n".encode())


@given(st.dictionaries(words.filter(bool), values, min_size=1, max_size=4))
def test_json_in_the_head_is_read_as_json(value: dict[str, Any]) -> None:
    assert same(read(json.dumps(value)), value)


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda data: b"---\n" + data + b"\n---\n"))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        msgspec.json.encode(read_front_matter(data))


@pytest.mark.parametrize(
    ("yaml", "meant"),
    [
        ("a: yes", "yes"),
        ("a: true", True),
        ("a: 2026-01-31", "2026-01-31"),
        ("a: 1:30", "1:30"),
        ("a: 010", 10),
        ("a: 0o10", 8),
        ("a: 0x1F", 31),
        ("a: 1_000", "1_000"),
        ("a: 1.5e3", 1500.0),
        ("a: '1'", "1"),
        ("a: ~", None),
        ("a:", None),
        ("a: |\n  two\n  lines", "two\nlines"),
        ("a: [x, {y: 2}]", ["x", {"y": 2}]),
    ],
)
def test_words_mean_what_yaml_1_2_says(yaml: str, meant: object) -> None:
    assert same(read(yaml), {"a": meant})


@pytest.mark.parametrize(
    ("yaml", "reason"),
    [
        ("a: &x 1\nb: *x", "alias"),
        ("a: !!python/name:os.system x", "tag"),
        ("a: .nan", "JSON"),
        ("a: 9007199254740993", "quotes"),
        ("a: 1e999", "too large"),
        ("a: 1\na: 2", "twice"),
        ("? [x]\n: 1", "no text"),
        ("- a", "mapping"),
        ('a: "\\ud800"', "half a character"),
        ("a: [", "no YAML"),
        ("a: " + "[" * 5000, "deep"),
        ("a: " + "[" * 70 + "]" * 70, "deep"),
    ],
)
def test_what_others_read_otherwise_is_refused(yaml: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read(yaml)


@pytest.mark.parametrize(
    "data", [b"", b"a: 1\n---\n", b"---\na: 1\n", b" ---\na: 1\n---\n", b"---\na: \xff\n---\n"], ids=repr
)
def test_a_file_without_a_head_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"front matter|UTF-8"):
        read_front_matter(data)


@pytest.mark.parametrize(
    "data", [b"---\r\na: 1\r\n---\r\n", b"\xef\xbb\xbf---\na: 1\n---", b"---\na: 1\n--- \nb: 2\n---\n"]
)
def test_line_ends_and_a_mark_of_order_are_nothing(data: bytes) -> None:
    assert read_front_matter(data) == {"a": 1}


def test_a_head_that_is_too_large_is_refused() -> None:
    assert read("a: " + "x" * (MAX_BYTES - 10))
    with pytest.raises(ValueError, match="at most"):
        read("a: " + "x" * MAX_BYTES)


def test_true_is_not_one_and_one_point_nought_is() -> None:
    assert same(1.0, 1) and not same(True, 1) and not same([1], [True]) and not same({"a": 1}, {"a": 1, "b": None})
