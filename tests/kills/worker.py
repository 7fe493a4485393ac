"""A worker that kills itself: `python -m tests.kills.worker STORE LEDGER AT ENGINE` dies at the AT-th point it passes.

Points are before and after every change of the store and of the queue, and around every effect. With AT 0 it lives
until it is stopped.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from dragoman import Context, Limits, Server
from dragoman.app.keeping import store_at

LIMITS = Limits(tasks=4, worker_seconds=0.5, drain_seconds=0.5, task_poll=0.2)
KILLABLE = ("commit", "commit_and", "lease", "release", "add", "put")
passed = 0


def here(at: int) -> None:
    """Pass a point."""
    global passed
    passed += 1
    if passed == at:
        os.kill(os.getpid(), signal.SIGKILL)


class Deadly:
    """A store with a point before and after each change."""

    def __init__(self, address: str, at: int) -> None:
        self._store = store_at(address)
        self._at = at

    def __getattr__(self, name: str) -> Any:
        there = getattr(self._store, name)
        if name not in KILLABLE:
            return there

        async def call(*args: Any, **kwargs: Any) -> Any:
            here(self._at)
            found = await there(*args, **kwargs)
            here(self._at)
            return found

        return call


def make_deadly(at: int) -> None:
    """Put a point after each job that is fetched from the queue, and before and after each that ends there."""
    queue = import_module("procrastinate.manager").JobManager

    def deadly(there: Callable[..., Any], before: bool) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            if before:
                here(at)
            found = await there(*args, **kwargs)
            if before or found:
                here(at)
            return found

        return call

    for name in ("fetch_job", "finish_job", "retry_job"):
        setattr(queue, name, deadly(getattr(queue, name), name != "fetch_job"))


def shop(store: Any, ledger: str, at: int = 0, limits: Limits = LIMITS, engine: Any = "store") -> Server:
    """Return the server; effects are lines in the file `ledger`, outside of all processes."""
    server = Server("kills", store=store, limits=limits, engine=engine)

    def act(what: str, item: str) -> str:
        here(at)
        with open(ledger, "a", encoding="utf-8") as file:
            file.write(f"{what} {item}\n")
        here(at)
        return item

    @server.tool(task="required")
    async def charge(item: str) -> str:
        """Charge a card, which must not be done twice."""
        return act("charge", item)

    @server.tool(task="required", idempotent=True)
    async def index(item: str) -> str:
        """Do what may be done twice."""
        return act("index", item)

    @server.tool(task="required")
    async def order(item: str, ctx: Context) -> str:
        """Ask, and charge then."""
        await ctx.elicit(f"Order {item}?", bool)
        return await ctx.step("charge", lambda: act("charge", item))

    @server.tool(task="required", idempotent=True)
    async def settle(item: str, ctx: Context) -> str:
        """Charge in a step, so that the rest may be done twice."""
        receipt = await ctx.step("charge", lambda: act("charge", item))
        ctx.status("charged")
        return receipt

    return server


async def work(store: str, ledger: str, at: str, engine: str) -> None:
    """Run tasks until told to stop, or dead."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    if engine == "queue":
        make_deadly(int(at))
    server = shop(Deadly(store, int(at)), ledger, int(at), engine=engine)
    await server.service.start()
    await stopped.wait()
    await server.service.stop()


if __name__ == "__main__":
    asyncio.run(work(*sys.argv[1:]))
