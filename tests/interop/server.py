"""The server of ours that other packages' clients visit: what every check of theirs wants, over stdio or HTTP.

Run as `python server.py stdio` or `python server.py PORT`. The servers in `peers/` offer the same, `go` left out.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass

from dragoman import Context, Server, ToolError

server = Server("interop", version="1.2.3", instructions="Ask for anything.")
heard = asyncio.Event()


@dataclass
class Address:
    """Where a parcel goes."""

    street: str
    express: bool = False


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool
async def fail() -> str:
    """Fail, and say why."""
    raise ToolError("there is no ink left")


@server.tool
async def steps(count: int, ctx: Context) -> str:
    """Report progress `count` times, and end when `go` is called: by a client that has heard it all."""
    heard.clear()
    for number in range(1, count + 1):
        await ctx.progress(number, count, f"step {number}")
    await heard.wait()
    return "done"


@server.tool
async def go() -> None:
    """Let `steps` end."""
    heard.set()


@server.tool
async def order(item: str, ctx: Context) -> str:
    """Ask where to send an item."""
    address = await ctx.elicit("Where to?", Address)
    return f"{item} to {address.street}, {'express' if address.express else 'slow'}"


@server.resource("config://app", mime_type="application/json")
async def config() -> dict[str, bool]:
    """What is switched on."""
    return {"dark": True}


@server.resource("user://{id}/name")
async def user(id: int) -> str:
    """The name of a user."""
    return f"user {id}"


@server.prompt
async def greet(name: str) -> str:
    """Greet somebody."""
    return f"Say something kind to {name}."


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.run("http", port=int(sys.argv[1]))
