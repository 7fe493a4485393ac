"""What servers send, read: results, errors, and what can only be meant one way."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dragoman.errors import LocalError, MalformedError, PeerError, VersionError
from dragoman.protocol.replies import ResultReader, answers, is_response, read_messages, result_of
from dragoman.wire.prompts import ListPromptsResult
from dragoman.wire.tools import CallToolResult, ListToolsResult

CALL = ResultReader(CallToolResult)


def raw(text: bytes) -> msgspec.Raw:
    return msgspec.Raw(text)


def test_a_result_is_handed_out_and_an_error_raised() -> None:
    [good] = read_messages(b'{"jsonrpc":"2.0","id":1,"result":{"content":[]}}')
    assert bytes(result_of(good)) == b'{"content":[]}'
    [bad] = read_messages(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no","data":{"a":1}}}')
    with pytest.raises(PeerError) as caught:
        result_of(bad)
    assert (caught.value.code, caught.value.message, caught.value.data) == (-32602, "no", {"a": 1})


def test_a_response_with_neither_is_malformed() -> None:
    [empty] = read_messages(b'{"jsonrpc":"2.0","id":1}')
    with pytest.raises(MalformedError, match="neither a result nor an error"):
        result_of(empty)


@pytest.mark.parametrize(
    "data, supported",
    [
        (b'{"supported":["a","b"],"requested":"c"}', ("a", "b")),
        (b'{"supported":["a",5,null]}', ("a",)),
        (b'{"supported":"a"}', ()),
        (b'"?"', ()),
        (b"null", ()),
    ],
)
def test_a_version_error_lists_what_the_server_supports(data: bytes, supported: tuple[str, ...]) -> None:
    [frame] = read_messages(b'{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"no","data":%b}}' % data)
    with pytest.raises(VersionError) as caught:
        result_of(frame)
    assert caught.value.supported == supported


def test_an_error_object_that_is_none_is_malformed() -> None:
    [frame] = read_messages(b'{"jsonrpc":"2.0","id":1,"error":"oops"}')
    with pytest.raises(MalformedError, match="error object"):
        result_of(frame)


def test_an_error_with_a_null_id_answers_whatever_was_asked() -> None:
    [frame] = read_messages(b'{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"Bad Request"}}')
    assert is_response(frame) and frame.id is UNSET and answers(frame, 7)
    with pytest.raises(PeerError, match="Bad Request"):
        result_of(frame)


@pytest.mark.parametrize(
    "line, mine",
    [
        (b'{"jsonrpc":"2.0","id":7,"result":{}}', True),
        (b'{"jsonrpc":"2.0","id":8,"result":{}}', False),
        (b'{"jsonrpc":"2.0","id":"7","result":{}}', False),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping"}', False),
        (b'{"jsonrpc":"2.0","error":{"code":1,"message":""}}', True),
    ],
)
def test_only_the_right_id_answers(line: bytes, mine: bool) -> None:
    assert answers(read_messages(line)[0], 7) is mine


def test_a_batch_is_read_in_order() -> None:
    frames = read_messages(b' [{"jsonrpc":"2.0","method":"a"},{"jsonrpc":"2.0","id":1,"result":{}}]')
    assert [frame.method for frame in frames] == ["a", UNSET]


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        read_messages(data)
    assert caught.value.reason


def test_absent_and_complete_result_types_are_the_same() -> None:
    absent = CALL.read(raw(b'{"content":[]}'), "tools/call")
    complete = CALL.read(raw(b'{"content":[],"resultType":"complete"}'), "tools/call")
    assert absent.content == complete.content == []


@pytest.mark.parametrize("rest", [b"", b',"content":[]'])
def test_an_unknown_result_type_is_no_success(rest: bytes) -> None:
    with pytest.raises(MalformedError, match="unknown kind, 'later'"):
        CALL.read(raw(b'{"resultType":"later"' + rest + b"}"), "tools/call")


@pytest.mark.parametrize("rest", [b'"inputRequests":{}', b'"content":[]'])
def test_a_server_that_asks_for_input_is_told_apart(rest: bytes) -> None:
    with pytest.raises(LocalError, match="asks for input"):
        CALL.read(raw(b'{"resultType":"input_required",' + rest + b"}"), "tools/call")


def test_a_result_of_the_wrong_shape_names_the_place() -> None:
    with pytest.raises(MalformedError, match=r"tools/call.*content\[0\]"):
        CALL.read(raw(b'{"content":[{"type":"text"}]}'), "tools/call")
    assert CALL.read(raw(b'{"content":[{"type":"text","text":"hi"}]}'), "tools/call").content


def test_nulls_of_members_that_should_be_absent_are_taken_as_absent() -> None:
    page = ResultReader(ListToolsResult).read(
        raw(
            b'{"tools":[{"name":"a","description":null,"title":null,"annotations":null,"outputSchema":null,"_meta":null,'
            b'"inputSchema":{"type":"object","properties":{"x":{"default":null}}}}],"nextCursor":null,"_meta":null}'
        ),
        "tools/list",
    )
    assert page.next_cursor is UNSET and page.meta is UNSET
    assert page.tools[0].description is UNSET
    # A schema is data: its nulls stay.
    assert page.tools[0].input_schema["properties"]["x"] == {"default": None}


def test_null_as_structured_content_stays_null() -> None:
    assert CALL.read(raw(b'{"content":[],"structuredContent":null}'), "tools/call").structured_content is None
    both = raw(b'{"content":[],"structuredContent":{"a":null},"isError":null}')
    assert CALL.read(both, "tools/call").structured_content == {"a": None}
    assert CALL.read(raw(b'{"content":[]}'), "tools/call").structured_content is UNSET


@given(st.binary(max_size=100))
def test_a_hostile_result_is_malformed(data: bytes) -> None:
    with pytest.raises(MalformedError):
        ResultReader(ListPromptsResult).read(raw(b'{"prompts":' + data), "prompts/list")
