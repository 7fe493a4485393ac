"""Repeated headers: what a client writes a server reads, and what differs from the body is told."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import LocalError
from dragoman.protocol.headers import (
    HeaderFault,
    HeaderRule,
    SchemaFault,
    check_params,
    check_standard,
    decode_value,
    encode_value,
    header_rules,
    param_headers,
    standard_headers,
)

some_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
tricky = some_text | st.sampled_from(["=?base64?literal?=", "=?base64?=", "=?base64??=", "", " ", "\t", "a\tb", "é"])
safe_integer = st.integers(min_value=-(2**53) + 1, max_value=2**53 - 1)


# The examples of the specification, "Value Encoding".
@pytest.mark.parametrize(
    "value, text",
    [
        ("us-west1", "us-west1"),
        ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
        (" padded ", "=?base64?IHBhZGRlZCA=?="),
        ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
        ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ("\tindented", "=?base64?CWluZGVudGVk?="),
        ("", ""),
        ("a b", "a b"),
        (42, "42"),
        (-7, "-7"),
        (True, "true"),
        (False, "false"),
        (2**53 - 1, "9007199254740991"),
    ],
)
def test_a_value_is_encoded_as_the_specification_shows(value: Any, text: str) -> None:
    assert encode_value(value) == text


@given(tricky)
def test_decoding_gives_back_what_was_encoded_and_any_header_can_carry_it(value: str) -> None:
    encoded = encode_value(value)
    assert re.fullmatch(r"[\x20-\x7e]*", encoded)
    assert decode_value(encoded) == value
    assert decode_value(f" \t{encoded} ") == value


@pytest.mark.parametrize("number", [2**53, -(2**53)])
def test_an_integer_that_javascript_would_round_is_not_sent(number: int) -> None:
    with pytest.raises(LocalError, match="must lie within"):
        encode_value(number)


def test_half_a_character_is_not_sent() -> None:
    with pytest.raises(LocalError, match="half a character"):
        encode_value("a\ud800")


@pytest.mark.parametrize("text", ["=?base64?SGk", "SGk=?=", "=?BASE64?SGk=?=", "=?base64?=", "=?base32?SGk=?="])
def test_text_without_the_whole_frame_is_literal(text: str) -> None:
    assert decode_value(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "=?base64?SGk?=",
        "=?base64?SG!=?=",
        "=?base64?SGk==?=",
        "=?base64?S-_=?=",
        "=?base64?/w==?=",
        "é",
        "a\x7f",
        "a\x00b",
    ],
)
def test_a_value_that_cannot_be_read_is_a_fault(text: str) -> None:
    with pytest.raises(HeaderFault) as caught:
        decode_value(text)
    assert caught.value.code == -32020
    assert decode_value("=?base64?SGk=?=") == "Hi"


@given(st.binary(max_size=12))
def test_any_bytes_in_the_frame_are_text_or_a_fault(data: bytes) -> None:
    encoded = f"=?base64?{b64encode(data).decode()}?="
    try:
        text = data.decode()
    except UnicodeDecodeError:
        with pytest.raises(HeaderFault):
            decode_value(encoded)
    else:
        assert decode_value(encoded) == text


@given(tricky.filter(bool))
def test_what_a_client_writes_a_server_accepts(name: str) -> None:
    sent = {key.encode(): value.encode() for key, value in standard_headers("tools/call", name).items()}
    assert check_standard(sent, "tools/call", name) is None
    assert check_standard(sent, "tools/call", name + "x") is not None
    assert check_standard(sent, "tools/list", name) is not None


@pytest.mark.parametrize(
    "headers, complaint",
    [
        ({b"mcp-method": b"tools/call", b"mcp-name": b"add"}, None),
        ({b"mcp-method": b" tools/call\t", b"mcp-name": b"\tadd "}, None),
        ({b"mcp-method": b"tools/call", b"mcp-name": b"=?base64?YWRk?="}, None),
        ({b"mcp-name": b"add"}, "Mcp-Method header is missing"),
        ({b"mcp-method": b"tools/call"}, "Mcp-Name header is missing"),
        ({b"mcp-method": b"Tools/Call", b"mcp-name": b"add"}, "Mcp-Method header says 'Tools/Call'"),
        ({b"mcp-method": b"=?base64?dG9vbHMvY2FsbA==?=", b"mcp-name": b"add"}, "Mcp-Method header says"),
        ({b"mcp-method": b"tools/call", b"mcp-name": b"Add"}, "Mcp-Name header says 'Add', the body 'add'"),
        ({b"mcp-method": b"tools/call", b"mcp-name": b"=?base64?YWRk=?="}, "Mcp-Name header cannot be read"),
        ({b"mcp-method": b"tools/call", b"mcp-name": b"\xff"}, "Mcp-Name header cannot be read"),
    ],
)
def test_standard_headers_are_checked_against_the_body(headers: dict[bytes, bytes], complaint: str | None) -> None:
    found = check_standard(headers, "tools/call", "add")
    assert (found is None) == (complaint is None)
    assert complaint is None or complaint in str(found)


def test_a_name_that_looks_encoded_must_be_encoded() -> None:
    name = "=?base64?YWRk?="
    assert check_standard({b"mcp-method": b"m", b"mcp-name": name.encode()}, "m", name) is not None
    assert check_standard({b"mcp-method": b"m", b"mcp-name": encode_value(name).encode()}, "m", name) is None


def test_raw_utf8_in_a_header_is_refused() -> None:
    assert check_standard({b"mcp-method": b"m", b"mcp-name": "é".encode()}, "m", "é") is not None
    assert check_standard({b"mcp-method": b"m", b"mcp-name": encode_value("é").encode()}, "m", "é") is None


def test_a_method_without_a_name_needs_no_name_header() -> None:
    assert check_standard({b"mcp-method": b"tools/list"}, "tools/list", None) is None


SCHEMA = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "x-mcp-header": {"type": "number", "default": {"x-mcp-header": "data, not an annotation"}},
        "options": {
            "type": "object",
            "properties": {
                "tries": {"type": "integer", "x-mcp-header": "Tries"},
                "dry": {"type": "boolean", "x-mcp-header": "dry.run"},
            },
        },
    },
}
RULES = (
    HeaderRule("mcp-param-region", ("region",), "string"),
    HeaderRule("mcp-param-tries", ("options", "tries"), "integer"),
    HeaderRule("mcp-param-dry.run", ("options", "dry"), "boolean"),
)


def test_rules_are_read_from_chains_of_properties() -> None:
    assert header_rules(SCHEMA) == RULES
    assert header_rules({}) == header_rules({"type": "object", "properties": {}}) == ()


good = {"type": "string", "x-mcp-header": "A"}


@pytest.mark.parametrize(
    "schema, reason",
    [
        ({"properties": {"a": {"type": "string", "x-mcp-header": ""}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "a b"}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "a\r\nb"}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "a:"}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "ä"}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": "a\n"}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": 7}}}, "must be a header name"),
        ({"properties": {"a": {"type": "string", "x-mcp-header": None}}}, "must be a header name"),
        ({"properties": {"a": {"type": "number", "x-mcp-header": "A"}}}, "not 'number'"),
        ({"properties": {"a": {"type": "object", "x-mcp-header": "A"}}}, "not 'object'"),
        ({"properties": {"a": {"type": "null", "x-mcp-header": "A"}}}, "not 'null'"),
        ({"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "A"}}}, "needs the type"),
        ({"properties": {"a": {"x-mcp-header": "A"}}}, "not None"),
        ({"properties": {"a": good, "b": {"type": "string", "x-mcp-header": "a"}}}, "already taken by 'a'"),
        ({"x-mcp-header": "A", "type": "string"}, "reached by `properties` alone"),
        ({"properties": {"a": {"type": "array", "items": good}}}, "reached by `properties` alone"),
        ({"properties": {"a": {"items": {"properties": {"b": good}}}}}, "reached by `properties` alone"),
        ({"properties": {"a": {"prefixItems": [good]}}}, "reached by `properties` alone"),
        ({"properties": {"a": {"anyOf": [good, {"type": "null"}]}}}, "reached by `properties` alone"),
        ({"oneOf": [{"properties": {"a": good}}]}, "reached by `properties` alone"),
        ({"allOf": [{"properties": {"a": good}}]}, "reached by `properties` alone"),
        ({"not": {"properties": {"a": good}}}, "reached by `properties` alone"),
        ({"if": {"properties": {"a": good}}}, "reached by `properties` alone"),
        ({"then": {"properties": {"a": good}}}, "reached by `properties` alone"),
        ({"else": {"properties": {"a": good}}}, "reached by `properties` alone"),
        ({"additionalProperties": good}, "reached by `properties` alone"),
        ({"patternProperties": {"^a": good}}, "reached by `properties` alone"),
        ({"$defs": {"a": good}, "properties": {"a": {"$ref": "#/$defs/a"}}}, "reached by `properties` alone"),
    ],
)
def test_an_annotation_that_breaks_a_rule_makes_the_schema_invalid(schema: dict[str, Any], reason: str) -> None:
    with pytest.raises(SchemaFault) as caught:
        header_rules(schema)
    assert reason in str(caught.value)


keyword = st.sampled_from(["properties", "items", "x-mcp-header", "type", "a"])
some_json = st.recursive(
    st.none() | st.text("aA ", max_size=2) | st.just("string"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keyword, inner, max_size=3),
    max_leaves=8,
)


@given(some_json)
def test_any_json_gives_rules_or_a_fault_that_is_there(schema: Any) -> None:
    if "x-mcp-header" in json.dumps(schema):
        with suppress(SchemaFault):
            assert all(rule.path for rule in header_rules(schema))
    else:
        assert header_rules(schema) == ()


arguments = st.fixed_dictionaries(
    {},
    optional={
        "region": st.none() | tricky,
        "options": st.none()
        | st.fixed_dictionaries({}, optional={"tries": st.none() | safe_integer, "dry": st.none() | st.booleans()}),
    },
)


@given(arguments)
def test_the_headers_a_client_makes_pass_the_servers_check(values: dict[str, Any]) -> None:
    headers = param_headers(RULES, values)
    assert check_params(RULES, values, headers) is None
    for name in headers:
        assert check_params(RULES, values, {k: v for k, v in headers.items() if k != name}) is not None
        assert check_params(RULES, values, headers | {name: "something else"}) is not None


def test_null_and_missing_values_have_no_header() -> None:
    assert param_headers(RULES, {"region": None, "options": {"tries": None}}) == {}
    assert param_headers(RULES, {"options": 5}) == {}
    assert param_headers(RULES, {"region": "", "options": {"tries": 0, "dry": False}}) == {
        "mcp-param-region": "",
        "mcp-param-tries": "0",
        "mcp-param-dry.run": "false",
    }


@pytest.mark.parametrize("value", [None, 3])
def test_a_header_without_a_value_in_the_body_is_a_fault(value: object) -> None:
    assert "body something else" in str(check_params(RULES, {"options": value}, {"mcp-param-tries": "3"}))
    assert check_params(RULES, {"options": {"tries": 3}}, {"mcp-param-tries": "3"}) is None


@pytest.mark.parametrize(
    "body, text, equal",
    [
        (42, "42", True),
        (42, "42.0", True),
        (42, "42.", True),
        (42.0, "42", True),
        (42, " 42 ", True),
        (42, "=?base64?NDI=?=", True),
        (-7, "-7", True),
        (42, "43", False),
        (42, "42.5", False),
        (42, "4.2e1", False),
        (42, "+42", False),
        (42, "", False),
        (42, "٤٢", False),
        (42, "9" * 5000, False),
        (2**53, "9007199254740992", False),
        (True, "1", False),
        (42.5, "42.5", False),
    ],
)
def test_integers_are_compared_as_numbers(body: object, text: str, equal: bool) -> None:
    complaint = check_params(RULES, {"options": {"tries": body}}, {"mcp-param-tries": text})
    assert (complaint is None) == equal


def test_strings_are_compared_exactly() -> None:
    assert check_params(RULES, {"region": "EU"}, {"mcp-param-region": "EU"}) is None
    assert check_params(RULES, {"region": "EU"}, {"mcp-param-region": "eu"}) is not None
    assert check_params(RULES, {"region": "42"}, {"mcp-param-region": "42.0"}) is not None


def test_a_header_that_cannot_be_read_is_a_fault() -> None:
    assert "cannot be read" in str(check_params(RULES, {"region": "EU"}, {"mcp-param-region": "=?base64?!?="}))


def test_a_value_no_header_can_carry_is_left_to_the_schema() -> None:
    assert param_headers(RULES, {"region": ["EU"], "options": {"tries": 1.5}}) == {}
    assert check_params(RULES, {"region": ["EU"], "options": {"tries": 1.5}}, {}) is None


def test_headers_that_no_rule_knows_are_ignored() -> None:
    assert check_params(RULES, {}, {"mcp-param-other": "x", "mcp-name": "y"}) is None
