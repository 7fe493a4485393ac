"""Making, merging and walking JSON Schemas."""

from dataclasses import dataclass
from typing import Any, Literal

from dragoman.serving.parameters import MISSING, Parameter
from dragoman.serving.schemas import Schemas, of_parameters, resolve, walk, with_defs


@dataclass
class Leaf:
    title: str


def test_titles_that_repeat_a_name_go_and_others_stay() -> None:
    schemas = Schemas()
    made = schemas.absorb(
        [{"type": "object", "properties": {"first_name": {"title": "First Name"}, "title": {"title": "Job Title"}}}],
        {"Leaf": {"title": "Leaf", "type": "object"}, "Other": {"title": "Something Else"}},
    )
    assert made == [{"type": "object", "properties": {"first_name": {}, "title": {"title": "Job Title"}}}]
    assert schemas.defs == {"Leaf": {"type": "object"}, "Other": {"title": "Something Else"}}


def test_a_property_called_title_or_enum_is_no_keyword() -> None:
    assert Schemas().of([Leaf])[0] == {"$ref": "#/$defs/Leaf"}
    schemas = Schemas()
    schemas.of([Leaf])
    assert schemas.defs["Leaf"]["properties"] == {"title": {"type": "string"}}
    odd: Any = {"properties": {"enum": {"type": "string"}, "$ref": {"type": "string"}}}
    assert schemas.absorb([odd], {}) == [odd]


def test_definitions_of_one_name_and_one_content_are_one() -> None:
    schemas = Schemas()
    ref = {"$ref": "#/$defs/A"}
    assert schemas.absorb([dict(ref)], {"A": {"type": "string"}}) == [ref]
    assert schemas.absorb([dict(ref)], {"A": {"type": "string"}}) == [ref]
    assert schemas.absorb([{"items": dict(ref)}], {"A": {"type": "integer"}}) == [{"items": {"$ref": "#/$defs/A_2"}}]
    assert schemas.defs == {"A": {"type": "string"}, "A_2": {"type": "integer"}}


def test_only_definitions_in_use_are_listed() -> None:
    defs = {"A": {"items": {"$ref": "#/$defs/B"}}, "B": {"$ref": "#/$defs/A"}, "C": {}}
    assert with_defs({"$ref": "#/$defs/A"}, defs) == {"$ref": "#/$defs/A", "$defs": {"A": defs["A"], "B": defs["B"]}}
    assert with_defs({"type": "string"}, defs) == {"type": "string"}


def test_references_are_followed_and_circles_end() -> None:
    defs = {"A": {"$ref": "#/$defs/B"}, "B": {"type": "string"}, "C": {"$ref": "#/$defs/C"}}
    assert resolve({"$ref": "#/$defs/A"}, defs) == {"type": "string"}
    assert resolve({"$ref": "#/$defs/C"}, defs) == {"$ref": "#/$defs/C"}
    assert resolve({"$ref": "https://elsewhere"}, defs) == {"$ref": "https://elsewhere"}


def test_walking_finds_schemas_and_not_values_that_look_like_them() -> None:
    schema: Any = {
        "properties": {"a": {"type": "string"}},
        "anyOf": [{"items": {"type": "null"}}],
        "additionalProperties": False,
        "default": {"type": "no schema"},
        "enum": [{"type": "no schema"}],
    }
    assert [part.get("type") for part in walk(schema)] == [None, "string", None, "null"]


def test_parameters_make_a_closed_object() -> None:
    parameters = [Parameter("a", int, MISSING, "first", False), Parameter("b", str, "x", "", True)]
    assert of_parameters(parameters, [{"type": "integer"}, {"type": "string"}], {}) == {
        "type": "object",
        "properties": {"a": {"type": "integer", "description": "first"}, "b": {"type": "string", "default": "x"}},
        "required": ["a"],
        "additionalProperties": False,
    }


def test_orders_of_literals_are_those_of_the_source() -> None:
    first, second = Schemas().of([Literal["c", "a"], Literal["y", "x"]])
    assert (first["enum"], second["enum"]) == (["c", "a"], ["y", "x"])
