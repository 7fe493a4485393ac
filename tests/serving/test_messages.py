"""The codec's complaints, in words for a model."""

from typing import Any

import pytest

from dragoman.serving.messages import branches, choices, fault_of, one_of, show, type_of

PLACE = {"type": "object", "properties": {"lat": {"type": "number"}, "unit": {"enum": ["deg", "rad"]}}}
SCHEMA: Any = {"anyOf": [{"$ref": "#/$defs/Place"}, {"type": "array", "items": {"$ref": "#/$defs/Place"}}]}
DEFS: Any = {"Place": PLACE}


@pytest.mark.parametrize(
    "message, value, line",
    [
        ("Expected `int`, got `str`", "x", '$.p: expected integer, got "x"'),
        ("Expected `int | null`, got `str`", "x", '$.p: expected integer or null, got "x"'),
        ("Expected `float`, got `str` - at `$.lat`", {"lat": "x"}, '$.p.lat: expected number, got "x"'),
        ("Expected `float`, got `str` - at `$[1].lat`", [{}, {"lat": "x"}], '$.p[1].lat: expected number, got "x"'),
        ("Expected `float`, got `str` - at `$[...].lat`", {"k": {}}, "$.p[...].lat: expected number"),
        ("Expected `int`, got `str` - at `key` in `$`", {}, "$.p: expected keys: integer"),
        ("Expected `int` >= 3", 1, "$.p: expected integer >= 3, got 1"),
        ("Expected `str` of length <= 3", "abcd", '$.p: expected string of length <= 3, got "abcd"'),
        ("Object missing required field `lat`", {}, "$.p.lat: expected number, got nothing; it is required"),
        (
            "Object contains unknown field `latt`",
            {},
            "$.p.latt: expected no member of this name; did you mean 'lat'?",
        ),
        (
            "Invalid enum value 'degg' - at `$.unit`",
            {"unit": "degg"},
            '$.p.unit: expected one of "deg", "rad", got "degg"; did you mean \'deg\'?',
        ),
        ("Invalid RFC3339 encoded date", "x", '$.p: expected date (YYYY-MM-DD), got "x"'),
        ("is not to my liking", "x", '$.p: got "x"; is not to my liking'),
    ],
)
def test_a_complaint_becomes_a_fault(message: str, value: Any, line: str) -> None:
    assert str(fault_of(message, "$.p", value, SCHEMA, DEFS)) == line


def test_many_choices_are_only_counted() -> None:
    assert one_of(["a", "b"]) == 'one of "a", "b"'
    assert one_of(list(range(50))) == "one of 50 values"
    assert one_of([]) == "an allowed value"


def test_types_are_told_in_few_words() -> None:
    assert type_of(SCHEMA, DEFS) == "object or array"
    assert type_of({"type": "string", "format": "date"}, DEFS) == "date"
    assert type_of({"enum": ["a", 1]}, DEFS) == 'one of "a", 1'
    assert type_of({}, DEFS) == "any value"


def test_alternatives_are_found_through_references() -> None:
    assert branches(SCHEMA, DEFS) == [PLACE, SCHEMA["anyOf"][1]]
    assert choices({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}, {"type": "null"}]}, {}) == ["a", "b"]


def test_long_values_are_cut() -> None:
    assert len(show("x" * 1000)) < 120
    assert show("x") == '"x"'
