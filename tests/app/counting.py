"""A server with a tool that answers at once and one that tells how far it is."""

from __future__ import annotations

from typing import Any

from dragoman import Context, Limits, Server


def served(**limits: Any) -> Server:
    server = Server("counting", limits=Limits(**limits))

    @server.tool
    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    @server.tool
    async def steps(ctx: Context) -> str:
        """Say how far it is."""
        await ctx.progress(1, 2)
        return "done"

    return server
