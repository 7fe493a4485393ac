"""What takes more time than its length allows is found, and nothing else: told by what readers say that they did."""

import re
from collections.abc import Callable

from tests.fuzz.growth import SIZES, grown, too_dear
from tests.fuzz.shapes import shapes
from tests.fuzz.target import Target, zipped


def squared(data: bytes) -> float:
    return data.count(b"*") ** 2 * 1e-9


def by_length(data: bytes) -> float:
    return len(data) * 1e-6


def told(cost: Callable[[bytes], float]) -> list[str]:
    *found, tries = grown(Target(cost, [b"ab"]), lambda target, data: cost(data))
    assert re.fullmatch(r"(\d+) of \1 shapes", tries)
    return found


def test_a_reader_whose_time_grows_with_the_square_of_a_sign_is_found_with_the_shapes_that_show_it() -> None:
    found = told(squared)
    assert any("b'*' at 0" in each for each in found)
    assert all("*" in each for each in found)


def test_a_reader_whose_time_grows_with_the_length_is_not_told() -> None:
    assert told(by_length) == []


def test_what_takes_long_at_any_length_is_told_and_what_is_refused_when_it_is_long_too() -> None:
    assert too_dear([2.0, 2.0, 2.0, 2.0])
    assert too_dear([0.03, 0.12, 0.48, 0.0])
    assert not too_dear([0.03, 0.06, 0.12, 0.0])
    assert not too_dear([0.0001, 0.0004, 0.0016, 0.0064]), "too short to be told from chance"


def test_shapes_are_about_as_long_as_asked_for_and_grow_within_archives() -> None:
    assert all(SIZES[0] // 2 < len(each.make(SIZES[0])) < SIZES[0] * 2 for each in shapes(Target(len, [b'{"a": 1}'])))
    names = [each.name for each in shapes(Target(len, [zipped({"a.xml": b"<a/>", "b.xml": b"<b/>"})]))]
    assert any("a.xml, b'['" in name for name in names) and any("b.xml, b'['" in name for name in names)
