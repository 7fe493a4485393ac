"""The official client: `official.py COUNT http URL | stdio PYTHON SERVER | memory`. Prints CPU per call."""

import asyncio
import json
import sys
import time
from typing import Any

from mcp import Client, StdioServerParameters
from mcp.server import MCPServer


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


async def main() -> None:
    count = int(sys.argv[1])
    async with Client(target(sys.argv[2:])) as client:
        for _ in range(50):
            await client.call_tool("add", {"a": 2, "b": 3})
        before, began = time.process_time(), time.perf_counter()
        for _ in range(count):
            result = await client.call_tool("add", {"a": 2, "b": 3})
        cpu, wall = time.process_time() - before, time.perf_counter() - began
        if result.structured_content != {"result": 5}:
            raise RuntimeError(result)
    print(json.dumps({"cpu_us": cpu * 1e6 / count, "wall_us": wall * 1e6 / count}))


asyncio.run(main())
