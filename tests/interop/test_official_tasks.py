"""The official TypeScript client (v1) with our tasks of 2025-11-25: followed, asked, taken up by another process."""

import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.serving.tasking import NAME, office
from tests.transport.impatient import impatient
from tests.transport.raw_http import listening, until

from dragoman import Context, Limits, Server

ROOT = Path(__file__).parent.parent.parent
NODE = ROOT / ".interop" / "node"
PROGRAM = Path(__file__).parent / "peers" / "tasks_ts1.mjs"


async def told(folder: Path, *words: str) -> Any:
    """Return what the client's program says; it lies beside its packages, where Node looks for them."""
    folder.mkdir()
    os.symlink(NODE / "node_modules", folder / "node_modules", target_is_directory=True)
    program = shutil.copy(PROGRAM, folder / PROGRAM.name)
    process = await asyncio.create_subprocess_exec("node", program, *words, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


INSTALLED = pytest.mark.skipif(
    sys.platform == "win32" or not (NODE / "node_modules").is_dir() or shutil.which("node") is None,
    reason="make interop installs the client",
)


@INSTALLED
async def test_the_typescript_client_follows_tasks_and_takes_them_up_again(tmp_path: Path) -> None:
    """LEG-23"""
    server = office(store=f"sqlite:///{tmp_path / 'store.db'}")
    server.remove_tool("greets")

    @server.tool(task="required")
    async def greets(ctx: Context) -> str:
        name = await ctx.elicit("Name?", NAME)
        return f"Hello, {name['name']}"

    async with listening(server.asgi()) as place:
        url = f"http://127.0.0.1:{place.port}/mcp"
        found = await told(tmp_path / "one", url)
        assert found["counts"]["text"] == "counted"
        assert found["counts"]["progress"] == [1, 2, 3]
        assert found["greets"]["text"] == "Hello, Ada"
        assert found["listed"] == ["completed", "completed"]
        again = await told(tmp_path / "two", url, found["greets"]["id"])
        assert again == {"resumed": "Hello, Ada"}


@INSTALLED
async def test_a_task_outlives_every_timeout_on_the_way_of_the_typescript_client(tmp_path: Path) -> None:
    """LEG-12, LEG-23"""
    go_on = asyncio.Event()
    limits = Limits(quiet_seconds=0.1, task_poll=0.1)
    waiting: set[str] = set()  # tasks whose results were asked for

    async def note(call: Any, rest: Any) -> Any:
        if call.method == "tasks/result":
            waiting.add(call.params.task_id)
        return await rest(call)

    server = Server("slow", store=f"sqlite:///{tmp_path / 'store.db'}", limits=limits, middleware=[note])

    @server.tool(task="required")
    async def slow(asks: bool, ctx: Context) -> str:
        name = (await ctx.elicit("Name?", NAME))["name"] if asks else "nobody"
        await go_on.wait()
        return f"at last, {name}"

    # No stream may last for longer than a second, or be silent for that long.
    async with listening(server.asgi()) as place, impatient(place.port, total=1.0, idle=1.0) as proxy:
        following = asyncio.create_task(told(tmp_path / "one", proxy.url, "follow"))
        # Its process ends in the middle of the task, which goes on with another one.
        begun = (await told(tmp_path / "two", proxy.url, "begin"))["slow"]["id"]
        resuming = asyncio.create_task(told(tmp_path / "three", proxy.url, begun))
        await until(lambda: len(waiting) == 2)
        cuts = proxy.cuts
        await until(lambda: proxy.cuts >= cuts + 4)
        assert not following.done() and not resuming.done()
        go_on.set()
        assert (await following)["slow"]["text"] == "at last, Ada"
        assert await resuming == {"resumed": "at last, nobody"}
    await server.service.stop()
