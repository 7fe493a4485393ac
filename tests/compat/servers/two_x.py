"""A server for mcp 2.x."""

from typing import Annotated, Any, TypedDict

from mcp import MCPError
from mcp.server import MCPServer
from mcp.server.context import CallNext, ServerRequestContext
from mcp.server.extension import Extension, MethodBinding, ToolBinding
from mcp.server.mcpserver import Context, Image, Resolve
from mcp.server.mcpserver.exceptions import ResourceNotFoundError
from mcp.server.mcpserver.prompts.base import Message, UserMessage
from mcp.types import INVALID_PARAMS, Icon, RequestParams, Result, ToolAnnotations

seen: list[str] = []


class Stock(TypedDict):
    title: str
    copies: int


class EchoParams(RequestParams):
    text: str


class EchoResult(Result):
    text: str


async def echo(ctx: ServerRequestContext[Any, Any], params: EchoParams) -> EchoResult:
    return EchoResult(text=params.text)


def stamp(text: str) -> str:
    """Stamp a text."""
    return f"[{text}]"


class Stamps(Extension):
    identifier = "com.example/stamps"

    def settings(self) -> dict[str, Any]:
        return {"ink": "red"}

    def tools(self) -> list[ToolBinding]:
        return [ToolBinding(fn=stamp)]

    def methods(self) -> list[MethodBinding]:
        return [MethodBinding("com.example/echo", EchoParams, echo)]


async def count(ctx: ServerRequestContext, call_next: CallNext) -> Any:
    seen.append(ctx.method)
    return await call_next(ctx)


mcp = MCPServer(
    "two",
    title="Two",
    version="3.1",
    icons=[Icon(src="https://example.com/a.png", mime_type="image/png")],
    extensions=[Stamps()],
    middleware=[count],
)


async def check(title: str) -> Stock:
    return {"title": title, "copies": 3}


async def delivery(stock: Annotated[Stock, Resolve(check)]) -> str:
    return "tomorrow" if stock["copies"] else "never"


@mcp.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
async def order(title: str, stock: Annotated[Stock, Resolve(check)], when: Annotated[str, Resolve(delivery)]) -> Stock:
    """Order a book."""
    return {"title": f"{title} {when}", "copies": stock["copies"] - 1}


@mcp.tool()
def seen_methods() -> list[str]:
    """What the middleware saw."""
    return seen


@mcp.tool()
def crash() -> str:
    """Crashes with words that nobody may see."""
    raise KeyError("secret")


@mcp.tool()
def refuse() -> str:
    """Refuses."""
    raise MCPError(code=INVALID_PARAMS, message="not today")


@mcp.tool()
def whoami(ctx: Context) -> str:
    """Who calls."""
    return f"{ctx.client_id} {ctx.session.client_params.client_info.name}"


@mcp.resource("files://{+path}")
def file(path: str) -> str:
    """A file."""
    if path == "none":
        raise ResourceNotFoundError("nothing there")
    return path


@mcp.prompt()
def look() -> list[Message]:
    """A picture to look at."""
    return [UserMessage(Image(data=b"GIF8", format="gif"))]


if __name__ == "__main__":
    mcp.run(transport="streamable-http", port=3001)
