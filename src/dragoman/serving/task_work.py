"""The store's own engine: each process takes what waits, oldest first, as long as there is room.

What waits stands in the store beside the record, so a restart goes on where it was; what ran
in a process that died is taken up when its lease is over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence

from dragoman.errors import StoreError
from dragoman.ports.store import Append, Change, Given
from dragoman.protocol.limits import Limits
from dragoman.serving.outage import Outage
from dragoman.serving.stopping import stop
from dragoman.serving.task_runs import AGAIN, MANY, Runs

LOOK = 5.0  # seconds between two looks for tasks whose process died, at most
SOON = 0.1  # seconds until the next look at a task that another process just had
BESIDE = 100  # tasks that wait, looked at beside those there is room for: others may have taken the first
HEARD = 86_400.0  # seconds that the stream lasts which wakes the others, after its last entry

log = logging.getLogger("dragoman.tasks")


class Work:
    """Runs the tasks of one server in this process, while it is started."""

    name = "store"

    def __init__(self, runs: Runs, limits: Limits) -> None:
        self._runs = runs
        self._records = runs.records
        self._loop: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._position = 0
        self._checked = float("-inf")
        self._rest = min(LOOK, limits.worker_seconds / 2)
        runs.ended = self.wake

    async def start(self) -> None:
        """Begin to run what waits. Safe to call again."""
        if self._loop is None or self._loop.done():
            self._wake = asyncio.Event()
            self._runs.open()
            self._loop = asyncio.get_running_loop().create_task(self._work(), name="dragoman tasks")

    async def stop(self) -> None:
        """Let what runs end for `limits.drain_seconds`, then leave it to others or say that it was stopped."""
        loop, self._loop = self._loop, None
        if loop is None or loop.get_loop() is not asyncio.get_running_loop():
            return
        await stop(loop)
        await self._runs.stop()

    def wake(self) -> None:
        """Look at once: something was queued here, or there is room again."""
        self._wake.set()

    def cancel(self, task_id: str) -> None:
        """Stop a task that runs here; its record says already that it was cancelled."""
        self._runs.cancel(task_id)

    async def commit(self, changes: Sequence[Change], given: Given, waits: Sequence[str]) -> bool:
        """Commit to the store; a stream tells the other processes what waits."""
        told = [Append(self._records.calls, task_id.encode(), HEARD, 10) for task_id in waits]
        return await self._records.store.commit([*changes, *told], given)

    async def _work(self) -> None:
        self._position, self._checked = 0, float("-inf")
        outage = Outage(log, "tasks wait", "tasks are looked for again")
        while True:
            try:
                await self._look()
                outage.over()
            except StoreError as error:
                outage.met(error)
                await asyncio.sleep(AGAIN)

    async def _look(self) -> None:
        records = self._records
        store = records.store
        # Where the stream stands is read before the queue: what is queued in between wakes us again.
        for position, _ in await store.read(records.calls, self._position, MANY):
            self._position = position
        self._wake.clear()
        missed = False
        if self._runs.free > 0 and time.monotonic() - self._checked >= self._rest:
            # What runs elsewhere is ours once its lease is over. Before what waits: that may come for ever.
            for key in await store.keys(records.busy, MANY):
                await self._take(key)
            self._checked = time.monotonic()
        free = self._runs.free
        for key in await store.keys(records.waiting, free + BESIDE) if free > 0 else ():
            missed = not await self._take(key) or missed
        # Another process has what was missed for a moment: it begins with it, or is just done with it.
        await self._until_woken(SOON if missed and self._runs.free > 0 else self._rest)

    async def _take(self, key: str) -> bool:
        return await self._runs.take(key.rsplit(":", 1)[1], key)

    async def _until_woken(self, seconds: float) -> None:
        waits = [
            asyncio.ensure_future(self._records.store.wait(self._records.calls, self._position, seconds)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await stop(*waits)
        failed = None if waits[0].cancelled() else waits[0].exception()
        if failed is not None:
            raise failed
