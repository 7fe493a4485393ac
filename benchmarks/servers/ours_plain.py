"""The README's server, for `dragoman run`."""

from dragoman import Server

server = Server("bench", version="1.0.0")


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b
