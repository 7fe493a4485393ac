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
from tests.transport.raw_http import listening

from dragoman import Context

ROOT = Path(__file__).parent.parent.parent
NODE = ROOT / ".interop" / "node"
PROGRAM = Path(__file__).parent / "peers" / "tasks_ts1.mjs"


async def told(folder: Path, *words: str) -> Any:
    """Return what the client's program says; it lies beside its packages, where Node looks for them."""
    os.symlink(NODE / "node_modules", folder / "node_modules", target_is_directory=True)
    program = shutil.copy(PROGRAM, folder / PROGRAM.name)
    process = await asyncio.create_subprocess_exec("node", program, *words, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(out)


@pytest.mark.skipif(
    sys.platform == "win32" or not (NODE / "node_modules").is_dir() or shutil.which("node") is None,
    reason="make interop installs the client",
)
async def test_the_typescript_client_follows_tasks_and_takes_them_up_again(tmp_path: Path) -> None:
    """LEG-23"""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
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
