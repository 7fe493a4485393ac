"""What is forwarded is what came: unknown members, odd types and all."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.forwarding import (
    Forwarded,
    forwarded_method,
    members_of,
    renumbered,
    state_in,
    undressed_meta,
    with_state,
)
from dragoman.wire.tools import CallTool

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
metas = st.dictionaries(st.text(max_size=10).map(lambda text: f"x/{text}"), values, max_size=3)


@given(st.dictionaries(st.text(max_size=8).filter(lambda name: name != "_meta"), values, max_size=5), metas)
def test_every_member_goes_on_as_it_came(members: dict[str, Any], meta: dict[str, Any]) -> None:
    raw = json.dumps({**members, "_meta": meta}).encode()
    found = members_of(forwarded_method("tools/call").decode(msgspec.Raw(raw)))
    assert json.loads(msgspec.json.encode(found)) == {**members, "_meta": meta}


def test_what_headers_repeat_is_read_and_the_rest_is_not() -> None:
    params = forwarded_method("tools/call").decode(
        b'{"name":"add","arguments":{"a":1e400},"_meta":{"progressToken":1}}'
    )
    assert isinstance(params, Forwarded)
    assert (params.name, params.uri, params.meta.progress_token) == ("add", msgspec.UNSET, 1)  # type: ignore[union-attr]
    assert bytes(members_of(params)["arguments"]) == b'{"a":1e400}'
    assert forwarded_method("tools/call").decode(b'{"name":7}').name is msgspec.UNSET


def test_what_the_sender_says_of_itself_stays_where_another_revision_is_spoken() -> None:
    prefix = "io.modelcontextprotocol/"
    own = {prefix + "protocolVersion": "x", prefix + "clientCapabilities": {}, prefix + "logLevel": "info"}
    meta = {**own, "progressToken": 1, "traceparent": "00-a", "com.example/b": 2}
    members = members_of(forwarded_method("ping").decode(json.dumps({"_meta": meta}).encode()))
    assert set(undressed_meta(members, same=False)) == {"traceparent", "com.example/b"}
    assert set(undressed_meta(members, same=True)) == {*own, "traceparent", "com.example/b"}


def test_parameters_that_were_read_are_written_again() -> None:
    read = msgspec.json.decode(b'{"name":"add","arguments":{"a":1}}', type=CallTool)
    assert {key: bytes(msgspec.json.encode(value)) for key, value in members_of(read).items()} == {
        "name": b'"add"',
        "arguments": b'{"a":1}',
    }


def test_a_subscription_gets_the_number_it_has_in_front() -> None:
    key = "io.modelcontextprotocol/subscriptionId"
    raw = msgspec.Raw(json.dumps({"uri": "a://b", "_meta": {key: 9, "x/y": 1}}).encode())
    assert json.loads(bytes(renumbered(raw, "mine"))) == {"uri": "a://b", "_meta": {key: "mine", "x/y": 1}}
    plain = msgspec.Raw(b'{"uri":"a://b"}')
    assert renumbered(plain, "mine") is plain


def test_the_state_of_what_asks_first_is_taken_out_and_put_in() -> None:
    asking = msgspec.Raw(b'{"resultType":"input_required","requestState":"theirs","strange":1}')
    assert state_in(asking) == "theirs"
    assert json.loads(bytes(with_state(asking, "ours"))) == {**json.loads(bytes(asking)), "requestState": "ours"}
    for other in (b'{"content":[],"x":"input_required"}', b'{"resultType":"input_required"}', b"{}"):
        assert state_in(msgspec.Raw(other)) is None
