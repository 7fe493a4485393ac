"""Who runs tasks: any process that shares the store, each task by one at a time.

A lease says who; one that is not renewed, because its process died, is taken over. What
waits stands in the store beside the record, so a restart goes on where it was.
Limit: `limits.tasks` at once in one process.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable

from dragoman.errors import StoreError
from dragoman.ports.service import Handler
from dragoman.ports.state import States
from dragoman.protocol.limits import Limits
from dragoman.serving.task_record import CALLS, WAITING, Records
from dragoman.serving.task_run import Run, run

LOOK = 5.0  # seconds between two looks for tasks whose process died
MANY = 1000  # tasks looked at in one look
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
        loop.cancel()
        await asyncio.wait([loop])
        runs = list(self._runs.values())
        if runs:
            _, late = await asyncio.wait(runs, timeout=self._limits.drain_seconds)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late)

    def wake(self) -> None:
        """Look at once: something was queued here."""
        self._wake.set()

    def cancel(self, task_id: str) -> None:
        """Stop a task that runs here; its record says already that it was cancelled."""
        found = self._runs.get(task_id)
        if found is not None:
            found.cancel()

    async def _work(self) -> None:
        while True:
            try:
                await self._look()
            except StoreError as error:
                log.warning("tasks wait: %s", error)
                await asyncio.sleep(AGAIN)

    async def _look(self) -> None:
        store = self._records.store
        # Where the stream stands is read before the queue: what is queued in between wakes us again.
        latest = await store.read(CALLS, 0, MANY)
        position = latest[-1][0] if latest else 0
        while len(latest) == MANY:
            latest = await store.read(CALLS, position, MANY)
            position = latest[-1][0] if latest else position
        self._wake.clear()
        for key in await store.keys(WAITING, MANY):
            if len(self._runs) >= self._limits.tasks:
                break
            await self._take(key.removeprefix(WAITING))
        waits = [
            asyncio.ensure_future(store.wait(CALLS, position, LOOK)),
            asyncio.ensure_future(self._wake.wait()),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
        failed = None if waits[0].cancelled() else waits[0].exception()
        if failed is not None:
            raise failed

    async def _take(self, task_id: str) -> None:
        if task_id in self._runs or not await self._records.store.lease(
            _lease(task_id), self._me, self._limits.worker_seconds
        ):
            return
        task = asyncio.get_running_loop().create_task(self._run(task_id), name=f"dragoman task {task_id[:8]}")
        self._runs[task_id] = task
        task.add_done_callback(lambda _: self._left(task_id))

    def _left(self, task_id: str) -> None:
        self._runs.pop(task_id, None)
        self._wake.set()

    async def _run(self, task_id: str) -> None:
        keeping = asyncio.get_running_loop().create_task(self._keep(task_id, asyncio.current_task()))
        try:
            record = await self._records.load(task_id)
            if record is None:
                await self._records.store.delete(WAITING + task_id)
                return
            one = Run(self._records, record)
            if await one.begin():
                left = record.created + record.ttl - self._records.now()
                await run(one, self._handler(), self._states(), max(0.001, left))
        except StoreError as error:
            # The record still says that it runs: whoever looks next finds it so, and judges.
            log.warning("the task %s is left: %s", task_id[:8], error)
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await self._records.store.release(_lease(task_id), self._me)

    async def _keep(self, task_id: str, running: asyncio.Task[None] | None) -> None:
        """Renew the lease, and stop the run when another process cancelled the task, or took it over."""
        store, stream = self._records.store, f"task:{task_id}"
        position = 0
        while running is not None:
            await store.wait(stream, position, self._limits.worker_seconds / 3)
            entries = await store.read(stream, position)
            position = entries[-1][0] if entries else position
            over = entries and entries[-1][1] == b"cancelled"
            if over or not await store.lease(_lease(task_id), self._me, self._limits.worker_seconds):
                running.cancel()
                return


def _lease(task_id: str) -> str:
    return f"task-lease:{task_id}"
