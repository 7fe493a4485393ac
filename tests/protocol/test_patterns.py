"""Regular expressions that are compiled when first used."""

import re
import sys

import pytest

import dragoman.app.client
import dragoman.app.server  # noqa: F401 - loads what has patterns
from dragoman.protocol.patterns import _Late, late_pattern


def test_a_late_pattern_does_what_a_compiled_one_does() -> None:
    late, early = late_pattern(r"(a+)(b?)", re.IGNORECASE), re.compile(r"(a+)(b?)", re.IGNORECASE)
    for text in ("", "aab", "xAb", "b"):
        assert bool(late.fullmatch(text)) == bool(early.fullmatch(text))
        assert bool(late.match(text)) == bool(early.match(text))
        assert bool(late.search(text)) == bool(early.search(text))
        assert late.findall(text) == early.findall(text) == [each.groups() for each in late.finditer(text)]
        assert late.sub(r"<\2>", text) == early.sub(r"<\2>", text)
        assert late.subn("", text) == early.subn("", text)
        assert late.split(text) == early.split(text)
    assert late.pattern == early.pattern


def test_bytes_are_matched_by_a_pattern_of_bytes() -> None:
    assert late_pattern(rb"\d+").findall(b"1 22") == [b"1", b"22"]
    with pytest.raises(TypeError):
        late_pattern(rb"\d+").search("1")  # type: ignore[call-overload]


def test_a_pattern_is_compiled_once_and_only_when_used() -> None:
    late = late_pattern("a")
    with pytest.raises(AttributeError):
        object.__getattribute__(late, "search")
    assert late.search("a") is not None
    assert object.__getattribute__(late, "search") is late.search


def test_a_wrong_pattern_is_told_at_its_first_use() -> None:
    wrong = late_pattern("(")
    with pytest.raises(re.error):
        wrong.match("")


def test_it_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'scanner'"):
        _ = late_pattern("a").scanner  # type: ignore[attr-defined]


def test_every_pattern_that_is_compiled_late_can_be_compiled() -> None:
    late = [
        each
        for name, module in list(sys.modules.items())
        if name.startswith("dragoman.")
        for each in vars(module).values()
        if isinstance(each, _Late)
    ]
    assert len(late) >= 30
    assert all(callable(each.fullmatch) for each in late)
