"""A server that asks its client, in the ways of each package."""

from typing import Annotated

from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    DeclinedElicitation,
    Elicit,
    ElicitationResult,
    ListRoots,
    MCPServer,
    Resolve,
    Sample,
)
from mcp.types import (
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)
from pydantic import BaseModel, Field

mcp = MCPServer("asking")


class Size(BaseModel):
    size: int = Field(ge=1, description="How many?")


@mcp.tool()
async def elicit(ctx: Context) -> str:
    """Asks for a form."""
    answer = await ctx.elicit("How many?", schema=Size)
    if answer.action == "accept":
        return f"accepted {answer.data.size}"
    return answer.action


@mcp.tool()
async def visit(ctx: Context) -> str:
    """Asks to visit a page."""
    answer = await ctx.elicit_url("Pay, please", url="https://example.com/pay", elicitation_id="e1")
    return answer.action


@mcp.tool()
async def sample(ctx: Context) -> str:
    """Asks the client's model."""
    message = SamplingMessage(role="user", content=TextContent(type="text", text="hi"))
    answer = await ctx.session.create_message([message], max_tokens=10, system_prompt="be kind")
    return f"{answer.model}: {answer.content.text}"


@mcp.tool()
async def roots(ctx: Context) -> list[str]:
    """Asks for the user's folders."""
    return [str(root.uri) for root in (await ctx.session.list_roots()).roots]


async def confirm(amount: int) -> Size | Elicit[Size]:
    return Size(size=amount) if amount < 10 else Elicit(f"{amount}? How many?", Size)


@mcp.tool()
async def resolved(amount: int, size: Annotated[Size, Resolve(confirm)]) -> str:
    """Asks only when it must."""
    return f"size {size.size}"


@mcp.tool()
async def outcome(amount: int, size: Annotated[ElicitationResult[Size], Resolve(confirm)]) -> str:
    """Wants to know how the question ended."""
    match size:
        case AcceptedElicitation(data=Size(size=1)):
            return "one"
        case AcceptedElicitation():
            return "several"
        case DeclinedElicitation():
            return "declined"
    return "cancelled"


def poem() -> Sample:
    return Sample([SamplingMessage(role="user", content=TextContent(text="a poem"))], max_tokens=20)


@mcp.tool()
async def sampled(draft: Annotated[CreateMessageResult, Resolve(poem)]) -> str:
    """Asks the model by a resolver."""
    return draft.content.text


@mcp.tool()
async def folders(found: Annotated[ListRootsResult, Resolve(lambda: ListRoots())]) -> int:
    """Asks for folders by a resolver."""
    return len(found.roots)


@mcp.tool()
async def deploy(env: str, ctx: Context) -> str | InputRequiredResult:
    """Asks by its result, and keeps a state."""
    answer = (ctx.input_responses or {}).get("ok")
    if not isinstance(answer, ElicitResult):
        schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
        ask = ElicitRequest(params=ElicitRequestFormParams(message=f"Deploy to {env}?", requested_schema=schema))
        return InputRequiredResult(input_requests={"ok": ask}, request_state=f"asked about {env}")
    return f"{answer.action} {answer.content} {ctx.request_state}"
