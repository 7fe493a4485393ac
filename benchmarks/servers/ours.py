"""The README's server with all defaults: `ours.py stdio [TOOLS]` or `ours.py PORT [TOOLS]`."""

import sys

from dragoman import Server

server = Server("bench", version="1.0.0")


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def add_more(count: int) -> None:
    """Register further tools of the same shape, as a large server has."""
    for number in range(count - 1):
        server.add_tool(add, name=f"add_{number}")


if __name__ == "__main__":
    add_more(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.run("http", port=int(sys.argv[1]))
