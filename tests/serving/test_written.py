"""Tools whose schemas were written by hand: what comes in and what goes out is what they say, in every era."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, META, MODERN, Line, post, routing, written

from dragoman import Context, Limits, RegistrationError, Server, ToolError, ToolResult

ERAS = pytest.mark.parametrize("version", [MODERN, LEGACY[0], LEGACY[-1]])
PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string", "minLength": 2}, "zip": {"$ref": "#/$defs/zip"}},
    "anyOf": [{"required": ["city"]}, {"required": ["zip"]}],
    "unevaluatedProperties": False,
    "$defs": {"zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
}
SKY: dict[str, Any] = {
    "type": "object",
    "properties": {"sky": {"enum": ["blue", "grey"]}},
    "required": ["sky"],
}


def forecast() -> Server:
    server = Server("written")

    @server.tool(input_schema=PLACE, output_schema=SKY)
    async def sky(**place: Any) -> Any:
        return {"sky": "green" if place.get("city") == "Oz" else "blue", "asked": place}

    @server.tool(input_schema=PLACE)
    def typed(city: str = "", zip: str = "") -> str:
        return city or zip

    return server


async def called(version: str, tool: str, **arguments: Any) -> dict[str, Any]:
    return dict(await Line(forecast()).call(tool, version, **arguments))


@ERAS
async def test_arguments_reach_the_function_when_they_fit_the_schema(version: str) -> None:
    """JSON-01, TOOL-04"""
    result = await called(version, "sky", city="Bath", zip="12345")
    assert '"asked":{"city":"Bath","zip":"12345"}' in result["content"][0]["text"]
    assert (await called(version, "typed", zip="12345"))["content"][0]["text"] == "12345"


@ERAS
@pytest.mark.parametrize("tool", ["sky", "typed"])
@pytest.mark.parametrize(
    "arguments, told",
    [
        ({"city": "X"}, '- $.city: expected at least 2 characters, got "X"'),
        ({"zip": "1"}, '- $.zip: expected a text that matches ^[0-9]{5}$, got "1"'),
        ({"city": "Bath", "zap": 1}, "- $.zap: expected no member of this name; did you mean 'zip'?"),
        (
            {},
            "- $: expected one of 2 alternatives, got {}; nearest: $.city: expected a value, got nothing",
        ),
    ],
)
async def test_arguments_that_do_not_fit_are_told_to_the_model(
    version: str, tool: str, arguments: Any, told: str
) -> None:
    """TOOL-13"""
    result = await called(version, tool, **arguments)
    assert result["isError"] is True
    [text] = [block["text"] for block in result["content"]]
    assert text.startswith("The arguments have ")
    assert told in text


@ERAS
async def test_a_result_that_is_not_what_the_schema_promises_is_never_sent(version: str, caplog: Any) -> None:
    """TOOL-09"""
    with caplog.at_level(logging.ERROR, "dragoman"):
        result = await called(version, "sky", city="Oz")
    assert result["isError"] is True
    assert "structuredContent" not in result
    assert "green" not in str(result)  # the caller gets an id, the log the place
    assert '$.sky: expected one of "blue", "grey", got "green"' in caplog.text
    assert (await called(version, "sky", city="Bath")).get("isError") is not True


async def test_a_promise_that_is_not_kept_at_all_is_told_in_the_log(caplog: Any) -> None:
    """TOOL-09: nothing structured where something was promised; a failure promises nothing."""
    server = Server("written")
    given: list[Any] = [
        ToolResult("words"), ToolResult(structured={"sky": 1}), ToolResult("broken", is_error=True),
        ToolResult(structured={"sky": "grey"}),
    ]  # fmt: skip

    @server.tool(output_schema=SKY)
    def sky() -> Any:
        return given.pop(0)

    line = Line(server)
    with caplog.at_level(logging.ERROR, "dragoman"):
        assert (await line.call("sky"))["isError"] is True
        assert "expected structured content, got none" in caplog.text
        assert (await line.call("sky"))["isError"] is True
        assert '$.sky: expected one of "blue", "grey", got 1' in caplog.text
    assert (await line.call("sky"))["content"][0]["text"] == "broken"
    assert (await line.call("sky"))["structuredContent"] == {"sky": "grey"}


async def test_a_context_comes_beside_all_arguments_and_nobody_sends_one() -> None:
    server = Server("written")

    @server.tool(input_schema={"type": "object"})
    async def echo(ctx: Context, **given: Any) -> str:
        return f"{sorted(given)} {type(ctx).__name__}"

    line = Line(server)
    assert (await line.call("echo", b=1, a={}))["content"][0]["text"] == "['a', 'b'] Context"
    assert "$.ctx: expected no argument of this name" in (await line.call("echo", ctx=1))["content"][0]["text"]


def test_all_arguments_by_name_or_all_together() -> None:
    server = Server("written")

    def both(city: str, **rest: Any) -> None: ...
    def all_of_them(**rest: Any) -> None: ...

    with pytest.raises(RegistrationError, match=r"both city and \*\*rest take arguments.*test_written.py"):
        server.add_tool(both, input_schema={"type": "object"})
    with pytest.raises(RegistrationError, match=r"\*\*rest has no schema"):
        server.add_tool(all_of_them)
    server.add_tool(all_of_them, input_schema={"type": "object"})


@pytest.mark.parametrize("option", ["input_schema", "output_schema"])
@pytest.mark.parametrize(
    "part, reason",
    [
        ({"properties": {"a": {"pattern": "("}}}, "is not a"),
        ({"allOf": [{"$ref": "#"}]}, "without end"),
        ({"$schema": "https://json-schema.org/draft/2019-09/schema"}, "dialect"),
        ({"required": ["a", "a"]}, "non-unique"),
    ],
)
def test_a_schema_that_cannot_be_used_is_told_at_registration(option: str, part: Any, reason: str) -> None:
    """JSON-02, JSON-03, JSON-07"""
    server = Server("written")

    def job(**given: Any) -> Any: ...

    good: dict[str, Any] = {"input_schema": {"type": "object"}}
    with pytest.raises(RegistrationError, match=rf"the {option.split('_')[0]} schema: .*{reason}.*test_written.py"):
        server.add_tool(job, **{**good, option: {"type": "object", **part}})
    server.add_tool(job, **{**good, option: {"type": "object"}})


async def test_draft_07_is_checked_as_draft_07() -> None:
    """JSON-02"""
    server = Server("written")
    pair = {"items": [{"type": "string"}, {"type": "integer"}], "additionalItems": False}
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"pair": pair},
    }

    @server.tool(input_schema=schema)
    def first(**given: Any) -> str:
        return str(given["pair"][0])

    line = Line(server)
    assert (await line.call("first", pair=["a", 1]))["content"][0]["text"] == "a"
    assert "$.pair" in (await line.call("first", pair=["a", 1, 2]))["content"][0]["text"]


@pytest.mark.parametrize("header, code", [("eu", None), (None, -32020), ("us", -32020)])
async def test_headers_repeat_arguments_of_a_schema_written_by_hand(header: Any, code: Any) -> None:
    """HTTP-25, HTTP-36"""
    server = Server("written")
    properties = {"region": {"type": "string", "x-mcp-header": "Region", "pattern": "^[a-z]+$"}}

    @server.tool(input_schema={"type": "object", "properties": properties, "required": ["region"]})
    async def query(**given: Any) -> str:
        return str(given["region"])

    body = written("tools/call", {"name": "query", "arguments": {"region": "eu"}, "_meta": META})
    headers = routing("tools/call", "query") | ({} if header is None else {"mcp-param-region": header})
    answer = await post(server.asgi(), body, headers)
    if code:
        assert (answer.status, answer.code) == (400, code)
    else:
        assert answer.json["result"]["content"][0]["text"] == "eu"


async def test_what_the_function_says_of_its_failure_is_still_told() -> None:
    server = Server("written")

    @server.tool(input_schema={"type": "object"}, output_schema=SKY)
    def sky(**given: Any) -> Any:
        raise ToolError("no sky today")

    assert (await Line(server).call("sky"))["content"][0]["text"] == "no sky today"


def test_the_validator_is_loaded_for_schemas_written_by_hand_alone() -> None:
    program = """
import sys
from dragoman import Server
server = Server("s")
@server.tool
def add(a: int, b: int) -> int: return a + b
assert "jsonschema_rs" not in sys.modules
@server.tool(input_schema={"type": "object"})
def all_of(**given) -> str: return "x"
assert "jsonschema_rs" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("more, cut", [({}, True), ({"required": ["result", "more"]}, False), ({"allOf": [{}]}, False)])
async def test_a_text_is_cut_only_where_the_schema_wants_no_more_than_it(more: Any, cut: bool) -> None:
    """TOOL-09"""
    server = Server("written", limits=Limits(result=5_000))
    schema = {"type": "object", "properties": {"result": {"type": "string"}}, **more}

    @server.tool(output_schema=schema)
    def long() -> Any:
        return {"result": "x" * 10_000, "more": 1}

    result = await Line(server).call("long")
    assert ("structuredContent" in result) is cut
    assert (result.get("isError") is True) is not cut
