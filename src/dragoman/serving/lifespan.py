"""The server's own start and end: a context manager entered and left by one task.

Whoever starts and stops the server may be in different tasks; many resources
(database pools, cancel scopes) must be closed by the task that opened them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

Enter = Callable[[], AbstractAsyncContextManager[Any]]


class Lifespan:
    """Runs `enter()` once, whatever number of tasks asks for it."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._task: asyncio.Task[None] | None = None
        self._ready: asyncio.Future[Any] | None = None
        self._stop: asyncio.Event | None = None

    async def start(self) -> Any:
        """Return what the context manager yields. Raises what it raises on entry."""
        if self._ready is None:
            loop = asyncio.get_running_loop()
            self._ready = loop.create_future()
            self._stop = asyncio.Event()
            self._task = loop.create_task(self._own(self._ready, self._stop), name="dragoman lifespan")
        return await asyncio.shield(self._ready)

    async def stop(self) -> None:
        """Leave the context manager and wait until it is left. Does nothing if it was never entered."""
        task, stop = self._task, self._stop
        self._task = self._ready = self._stop = None
        if task is not None and stop is not None:
            stop.set()
            await task

    async def _own(self, ready: asyncio.Future[Any], stop: asyncio.Event) -> None:
        try:
            async with self._enter() as state:
                ready.set_result(state)
                await stop.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
