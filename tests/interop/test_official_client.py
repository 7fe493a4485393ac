"""The official Python client with our server, in both of its modes, over HTTP and over stdio of a real process."""

import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, MCPError, StdioServerParameters
from tests.transcripts.server import server
from tests.transport.raw_http import listening

ROOT = Path(__file__).parent.parent.parent
WAYS = [(way, mode) for way in ("http", "stdio") for mode in ("auto", "legacy")]


class Opened:
    """Opens the client within the test's own task, as its cancel scopes want it."""

    def __init__(self, way: str, mode: str) -> None:
        self.way = way
        self.mode = mode
        self.stack = AsyncExitStack()
        self.heard: list[Any] = []

    async def __aenter__(self) -> Client:
        if self.way == "http":
            place = await self.stack.enter_async_context(listening(server.asgi()))
            target: Any = f"http://127.0.0.1:{place.port}/mcp"
        else:
            target = StdioServerParameters(
                command=sys.executable, args=["-m", "tests.transcripts.server"], cwd=str(ROOT)
            )
        return await self.stack.enter_async_context(Client(target, mode=self.mode))  # type: ignore[arg-type]

    async def __aexit__(self, *error: Any) -> None:
        await self.stack.aclose()


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way))
def opened(request: pytest.FixtureRequest) -> Opened:
    return Opened(*request.param)


async def test_it_learns_who_we_are_and_what_we_can(opened: Opened) -> None:
    async with opened as client:
        expected = "2026-07-28" if opened.mode == "auto" else "2025-11-25"
        assert client.protocol_version == expected
        assert (client.server_info.name, client.server_info.version) == ("transcript", "1.2.3")
        assert client.instructions == "Ask for anything."
        declared = client.server_capabilities
        assert declared.tools and declared.resources and declared.prompts


async def test_it_lists_and_calls_tools(opened: Opened) -> None:
    async with opened as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        assert set(tools) == {"add", "find", "fail", "show", "steps"}
        assert tools["add"].input_schema["required"] == ["a"]
        assert tools["find"].annotations.read_only_hint is True
        added = await client.call_tool("add", {"a": 40})
        assert (added.is_error, added.structured_content) == (False, {"result": 42})
        found = await client.call_tool("find", {"name": "Basel"})
        assert found.structured_content == {"name": "Basel", "latitude": 47.5}
        shown = await client.call_tool("show", {})
        assert [block.type for block in shown.content] == ["text", "image", "audio", "resource_link"]


async def test_it_reads_resources_and_prompts(opened: Opened) -> None:
    async with opened as client:
        assert [item.uri for item in (await client.list_resources()).resources] == ["config://app"]
        templates = (await client.list_resource_templates()).resource_templates
        assert [item.uri_template for item in templates] == ["user://{id}/name"]
        assert (await client.read_resource("config://app")).contents[0].text == '{"dark":true}'
        assert (await client.read_resource("user://7/name")).contents[0].text == "user 7"
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["greet"]
        prompt = await client.get_prompt("greet", {"name": "Ada"})
        assert prompt.messages[0].content.text == "Say something kind to Ada."


async def test_it_hears_progress(opened: Opened) -> None:
    heard: list[tuple[float, float | None, str | None]] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        heard.append((done, total, message))

    async with opened as client:
        result = await client.call_tool("steps", {"count": 3}, progress_callback=progress)
        assert result.structured_content == {"result": "done"}
    assert heard == [(1, 3, "step 1"), (2, 3, "step 2"), (3, 3, "step 3")]


async def test_it_hears_errors_of_tools_and_of_the_protocol(opened: Opened) -> None:
    async with opened as client:
        failed = await client.call_tool("fail")
        assert (failed.is_error, failed.content[0].text) == (True, "there is no ink left")
        wrong = await client.call_tool("find", {"name": "Basel", "kind": "twon"})
        assert wrong.is_error and "did you mean 'town'" in wrong.content[0].text
        with pytest.raises(MCPError, match="did you mean 'add'"):
            await client.call_tool("ad", {})
        with pytest.raises(MCPError, match="resource not found"):
            await client.read_resource("config://nothing")
        with pytest.raises(MCPError, match="unknown prompt"):
            await client.get_prompt("great", {})
        # The connection has survived all of it.
        assert (await client.call_tool("add", {"a": 1})).structured_content == {"result": 3}


async def test_many_calls_run_at_once(opened: Opened) -> None:
    import asyncio

    async with opened as client:
        results = await asyncio.gather(*(client.call_tool("add", {"a": n, "b": n}) for n in range(30)))
    assert [result.structured_content["result"] for result in results] == [2 * n for n in range(30)]
