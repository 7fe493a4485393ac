"""A server of tasks for many processes: `python -m tests.serving.yard STORE ENGINE LEDGER` is one of them.

Effects are lines in the file LEDGER, outside of all processes.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from dragoman import Context, Limits, Server

NAME = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
QUICK: dict[str, Any] = {"worker_seconds": 0.5, "drain_seconds": 0.3, "task_poll": 0.02}


class Yard(Server):
    """A server, and what happens in it: `gate` lets `hold` end, `held` says that it runs."""

    gate: asyncio.Event
    held: asyncio.Event


def yard(store: str, engine: Any, ledger: Path, **limits: Any) -> Yard:
    """Return one process's server."""
    server = Yard("yard", store=store, engine=engine, limits=Limits(**{**QUICK, **limits}))
    server.gate, server.held = asyncio.Event(), asyncio.Event()

    def note(line: str) -> bool:
        """Write a line, and say whether it is the first of its kind."""
        before = ledger.read_text().splitlines() if ledger.exists() else []
        with ledger.open("a") as file:
            file.write(f"{line}\n")
        return line not in before

    async def stuck(item: str) -> str:
        if note(item):
            await asyncio.Event().wait()
        return item

    server.tool("once", task="required")(stuck)
    server.tool("again", task="required", idempotent=True)(stuck)

    @server.tool(task="required")
    async def add(item: str, a: int, b: int) -> int:
        note(item)
        return a + b

    @server.tool(task="required")
    async def hold(item: str) -> str:
        note(item)
        server.held.set()
        try:
            await server.gate.wait()
        except asyncio.CancelledError:
            note(f"{item} cancelled")
            raise
        return item

    @server.tool(task="required")
    async def greet(item: str, ctx: Context) -> str:
        note(item)
        first = await ctx.elicit("First?", NAME)
        note(f"{item} {first['name']}")
        last = await ctx.elicit("Last?", NAME)
        return f"{first['name']} {last['name']}"

    return server


async def main(store: str, engine: str, ledger: str) -> None:
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    server = yard(store, engine, Path(ledger))
    await server.service.start()
    await stopped.wait()
    await server.service.stop()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
