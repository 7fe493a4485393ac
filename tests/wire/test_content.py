"""Content blocks as literal JSON, there and back."""

from typing import Any

import msgspec
import pytest

from dragoman.wire.content import AnyContents, Content, ResourceLink, TextContent
from dragoman.wire.notices import Cancelled, Progress
from dragoman.wire.prompts import Complete, GetPromptResult, PromptReference
from dragoman.wire.tools import CallTool, CallToolResult, Tool

BLOCKS = [
    b'{"type":"text","text":"t","annotations":{"audience":["user"],"priority":1.0,"lastModified":"x"},"_meta":{"a":1}}',
    b'{"type":"image","data":"AA==","mimeType":"image/png"}',
    b'{"type":"audio","data":"AA==","mimeType":"audio/wav"}',
    b'{"type":"resource_link","uri":"a://b","name":"n","mimeType":"x/y","size":1,"icons":[{"src":"i"}]}',
    b'{"type":"resource","resource":{"uri":"a://b","text":"","mimeType":"text/plain","_meta":{}}}',
    b'{"type":"resource","resource":{"uri":"a://b","blob":"AA=="}}',
]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_is_written_as_it_was_read(block: bytes) -> None:
    """TOOL-15, PROMPT-04"""
    assert msgspec.json.encode(msgspec.json.decode(block, type=Content)) == block


@pytest.mark.parametrize("block", [b'{"type":"video"}', b'{"text":"t"}', b'{"type":"text"}', b"[]"])
def test_a_block_of_no_known_kind_is_refused(block: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(block, type=Content)


def test_unknown_members_are_ignored() -> None:
    """META-13"""
    assert msgspec.json.decode(b'{"type":"text","text":"t","new":1}', type=Content) == TextContent(text="t")


def test_null_is_a_structured_result_and_absence_is_none() -> None:
    """TOOL-11"""
    decode: Any = msgspec.json.Decoder(CallToolResult).decode
    assert decode(b'{"content":[],"structuredContent":null}').structured_content is None
    assert decode(b'{"content":[]}').structured_content is msgspec.UNSET
    assert msgspec.json.encode(decode(b'{"content":[],"structuredContent":null}')) == (
        b'{"content":[],"structuredContent":null}'
    )


def test_the_arguments_of_a_call_stay_as_they_were_written() -> None:
    call = msgspec.json.decode(b'{"name":"x","arguments":{"a": 1.0, "a": 1e2}}', type=CallTool)
    assert bytes(call.arguments) == b'{"a": 1.0, "a": 1e2}'
    assert bytes(msgspec.json.decode(b'{"name":"x"}', type=CallTool).arguments) == b"{}"


def test_a_schema_keeps_every_keyword() -> None:
    """TOOL-05"""
    text = b'{"name":"x","inputSchema":{"$schema":"s","$defs":{"A":{"$anchor":"a"}},"if":{},"type":"object"}}'
    assert msgspec.json.encode(msgspec.json.decode(text, type=Tool)) == text


def test_references_are_told_apart_by_their_type() -> None:
    """PROMPT-08"""
    text = b'{"ref":{"type":"ref/prompt","name":"p"},"argument":{"name":"a","value":""}}'
    assert isinstance(msgspec.json.decode(text, type=Complete).ref, PromptReference)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text.replace(b"ref/prompt", b"ref/tool"), type=Complete)


def test_roles_are_two() -> None:
    text = b'{"messages":[{"role":"user","content":{"type":"text","text":"t"}}]}'
    assert msgspec.json.decode(text, type=GetPromptResult).messages[0].role == "user"
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text.replace(b"user", b"system"), type=GetPromptResult)


def test_optional_members_are_left_out() -> None:
    assert msgspec.json.encode(ResourceLink(uri="a://b", name="n")) == (
        b'{"type":"resource_link","uri":"a://b","name":"n"}'
    )
    assert msgspec.json.encode(AnyContents(uri="a://b", text="")) == b'{"uri":"a://b","text":""}'
    assert msgspec.json.encode(Progress(progress_token=0, progress=1)) == b'{"progressToken":0,"progress":1}'
    assert msgspec.json.encode(Cancelled()) == b"{}"
