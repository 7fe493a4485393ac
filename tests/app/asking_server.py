"""A shop that asks two questions and charges between them, for tests that kill it. Effects go to a file outside.

Run as `python asking_server.py STORE EFFECTS POINT [http|once]`: it ends, without a word, at the point of that name.
Over HTTP, and with "once", only the first of several to come there does, whoever takes the file EFFECTS.kill away.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from dragoman import Context, Server

POINTS = ["before the step", "before the effect", "after the effect", "after the step", "never"]


def shop(store: str, effects: str, here: Callable[[str], None] = lambda point: None, **options: Any) -> Server:
    """Return the server; `here` is told of each point that a run comes by."""
    server = Server("shop", store=store, **options)

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
    _, store, effects, point, *way = sys.argv

    def here(at: str) -> None:
        if at != point:
            return
        if way:
            try:
                os.unlink(f"{effects}.kill")
            except FileNotFoundError:
                return
        os._exit(9)

    served = shop(store, effects, here)
    if way == ["http"]:
        served.run("http", port=0)
    else:
        served.run()
