"""What output schemas promise, and clients that hold servers to it: any peer's schema, in bounded time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from msgspec import UNSET, structs
from tests.app.reaching import over_http

from dragoman import Client, MalformedError, SchemaError, Server
from dragoman.app import lazily
from dragoman.calling.promises import Promises
from dragoman.calling.results import CallResult
from dragoman.protocol.exchange import Call
from dragoman.wire.content import TextContent
from dragoman.wire.tools import CallToolResult, ListToolsResult, Tool

SKY: dict[str, Any] = {"type": "object", "properties": {"sky": {"enum": ["blue", "grey"]}}, "required": ["sky"]}
MODES = pytest.mark.parametrize("mode", ["modern", "legacy"])


def tool(schema: Any, name: str = "sky") -> Tool:
    return Tool(name=name, input_schema={"type": "object"}, output_schema=schema)


def result(structured: Any, *, failed: bool = False) -> CallResult:
    text = [TextContent(text="words")]
    return CallResult(CallToolResult(content=text, structured_content=structured, is_error=failed or UNSET))


def promised(*tools: Tool) -> Promises:
    promises = Promises(lazily.validator)
    promises.note(tools, 0)
    return promises


def test_a_result_that_fits_passes_and_one_that_does_not_is_told_with_its_place() -> None:
    """TOOL-12"""
    promises = promised(tool(SKY))
    promises.keep("sky", result({"sky": "blue"}), 0)
    with pytest.raises(
        SchemaError, match=r"'sky' is not what .*\$\.sky: expected one of \"blue\", \"grey\", got 3"
    ) as told:
        promises.keep("sky", result({"sky": 3}), 0)
    assert told.value.at == "$.sky"
    assert told.value.result.structured == {"sky": 3}
    assert isinstance(told.value, MalformedError)


def test_what_was_promised_must_come_unless_the_tool_failed() -> None:
    """TOOL-12"""
    promises = promised(tool(SKY), tool(UNSET, "free"))
    with pytest.raises(SchemaError, match="gave no structured content"):
        promises.keep("sky", result(UNSET), 0)
    promises.keep("sky", result(UNSET, failed=True), 0)
    promises.keep("sky", result({"sky": 3}, failed=True), 0)
    promises.keep("free", result(UNSET), 0)
    promises.keep("unheard", result({"sky": 3}), 0)


def test_a_list_that_changed_promises_nothing_until_it_is_asked_for_again() -> None:
    promises = promised(tool(SKY))
    promises.keep("sky", result({"sky": 3}), 1)
    promises.note([tool({**SKY, "required": ["rain"]})], 1)
    with pytest.raises(SchemaError, match=r"\$\.rain"):
        promises.keep("sky", result({"sky": "blue"}), 1)
    promises.note([], 1)
    promises.keep("sky", result({}), 1)


def test_a_schema_is_compiled_once_when_its_tool_is_first_called() -> None:
    compiled: list[Any] = []

    def compile(schema: Any) -> Any:
        compiled.append(schema)
        return lazily.validator(schema)

    promises = Promises(compile)
    promises.note([tool(SKY), tool({"type": "object"}, "other")], 0)
    assert compiled == []
    for _ in range(3):
        promises.keep("sky", result({"sky": "blue"}), 0)
    promises.note([tool(dict(SKY))], 0)
    promises.keep("sky", result({"sky": "blue"}), 0)
    assert compiled == [SKY]


TRAPS: list[tuple[Any, str]] = [
    ({"$schema": "https://json-schema.org/draft/2019-09/schema"}, "dialect"),
    ({"$ref": "http://127.0.0.1:9/x"}, "nothing is fetched"),
    ({"type": "nothing"}, "type must be"),
    ({"pattern": "(a{1,1000}){1,1000}"}, "repeat too much"),
    ({"anyOf": [{}] * 5_000}, "more than 1000 schemas"),
]


@pytest.mark.parametrize("schema, reason", TRAPS)
def test_a_schema_that_cannot_be_used_is_told_before_the_call(schema: Any, reason: str) -> None:
    """JSON-02, JSON-04, JSON-07, TOOL-12"""
    promises = promised(tool(schema))
    started = time.process_time()
    with pytest.raises(SchemaError, match=f"cannot be used: .*{reason}.*check_results=False") as told:
        promises.ready("sky", 0)
    assert time.process_time() - started < 0.25
    assert told.value.result is None
    assert promised(tool(SKY)).ready("sky", 0) is not None


# --- with a server that breaks its word -------------------------------------------------------------------------


def untrue(gives: Any, schema: Any = SKY) -> tuple[Server, list[str]]:
    """Return a server whose one tool promises `schema` and gives `gives`, and the methods that it was asked."""
    asked: list[str] = []

    async def lie(call: Call, handler: Any) -> Any:
        asked.append(call.method)
        reply = await handler(call)
        if call.method == "tools/list":
            return ListToolsResult(tools=[tool(schema)])
        return structs.replace(reply, structured_content=gives) if call.method == "tools/call" else reply

    server = Server("untrue", middleware=[lie])

    @server.tool
    def sky() -> dict[str, Any]:
        return {}

    return server, asked


@MODES
async def test_a_client_holds_a_server_to_what_it_listed(mode: str) -> None:
    """TOOL-12"""
    server, asked = untrue({"sky": 3})
    async with Client(server, mode=mode) as client:
        assert (await client.call_tool("sky")).structured == {"sky": 3}  # nothing was listed: nothing is asked for
        assert "tools/list" not in asked
        await client.list_tools()
        with pytest.raises(SchemaError, match=r"\$\.sky"):
            await client.call_tool("sky")
        with pytest.raises(SchemaError, match=r"\$\.sky"):
            await client.begin_tool("sky")
    async with Client(server, mode=mode, check_results=False) as client:
        await client.list_tools()
        assert (await client.call_tool("sky")).structured == {"sky": 3}
    honest, _ = untrue({"sky": "grey"})
    async with Client(honest, mode=mode) as client:
        await client.list_tools()
        assert (await client.call_tool("sky")).structured == {"sky": "grey"}


@MODES
async def test_a_schema_that_cannot_be_used_keeps_its_tool_from_being_called(mode: str) -> None:
    """JSON-02"""
    server, asked = untrue({}, {"type": "object", "allOf": [{"$ref": "file:///etc/passwd"}]})
    async with Client(server, mode=mode) as client:
        assert [one.name for one in await client.list_tools()] == ["sky"]
        with pytest.raises(SchemaError, match="nothing is fetched"):
            await client.call_tool("sky")
        assert "tools/call" not in asked
    async with Client(server, mode=mode, check_results=False) as client:
        await client.list_tools()
        assert (await client.call_tool("sky")).structured == {}


def test_without_asyncio_as_well() -> None:
    server, _ = untrue({"sky": 3})
    with Client.sync(server) as client:
        client.list_tools()
        with pytest.raises(SchemaError, match=r"\$\.sky"):
            client.call_tool("sky")


async def test_headers_repeat_arguments_of_a_schema_written_by_hand() -> None:
    """HTTP-26, HTTP-36"""
    server = Server("written")
    properties = {"region": {"type": "string", "x-mcp-header": "Region"}}

    @server.tool(input_schema={"type": "object", "properties": properties}, output_schema={"type": "object"})
    async def query(**given: Any) -> dict[str, Any]:
        return given

    async with over_http(server) as url, Client(url, mode="modern") as client:
        await client.list_tools()
        assert (await client.call_tool("query", {"region": "eu"})).structured == {"region": "eu"}
