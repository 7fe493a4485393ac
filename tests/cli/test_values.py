"""Words of a command line become arguments of the types that a tool's schema wants."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.cli.outcome import UsageError
from dragoman.cli.schemas import parameters
from dragoman.cli.values import pairs, read_object, suggestion, typed

POINT = {"type": "object", "properties": {"x": {"type": "integer"}}}


def one(text, schema, **root):
    return typed([("v", text)], {"properties": {"v": schema}, **root})["v"]


@pytest.mark.parametrize(
    "text, schema, value",
    [
        ("5", {"type": "integer"}, 5),
        ("-5", {"type": "integer"}, -5),
        ("3.0", {"type": "integer"}, 3),
        ("5", {"type": "number"}, 5),
        ("1e3", {"type": "number"}, 1000.0),
        ("true", {"type": "boolean"}, True),
        ("False", {"type": "boolean"}, False),
        ("null", {"type": "null"}, None),
        ("5", {"type": "string"}, "5"),
        ("true", {"type": "string"}, "true"),
        ("", {"type": "string"}, ""),
        ("a=b", {"type": "string"}, "a=b"),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ("a", {"type": "array", "items": {"type": "string"}}, ["a"]),
        ("7", {"type": "array", "items": {"type": "integer"}}, [7]),
        ('{"x": 1}', POINT, {"x": 1}),
        ("red", {"enum": ["red", "blue"]}, "red"),
        ("3", {"enum": [1, 3, "3x"]}, 3),
        ("on", {"const": "on"}, "on"),
        ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ("word", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "word"),
        ("5", {"type": ["string", "integer"]}, 5),
        ("5x", {"type": ["string", "integer"]}, "5x"),
        ("5", {"allOf": [{"type": "integer"}, {"minimum": 1}]}, 5),
        ("5", {}, 5),
        ("word", {}, "word"),
        ("word", True, "word"),
    ],
)
def test_a_value_becomes_what_its_schema_wants(text, schema, value) -> None:
    found = one(text, schema)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text, schema, wanted",
    [
        ("x", {"type": "integer"}, "v=x: v must be an integer"),
        ("3.5", {"type": "integer"}, "an integer"),
        ("nan", {"type": "number"}, "a number"),
        ("inf", {"type": "number"}, "a number"),
        ("yes", {"type": "boolean"}, "true or false"),
        ("[1", {"type": "array", "items": {"type": "integer"}}, "a list"),
        ("[1]", {"type": "object"}, "a JSON object"),
        ("rad", {"enum": ["red", "blue"]}, "one of red, blue; did you mean 'red'?"),
        ("x", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, "an integer or null"),
    ],
)
def test_a_value_of_another_kind_is_refused_with_what_is_wanted(text, schema, wanted) -> None:
    with pytest.raises(UsageError, match=r".*") as refused:
        one(text, schema)
    assert wanted in str(refused.value)


def test_references_are_followed_and_one_that_points_at_itself_ends() -> None:
    defs = {"Count": {"type": "integer"}, "Loop": {"$ref": "#/$defs/Loop"}, "a/b": {"type": "boolean"}}
    assert one("5", {"$ref": "#/$defs/Count"}, **{"$defs": defs}) == 5
    assert one("true", {"$ref": "#/$defs/a~1b"}, **{"$defs": defs}) is True
    assert one("5", {"$ref": "#/$defs/Loop"}, **{"$defs": defs}) == 5
    assert one("x", {"$ref": "https://example.com/schema"}) == "x"


def test_a_key_given_twice_is_a_list_and_refused_where_one_value_is_wanted() -> None:
    schema = {"properties": {"tags": {"type": "array", "items": {"type": "integer"}}, "city": {"type": "string"}}}
    assert typed([("tags", "1"), ("tags", "2")], schema) == {"tags": [1, 2]}
    with pytest.raises(UsageError, match="city is given 2 times"):
        typed([("city", "a"), ("city", "b")], schema)


def test_a_key_that_the_tool_does_not_take_is_refused_unless_the_schema_is_open() -> None:
    closed = {"properties": {"city": {"type": "string"}}, "additionalProperties": False}
    with pytest.raises(UsageError, match="no argument 'citty'; did you mean 'city'"):
        typed([("citty", "Lyon")], closed)
    assert typed([("city", "Lyon")], closed) == {"city": "Lyon"}
    assert typed([("citty", "Lyon")], {"properties": {}}) == {"citty": "Lyon"}


def test_what_is_missing_is_named_with_its_kind() -> None:
    schema = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
    with pytest.raises(UsageError, match=r"a=\.\.\. \(an integer\)"):
        typed([], schema)
    assert typed([("a", "1")], schema) == {"a": 1}


def test_a_word_without_equals_is_refused_and_only_the_first_equals_counts() -> None:
    with pytest.raises(UsageError, match="'word' is not key=value"):
        pairs(["a=1", "word"])
    with pytest.raises(UsageError):
        pairs(["=1"])
    assert pairs(["a=1=2", "b="]) == [("a", "1=2"), ("b", "")]


def test_all_arguments_as_json_must_be_an_object() -> None:
    assert read_object('{"a": 1}', "--args") == {"a": 1}
    for text in ("[1]", "{", "", "[" * 100_000):
        with pytest.raises(UsageError, match="--args"):
            read_object(text, "--args")


def test_the_nearest_name_is_suggested_and_few_names_are_all_told() -> None:
    assert suggestion("serch", ["search", "fetch"]) == "; did you mean 'search'?"
    assert suggestion("zzz", ["search", "fetch"]) == "; there is search, fetch"
    assert suggestion("zzz", [f"tool{n}" for n in range(50)]) == ""


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(), lambda s: st.lists(s), max_leaves=5))
def test_any_json_value_arrives_as_it_is_where_the_schema_says_nothing(value) -> None:
    assert one(json.dumps(value), {}) == value


JSONISH = st.recursive(
    st.sampled_from(["string", "integer", "object", "array", "", "#", "#/$defs/x", "#/properties"])
    | st.none()
    | st.booleans(),
    lambda s: (
        st.lists(s, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "anyOf", "oneOf", "allOf", "$ref", "enum", "const", "items", "required"]),
            s,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.text(max_size=20), JSONISH, JSONISH)
def test_whatever_a_server_calls_a_schema_a_value_is_read_or_refused(text, schema, required) -> None:
    try:
        found = typed([("v", text)], {"properties": {"v": schema}, "required": required})
    except UsageError:
        return  # refused in words, and by no other error
    assert list(found) == ["v"]


def test_a_schema_that_unfolds_without_end_is_given_up_in_time() -> None:
    defs = {"A": {"anyOf": [{"$ref": "#/$defs/A"}] * 30}}
    assert one("5", {"$ref": "#/$defs/A"}, **{"$defs": defs}) == 5


@given(JSONISH, JSONISH)
def test_whatever_a_server_calls_a_schema_it_is_shown_in_a_line(schema, required) -> None:
    assert parameters({"properties": {"v": schema}, "required": required}).startswith("v")
