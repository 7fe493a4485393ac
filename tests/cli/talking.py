"""The server that tests of chats talk with."""

import asyncio
from typing import Literal

from dragoman import Context, Server

server = Server("talking")


@server.tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool
async def wait(ctx: Context) -> str:
    """Wait for ever."""
    await ctx.progress(1, 4, "a quarter")
    await asyncio.Event().wait()
    return ""


@server.tool
async def order(ctx: Context) -> str:
    """Order pens."""
    count = await ctx.elicit("How many pens?", int)
    return f"{count} pens"


@server.prompt
def greet(name: Literal["Ann", "Bob"]) -> str:
    """Greet somebody."""
    return f"Say hello to {name}."


@server.resource("docs://talking/terms")
def terms() -> str:
    """Terms."""
    return "Payment within 30 days."
