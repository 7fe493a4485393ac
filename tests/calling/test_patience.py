"""Limits on silence: progress extends them, the limit on the whole call stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.app.reaching import over_http

from dragoman import Client, Context, DeadlineError, Server
from dragoman.calling.patience import patiently
from dragoman.calling.terms import Wish
from dragoman.calling.waits import Waits

server = Server("slow")


@server.tool
async def work(ctx: Context, steps: int, seconds: float) -> str:
    for step in range(steps):
        await asyncio.sleep(seconds)
        await ctx.progress(step + 1, steps)
    return "done"


@pytest.mark.parametrize("mode", ["modern", "legacy"])
@pytest.mark.parametrize("way", ["memory", "http"])
async def test_progress_prolongs_a_call_and_silence_ends_it(way: str, mode: str) -> None:
    """PROG-06"""
    async with over_http(server.asgi()) as url, Client(server if way == "memory" else url, mode=mode) as client:
        seen: list[Any] = []
        result = await client.call_tool(
            "work", {"steps": 12, "seconds": 0.15}, idle_timeout=1.5, on_progress=seen.append
        )
        assert result.text == "done" and len(seen) == 12
        with pytest.raises(DeadlineError, match=r"tools/call at .* told of no progress for 0.05 s; it was cancelled"):
            await client.call_tool("work", {"steps": 1, "seconds": 30}, idle_timeout=0.05)


async def test_the_limit_on_the_whole_call_stays_whatever_progress_there_is() -> None:
    """PROG-06"""
    async with Client(server) as client:
        with pytest.raises(DeadlineError, match=r"took longer than 0\.2 s"):
            await client.call_tool("work", {"steps": 10_000, "seconds": 0.01}, timeout=0.2, idle_timeout=5)


async def test_a_callback_that_is_a_coroutine_function_is_still_awaited() -> None:
    seen: list[Any] = []

    async def show(progress: Any) -> None:
        await asyncio.sleep(0)
        seen.append(progress.progress)

    async with Client(server) as client:
        await client.call_tool("work", {"steps": 3, "seconds": 0}, idle_timeout=5, on_progress=show)
    assert seen == [1, 2, 3]


async def test_time_in_which_a_user_logs_in_is_no_silence_of_the_server() -> None:
    waits = Waits()

    async def deliver(wish: Wish) -> str:
        with waits.paused():
            await asyncio.sleep(0.1)
        return "done"

    wish = Wish(idle_timeout=0.02)
    assert await patiently(wish, "x", deliver, waits.timeout) == "done"
    with pytest.raises(DeadlineError, match=r"x told of no progress for 0\.02 s"):
        await patiently(wish, "x", deliver)
