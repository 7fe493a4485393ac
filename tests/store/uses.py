"""What a server does with a store that is slow, full or gone: each use as docs/stores.md says, with every store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from tests.transport.raw_http import Ask, Place, call, hello, listening

from dragoman import Client, Context, Limits, Server, ToolError
from dragoman.ports.store import Store

Trouble = AbstractAsyncContextManager[object]


async def uses(store: Store, trouble: Trouble, *, sure: bool = True) -> None:
    """Check every use before, during and after `trouble`, in which a change is surely not made, or may be made late."""
    ran: list[str] = []
    server = Server("uses", store=store, limits=Limits(task_poll=0.02))

    @server.tool
    async def pay(ctx: Context) -> str:
        """Pay once."""
        return await ctx.step("pay", lambda: ran.append("paid") or "paid")

    @server.tool(task="required")
    async def work() -> str:
        """Work for long."""
        ran.append("worked")
        return "worked"

    @server.tool
    async def add(a: int, b: int) -> int:
        """Need nothing kept."""
        return a + b

    async with listening(server.asgi()) as place, Client(server, mode="modern") as client:
        before = await _all(place, client)
        assert (before, ran) == ([200, 3, "paid", "worked"], ["paid", "worked"])
        async with trouble:
            opened = await place.ask(Ask(hello()))
            assert (opened.status, opened.headers["retry-after"]) == (503, "1"), "nobody is let in"
            assert (await place.ask(call("add", a=1, b=2))).value == 3, "what needs no store goes on"
            # What was refused says nothing of the store to the client.
            for tool in ("pay", "work"):
                with pytest.raises(ToolError) as refused:
                    await client.call_tool(tool)
                assert "store" not in str(refused.value), "a client is not told how it is kept"
        assert ran.count("paid") == 1, "what cannot be claimed does not run"
        assert await _all(place, client) == before
        # Of a change that came too late nobody can say whether it was made: that task may have been accepted.
        assert ran.count("paid") == 2 and ran.count("worked") in ((2,) if sure else (2, 3))
    await server.service.stop()


async def _all(place: Place, client: Any) -> list[Any]:
    opened = await place.ask(Ask(hello()))
    added = await place.ask(call("add", a=1, b=2))
    paid = await client.call_tool("pay")
    task = await client.start_task("work")
    return [opened.status, added.value, paid.text, (await task.result()).text]


@asynccontextmanager
async def during(begin: Any, end: Any) -> AsyncIterator[None]:
    """Let something last for the block."""
    begin()
    try:
        yield
    finally:
        end()
