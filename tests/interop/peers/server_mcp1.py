"""The official Python SDK, 1.x, as a server: `server_mcp1.py stdio` or `PORT`. Offers what ours does."""

import sys

from mcp.server.fastmcp import Context, FastMCP
from pydantic import BaseModel

server = FastMCP("interop", instructions="Ask for anything.")


class Address(BaseModel):
    street: str
    express: bool = False


@server.tool()
async def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def fail() -> str:
    raise ValueError("there is no ink left")


@server.tool()
async def steps(count: int, ctx: Context) -> str:
    for number in range(1, count + 1):
        await ctx.report_progress(number, count, f"step {number}")
    return "done"


@server.tool()
async def order(item: str, ctx: Context) -> str:
    asked = await ctx.elicit("Where to?", Address)
    return f"{item} to {asked.data.street}, {'express' if asked.data.express else 'slow'}"


@server.resource("config://app", mime_type="application/json")
async def config() -> str:
    return '{"dark":true}'


@server.resource("user://{id}/name")
async def user(id: str) -> str:
    return f"user {id}"


@server.prompt()
async def greet(name: str) -> str:
    return f"Say something kind to {name}."


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run()
    else:
        server.settings.port = int(sys.argv[1])
        server.run("streamable-http")
