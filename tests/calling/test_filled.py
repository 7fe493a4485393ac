"""What a callback gives for a form or a page, as it is sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.calling.filled import elicited, visited
from dragoman.errors import LocalError
from dragoman.wire.questions import Elicit, ElicitResult

FIELDS: dict[str, Any] = {
    "name": {"type": "string"},
    "age": {"type": "integer", "default": 30},
    "share": {"type": "number", "default": 0.5},
    "size": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}]},
    "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}, "default": ["a"]},
    "sure": {"type": "boolean", "default": False},
}


def form(fields: dict[str, Any], *required: str) -> Elicit:
    return Elicit(message="Who?", requested_schema={"type": "object", "properties": fields, "required": list(required)})


ALL = form(FIELDS, "name")


def test_defaults_stand_in_for_what_is_left_out_and_never_over_what_is_given() -> None:
    """ELIC-06"""
    answer = elicited(ALL, {"name": "Ada", "age": 0})
    assert answer.content == {"name": "Ada", "age": 0, "share": 0.5, "tags": ["a"], "sure": False}
    assert elicited(ALL, ElicitResult(action="accept", content={"name": "Ada"})).content == elicited(
        ALL, {"name": "Ada"}
    ).content  # fmt: skip


@pytest.mark.parametrize("action", ["decline", "cancel"])
def test_content_goes_with_an_accepted_form_only(action: Any) -> None:
    """ELIC-07"""
    answer = elicited(ALL, ElicitResult(action=action, content={"name": "Ada"}))
    assert answer == ElicitResult(action=action)
    assert elicited(ALL, None) == ElicitResult(action="decline")


@pytest.mark.parametrize("value", ["Ada", 7, False, ["a"]])
def test_one_value_fills_in_the_only_field(value: Any) -> None:
    kind = {str: "string", int: "integer", bool: "boolean", list: "array"}[type(value)]
    assert elicited(form({"it": {"type": kind}}), value).content == {"it": value}


def test_a_form_without_fields_is_a_yes_or_a_no() -> None:
    assert elicited(form({}), True) == ElicitResult(action="accept", content={})
    assert elicited(form({}), False) == ElicitResult(action="decline")
    assert elicited(Elicit(message="Who?"), {}) == ElicitResult(action="accept", content={})


@pytest.mark.parametrize(
    "content, complaint",
    [
        ({}, "lacks name"),
        ({"name": 7}, "name is int, not string"),
        ({"name": "x", "age": True}, "age is bool, not integer"),
        ({"name": "x", "age": 1.5}, "age is float, not integer"),
        ({"name": "x", "size": "m"}, "size is 'm', not one of 's', 'l'"),
        ({"name": "x", "tags": ["a", "z"]}, "tags is 'z', not one of 'a', 'b'"),
        ({"name": "x", "tags": "a"}, "tags is str, not array"),
        ({"name": "x", "other": 1}, "other is no field"),
        ("x", "give a dict of its fields"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_field(content: Any, complaint: str) -> None:
    """ELIC-19"""
    with pytest.raises(LocalError, match=complaint):
        elicited(ALL, content)
    whole = {"name": "x", "age": 1, "share": 1, "size": "l", "tags": ["b"], "sure": True}
    assert elicited(ALL, whole).content == whole


def test_a_page_is_agreed_to_or_not() -> None:
    page = Elicit(message="Pay?", mode="url", url="https://pay.example/")
    assert visited(page, True) == ElicitResult(action="accept")
    assert visited(page, False) == visited(page, None) == ElicitResult(action="decline")
    assert visited(page, ElicitResult(action="accept", content={"x": 1})) == ElicitResult(action="accept")
    with pytest.raises(LocalError, match="on_visit gave str"):
        visited(page, "yes")


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*FIELDS, "other"]), any_json) | any_json)
def test_anything_is_either_sent_in_the_shape_of_the_form_or_refused(given_answer: Any) -> None:
    try:
        answer = elicited(ALL, given_answer)
    except LocalError:
        return
    assert answer.action in ("accept", "decline")
    if answer.action == "accept":
        assert isinstance(answer.content, dict) and isinstance(answer.content["name"], str)
        assert answer.content.keys() <= FIELDS.keys()
