"""A task that outlives every timeout of HTTP on its way: followed, and taken up by another process in the middle."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.replicas.crowd import ROOT
from tests.transport.impatient import Impatient, impatient
from tests.transport.raw_http import listening, until

from dragoman import Client, Context, Limits, PeerError, Server

RESUME = """
import asyncio, json, sys
from dragoman import Client

async def main(url, mode, saved):
    async with Client(url, mode=mode, on_elicit=lambda question: "Ada") as client:
        print((await client.resume_task(json.loads(saved)).result()).text)

asyncio.run(main(*sys.argv[1:]))
"""


async def resumed(url: str, mode: str, saved: dict[str, Any]) -> str:
    """Return the result of a task, as another process has it."""
    words = [sys.executable, "-c", RESUME, url, mode, json.dumps(saved)]
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    return out.decode().strip()


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_task_outlives_every_timeout_on_its_way(mode: str, tmp_path: Path) -> None:
    """LEG-12, LEG-23"""
    go_on = asyncio.Event()
    limits = Limits(quiet_seconds=0.1, task_poll=0.1)
    server = Server("slow", store=f"sqlite:///{tmp_path}/slow.db", limits=limits)

    @server.tool(task="required")
    async def slow(ctx: Context) -> str:
        name = await ctx.elicit("Who?", str)
        await go_on.wait()
        return f"at last, {name}"

    def waiting(proxy: Impatient) -> int:
        """How often a look was cut off, or another one was needed."""
        return proxy.cuts if mode == "legacy" else proxy.passed

    # No stream may last for longer than 0.5 s, or be silent for that long.
    async with (
        listening(server.asgi()) as place,
        impatient(place.port, total=0.5, idle=0.5) as proxy,
        Client(proxy.url, mode=mode, on_elicit=lambda question: "Ada") as client,
    ):
        task = await client.start_task("slow")
        following = asyncio.create_task(task.result())
        await until(lambda: waiting(proxy) >= 3)
        elsewhere = asyncio.create_task(resumed(proxy.url, mode, task.saved()))
        await until(lambda: waiting(proxy) >= 6)
        assert not following.done() and not elsewhere.done()
        go_on.set()
        assert (await following).text == "at last, Ada"
        assert await elsewhere == "at last, Ada"
    await server.service.stop()


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_behind_a_proxy_that_buffers_a_question_ends_by_its_time_or_needs_no_stream(mode: str) -> None:
    """Over a stream that nobody sees before its end, each side would wait for the other."""
    server = Server("asking", limits=Limits(call_seconds=0.5))

    @server.tool
    async def who(ctx: Context) -> str:
        return await ctx.elicit("Who?", str)

    async with (
        listening(server.asgi()) as place,
        impatient(place.port, total=20, idle=20, holds=True) as proxy,
        Client(proxy.url, mode=mode, on_elicit=lambda question: "Ada", timeout=15) as client,
    ):
        if mode == "modern":
            assert (await client.call_tool("who")).text == "Ada"
        else:
            with pytest.raises(PeerError, match="took longer than"):
                await client.call_tool("who")
    await server.service.stop()
