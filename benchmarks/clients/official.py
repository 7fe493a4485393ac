"""The official client: `official.py http URL | stdio PYTHON SERVER | memory`. See timing.py."""

import asyncio
import sys
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.server import MCPServer
from timing import measure


def target(words: list[str]) -> Any:
    """Return what to connect to."""
    if words[0] == "http":
        return words[1]
    if words[0] == "stdio":
        return StdioServerParameters(command=words[1], args=[words[2], "stdio"])
    server = MCPServer("bench")

    @server.tool()
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return server


asyncio.run(measure(Client(target(sys.argv[1:])), lambda result: result.structured_content))
