"""Ways to one and the same server: in memory, in a process, over HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn

SAMPLE = str(Path(__file__).with_name("sample.py"))
COMMAND = [sys.executable, SAMPLE]


@contextlib.asynccontextmanager
async def over_http(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application in this event loop and yield its endpoint's address."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1)
        running = uvicorn.Server(config)
        ready = asyncio.Event()
        startup = running.startup

        async def started(sockets: list[socket.socket] | None = None) -> None:
            await startup(sockets)
            ready.set()

        running.startup = started  # type: ignore[method-assign]
        task = asyncio.create_task(running.serve([listening]))
        await ready.wait()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            running.should_exit = True
            await task


@contextlib.asynccontextmanager
async def reaching(way: str, server: Any) -> AsyncIterator[Any]:
    """Yield a target that leads to `server`; over stdio, to the same server in a process of its own."""
    if way == "memory":
        yield server
    elif way == "stdio":
        yield COMMAND
    else:
        async with over_http(server.asgi()) as url:
            yield url
