"""Requests as each era writes them: literal bytes out."""

from __future__ import annotations

import json

import pytest

from dragoman.errors import LocalError
from dragoman.protocol.dress import cancellation, dress_of, undressed
from dragoman.protocol.envelope import admit, read_params
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.protocol.frames import read_frame
from dragoman.wire.base import Implementation
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.methods import METHODS

CLIENT = Implementation(name="me", version="1")
MODERN = dress_of(STATELESS["2026-07-28"], CLIENT, ClientCapabilities(), None)
LEGACY = dress_of(HANDSHAKE["2025-11-25"], CLIENT, ClientCapabilities(), "debug")


def test_a_modern_request_says_who_asks() -> None:
    assert MODERN.body(3, "tools/call", {"name": "add", "arguments": {"a": 1}}, {}) == (
        b'{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"add","arguments":{"a":1},"_meta":{'
        b'"io.modelcontextprotocol/protocolVersion":"2026-07-28",'
        b'"io.modelcontextprotocol/clientInfo":{"name":"me","version":"1"},'
        b'"io.modelcontextprotocol/clientCapabilities":{}}}}'
    )


def test_a_modern_request_repeats_method_name_and_version_in_headers() -> None:
    assert MODERN.headers("tools/call", {"name": "add"}) == {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "add",
    }
    assert MODERN.headers("resources/read", {"uri": "file:///Ü"})["mcp-name"] == "=?base64?ZmlsZTovLy/DnA==?="
    assert "mcp-name" not in MODERN.headers("tools/list", {"name": "not a name here"})


def test_the_server_admits_what_the_client_writes() -> None:
    body = MODERN.body(1, "resources/read", {"uri": "a:b"}, {"progressToken": 1})
    frame = read_frame(body)
    params, fault = read_params(frame, METHODS)
    headers = {
        name.encode(): value.encode() for name, value in MODERN.headers("resources/read", {"uri": "a:b"}).items()
    }
    call = admit(frame, params, fault, METHODS, headers)
    assert (call.method, call.params.uri, call.meta.progress_token) == ("resources/read", "a:b", 1)
    assert call.caller.client == CLIENT


def test_a_legacy_request_is_bare_but_for_the_version_beside_it() -> None:
    assert LEGACY.body(1, "tools/list", {}, {}) == b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'
    assert LEGACY.headers("tools/list", {}) == {"mcp-protocol-version": "2025-11-25"}
    assert undressed(HANDSHAKE["2025-11-25"]).headers("initialize", {}) == {}


def test_what_a_caller_adds_to_meta_stands_beside_the_eras_own() -> None:
    made = json.loads(MODERN.body(1, "x/y", {"_meta": {"traceparent": "t"}}, {"progressToken": 9}))
    meta = made["params"]["_meta"]
    assert (meta["traceparent"], meta["progressToken"]) == ("t", 9)
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"
    legacy = json.loads(LEGACY.body(1, "x/y", {}, {"progressToken": 9}))
    assert legacy["params"] == {"_meta": {"progressToken": 9}}


def test_a_caller_cannot_claim_another_version() -> None:
    made = json.loads(MODERN.body(1, "x/y", {"_meta": {"io.modelcontextprotocol/protocolVersion": "1"}}, {}))
    assert made["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


def test_a_log_level_is_asked_for_with_each_modern_request() -> None:
    asking = dress_of(STATELESS["2026-07-28"], CLIENT, ClientCapabilities(), "warning")
    meta = json.loads(asking.body(1, "tools/list", {}, {}))["params"]["_meta"]
    assert meta["io.modelcontextprotocol/logLevel"] == "warning"
    assert b"logLevel" not in MODERN.body(1, "tools/list", {}, {})


@pytest.mark.parametrize("value", [object(), {1: {2: object()}}, "\ud800"])
def test_arguments_that_are_no_json_are_the_callers_mistake(value: object) -> None:
    with pytest.raises(LocalError, match="tools/call cannot be written as JSON"):
        MODERN.body(1, "tools/call", {"name": "a", "arguments": {"x": value}}, {})
    assert MODERN.body(1, "tools/call", {"name": "a", "arguments": {"x": "plain"}}, {})


def test_a_cancellation_names_the_request() -> None:
    assert cancellation(5, "enough") == (
        b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5,"reason":"enough"}}'
    )


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {"b": (-float("inf"),)}}])
def test_what_is_no_number_is_refused_and_not_sent_as_null(value: object) -> None:
    with pytest.raises(LocalError, match="NaN or an infinity"):
        MODERN.body(1, "tools/call", {"name": "add", "arguments": {"a": value}}, {})
    assert b'"a":null' in MODERN.body(1, "tools/call", {"name": "add", "arguments": {"a": None}}, {})
