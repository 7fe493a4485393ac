"""Schemas written by hand: dialects, references, shape and size."""

from typing import Any

import jsonschema
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.protocol.schema import complaint_about

HERE = "https://json-schema.org/draft/2020-12/schema"
WHOLE: dict[str, Any] = {
    "$schema": HERE,
    "$id": "https://example.com/whole",
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "#b"}, "c": {"$ref": "https://example.com/whole"}},
    "patternProperties": {"^x": {"type": ["integer", "null"], "multipleOf": 0.5}},
    "additionalProperties": False,
    "required": ["a"],
    "allOf": [{"if": {"required": ["b"]}, "then": {"minProperties": 2}, "else": True}],
    "$defs": {"a": {"enum": [1, None]}, "b/~%": {"$anchor": "b", "items": {"$ref": "#/$defs/b~1~0%25"}}},
}


def test_a_schema_with_everything_has_nothing_wrong() -> None:
    """JSON-01"""
    jsonschema.Draft202012Validator.check_schema(WHOLE)
    assert complaint_about(WHOLE, of_object=True) is None


@pytest.mark.parametrize(
    "dialect",
    ["http://json-schema.org/draft-04/schema#", "https://json-schema.org/draft/2019-09/schema", "", 7, "urn:mine"],
)
def test_a_schema_of_another_dialect_is_refused_by_name(dialect: Any) -> None:
    """JSON-02"""
    assert repr(dialect) in str(complaint_about({"$schema": dialect}))
    for known in (HERE, HERE + "#", "http://json-schema.org/draft-07/schema#"):
        assert complaint_about({"$schema": known}) is None


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.com/x",
        "http://127.0.0.1:9/x",
        "file:///etc/passwd",
        "other.json",
        "//host/x",
        "#/$defs/no",
        "#no",
    ],
)
@pytest.mark.parametrize("keyword", ["$ref", "$dynamicRef"])
def test_a_reference_out_of_the_schema_is_refused_and_never_fetched(reference: str, keyword: str) -> None:
    """JSON-04, JSON-05, JSON-06"""
    schema = {"type": "object", "properties": {"x": {"anyOf": [{keyword: reference}]}}, "$defs": {"yes": {}}}
    complaint = complaint_about(schema)
    assert complaint and repr(reference) in complaint and "#/properties/x/anyOf/0" in complaint
    # The same text where it is no reference, and a reference that leads somewhere.
    assert complaint_about({"properties": {keyword: {"const": {keyword: reference}}}}) is None
    assert complaint_about({**schema, "properties": {"x": {keyword: "#/$defs/yes"}}}) is None


@pytest.mark.parametrize(
    "part",
    [
        {"type": "text"}, {"type": []}, {"properties": []}, {"properties": {"a": 1}}, {"required": "a"},
        {"required": [1]}, {"enum": "a"}, {"minLength": -1}, {"minLength": 1.5}, {"maximum": "1"}, {"maximum": True},
        {"multipleOf": 0}, {"anyOf": []}, {"anyOf": {}}, {"not": 1}, {"uniqueItems": 1}, {"pattern": 1}, {"title": 1},
        {"$defs": {"a": None}}, {"items": "x"},
    ],
)  # fmt: skip
def test_a_handwritten_schema_is_one(part: dict[str, Any]) -> None:
    """JSON-03"""
    with pytest.raises(jsonschema.SchemaError):
        jsonschema.Draft202012Validator.check_schema(part)
    for schema in (part, {"properties": {"inner": part}}):
        assert next(iter(part)) in str(complaint_about(schema)) or "a schema is" in str(complaint_about(schema))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["a", "object", "integer", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "properties", "items", "required", "anyOf", "not", "minLength"]), inner
        )
    ),
    max_leaves=8,
)


def test_a_list_of_items_is_of_the_older_dialect() -> None:
    older = {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert complaint_about({**older, "items": [{}]}) is None
    assert "prefixItems" in str(complaint_about({"items": [{}]}))
    assert complaint_about({**older, "items": []}) and complaint_about({"items": []})


@given(VALUES)
@example({"items": []})
def test_what_passes_is_a_schema(value: Any) -> None:
    """JSON-03: what is let through, the metaschema lets through; twice the same name in `required` aside."""
    if complaint_about(value) is None:
        faults = jsonschema.Draft202012Validator(jsonschema.Draft202012Validator.META_SCHEMA).iter_errors(value)
        assert {fault.validator for fault in faults} <= {"uniqueItems"}


def test_schemas_are_bounded() -> None:
    """JSON-07"""

    def nested(levels: int) -> dict[str, Any]:
        schema: dict[str, Any] = {}
        for _ in range(levels):
            schema = {"items": schema}
        return schema

    assert complaint_about(nested(64)) is None
    assert "deeper" in str(complaint_about(nested(65)))
    assert "deeper" in str(complaint_about(nested(100_000)))
    assert complaint_about({"anyOf": [{}] * 9_999}) is None
    assert "more than 10000" in str(complaint_about({"anyOf": [{}] * 10_000}))


@pytest.mark.parametrize(
    "schema", [{}, {"type": "array"}, {"type": ["object", "null"]}, {"$ref": "#/$defs/a"}, [], None]
)
def test_the_root_of_an_input_schema_describes_an_object(schema: Any) -> None:
    """TOOL-04"""
    assert complaint_about(schema, of_object=True)
    assert complaint_about({"type": "object", "if": {}}, of_object=True) is None
