"""HTTP+SSE of 2024-11-05 with the official Python package: its client with our server, our client with its server."""

from __future__ import annotations

import pytest
from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.server import MCPServer
from tests.app.reaching import over_http
from tests.transcripts.server import server

from dragoman import Client

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


async def test_the_official_client_speaks_to_our_server() -> None:
    """LEG-25"""
    told = []
    async with (
        over_http(server.asgi(sse=True)) as url,
        sse_client(url.replace("/mcp", "/sse")) as (incoming, outgoing),
        ClientSession(incoming, outgoing) as session,
    ):
        hello = await session.initialize()
        assert (hello.server_info.name, hello.protocol_version) == ("transcript", "2025-11-25")
        assert len((await session.list_tools()).tools) == 5
        added = await session.call_tool("add", {"a": 40})
        assert added.structured_content == {"result": 42}

        async def on_progress(progress: float, total: float | None, message: str | None) -> None:
            told.append((progress, total, message))

        await session.call_tool("steps", {"count": 2}, progress_callback=on_progress)
        assert told == [(1, 2, "step 1"), (2, 2, "step 2")]
        assert (await session.read_resource("user://7/name")).contents[0].text == "user 7"


def official() -> MCPServer:
    made = MCPServer("official")

    @made.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return made


async def test_our_client_finds_the_official_server_and_speaks_to_it() -> None:
    """LEG-26, VER-13"""
    async with over_http(official().sse_app()) as url, Client(url.replace("/mcp", "/sse")) as client:
        assert client.version == "2025-11-25"
        assert [tool.name for tool in await client.list_tools()] == ["add"]
        assert (await client.call_tool("add", {"a": 40, "b": 2})).structured == {"result": 42}
