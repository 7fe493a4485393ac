"""Results in one piece or in parts."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from dragoman.calling.results import CallResult, ReadResult
from dragoman.errors import MalformedError
from dragoman.wire.content import AnyContents, ImageContent, TextContent
from dragoman.wire.resources import ReadResourceResult
from dragoman.wire.tools import CallToolResult


def called(structured: Any = UNSET, *texts: str) -> CallResult:
    return CallResult(CallToolResult(content=[TextContent(text=text) for text in texts], structured_content=structured))


@pytest.mark.parametrize(
    "structured, value",
    [
        ({"result": 3}, 3),
        ({"result": None}, None),
        ({"result": 3, "more": 4}, {"result": 3, "more": 4}),
        ({"a": 1}, {"a": 1}),
        ({}, {}),
        ([1, 2], [1, 2]),
        (None, None),
        (0, 0),
        (UNSET, "one\ntwo"),
    ],
)
def test_the_value_is_what_the_function_returned(structured: Any, value: Any) -> None:
    result = called(structured, "one", "two")
    assert result.value == value
    assert result.text == "one\ntwo"
    assert result.has_structured is (structured is not UNSET)
    assert result.structured == (None if structured is UNSET else structured)


def test_only_text_blocks_are_text() -> None:
    image = ImageContent(data="aGk=", mime_type="image/png")
    result = CallResult(CallToolResult(content=[TextContent(text="see:"), image], meta={"k": 1}, is_error=True))
    assert result.text == "see:" and result.content[1] is image
    assert result.meta == {"k": 1} and result.is_error
    assert repr(result) == "CallResult('see:', is_error=True)"


def test_a_long_result_is_shown_short() -> None:
    assert len(repr(called("x" * 10_000))) < 300


def test_a_resource_is_text_or_bytes() -> None:
    parts = [AnyContents(uri="a:1", text="Ü", mime_type="text/plain"), AnyContents(uri="a:2", blob="AAEC")]
    result = ReadResult(ReadResourceResult(contents=parts))
    assert result.text == "Ü" and result.data == "Ü".encode() + b"\x00\x01\x02"
    assert result.mime_type == "text/plain"
    assert repr(result) == "ReadResult(['a:1', 'a:2'])"


def test_broken_base64_names_the_resource() -> None:
    broken = ReadResult(ReadResourceResult(contents=[AnyContents(uri="a:1", blob="A")]))
    with pytest.raises(MalformedError, match="resource 'a:1' is not Base64"):
        _ = broken.data
    assert broken.text == ""


def test_an_empty_resource_has_no_type() -> None:
    empty = ReadResult(ReadResourceResult(contents=[]))
    assert (empty.text, empty.data, empty.mime_type) == ("", b"", None)
