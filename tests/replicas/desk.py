"""A desk that is served by several processes, each of which is stopped and started again on its own port.

Run as `python -m tests.replicas.desk STORE EFFECTS PORT`. Effects are lines in a file, outside of all processes.
"""

from __future__ import annotations

import asyncio
import os
import sys

from tests.faults.measure import SLACK

from dragoman import Context, Limits, Server


def desk(store: str, effects: str) -> Server:
    """Return the server."""
    # Short, so that what a process leaves behind is taken up soon; a stop waits as long as it does by default. In the
    # long form a crowd wants the processor, and who does not get it for two seconds has not died.
    server = Server("desk", store=store, limits=Limits(worker_seconds=2.0 if SLACK > 1 else 10.0, task_poll=0.2))

    def effect(line: str) -> str:
        with open(effects, "a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return line

    @server.tool
    async def count(ctx: Context) -> str:
        """Take a moment, and tell how far it is."""
        for number in range(1, 4):
            await ctx.progress(number, 3)
            await asyncio.sleep(0.1)
        return "counted"

    @server.tool
    async def buy(item: str, ctx: Context) -> str:
        """Ask, charge once, and ask again."""
        name = await ctx.elicit("Who?", str)
        await ctx.step("charge", lambda: effect(f"charged {item}"))
        return f"{name} {await ctx.elicit('Sure?', bool)}"

    @server.tool(task="optional", idempotent=True)
    async def report(item: str, ctx: Context) -> str:
        """Take a while, and do what may be done twice."""
        ctx.status("half of it")
        await asyncio.sleep(0.5)
        return effect(f"reported {item}")

    @server.tool(task="optional")
    async def ship(item: str) -> str:
        """Take a while, and do what must not be done twice."""
        await asyncio.sleep(0.3)
        return effect(f"shipped {item}")

    @server.tool(task="optional")
    async def approve(item: str, ctx: Context) -> str:
        """Ask in mid-task, and charge once then."""
        name = await ctx.elicit("Who?", str)
        await ctx.step("charge", lambda: effect(f"charged {item}"))
        return f"{name} {item}"

    @server.tool
    async def change(uri: str) -> int:
        """Say that a resource changed, and who says so."""
        server.notify_resource_updated(uri)
        return os.getpid()

    @server.tool(read_only=True)
    async def pid() -> int:
        """Say which process this is."""
        return os.getpid()

    @server.resource("desk://{item}")
    async def item(item: str) -> str:
        return item

    return server


if __name__ == "__main__":
    desk(sys.argv[1], sys.argv[2]).run("http", port=int(sys.argv[3]))
