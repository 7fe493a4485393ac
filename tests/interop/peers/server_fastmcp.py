"""FastMCP as a server: `server_fastmcp.py stdio` or `PORT`. Offers what tests/interop/server.py does."""

import sys

from fastmcp import Context, FastMCP
from fastmcp.exceptions import ToolError
from mcp.types import ElicitRequest, ElicitRequestFormParams, InputRequiredResult
from pydantic import BaseModel

server = FastMCP("interop", version="1.2.3", instructions="Ask for anything.")


class Address(BaseModel):
    street: str
    express: bool = False


@server.tool
async def add(a: int, b: int) -> int:
    return a + b


@server.tool
async def fail() -> str:
    raise ToolError("there is no ink left")


@server.tool
async def steps(count: int, ctx: Context) -> str:
    for number in range(1, count + 1):
        await ctx.report_progress(number, count, f"step {number}")
    return "done"


@server.tool
async def order(item: str, ctx: Context) -> str | InputRequiredResult:
    answered = (ctx.input_responses or {}).get("where")
    if answered is None:
        try:
            asked = await ctx.elicit("Where to?", Address)
        except ToolError:  # the stateless era: FastMCP leaves the two ways of asking to its user
            form = ElicitRequestFormParams(message="Where to?", requested_schema=Address.model_json_schema())
            return InputRequiredResult(input_requests={"where": ElicitRequest(params=form)})
        address = asked.data
    else:
        address = Address.model_validate(answered.content)
    return f"{item} to {address.street}, {'express' if address.express else 'slow'}"


@server.resource("config://app", mime_type="application/json")
async def config() -> str:
    return '{"dark":true}'


@server.resource("user://{id}/name")
async def user(id: str) -> str:
    return f"user {id}"


@server.prompt
async def greet(name: str) -> str:
    return f"Say something kind to {name}."


if __name__ == "__main__":
    if sys.argv[1] == "stdio":
        server.run(show_banner=False)
    else:
        server.run("http", port=int(sys.argv[1]), show_banner=False)
