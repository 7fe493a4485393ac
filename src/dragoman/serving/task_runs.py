"""The tasks that this process is at, each under a lease, whoever said that they should be run.

A lease that is not renewed, because its process died, is taken over. Promise: a task is run
by one at a time, and one that was cancelled or taken over elsewhere is stopped here.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from collections.abc import Callable

from dragoman.errors import StoreError
from dragoman.ports.service import Handler
from dragoman.ports.state import States
from dragoman.protocol.limits import Limits
from dragoman.serving.stopping import stop
from dragoman.serving.task_record import Records
from dragoman.serving.task_run import Run, run

AGAIN = 1.0  # seconds to wait after the store failed
MANY = 10_000  # tasks under way, in all processes, that one looks after
SOME = 500  # of them, in one look
BACKLOG = 1000  # tasks that wait, the oldest, that one looks after

log = logging.getLogger("dragoman.tasks")


class Runs:
    """The runs of one server's tasks in this process; `ended` is called after each."""

    def __init__(self, records: Records, handler: Callable[[], Handler], states: Callable[[], States], limits: Limits):
        self.records = records
        self.most = limits.tasks
        self.ran = 0  # how many have ended here
        self.ended: Callable[[], None] = _nobody
        self._handler = handler
        self._states = states
        self._limits = limits
        self._me = secrets.token_hex(8)
        self._runs: dict[str, asyncio.Task[None]] = {}
        self._closed = False

    @property
    def place(self) -> str:
        """What stands for the server among others in its store."""
        return self.records.place

    @property
    def free(self) -> int:
        """How many more may run here now."""
        return 0 if self._closed else self.most - len(self._runs)

    async def run(self, task_id: str) -> bool:
        """Run a task and return when that run has ended, or nothing was to be done; False while another is at it.

        Cancelled, it leaves the run alone. Raises StoreError.
        """
        if task_id not in self._runs and (self.free <= 0 or not await self.take(task_id)):
            return False
        if (found := self._runs.get(task_id)) is not None:
            await asyncio.wait([found])
        return True

    async def take(self, task_id: str, key: str = "") -> bool:
        """Begin to run a task, if there is room and nobody else is at it; returns whether that is settled.

        `key` is its place in the queue, removed if there is no such task. Raises StoreError.
        """
        if self.free <= 0 or task_id in self._runs:
            return True
        if not await self.records.store.lease(self.records.lease(task_id), self._me, self._limits.worker_seconds):
            return False
        if task_id in self._runs:
            return True
        if self._closed:
            await self._release(task_id)
            return False
        task = asyncio.get_running_loop().create_task(self._run(task_id, key), name=f"dragoman task {task_id[:8]}")
        self._runs[task_id] = task
        task.add_done_callback(lambda done: self._left(task_id, done))
        return True

    async def left(self, seconds: float, me: str) -> list[str]:
        """Return the tasks that have waited for `seconds`, and those whose run nobody is at, some at a time.

        `me` is a name of whoever asks. Raises StoreError.
        """
        records = self.records
        store, before = records.store, f"{records.waiting}{max(0.0, records.now() - seconds):017.6f}"
        found = [key for key in await store.keys(records.waiting, BACKLOG) if key < before]
        busy = await store.keys(records.busy, MANY)
        # Those of thousands are looked at in turns: each costs two calls of the store.
        for key in random.sample(busy, min(len(busy), SOME)):
            lease = records.lease(_id(key))
            # Who runs one has its lease before its record says so, and until after it does not.
            if await store.lease(lease, me, self._limits.worker_seconds):
                await store.release(lease, me)
                found.append(key)
        return [_id(key) for key in found]

    def open(self) -> None:
        """Take runs, again after `stop`."""
        self._closed = False

    def cancel(self, task_id: str) -> None:
        """Stop a task that runs here; its record says already that it was cancelled."""
        found = self._runs.get(task_id)
        if found is not None:
            _cancel(found)

    async def stop(self) -> None:
        """Let what runs end for `limits.drain_seconds`, then leave it to others or say that it was stopped."""
        self._closed = True
        runs = list(self._runs.values())
        if runs:
            _, late = await asyncio.wait(runs, timeout=self._limits.drain_seconds)
            for task in late:
                _cancel(task)
            if late:
                # Once, and not again and again: what is the user's may have to clean up.
                await asyncio.wait(late, timeout=self._limits.drain_seconds)

    def _left(self, task_id: str, done: asyncio.Task[None]) -> None:
        self._runs.pop(task_id, None)
        self.ran += 1
        self.ended()
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("the task %s could not be run", task_id[:8], exc_info=error)

    async def _run(self, task_id: str, key: str) -> None:
        keeping = asyncio.get_running_loop().create_task(self._keep(task_id, asyncio.current_task()))
        try:
            record = await self.records.load(task_id)
            if record is None:
                if key:
                    await self.records.store.delete(key)
                return
            one = Run(self.records, record)
            if await one.begin():
                left = record.created + record.ttl - self.records.now()
                await run(one, self._handler(), self._states(), max(0.001, left))
        except StoreError as error:
            # The record still says that it runs: whoever looks next finds it so, and judges.
            log.warning("the task %s is left: %s", task_id[:8], error)
        finally:
            await stop(keeping)
            await self._release(task_id)

    async def _release(self, task_id: str) -> None:
        try:
            await self.records.store.release(self.records.lease(task_id), self._me)
        except StoreError as error:
            log.debug("a lease ends by itself: %s", error)

    async def _keep(self, task_id: str, running: asyncio.Task[None] | None) -> None:
        """Renew the lease, and stop the run when another process cancelled the task, or took it over."""
        store, stream, seconds = self.records.store, self.records.stream(task_id), self._limits.worker_seconds
        position, held = 0, True
        while running is not None and held:
            try:
                await store.wait(stream, position, seconds / 3)
                for at, status in await store.read(stream, position):
                    position, held = at, held and status != b"cancelled"
                held = held and await store.lease(self.records.lease(task_id), self._me, seconds)
            except StoreError as error:
                # Nobody else can take it over meanwhile, for they need the same store.
                log.debug("a lease is not renewed yet: %s", error)
                await asyncio.sleep(AGAIN)
        if running is not None:
            _cancel(running)


def _cancel(run: asyncio.Task[None]) -> None:
    """Cancel a run once: a second time would cut off what its function cleans up."""
    if not run.cancelling():
        run.cancel()


def _id(key: str) -> str:
    return key.rsplit(":", 1)[1]


def _nobody() -> None:
    """Tell nobody."""
