"""Dragoman's client: `ours.py http URL | stdio PYTHON SERVER | memory`. See timing.py."""

import asyncio
import sys
from typing import Any

from timing import measure

from dragoman import Client, Server


def target(words: list[str]) -> Any:
    """Return what to connect to."""
    if words[0] == "http":
        return words[1]
    if words[0] == "stdio":
        return [words[1], words[2], "stdio"]
    server = Server("bench", version="1.0.0")

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    return server


asyncio.run(measure(Client(target(sys.argv[1:])), lambda result: result.structured))
