"""The suite's fixtures of tasks: work that outlives its call, asks in the middle, fails either way."""

from __future__ import annotations

import asyncio
from typing import Any

from dragoman import Context, RequestError, Server, ToolError, ask

CONFIRM = {"type": "object", "properties": {"confirm": {"type": "boolean"}}, "required": ["confirm"]}
NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
INTERNAL_ERROR = -32603


def register(server: Server) -> None:
    """Register all of them."""

    @server.tool(output_schema=False)
    def greet(name: str) -> str:
        """Greet somebody, at once."""
        return f"Hello, {name}!"

    @server.tool(task="optional", output_schema=False)
    async def slow_compute(ctx: Context, seconds: float = 1, label: str = "") -> str:
        """Take a while."""
        ctx.status(f"computing {label}")
        await asyncio.sleep(seconds)
        return f"computed {label} in {seconds:g} s"

    @server.tool(task="required", output_schema=False)
    async def failing_job() -> str:
        """Fail after a second."""
        await asyncio.sleep(1)
        raise ToolError("This job always fails.")

    @server.tool(task="optional", output_schema=False)
    async def protocol_error_job() -> str:
        """Fail as a request, and not as a tool."""
        raise RequestError(INTERNAL_ERROR, "This job always breaks the protocol's way.")

    @server.tool(task="optional", output_schema=False)
    async def confirm_delete(filename: str, ctx: Context) -> str:
        """Ask before a file is deleted."""
        answer: dict[str, Any] = await ctx.elicit(f"Delete {filename}?", CONFIRM)
        return f"deleted {filename}" if answer["confirm"] else f"kept {filename}"

    @server.tool(task="optional", output_schema=False)
    async def multi_input(ctx: Context) -> str:
        """Ask two things at once."""
        given = await ctx.ask_all({"name": ask.form("Your name?", NAME), "confirm": ask.form("Sure?", CONFIRM)})
        return f"{given['name']['name']}: {given['confirm']['confirm']}"

    @server.tool(task="required", output_schema=False)
    async def test_tool_with_task(ctx: Context) -> str:
        """Ask who is there, then go on as a task."""
        name = await ctx.elicit("What is your name?", NAME, key="user_name")
        await ctx.detach()
        await asyncio.sleep(0.2)
        return f"Hello, {name['name']}!"
