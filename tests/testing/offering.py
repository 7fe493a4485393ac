"""A server that the kit is tried on, on every transport: a little of everything, nothing at fault."""

from typing import Any

from dragoman import Context, Server

server = Server("offering", version="1.2.3", instructions="Ask.")


@server.tool
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@server.tool
async def agree(ctx: Context) -> str:
    """Ask whether to go on."""
    first = await ctx.elicit("Go on?", bool)
    return f"agreed: {first}"


@server.tool
async def count(to: int, ctx: Context) -> str:
    """Count, telling how far."""
    for number in range(to):
        await ctx.progress(number + 1, to)
    return "counted"


@server.resource("offering://text")
def text() -> str:
    return "text"


@server.resource("offering://{number}/double")
def double(number: int) -> dict[str, Any]:
    return {"double": number * 2}


@server.prompt
def greet(name: str, style: str = "kind") -> str:
    """Greet somebody."""
    return f"Say something {style} to {name}."


SAMPLES = {"add": {"a": 1}, "greet": {"name": "Ada"}, "offering://{number}/double": {"number": 2}}
