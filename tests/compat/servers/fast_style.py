"""A server for fastmcp."""

from dataclasses import dataclass

from fastmcp import Client, Context, FastMCP
from fastmcp.dependencies import CurrentContext, Depends
from fastmcp.exceptions import ToolError
from fastmcp.server.dependencies import get_context
from fastmcp.tools import ToolResult
from fastmcp.utilities.types import File

news = FastMCP("news")


@news.tool
def headlines() -> list[str]:
    """Today's headlines."""
    return ["all is well"]


@news.resource("news://front")
def front() -> dict[str, str]:
    """The front page."""
    return {"top": "all is well"}


mcp = FastMCP("fast", instructions="Fast.")
mcp.mount(news, "news")


@dataclass
class Answer:
    text: str
    length: int


async def pool():
    yield "pool"


@mcp.tool
def measure(text: str) -> Answer:
    """Measure a text."""
    return Answer(text, len(text))


@mcp.tool("named", tags={"b", "a"}, annotations={"readOnlyHint": True})
async def other(ctx: Context) -> str:
    assert get_context() is ctx
    return f"{ctx.transport} {ctx.request_id}"


@mcp.tool
async def inject(text: str, source: str = Depends(pool), ctx: Context = CurrentContext()) -> str:
    """Filled in, not sent."""
    return f"{text} from {source} of {ctx.fastmcp.name}"


@mcp.tool
def spelled_out(text: str) -> ToolResult:
    """Content, structure and metadata."""
    return ToolResult(content=f"said {text}", structured_content={"said": text}, meta={"n": 1})


@mcp.tool
def file() -> File:
    """A file."""
    return File(data=b"a,b\n1,2\n", format="csv", name="table")


@mcp.tool
async def remember(key: str, ctx: Context, value: str | None = None) -> str | None:
    """Keeps a value, or gives it back."""
    if value is not None:
        await ctx.set_state(key, value)
    return await ctx.get_state(key)


@mcp.tool
def fails() -> str:
    """Fails."""
    raise ToolError("no")


@mcp.resource("docs://{path*}")
def document(path: str, lines: int = 3) -> str:
    """A document, in any folder."""
    return f"{path} {lines}"


@mcp.prompt("hello")
def hello(name: str = "World") -> str:
    """Say hello."""
    return f"Say hello to {name}."


@mcp.tool
def twice() -> int:
    """The first."""
    return 1


@mcp.tool(name="twice")
def again() -> int:
    """The second."""
    return 2


async def demo() -> None:
    async with Client(mcp) as client:
        print(await client.list_tools())


if __name__ == "__main__":
    mcp.run()
