"""Following dragoman.yaml while it is served: what it says now counts from the next call on.

A file that is wrong changes nothing; that is said once, and the good configuration goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from dragoman.connectors.settings.building import Configured
from dragoman.connectors.source import Source, SourceError

EVERY = 1.0  # seconds between looks at the file
_GRACE = 10.0  # seconds that calls under way have to end before a source that is gone is closed


class Follower:
    """Looks at the file from the server's start to its end.  `say` takes lines for the owner."""

    def __init__(
        self, configured: Configured, say: Callable[[str], None], every: float = EVERY, grace: float = _GRACE
    ) -> None:
        self._configured = configured
        self._say = say
        self._every, self._grace = every, grace
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._seen = self._state()

    async def start(self) -> None:
        """Begin to follow.  Safe to call again."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more, and close what was to be closed."""
        for task in [self._task, *self._closing]:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._task = None

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(self._every)
            state = await asyncio.to_thread(self._state)
            if state != self._seen:
                self._seen = state
                await self.look()

    async def look(self) -> None:
        """Look at the file now."""
        path = self._configured.read.path
        try:
            change = await asyncio.to_thread(self._configured.look)
        except SourceError as fault:
            self._say(f"{fault}; the configuration from before goes on")
            return
        said, gone = self._configured.take(change)
        self._say(f"{path} was read again" + (f"; {'; '.join(said)}" if said else "; nothing is served differently"))
        if gone:
            task = asyncio.create_task(self._close(gone))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self, gone: list[Source]) -> None:
        try:
            await asyncio.sleep(self._grace)
        finally:
            for source in gone:
                await asyncio.shield(asyncio.to_thread(source.close))

    def _state(self) -> tuple[object, ...]:
        return tuple(map(_stat, (self._configured.read.path, self._configured.approvals)))


def _stat(path: Path) -> object:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
