"""Requests that carry everything themselves, without headers. With headers: test_order_of_checks."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.fixtures import META, MODERN, PREFIX, written

from dragoman.errors import RequestError
from dragoman.protocol.envelope import admit, is_modern, read_params
from dragoman.protocol.exchange import Call, meta_of
from dragoman.protocol.frames import read_frame
from dragoman.wire.lifecycle import Params
from dragoman.wire.methods import METHODS, Method
from dragoman.wire.tools import CallTool, ListTools

OWN = {**METHODS, "com.example/x": Method("com.example/x", Params, custom=True)}


def admitted(method: str, params: dict[str, Any] | None, methods: Any = OWN) -> Call:
    frame = read_frame(written(method, params))
    return admit(frame, *read_params(frame, methods), methods, None)


def refused(method: str, params: dict[str, Any] | None) -> RequestError:
    with pytest.raises(RequestError) as caught:
        admitted(method, params)
    return caught.value


def test_who_asks_is_written_on_the_request() -> None:
    """META-01, META-02"""
    client = {"name": "c", "version": "2", "title": "C"}
    meta = {**META, PREFIX + "clientInfo": client, PREFIX + "clientCapabilities": {"sampling": {"tools": {}}}}
    call = admitted("tools/call", {"name": "add", "arguments": {"a": 1}, "_meta": meta})
    assert call.caller.version == call.era.version == MODERN
    assert call.caller.client is not None and call.caller.client.title == "C"
    assert call.caller.capabilities.sampling.tools == {}  # type: ignore[union-attr]
    assert call.caller.session is None
    assert isinstance(call.params, CallTool) and bytes(call.params.arguments) == b'{"a": 1}'
    assert call.headers == {}


def test_nothing_is_remembered_from_one_request_to_the_next() -> None:
    """BASE-12, META-06"""
    able = {**META, PREFIX + "clientCapabilities": {"roots": {}}, PREFIX + "clientInfo": {"name": "c", "version": "2"}}
    admitted("tools/list", {"_meta": able})
    second = admitted("tools/list", {"_meta": META}).caller
    assert second.capabilities.roots is msgspec.UNSET and second.client is None


@pytest.mark.parametrize("lacking", [PREFIX + "protocolVersion", PREFIX + "clientCapabilities"])
def test_what_every_request_must_say_is_missed_by_name(lacking: str) -> None:
    """ERR-11"""
    error = refused("tools/list", {"_meta": {key: value for key, value in META.items() if key != lacking}})
    assert error.code == -32602 and lacking in error.message


@pytest.mark.parametrize("params", [None, {}, {"_meta": {}}])
def test_without_metadata_both_are_missed(params: dict[str, Any] | None) -> None:
    """ERR-11"""
    error = refused("tools/list", params)
    assert error.code == -32602 and "protocolVersion" in error.message and "clientCapabilities" in error.message


@pytest.mark.parametrize("version", ["2025-11-25", "2027-01-01", "", "x" * 5000])
def test_a_version_that_is_not_served_here_is_refused_with_those_that_are(version: str) -> None:
    """VER-01, ERR-08"""
    error = refused("tools/list", {"_meta": {**META, PREFIX + "protocolVersion": version}})
    assert (error.code, error.data) == (-32022, {"supported": [MODERN], "requested": version[:100]})


@pytest.mark.parametrize("method", ["initialize", "ping", "tasks/list", "", "com.example/y"])
def test_a_method_that_is_not_there_is_not_found(method: str) -> None:
    """ERR-12, VER-16"""
    assert refused(method, {"_meta": META}).code == -32601
    assert admitted("com.example/x", {"_meta": META}).method == "com.example/x"


def test_an_unknown_log_level_is_refused_and_a_known_one_kept() -> None:
    """LOG-05"""
    error = refused("tools/list", {"_meta": {**META, PREFIX + "logLevel": "loud"}})
    assert error.code == -32602 and "warning" in error.message
    assert admitted("tools/list", {"_meta": {**META, PREFIX + "logLevel": "alert"}}).meta.log_level == "alert"


@pytest.mark.parametrize("token", ["t", 0, 2**60])
def test_a_progress_token_keeps_its_type(token: Any) -> None:
    """PROG-01, PROG-02"""
    assert admitted("tools/list", {"_meta": {**META, "progressToken": token}}).meta.progress_token == token


@pytest.mark.parametrize("bad", [1.5, [], True])
def test_a_progress_token_of_another_type_is_refused(bad: Any) -> None:
    """PROG-01"""
    assert refused("tools/list", {"_meta": {**META, "progressToken": bad}}).code == -32602


def test_null_is_read_as_absent() -> None:
    call = admitted("tools/list", {"cursor": None, "_meta": {**META, "progressToken": None}})
    assert isinstance(call.params, ListTools) and call.params.cursor is msgspec.UNSET
    assert refused("tools/call", {"name": None, "_meta": META}).code == -32602


def test_faults_in_parameters_do_not_hide_the_metadata() -> None:
    """X-4"""
    frame = read_frame(written("tools/call", {"name": 3, "_meta": META}))
    params, fault = read_params(frame, METHODS)
    assert fault is not None and fault.code == -32602 and "name" in fault.message
    assert meta_of(params).protocol_version == MODERN


@pytest.mark.parametrize("spoilt", [{PREFIX + "clientCapabilities": 3}, {PREFIX + "clientInfo": {"name": 1}}])
def test_a_request_with_faulty_metadata_is_still_one_of_its_era(spoilt: dict[str, Any]) -> None:
    """VER-08, ERR-11"""
    frame = read_frame(written("tools/list", {"_meta": {**META, **spoilt}}))
    params, fault = read_params(frame, METHODS)
    assert is_modern(meta_of(params))
    assert fault is not None and next(iter(spoilt)) in fault.message
    assert refused("tools/list", {"_meta": {**META, **spoilt}}).message == fault.message


def test_an_unknown_method_has_only_what_all_requests_have() -> None:
    frame = read_frame(written("no/such", {"name": 3, "_meta": META}))
    params, fault = read_params(frame, METHODS)
    assert fault is None and type(params) is Params and is_modern(params.meta)  # type: ignore[arg-type]


@given(st.sampled_from(sorted(METHODS)), st.binary(max_size=60))
def test_any_parameters_are_read_or_told_as_faulty(method: str, params: bytes) -> None:
    try:
        frame = read_frame(b'{"jsonrpc":"2.0","id":1,"method":"' + method.encode() + b'","params":' + params + b"}")
    except Exception:
        return  # not a message at all
    found, fault = read_params(frame, METHODS)
    assert isinstance(found, Params)
    assert fault is None or fault.code == -32602
