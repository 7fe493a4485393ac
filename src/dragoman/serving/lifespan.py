"""The server's own start and end: a context manager entered and left by one task.

Whoever starts and stops the server may be in different tasks; many resources
(database pools, cancel scopes) must be closed by the task that opened them.
An event loop that ends takes its lifespan with it; the next one begins another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

Enter = Callable[[], AbstractAsyncContextManager[Any]]


class _Life:
    """One stay in the context manager, on one event loop."""

    __slots__ = ("ending", "loop", "ready", "task")

    def __init__(self, enter: Enter) -> None:
        self.loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[Any] = self.loop.create_future()
        self.ending = asyncio.Event()
        self.task = self.loop.create_task(self._live(enter), name="dragoman lifespan")

    async def _live(self, enter: Enter) -> None:
        try:
            async with enter() as state:
                self.ready.set_result(state)
                await self.ending.wait()
        except BaseException as error:
            if self.ready.done():
                raise
            # Whoever waits gets the reason; a StopIteration or a cancellation would not arrive as one.
            known = isinstance(error, Exception) and not isinstance(error, StopIteration)
            self.ready.set_exception(error if known else RuntimeError(f"the lifespan did not begin: {error!r}"))


class Lifespan:
    """Runs `enter()` once, whatever number of tasks asks for it; again if it failed, or its event loop has ended."""

    def __init__(self, enter: Enter) -> None:
        self._enter = enter
        self._life: _Life | None = None

    async def start(self) -> Any:
        """Return what the context manager yields. Raises what it raises on entry."""
        life = self._life
        if life is None or life.task.done() or life.loop is not asyncio.get_running_loop():
            life = self._life = _Life(self._enter)
        return await asyncio.shield(life.ready)

    async def stop(self) -> None:
        """Leave the context manager and wait until it is left. Does nothing if it was never entered."""
        life, self._life = self._life, None
        # On another loop there is nobody to wait for: a loop that ended has ended its tasks.
        if life is not None and life.loop is asyncio.get_running_loop():
            life.ending.set()
            await life.task
