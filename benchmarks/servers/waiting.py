"""A server whose tool waits, and writes down whether it could: `waiting.py PORT LOG`."""

import asyncio
import sys
from pathlib import Path

from dragoman import Server

server = Server("bench", version="1.0.0")
LOG = Path(sys.argv[2])


def note(word: str) -> None:
    with LOG.open("a") as file:
        file.write(f"{word}\n")


@server.tool
async def wait(seconds: float) -> str:
    """Wait."""
    note("began")
    try:
        await asyncio.sleep(seconds)  # what a client that leaves cuts short
    except asyncio.CancelledError:
        note("stopped")
        raise
    note("ended")
    return "done"


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


if __name__ == "__main__":
    server.run("http", port=int(sys.argv[1]))
