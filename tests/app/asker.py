"""A server that asks, and that changes: in memory, over stdio and over HTTP."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from msgspec import Meta

from dragoman import Context, Server, ask

server = Server("asker", version="1")


@dataclass
class Parcel:
    """Where a parcel goes."""

    street: str
    number: int = 7
    speed: Literal["slow", "fast"] = "slow"
    weight: Annotated[float, Meta(ge=0)] = 1.5
    fragile: bool = True


@server.tool
async def send(ctx: Context) -> dict[str, Any]:
    """Ask where to, then whether that is right."""
    parcel = await ctx.elicit("Where to?", Parcel)
    if not await ctx.elicit("Sure?", bool):
        return {"sent": False}
    return {"street": parcel.street, "number": parcel.number, "speed": parcel.speed, "fragile": parcel.fragile}


@server.tool
async def visit(ctx: Context) -> str:
    """Ask for a visit to a page."""
    await ctx.elicit("Please pay", url="https://pay.example/1")
    return "paid"


@server.tool
async def think(ctx: Context) -> str:
    """Ask a model."""
    result = await ctx.sample("What is it?", max_tokens=10)
    return f"{result.model}: {result.content.text}"


@server.tool
async def folders(ctx: Context) -> list[str]:
    """Ask for folders."""
    return [root.uri for root in await ctx.roots()]


@server.tool
async def together(ctx: Context) -> str:
    """Ask three things at once."""
    found = await ctx.ask_all({"a": ask.form("First?", str), "b": ask.form("Second?", str), "c": ask.roots()})
    return f"{found['a']} {found['b']} {len(found['c'])}"


@server.tool
async def often(times: int, ctx: Context) -> str:
    """Ask many times."""
    return "".join([await ctx.elicit(f"Number {number}?", str) for number in range(times)])


@server.resource("asker://{name}")
async def read(name: str, ctx: Context) -> str:
    return f"{name}: {await ctx.elicit('Who reads?', str)}"


@server.prompt
async def write(ctx: Context) -> str:
    return f"Dear {await ctx.elicit('To whom?', str)}"


@server.tool
async def impatient(ctx: Context) -> str:
    """Ask, and give up before the answer comes."""
    try:
        async with asyncio.timeout(0.2):
            return str(await ctx.elicit("Quick?", str))
    except TimeoutError:
        return "too late"


@server.resource("asker://steady")
def steady() -> str:
    return "steady"


@server.tool
def change(kind: str, uri: str = "") -> str:
    """Say that something changed."""
    if kind == "resource":
        server.notify_resource_updated(uri)
    else:
        getattr(server, f"notify_{kind}_changed")()
    return "said"


if __name__ == "__main__":
    print("asker begins", file=sys.stderr)
    server.run()
