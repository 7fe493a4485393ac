"""A shop that asks two questions and charges a card between them; run several times over one store, it is one shop.

Run as `python -m tests.replicas.shop STORE EFFECTS POINT`: the process that first comes by the point of that name is
killed there, whoever takes the file EFFECTS.kill away. Effects go to the file EFFECTS, outside of all processes.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from tests.app.asking_server import shop

from dragoman import Context, Limits

_, store, effects, point = sys.argv


def here(at: str) -> None:
    if at == point:
        try:
            os.unlink(f"{effects}.kill")
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


# Short, so that tests see soon that a process has ended.
server = shop(store, effects, here, limits=Limits(worker_seconds=1.0, result=2000, page=500))


@server.tool
async def count(ctx: Context) -> str:
    """Count to three, and go away for a moment after one."""
    for number in range(1, 4):
        await ctx.progress(number, 3)
        if number == 1:
            await ctx.disconnect(0.01)
    return f"counted by {os.getpid()}"


@server.tool
async def wait(ctx: Context) -> str:
    """Wait to be cancelled, and say so outside."""
    await ctx.progress(1)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        with open(effects, "a", encoding="utf-8") as file:
            file.write("cancelled\n")
        raise
    return "waited"


@server.tool
async def pid() -> int:
    """Say which process this is."""
    return os.getpid()


@server.tool
async def change(uri: str) -> str:
    """Say that a resource changed."""
    server.notify_resource_updated(uri)
    return str(os.getpid())


@server.tool
async def long() -> str:
    """Say much."""
    return "x" * 3000


@server.resource("shop://{item}")
async def item(item: str) -> str:
    return item


if __name__ == "__main__":
    server.run("http", port=0)
