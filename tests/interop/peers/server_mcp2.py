"""The official Python SDK, 2.x, as a server: `server_mcp2.py stdio` or `PORT`. Offers what ours does."""

import sys
from typing import Annotated

from mcp.server.mcpserver import Context, Elicit, MCPServer, Resolve
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

server = MCPServer("interop", version="1.2.3", instructions="Ask for anything.")


class Address(BaseModel):
    street: str
    express: bool = False


async def where() -> Elicit[Address]:
    return Elicit("Where to?", Address)


@server.tool()
async def add(a: int, b: int) -> int:
    return a + b


@server.tool()
async def fail() -> str:
    raise ToolError("there is no ink left")


@server.tool()
async def steps(count: int, ctx: Context) -> str:
    for number in range(1, count + 1):
        await ctx.report_progress(number, count, f"step {number}")
    return "done"


@server.tool()
async def order(item: str, address: Annotated[Address, Resolve(where)]) -> str:
    return f"{item} to {address.street}, {'express' if address.express else 'slow'}"


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
        server.run("streamable-http", port=int(sys.argv[1]))
