"""Values against schemas written by hand: what fits, what is told, and that nothing hostile takes long or leaves us."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dragoman.protocol.schema_cost import Costs
from dragoman.protocol.schema_graph import graph_of, states_of
from dragoman.protocol.validator import Validator

DRAFT_7 = "http://json-schema.org/draft-07/schema#"


def faults(schema: Any, value: Any, *, own: bool = False) -> list[str]:
    return [str(fault) for fault in Validator(schema, own=own).violations(value, msgspec.json.encode(value))]


# --- what is told -----------------------------------------------------------------------------------------------

ORDER: dict[str, Any] = {
    "type": "object",
    "properties": {
        "size": {"enum": ["small", "large"]},
        "count": {"type": "integer", "minimum": 1, "multipleOf": 2},
        "to": {"$ref": "#/$defs/place"},
        "tags": {
            "type": "array",
            "items": {"type": "string", "pattern": "^[a-z]+$"},
            "maxItems": 2,
            "uniqueItems": True,
        },
        "pay": {"oneOf": [{"type": "string"}, {"$ref": "#/$defs/card"}]},
        "1": {"type": ["integer", "null"]},
        "never": False,
        "map": {"propertyNames": {"maxLength": 2}},
        "not": {"not": {"type": "integer"}},
    },
    "required": ["size"],
    "additionalProperties": False,
    "$defs": {
        "place": {"type": "object", "properties": {"zip": {"type": "string"}}, "required": ["zip"]},
        "card": {"type": "object", "properties": {"card": {"const": "visa"}}, "required": ["card"]},
    },
}


@pytest.mark.parametrize(
    "value, told",
    [
        ([], "$: expected object, got []"),
        ({}, "$.size: expected a value, got nothing; it is required"),
        ({"size": "smal"}, '$.size: expected one of "small", "large", got "smal"'),
        ({"size": "small", "colour": 1}, "$.colour: expected no member of this name"),
        ({"size": "small", "count": 0}, "$.count: expected a number of at least 1, got 0"),
        ({"size": "small", "count": 3}, "$.count: expected a multiple of 2, got 3"),
        ({"size": "small", "to": {}}, "$.to.zip: expected string, got nothing; it is required"),
        ({"size": "small", "tags": ["a", "B"]}, '$.tags[1]: expected a text that matches ^[a-z]+$, got "B"'),
        ({"size": "small", "tags": ["a", "b", "c"]}, '$.tags: expected at most 2 items, got ["a","b","c"]'),
        ({"size": "small", "tags": ["a", "a"]}, '$.tags: expected items that are all different, got ["a","a"]'),
        (
            {"size": "small", "pay": {"card": "x"}},
            '$.pay: expected one of 2 alternatives, got {"card":"x"}; nearest: $.pay.card: expected "visa", got "x"',
        ),
        ({"size": "small", "1": "a"}, '$.1: expected integer or null, got "a"'),
        ({"size": "small", "never": 1}, "$.never: expected nothing, got 1; no value is allowed here"),
        (
            {"size": "small", "map": {"abc": 1}},
            '$.map: expected other names of members: at most 2 characters, got "abc"',
        ),
        ({"size": "small", "not": 1}, '$.not: got 1; {"type":"integer"} is not allowed for 1'),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_was_expected(value: Any, told: str) -> None:
    """JSON-01"""
    assert faults(ORDER, value) == [told]
    good = {"size": "large", "count": 4, "to": {"zip": "1"}, "tags": ["a"], "pay": "cash", "1": None}
    assert faults(ORDER, good) == []


def test_all_faults_are_told_and_at_most_twenty() -> None:
    rows = {"items": {"type": "integer"}}
    assert faults(rows, ["a", 1, "b"]) == ['$[0]: expected integer, got "a"', '$[2]: expected integer, got "b"']
    assert len(faults(rows, ["a"] * 50)) == 20


def test_formats_are_notes_and_no_rules() -> None:
    for dialect in ({}, {"$schema": DRAFT_7}):
        assert faults({**dialect, "format": "date"}, "no date") == []


def test_draft_07_is_read_as_it_was_when_it_is_declared() -> None:
    """JSON-01, JSON-02"""
    tuple_of_old = {"items": [{"type": "integer"}], "additionalItems": False}
    assert faults({"$schema": DRAFT_7, **tuple_of_old}, [1, 2]) != []
    assert faults({"$schema": DRAFT_7, **tuple_of_old}, [1]) == []
    beside = {"$ref": "#/definitions/any", "maximum": 1, "definitions": {"any": True}}
    assert faults({"$schema": DRAFT_7, **beside}, 2) == []  # nothing counts beside a $ref there
    assert faults(beside, 2) != []


def test_references_are_relative_to_the_schema_that_names_itself() -> None:
    """JSON-06"""
    schema = {
        "$id": "https://example.com/a",
        "$ref": "b#/$defs/x",
        "$defs": {"b": {"$id": "b", "$defs": {"x": {"$ref": "#y"}, "y": {"$anchor": "y", "type": "integer"}}}},
    }
    assert faults(schema, 1) == []
    assert faults(schema, "1") == ['$: expected integer, got "1"']
    with pytest.raises(ValueError, match="leads nowhere"):
        Validator({**schema, "$ref": "b#/$defs/z"})


def test_the_authors_patterns_may_look_around_and_a_peers_may_not() -> None:
    schema = {"pattern": "^(?!admin)[a-z]+$"}
    assert faults(schema, "ada", own=True) == []
    assert len(faults(schema, "administrator", own=True)) == 1
    with pytest.raises(ValueError, match="is not a"):
        Validator(schema)


@pytest.mark.parametrize("pattern", ["(", "[z-a]", "a{2,1}", "*"])
def test_a_pattern_that_is_none_is_refused(pattern: str) -> None:
    """JSON-03"""
    for own in (True, False):
        with pytest.raises(ValueError, match="#/properties/a/pattern"):
            Validator({"properties": {"a": {"pattern": pattern}}}, own=own)


@pytest.mark.parametrize("value", ["\ud800", {"\ud800": 1}])
def test_text_that_is_no_unicode_does_not_fit_and_breaks_nothing(value: Any) -> None:
    check = Validator({"maxLength": 9, "propertyNames": {"maxLength": 9}})
    [fault] = check.violations(value, b'"\\ud800"')
    assert fault.expected == "a value in JSON"
    assert check.violations("\ud7ff", b'"\\ud7ff"') == []


# --- against another validator ----------------------------------------------------------------------------------

LEAVES = st.sampled_from(
    [
        {"type": "integer"}, {"type": ["string", "null"]}, {"minimum": 1}, {"maxLength": 1}, {"required": ["a"]}, True,
        {"minItems": 1}, {"const": 1}, {"enum": ["a", None]}, {"uniqueItems": True}, {"pattern": "^a"}, False, {},
        {"maxProperties": 1}, {"dependentRequired": {"a": ["b"]}}, {"$ref": "#/$defs/d"},
    ]
)  # fmt: skip


def branched(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(["a", "b", "^a"]), inner, max_size=2)
    listed = st.lists(inner, min_size=1, max_size=2)
    return st.fixed_dictionaries(
        {},
        optional={
            "properties": named, "patternProperties": named, "additionalProperties": inner, "items": inner,
            "prefixItems": listed, "anyOf": listed, "allOf": listed, "oneOf": listed, "not": inner, "if": inner,
            "then": inner, "contains": inner, "unevaluatedProperties": inner, "unevaluatedItems": inner,
            "propertyNames": inner, "dependentSchemas": named,
        },
    )  # fmt: skip


SCHEMAS = st.recursive(LEAVES, branched, max_leaves=6).filter(lambda schema: isinstance(schema, dict))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["a", "b", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3),
    max_leaves=6,
)


@given(SCHEMAS, JSON)
@settings(max_examples=150)
def test_what_fits_is_what_another_validator_says(schema: dict[str, Any], value: Any) -> None:
    """JSON-01, JSON-03"""
    whole = {**schema, "$defs": {"d": {"type": "object"}}}
    assert (faults(whole, value) == []) == jsonschema.Draft202012Validator(whole).is_valid(value)


def applied(schema: Any, root: Any, value: Any) -> int:
    """Return how often a validator that never stops early applies a schema, for the keywords of `FANS`."""
    if not isinstance(schema, dict):
        return 1
    count = 1 + sum(applied(part, root, value) for part in schema.get("allOf", ()))
    if "$ref" in schema:
        count += applied(root if schema["$ref"] == "#" else root["$defs"]["d"], root, value)
    if isinstance(value, dict):
        members = schema.get("properties", {}).items()
        count += sum(applied(part, root, value[name]) for name, part in members if name in value)
    if isinstance(value, list) and "items" in schema:
        count += sum(applied(schema["items"], root, item) for item in value)
    return count


FANS = st.recursive(
    st.sampled_from([{}, {"$ref": "#/$defs/d"}, True]),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "allOf": st.lists(inner, min_size=1, max_size=3),
            "items": inner | st.just({"$ref": "#"}),
            "properties": st.dictionaries(st.sampled_from("ab"), inner | st.just({"$ref": "#"}), max_size=2),
        },
    ),
    max_leaves=8,
).filter(lambda schema: isinstance(schema, dict) and "$ref" not in schema)


@given(FANS, JSON)
def test_the_cost_that_is_foreseen_is_never_less_than_what_it_takes(schema: dict[str, Any], value: Any) -> None:
    """JSON-07"""
    whole = {**schema, "$defs": {"d": {"type": "object"}}}
    assert Costs(graph_of(whole)).of(value, msgspec.json.encode(value)) >= applied(whole, whole, value)


@given(st.text(alphabet="ab()[]{}0123456789,\\.*+?|-^$", max_size=30))
def test_any_text_has_a_count_of_states(pattern: str) -> None:
    assert states_of(pattern) >= 1


def test_counted_repeats_multiply_states() -> None:
    assert states_of("a") < states_of("a{20}") < states_of("(a{20}){20}")
    assert states_of("[abc]{20}") == states_of("a{20}") and states_of("[" * 10_000) == 10_001
    assert 400 <= states_of("(a{20}){20}") <= 500
    assert states_of(r"[a{99}]\{99}") < 10  # literal braces repeat nothing


# --- what peers may do to us ------------------------------------------------------------------------------------


def doubled(levels: int, key: str) -> dict[str, Any]:
    """Return a schema of a few hundred bytes that takes 2 to the power of `levels` steps."""
    defs: dict[str, Any] = {"s0": {"type": "integer"}}
    for level in range(1, levels + 1):
        defs[f"s{level}"] = {key: [{"$ref": f"#/$defs/s{level - 1}"}] * 2}
    return {"$defs": defs, "$ref": f"#/$defs/s{levels}"}


def recalling(levels: int, key: str) -> dict[str, Any]:
    """Return a schema that asks what is evaluated at every level: the library's work grows 2.6 times with each."""
    schema: dict[str, Any] = {"properties": {"a": True}}
    for _ in range(levels):
        inner: Any = [schema] if key == "allOf" else schema
        schema = {key: inner, "unevaluatedProperties": {"type": "integer"}}
    return schema


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


TWICE = {"properties": {"a": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}
REFUSED = "in time"

# Each with a value, and with a twin that differs in size alone and is checked: what it is worth to say no to.
HOSTILE: list[tuple[Any, Any, Any, Any]] = [
    (doubled(60, "allOf"), 1, doubled(8, "allOf"), 1),
    (doubled(40, "oneOf"), "x", doubled(1, "allOf"), 1),
    (doubled(40, "anyOf"), "x", doubled(8, "anyOf"), 1),
    (TWICE, nested(40), TWICE, nested(6)),
    (recalling(30, "allOf"), {"a": 1}, recalling(3, "allOf"), {"a": 1}),
    (recalling(30, "if"), {str(n): 1 for n in range(20)}, recalling(3, "if"), {"a": 1}),
    ({"pattern": "^[01]*1[01]{200}$"}, "01" * 500_000, {"pattern": "^[01]*1[01]{2}$"}, "01" * 500),
    ({"uniqueItems": True, "items": {"$ref": "#"}}, [[n] for n in range(30_000)], {"uniqueItems": True}, [[1], [2]]),
    ({"items": {"enum": [[n] for n in range(900)]}}, [[7]] * 50_000, {"items": {"enum": [[7]]}}, [[7]] * 5_000),
    ({"patternProperties": {f"x{n}$": {} for n in range(200)}}, {"x" * 10**6: 1}, {"patternProperties": {"x": {}}}, 1),
]  # fmt: skip


@pytest.mark.parametrize("schema, value, mild, small", HOSTILE)
def test_what_would_take_long_is_refused_at_once(schema: Any, value: Any, mild: Any, small: Any) -> None:
    """JSON-07: within the time that the event loop may be held."""
    check, data = Validator(schema), msgspec.json.encode(value)
    started = time.process_time()
    [fault] = check.violations(value, data)
    assert time.process_time() - started < 0.25  # tens of milliseconds, on a machine with other things to do
    assert REFUSED in str(fault)
    assert faults(mild, small) == []


@pytest.mark.parametrize(
    "schema, reason",
    [
        ({"properties": {str(n): {"minLength": 1} for n in range(100_000)}}, "bytes|more than 1000 schemas"),
        ({"anyOf": [{}] * 1_001}, "more than 1000 schemas"),
        ({"pattern": "(a{1,1000}){1,1000}"}, "repeat too much"),
        ({"pattern": "a" * 500_000}, "repeat too much"),
        ({"properties": {str(n): {"pattern": f"{n}a"} for n in range(300)}}, "patterns are more than 256"),
        ({"enum": ["x" * 100] * 20_000}, "bytes"),
        ({"$ref": "#"}, "refers to itself without end"),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"not": {"$ref": "#/$defs/a"}}}}, "refers to itself without end"),
        ({"$dynamicAnchor": "n", "allOf": [{"$dynamicRef": "#n"}]}, "refers to itself without end"),
        ({"$dynamicRef": "https://example.com/x"}, "nothing is fetched"),
        ({"$ref": "#/title", "title": "x"}, "no schema"),
    ],
)  # fmt: skip
def test_a_schema_that_is_a_trap_is_refused_at_once(schema: Any, reason: str) -> None:
    """JSON-04, JSON-07"""
    started = time.process_time()
    with pytest.raises(ValueError, match=reason):
        Validator(schema)
    assert time.process_time() - started < 0.25
    # Close to it, and in order.
    tree = {"properties": {"kids": {"items": {"$ref": "#"}}, "at": {"pattern": "^(a{1,9}){1,9}$"}}}
    assert faults(tree, {"kids": [{"kids": []}], "at": "aa"}) == []


def test_a_value_that_contradicts_itself_is_told_so() -> None:
    schema = {"dependentSchemas": {"a": {"required": ["b"]}, "b": {"not": {"required": ["a"]}}}}
    assert len(faults(schema, {"a": 1, "b": 1})) == 1
    assert faults(schema, {"b": 1}) == []


def test_backtracking_has_no_price() -> None:
    started = time.process_time()
    assert len(faults({"pattern": "^(a+)+$"}, "a" * 100_000 + "b")) == 1
    assert len(faults({"pattern": "^(?=a)(a+)+$"}, "a" * 100_000 + "b", own=True)) == 1
    assert time.process_time() - started < 0.5


def test_large_tables_are_checked_and_a_fault_in_the_last_row_is_told() -> None:
    row = {"type": "object", "properties": {f"c{n}": {"type": "string"} for n in range(10)}}
    rows = [{f"c{n}": "abc" for n in range(10)} for _ in range(5_000)]
    schema = {"type": "object", "properties": {"rows": {"type": "array", "items": row}}}
    assert faults(schema, {"rows": rows}) == []
    assert faults(schema, {"rows": [*rows, {"c3": 1}]}) == ["$.rows[5000].c3: expected string, got 1"]


async def test_no_schema_makes_anything_be_fetched() -> None:
    """JSON-04, JSON-05"""
    visits: asyncio.Queue[bytes] = asyncio.Queue()

    async def visited(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.put_nowait(await reader.readline())
        writer.close()

    canary = await asyncio.start_server(visited, "127.0.0.1", 0)
    async with canary:
        here = f"http://127.0.0.1:{canary.sockets[0].getsockname()[1]}"
        schemas: list[Any] = [
            {"$ref": f"{here}/x"}, {"$dynamicRef": f"{here}/x#n"}, {"$schema": f"{here}/meta"},
            {"$ref": f"file://{__file__}"}, {"$id": here, "properties": {"a": {"$ref": "x.json"}}},
            {"$schema": DRAFT_7, "$id": f"{here}/", "$ref": "x"},
        ]  # fmt: skip
        for schema in schemas:
            with pytest.raises(ValueError, match=r"nothing is fetched|dialect"):
                await asyncio.to_thread(Validator, schema)
        for harmless in ({"$id": f"{here}/a"}, {"const": {"$ref": f"{here}/x"}}, {"title": here}):
            check = await asyncio.to_thread(Validator, harmless)
            await asyncio.to_thread(check.violations, {"$ref": f"{here}/y"}, b"{}")
        assert visits.empty()
        # The canary sings when it is visited.
        _, writer = await asyncio.open_connection("127.0.0.1", canary.sockets[0].getsockname()[1])
        writer.write(b"hello\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        assert await asyncio.wait_for(visits.get(), 5) == b"hello\n"
