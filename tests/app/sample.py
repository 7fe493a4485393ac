"""A server that client tests talk to, in memory, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Annotated, Any

from msgspec import Meta

from dragoman import Context, RequestError, Server, ToolError

server = Server("sample", version="1.2.3", instructions="Add things.")


@server.tool
async def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@server.tool
async def record(name: str) -> dict[str, Any]:
    """Give a record."""
    return {"name": name, "empty": None}


@server.tool
async def nothing() -> None:
    """Give nothing."""


@server.tool
async def count(to: int, ctx: Context) -> str:
    """Count up, telling how far."""
    for number in range(to):
        await ctx.progress(number + 1, to, f"at {number + 1}")
    return "counted"


@server.tool
async def refuse() -> str:
    """Fail in a way that the model may see."""
    raise ToolError("no, thanks")


@server.tool
async def wait(seconds: float, ctx: Context) -> str:
    """Wait; say on stderr when cancelled."""
    await ctx.progress(0, 1)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print("wait was cancelled", file=sys.stderr, flush=True)
        raise
    return "waited"


@server.tool
async def die() -> str:
    """End the process."""
    print("my last words", file=sys.stderr, flush=True)
    os._exit(3)


@server.tool
async def region(name: Annotated[str, Meta(extra_json_schema={"x-mcp-header": "Region"})], ctx: Context) -> str:
    """Give back what the headers said."""
    return dict(ctx.headers).get("mcp-param-region", "none")


@server.resource("sample://greeting", mime_type="text/plain")
def greeting() -> str:
    return "hello"


@server.resource("sample://numbers/{number}")
def numbers(number: int) -> bytes:
    return bytes([number])


@server.prompt
def ask(name: str) -> str:
    """Ask somebody."""
    return f"How are you, {name}?"


@server.method("sample/double")
async def double(number: int = 0) -> dict[str, Any]:
    if not number:
        raise RequestError(-7, "what number?", {"wanted": "number"})
    return {"doubled": number * 2}


@server.completion("ask", "name")
async def complete_name(*given: Any) -> list[str]:
    return ["Ada", "Alan"]


if __name__ == "__main__":
    server.run()
