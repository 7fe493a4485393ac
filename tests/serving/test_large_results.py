"""Results that are too large become links, and stay what they are: a promise kept, or a failure."""

import base64
import dataclasses
import json
from typing import Annotated, Any

import msgspec
import pytest
from tests.protocol.fixtures import MODERN, Line

from dragoman import Image, Limits, Server, ToolError, ToolResult
from dragoman.wire.content import AnyContents, EmbeddedResource, TextContent

SMALL = Limits(result=1000, page=400)


async def pages(line: Line, result: dict[str, Any], version: str = MODERN) -> str:
    """Return the whole of a result that was too large, read page by page as its link says."""
    link = next(block for block in result["content"] if block["type"] == "resource_link")
    text, uri = "", link["uri"]
    while uri is not None:
        (content,) = (await line.ask("resources/read", version, uri=uri))["result"]["contents"]
        text += content["text"]
        uri = content.get("_meta", {}).get("next")
    assert link["size"] == len(text.encode())
    return text


@pytest.mark.parametrize(("size", "linked"), [(1000, False), (1001, True)])
@pytest.mark.parametrize("letter", ["x", "é"])
async def test_a_text_over_the_cap_becomes_a_link_that_can_be_read_in_pages(
    size: int, linked: bool, letter: str
) -> None:
    """RES-11: the bytes count, not the letters."""
    server = Server("tools", limits=SMALL)
    text = letter * (size // len(letter.encode())) + "x" * (size % len(letter.encode()))

    @server.tool
    def long() -> Any:
        return text

    line = Line(server)
    result = await line.call("long")
    assert (len(result["content"]) == 2) is linked
    assert "isError" not in result
    assert (await pages(line, result) if linked else result["content"][0]["text"]) == text


async def test_the_default_cap_is_a_mebibyte() -> None:
    server = Server("tools")

    @server.tool
    def text(size: int) -> Any:
        return "x" * size

    assert len((await Line(server).call("text", size=2**20))["content"]) == 1
    assert len((await Line(server).call("text", size=2**20 + 1))["content"]) == 2


async def test_a_text_result_is_still_what_its_schema_promises() -> None:
    """TOOL-09, TOOL-10"""
    server = Server("tools", limits=SMALL)

    @server.tool
    def long() -> str:
        return "ab" * 2000

    line = Line(server)
    result = await line.call("long")
    assert result["structuredContent"] == {"result": result["content"][0]["text"]}
    assert result["content"][0]["text"].startswith("abab")
    assert await pages(line, result) == "ab" * 2000


async def test_a_text_of_a_narrower_kind_cannot_be_cut() -> None:
    """TOOL-09"""
    server = Server("tools", limits=SMALL)

    @server.tool
    def long() -> Annotated[str, msgspec.Meta(pattern="^(ab)*$")]:
        return "ab" * 2000

    result = await Line(server).call("long")
    assert result["isError"] is True and "structuredContent" not in result


@dataclasses.dataclass
class Report:
    rows: list[str]


async def test_an_object_over_the_cap_does_not_pass_for_what_was_promised() -> None:
    """TOOL-09"""
    server = Server("tools", limits=SMALL)
    rows = ["x" * 100] * 20

    @server.tool
    def promised() -> Report:
        return Report(rows)

    @server.tool
    def loose() -> Any:
        return {"rows": rows}

    line = Line(server)
    strict, free = await line.call("promised"), await line.call("loose")
    assert strict["isError"] is True and "isError" not in free
    for result in (strict, free):
        assert "structuredContent" not in result
        assert json.loads(await pages(line, result)) == {"rows": rows}


async def test_structured_content_counts_even_beside_a_short_text() -> None:
    server = Server("tools", limits=SMALL)

    @server.tool
    def summary() -> Any:
        return ToolResult("3 rows", structured={"rows": ["x" * 1000] * 3}, meta={"a": 1})

    line = Line(server)
    result = await line.call("summary")
    assert result["_meta"]["a"] == 1
    whole = json.loads(await pages(line, result))
    assert whole["content"] == [{"type": "text", "text": "3 rows"}]
    assert whole["structuredContent"] == {"rows": ["x" * 1000] * 3}


@pytest.mark.parametrize(
    "block",
    [
        Image(b"\x89PNG\r\n\x1a\n" + bytes(1000)),
        EmbeddedResource(resource=AnyContents(uri="a://b", blob=base64.b64encode(bytes(1000)).decode())),
        EmbeddedResource(resource=AnyContents(uri="a://b", text="x" * 2000)),
    ],
)
async def test_blocks_count_by_what_they_hold(block: Any) -> None:
    server = Server("tools", limits=SMALL)

    @server.tool
    def mixed() -> Any:
        return [TextContent(text="see"), block]

    line = Line(server)
    whole = json.loads(await pages(line, await line.call("mixed")))
    assert whole[0] == {"type": "text", "text": "see"} and len(whole) == 2


@pytest.mark.parametrize("kind", ["raised", "returned"])
async def test_a_failure_that_is_too_long_stays_a_failure(kind: str) -> None:
    """TOOL-13"""
    server = Server("tools", limits=SMALL)

    @server.tool
    def fails() -> Any:
        if kind == "raised":
            raise ToolError("x" * 5000)
        return ToolResult("x" * 5000, is_error=True)

    line = Line(server)
    result = await line.call("fails")
    assert result["isError"] is True
    assert await pages(line, result) == "x" * 5000


async def test_a_link_is_words_where_a_revision_has_no_links() -> None:
    """LEG-28"""
    server = Server("tools", limits=SMALL)

    @server.tool
    def long() -> Any:
        return "x" * 5000

    line = Line(server)
    blocks = (await line.call("long", "2025-03-26"))["content"]
    assert [block["type"] for block in blocks] == ["text", "text"]
    uri = blocks[1]["text"].rpartition("(")[2].removesuffix(")")
    read = (await line.ask("resources/read", "2025-03-26", uri=uri))["result"]["contents"][0]
    assert read == {"uri": uri, "mimeType": "text/plain", "text": "x" * 400}
