"""Frames from bytes and to bytes."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import MalformedError
from dragoman.protocol.depth import THICK
from dragoman.protocol.frames import (
    MAX_BATCH,
    MAX_DEPTH,
    id_of,
    read_batch,
    read_frame,
    write_failure,
    write_notice,
    write_result,
)
from dragoman.wire.jsonrpc import Failure, Notification

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary())
def test_any_bytes_are_a_frame_or_a_malformed_message(data: bytes) -> None:
    try:
        code = {"2.0": 0}[read_frame(data).jsonrpc]
    except MalformedError as error:
        code = error.code
    assert code in (0, -32700, -32600)


@given(plain)
def test_any_json_is_a_frame_or_an_invalid_request(value: Any) -> None:
    with pytest.raises(MalformedError) as caught:
        read_frame(json.dumps(value).encode())
    assert caught.value.code in (-32600, -32700)  # numbers that only Python writes are no JSON


@given(st.integers() | st.text(), st.text(), st.dictionaries(st.text(), plain, max_size=3))
def test_what_a_request_says_comes_through(request_id: int | str, method: str, params: dict[str, Any]) -> None:
    """BASE-01, BASE-02"""
    text = json.dumps({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}).encode()
    try:
        frame = read_frame(text)
    except MalformedError:
        assert "\\ud" in text.decode()  # half a character is no text
        return
    assert (frame.id, frame.method) == (request_id, method)
    assert type(frame.id) is type(request_id)
    assert bytes(frame.params) == json.dumps(params).encode()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", -32700),
        (b"{", -32700),
        (b'{"jsonrpc":"2.0"} x', -32700),
        (b'\xef\xbb\xbf{"jsonrpc":"2.0"}', -32700),
        (b'{"jsonrpc":"2.0","method":"\xff"}', -32700),
        (b"[]", -32600),
        (b"7", -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0"}', -32600),
        (b'{"jsonrpc":2.0}', -32600),
        (b'{"jsonrpc":"2.0","id":null}', -32600),
        (b'{"jsonrpc":"2.0","id":1.0}', -32600),
        (b'{"jsonrpc":"2.0","id":[1]}', -32600),
        (b'{"jsonrpc":"2.0","method":null}', -32600),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, code: int) -> None:
    """ERR-17"""
    with pytest.raises(MalformedError) as caught:
        read_frame(data)
    assert caught.value.code == code


def test_unknown_members_are_no_fault() -> None:
    frame = read_frame(b'{"jsonrpc":"2.0","id":1,"method":"ping","extra":{"a":[]}}')
    assert (frame.id, frame.method, bytes(frame.params)) == (1, "ping", b"")


def nested(levels: int) -> bytes:
    inner = levels - 1
    return b'{"jsonrpc":"2.0","id":1,"method":"x","params":' + b"[" * inner + b"]" * inner + b"}"


def test_depth_is_bounded_before_anything_is_parsed() -> None:
    assert read_frame(nested(MAX_DEPTH)).id == 1
    with pytest.raises(MalformedError, match="more than 64 levels") as caught:
        read_frame(nested(MAX_DEPTH + 1))
    assert caught.value.code == -32600
    with pytest.raises(MalformedError, match="more than 64 levels"):
        read_frame(b"[" * 1_000_000)


def test_a_batch_holds_one_to_a_hundred_messages() -> None:
    """LEG-24"""
    assert [bytes(item) for item in read_batch(b'[{"a":1}, 2]')] == [b'{"a":1}', b"2"]
    assert len(read_batch(b"[" + b"0," * (MAX_BATCH - 1) + b"0]")) == MAX_BATCH
    for bad in (b"[]", b"[" + b"0," * MAX_BATCH + b"0]"):
        with pytest.raises(MalformedError, match="a batch holds 1 to 100 messages"):
            read_batch(bad)
    with pytest.raises(MalformedError, match="not valid JSON"):
        read_batch(b"[1,")
    with pytest.raises(MalformedError, match="levels deep"):
        read_batch(b"[" * 100 + b"]" * 100)


@pytest.mark.parametrize(
    ("data", "found"),
    [(b'{"id":5}', 5), (b'{"id":"a","jsonrpc":"1.0"}', "a"), (b'{"id":0}', 0), (b'{"id":""}', "")],
)
def test_the_id_of_a_faulty_message_is_found(data: bytes, found: Any) -> None:
    assert id_of(data) == found
    assert id_of(msgspec.Raw(data)) == found


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"id":null}', b'{"id":true}', b'{"id":1.5}', b'{"id":{}}', b"{}"])
def test_an_id_that_cannot_be_read_is_unset(data: bytes) -> None:
    """X-7"""
    assert id_of(data) is msgspec.UNSET


def test_answers_are_written_as_json_rpc_says() -> None:
    """BASE-04, BASE-09"""
    assert json.loads(write_result(7, {"a": 1})) == {"jsonrpc": "2.0", "id": 7, "result": {"a": 1}}
    full = write_failure("x", Failure(-32602, "no", {"why": 1}))
    error = {"code": -32602, "message": "no", "data": {"why": 1}}
    assert json.loads(full) == {"jsonrpc": "2.0", "id": "x", "error": error}
    bare = write_failure(msgspec.UNSET, Failure(-32700, "no"))
    assert json.loads(bare) == {"jsonrpc": "2.0", "error": {"code": -32700, "message": "no"}}


def test_a_notice_has_no_id() -> None:
    """BASE-10"""
    assert json.loads(write_notice(Notification(method="a/b"))) == {"jsonrpc": "2.0", "method": "a/b"}


@given(plain)
def test_what_is_written_is_one_line(value: Any) -> None:
    """STDIO-01"""
    try:
        written = write_result(1, value)
    except UnicodeEncodeError:
        return  # half a character
    assert b"\n" not in written and b"\r" not in written
    assert read_frame(written).id == 1


LONG_TEXT = '"' + "x:" * 5000 + '"'
THICK_TEXT = '"' + "x:" * THICK + '"'


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        (f'{{"a": {LONG_TEXT}, "b": 1}}', True),
        (f'{{"a": {LONG_TEXT}, "a": 1}}', False),
        (f'{{"a": 1, "a": {LONG_TEXT}}}', False),
        (f'{{"b": {{"c": 1, "c": 2}}, "a": {LONG_TEXT}}}', False),
        (f'{{"a": {LONG_TEXT}, "b": "\\u003a", "b": 1}}', False),
        (f'{{"a": {LONG_TEXT}, "b": "\\u003a"}}', True),
        (f'{{"a": {LONG_TEXT}, "b": [{"0, " * 300}0], "b": 1}}', False),
        (f'{{"a": {LONG_TEXT}, "b": [{"0, " * 300}0]}}', True),
    ],
)
@pytest.mark.parametrize("long", [LONG_TEXT, THICK_TEXT], ids=["long", "thick"])
def test_a_name_that_stands_twice_is_found_in_long_messages_too(arguments: str, fits: bool, long: str) -> None:
    arguments = arguments.replace(LONG_TEXT, long)
    data = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{"arguments": {arguments}}}}}'.encode()
    if fits:
        assert read_frame(data).method == "tools/call"
    else:
        with pytest.raises(MalformedError, match="stands twice"):
            read_frame(data)


@pytest.mark.parametrize("size", [10, THICK], ids=["short", "thick"])
@pytest.mark.parametrize("where", [b'"a": %b', b'"b": [%b]', b'"%b": 1', b'"a": "\\n", "b": {"c": %b}, "d": 2'])
@pytest.mark.parametrize(
    ("ending", "fault"),
    [
        (b"", ""),
        (b"\\n\\/\\t", ""),
        ("\u00e9\U0001f600".encode(), ""),
        (b"\\ud83d\\ude00", ""),
        (b"\xff", "not valid JSON"),
        (b"\xed\xa0\x80", "not valid JSON"),
        (b"\\ud800", "not valid JSON"),
        (b"\\udc00", "not valid JSON"),
        (b"\\q", "not valid JSON"),
        (b"\n", "not valid JSON"),
        (b"\x00", "not valid JSON"),
    ],
)
def test_strings_of_a_long_message_are_as_strictly_read(size: int, where: bytes, ending: bytes, fault: str) -> None:
    text = b"x" * size + ending + b"y"
    inside = where % (text if where.startswith(b'"%b') else b'"' + text + b'"')
    data = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"arguments":{%b}}}' % inside
    if not fault:
        frame = read_frame(data)
        assert frame.method == "tools/call" and inside in bytes(frame.params)
    else:
        with pytest.raises(MalformedError, match=fault):
            read_frame(data)
