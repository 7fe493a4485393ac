"""Who runs tasks: any process that shares the store, each task by one at a time.

A lease says who; one that is not renewed, because its process died, is taken over. What
waits stands in the store beside the record, so a restart goes on where it was.
Limit: `limits.tasks` at once in one process.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable

from dragoman.errors import StoreError
from dragoman.ports.service import Handler
from dragoman.ports.state import States
from dragoman.protocol.limits import Limits
from dragoman.serving.stopping import stop
from dragoman.serving.task_record import Records
from dragoman.serving.task_run import Run, run

LOOK = 5.0  # seconds between two looks for tasks whose process died, at most
SOON = 0.1  # seconds until the next look at a task that another process just had
MANY = 10_000  # tasks under way, in all processes, that one looks after
BESIDE = 100  # tasks that wait, looked at beside those there is room for: others may have taken the first
AGAIN = 1.0  # seconds to wait after the store failed

log = logging.getLogger("dragoman.tasks")


class Work:
    """Runs the tasks of one server in this process, while it is started."""

    def __init__(self, records: Records, handler: Callable[[], Handler], states: Callable[[], States], limits: Limits):
        self._records = records
        self._handler = handler
        self._states = states
        self._limits = limits
        self._me = secrets.token_hex(8)
        self._loop: asyncio.Task[None] | None = None
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._position = 0
        self._checked = float("-inf")
        self._rest = min(LOOK, limits.worker_seconds / 2)

    async def start(self) -> None:
        """Begin to run what waits. Safe to call again."""
        if self._loop is None or self._loop.done():
            self._wake = asyncio.Event()
            self._loop = asyncio.get_running_loop().create_task(self._work(), name="dragoman tasks")

    async def stop(self) -> None:
        """Let what runs end for `limits.drain_seconds`, then leave it to others or say that it was stopped."""
        loop, self._loop = self._loop, None
        if loop is None or loop.get_loop() is not asyncio.get_running_loop():
            return
        await stop(loop)
        runs = list(self._runs.values())
        if runs:
            _, late = await asyncio.wait(runs, timeout=self._limits.drain_seconds)
            for task in late:
                task.cancel()
            if late:
                # Once, and not again and again: what is the user's may have to clean up.
                await asyncio.wait(late, timeout=self._limits.drain_seconds)

    def wake(self) -> None:
        """Look at once: something was queued here."""
        self._wake.set()

    def cancel(self, task_id: str) -> None:
        """Stop a task that runs here; its record says already that it was cancelled."""
        found = self._runs.get(task_id)
        if found is not None:
            found.cancel()

    async def _work(self) -> None:
        self._position, self._checked = 0, float("-inf")
        while True:
            try:
                await self._look()
            except StoreError as error:
                log.warning("tasks wait: %s", error)
                await asyncio.sleep(AGAIN)

    async def _look(self) -> None:
        records = self._records
        store = records.store
        # Where the stream stands is read before the queue: what is queued in between wakes us again.
        for position, _ in await store.read(records.calls, self._position, MANY):
            self._position = position
        self._wake.clear()
        missed = False
        free = self._limits.tasks - len(self._runs)
        for key in await store.keys(records.waiting, free + BESIDE) if free > 0 else ():
            missed = not await self._take(key) or missed
        if time.monotonic() - self._checked >= self._rest:
            # What runs elsewhere is ours once its lease is over.
            for key in await store.keys(records.busy, MANY):
                await self._take(key)
            self._checked = time.monotonic()
        # Another process has what was missed for a moment: it begins with it, or is just done with it.
        await self._until_woken(SOON if missed and len(self._runs) < self._limits.tasks else self._rest)

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

    async def _take(self, key: str) -> bool:
        """Begin to run a task, if there is room and nobody else is at it; returns whether that is settled."""
        task_id = key.rsplit(":", 1)[1]
        if len(self._runs) >= self._limits.tasks or task_id in self._runs:
            return True
        if not await self._records.store.lease(self._records.lease(task_id), self._me, self._limits.worker_seconds):
            return False
        task = asyncio.get_running_loop().create_task(self._run(task_id, key), name=f"dragoman task {task_id[:8]}")
        self._runs[task_id] = task
        task.add_done_callback(lambda done: self._left(task_id, done))
        return True

    def _left(self, task_id: str, done: asyncio.Task[None]) -> None:
        self._runs.pop(task_id, None)
        self._wake.set()
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("the task %s could not be run", task_id[:8], exc_info=error)

    async def _run(self, task_id: str, key: str) -> None:
        keeping = asyncio.get_running_loop().create_task(self._keep(task_id, asyncio.current_task()))
        try:
            record = await self._records.load(task_id)
            if record is None:
                await self._records.store.delete(key)
                return
            one = Run(self._records, record)
            if await one.begin():
                left = record.created + record.ttl - self._records.now()
                await run(one, self._handler(), self._states(), max(0.001, left))
        except StoreError as error:
            # The record still says that it runs: whoever looks next finds it so, and judges.
            log.warning("the task %s is left: %s", task_id[:8], error)
        finally:
            await stop(keeping)
            await self._release(task_id)

    async def _release(self, task_id: str) -> None:
        try:
            await self._records.store.release(self._records.lease(task_id), self._me)
        except StoreError as error:
            log.debug("a lease ends by itself: %s", error)

    async def _keep(self, task_id: str, running: asyncio.Task[None] | None) -> None:
        """Renew the lease, and stop the run when another process cancelled the task, or took it over."""
        store, stream, seconds = self._records.store, self._records.stream(task_id), self._limits.worker_seconds
        position, held = 0, True
        while running is not None and held:
            try:
                await store.wait(stream, position, seconds / 3)
                for at, status in await store.read(stream, position):
                    position, held = at, held and status != b"cancelled"
                held = held and await store.lease(self._records.lease(task_id), self._me, seconds)
            except StoreError as error:
                # Nobody else can take it over meanwhile, for they need the same store.
                log.debug("a lease is not renewed yet: %s", error)
                await asyncio.sleep(AGAIN)
        if running is not None:
            running.cancel()
