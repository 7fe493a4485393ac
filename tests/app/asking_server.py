"""A shop that asks two questions and charges between them, for tests that kill it. Effects go to a file outside.

Run as `python asking_server.py STORE EFFECTS POINT`: it ends, without a word, at the point of that name.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from dragoman import Context, Server

POINTS = ["before the step", "before the effect", "after the effect", "after the step", "never"]


def shop(store: str, effects: str, here: Callable[[str], None] = lambda point: None) -> Server:
    """Return the server; `here` is told of each point that a run comes by."""
    server = Server("shop", store=store)

    def charge(key: str) -> str:
        here("before the effect")
        with open(effects, "a", encoding="utf-8") as file:
            file.write(f"charged under {key}\n")
        here("after the effect")
        return "receipt"

    @server.tool
    async def buy(ctx: Context) -> str:
        name = await ctx.elicit("Who?", str)
        here("before the step")
        receipt = await ctx.step("charge", charge)
        here("after the step")
        return f"{name} {receipt} {await ctx.elicit('Sure?', bool)}"

    @server.tool
    def buy_plainly(ctx: Context) -> Any:
        name = ctx.elicit("Who?", str)
        here("before the step")
        receipt = ctx.step("charge", charge)
        here("after the step")
        return f"{name} {receipt} {ctx.elicit('Sure?', bool)}"

    return server


if __name__ == "__main__":
    _, store, effects, point = sys.argv
    shop(store, effects, lambda at: os._exit(9) if at == point else None).run()
