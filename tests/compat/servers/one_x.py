"""A server as tutorials for mcp 1.x have them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mcp.server.fastmcp import Context, FastMCP, Image
from mcp.server.fastmcp.exceptions import ToolError
from mcp.server.fastmcp.prompts import base
from mcp.server.session import ServerSession
from mcp.shared.exceptions import McpError
from mcp.types import (
    CallToolResult,
    Completion,
    CompletionArgument,
    CompletionContext,
    ErrorData,
    PromptReference,
    ResourceTemplateReference,
    TextContent,
    ToolAnnotations,
)

PIXEL = bytes.fromhex("89504e470d0a1a0a")


@dataclass
class App:
    greeting: str


@asynccontextmanager
async def lifespan(server: FastMCP) -> AsyncIterator[App]:
    yield App(greeting=f"hello from {server.name}")


mcp = FastMCP("one", instructions="Ask for sums.", lifespan=lifespan, port=9000, json_response=True)
mcp.settings.log_level = "WARNING"


@mcp.tool()
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool(name="renamed", title="Renamed", description="Another text", annotations=ToolAnnotations(readOnlyHint=True))
async def original(text: str) -> str:
    return text.upper()


@mcp.tool(structured_output=False)
def plain(names: list[str]) -> list[str]:
    """One block for each."""
    return names


@mcp.tool()
def picture() -> Image:
    """An image."""
    return Image(data=PIXEL, format="png")


@mcp.tool()
def mixed() -> list[object]:
    """Text and an image."""
    return ["look:", Image(data=PIXEL, format="png")]


@mcp.tool()
def whole() -> CallToolResult:
    """A result spelled out."""
    return CallToolResult(
        content=[TextContent(type="text", text="shown")], structuredContent={"kept": True}, _meta={"hidden": 1}
    )


@mcp.tool()
async def report(ctx: Context[ServerSession, App]) -> str:
    """Uses what a context has."""
    await ctx.info("starting", logger_name="report")
    await ctx.report_progress(1, 2, "half")
    [notes] = await ctx.read_resource("notes://today")
    assert ctx.fastmcp is mcp and ctx.request_id
    return f"{ctx.request_context.lifespan_context.greeting}; {notes.content}"


@mcp.tool()
def fails(how: str) -> str:
    """Fails in one of several ways."""
    if how == "tool":
        raise ToolError("told to the model")
    if how == "protocol":
        raise McpError(ErrorData(code=-32050, message="told to the client", data={"why": how}))
    raise ValueError("told to everybody")


@mcp.resource("notes://today")
def today() -> str:
    """Today's notes."""
    return "write tests"


@mcp.resource("notes://{day}/lines/{line}", mime_type="application/json")
def line(day: str, line: int) -> dict[str, object]:
    """One line of a day."""
    return {"day": day, "line": line}


@mcp.prompt(title="Review")
def review(code: str, language: str = "python") -> list[base.Message]:
    """Review some code."""
    return [base.UserMessage(f"Review this {language}: {code}"), base.AssistantMessage("Gladly.")]


@mcp.prompt()
def ask(question: str) -> str:
    """A question."""
    return question


@mcp.completion()
async def complete(
    ref: PromptReference | ResourceTemplateReference,
    argument: CompletionArgument,
    context: CompletionContext | None,
) -> Completion | None:
    if isinstance(ref, PromptReference) and argument.name == "language":
        return Completion(
            values=[word for word in ("python", "perl") if word.startswith(argument.value)], hasMore=False
        )
    return None


if __name__ == "__main__":
    mcp.run(transport="stdio")
