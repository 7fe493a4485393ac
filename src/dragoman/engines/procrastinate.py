"""Tasks on procrastinate, a job queue in the PostgreSQL of the store. Needs the extra `queue`.

A job carries a task's id, put in by the transaction that makes the task wait; the record stays the only truth.
Promise: what the queue loses, somebody puts in again. Jobs of workers without a heartbeat are tried again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any, cast

from procrastinate import App, PsycopgConnector, jobs, retry
from procrastinate.exceptions import ProcrastinateException
from procrastinate.worker import Worker
from psycopg import AsyncConnection, Error

from dragoman.engines.queue_tables import TASK, QueueTables
from dragoman.errors import StoreError
from dragoman.ports.engine import Runs, Transacting
from dragoman.ports.store import Change, Given
from dragoman.protocol.limits import Limits

LOOK = 5.0  # seconds between two looks for jobs that nobody was told of, and for tasks without one, at most
AGAIN = 1.0  # seconds to wait after the database failed
HELD = 0.5  # seconds until a task that another process has is tried again
PATIENCE = 5.0  # seconds that a job waits for a connection
CONNECTIONS = 4  # of a process that runs tasks, beside the store's
NEVER = 86_400.0  # seconds between looks for what we never ask for
WORKER = "dragoman"
TRANSIENT = (StoreError, ProcrastinateException, Error, OSError)
ID = re.compile(r"(?<![A-Za-z0-9_-])([A-Za-z0-9_-]{8})[A-Za-z0-9_-]{24}(?![A-Za-z0-9_-])")

log = logging.getLogger("dragoman.tasks")


class HeldError(Exception):
    """Another process has the task, or this one takes no more: the job goes back into the queue."""


class Later(retry.BaseRetryStrategy):
    """Puts a job back, as often as that is needed: it ends when its task's run does, and no other way."""

    def get_retry_decision(self, *, exception: BaseException, job: jobs.Job) -> retry.RetryDecision:
        """Return when it is tried again."""
        return retry.RetryDecision(retry_in={"milliseconds": round(HELD * 1000)})


class Discreet(logging.Filter):
    """Cuts ids of tasks in what procrastinate says of our jobs: where nobody is known, an id is the key."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; it is always kept."""
        if TASK in (said := record.getMessage()):
            record.msg, record.args = ID.sub(r"\1...", said), ()
        job: Any = getattr(record, "job", None)
        if isinstance(job, dict) and job.get("task_name") == TASK:  # pyright: ignore[reportUnknownMemberType]
            record.job = {"id": job.get("id"), "task_name": TASK}  # pyright: ignore[reportUnknownMemberType]
        return True


for _logger in ("procrastinate.worker", f"procrastinate.worker.{WORKER}"):
    logging.getLogger(_logger).addFilter(Discreet())


class ProcrastinateEngine:
    """Runs the tasks of one server as jobs of procrastinate, in the database of its store."""

    name = "procrastinate"

    def __init__(self, store: Transacting, runs: Runs, limits: Limits) -> None:
        self._store = store
        self._runs = runs
        self._limits = limits
        self._tables = QueueTables(store.schema)
        self._made = False
        self._me = secrets.token_hex(8)
        self._worker: Worker | None = None
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False
        self._rest = min(LOOK, limits.worker_seconds / 2)

    async def start(self) -> None:
        """Begin to run what waits. Safe to call again."""
        if self._runs.most > 0 and (self._loop is None or self._loop.done()):
            self._stopping = False
            self._runs.open()
            self._loop = asyncio.get_running_loop().create_task(self._work(), name="dragoman tasks")

    async def stop(self) -> None:
        """Let what runs end for `Limits.drain_seconds`, then leave it to others or say that it was stopped."""
        loop, self._loop = self._loop, None
        if loop is None or loop.get_loop() is not asyncio.get_running_loop():
            return
        self._stopping = True
        if (worker := self._worker) is None:
            loop.cancel()
        else:
            # It takes no more, and its jobs end with the runs.
            worker.shutdown_graceful_timeout = 3 * self._limits.drain_seconds
            worker.stop()  # type: ignore[no-untyped-call]
        await self._runs.stop()
        _, late = await asyncio.wait([loop], timeout=self._limits.drain_seconds + AGAIN)
        if late:
            loop.cancel()
            await asyncio.wait(late, timeout=self._limits.drain_seconds)

    def wake(self) -> None:
        """Do nothing: the database tells all workers of each new job."""

    def cancel(self, task_id: str) -> None:
        """Stop a task that runs here. A job that waits finds its task cancelled."""
        self._runs.cancel(task_id)

    async def commit(self, changes: Sequence[Change], given: Given, waits: Sequence[str]) -> bool:
        """Commit to the store, and put the jobs of what waits into the queue in the same transaction."""
        if not waits:
            return await self._store.commit(changes, given)
        await self._prepare()
        try:
            return await self._store.commit_and(changes, given, self._tables.put, (self._runs.place, list(waits)))
        except StoreError:
            self._made = False  # somebody may have removed the tables
            raise

    async def _prepare(self) -> None:
        if not self._made:
            await self._store.use(self._tables.prepare)
            self._made = True

    async def _work(self) -> None:
        told = ""  # once for each outage: it is tried every second
        while not self._stopping:
            try:
                await self._prepare()
                async with self._app() as app:
                    told = ""
                    await self._serve(app)
            except TRANSIENT as error:
                self._made = False
                # Its own errors say only that there was one.
                if told != (told := str(error.__cause__ or error)):
                    log.warning("tasks wait: %s", told)
            if not self._stopping:
                await asyncio.sleep(AGAIN)

    def _app(self) -> Any:
        async def configure(connection: AsyncConnection[Any]) -> None:
            await connection.set_autocommit(True)
            await connection.execute(f"SET search_path TO {self._tables.schema}".encode())

        connector = PsycopgConnector(
            conninfo=self._store.address, configure=configure, min_size=1, max_size=CONNECTIONS, timeout=PATIENCE
        )
        app = App(connector=connector)
        app.task(name=TASK, queue=self._runs.place, retry=Later())(self._run)
        return app.open_async()

    async def _run(self, task: str) -> None:
        """Run the task of a job."""
        try:
            if await self._runs.run(task):
                return
        except StoreError as error:
            log.debug("a task is tried again: %s", error)
        raise HeldError

    async def _serve(self, app: App) -> None:
        seconds = self._limits.worker_seconds
        self._worker = worker = Worker(
            app,
            queues=[self._runs.place],
            name=WORKER,
            concurrency=self._runs.most,
            fetch_job_polling_interval=self._rest,
            abort_job_polling_interval=NEVER,
            # Its jobs go back into the queue at once; a run goes on, and the job that comes again waits for it.
            shutdown_graceful_timeout=0,
            install_signal_handlers=False,
            delete_jobs=jobs.DeleteJobCondition.ALWAYS,
            update_heartbeat_interval=seconds / 3,
            stalled_worker_timeout=seconds,
        )
        working = asyncio.ensure_future(cast("Coroutine[Any, Any, None]", worker.run()))  # type: ignore[no-untyped-call]
        tasks = [working, asyncio.ensure_future(self._tend(app, worker))]
        for task in tasks:
            task.add_done_callback(_heard)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._worker = None
            worker.stop()  # type: ignore[no-untyped-call]
            tasks[1].cancel()
            await asyncio.wait(tasks)
        for task in tasks:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _tend(self, app: App, worker: Worker) -> None:
        """Look after the queue; return when the worker's heart has stopped, which it does not see itself."""
        seconds, repaired = self._limits.worker_seconds, float("-inf")
        while True:
            await asyncio.sleep(self._rest)
            if worker.worker_id is not None and not await self._ask(self._tables.alive, worker.worker_id, seconds):
                return
            # One process looks after the queue for all.
            if await self._store.lease(f"queue:{self._runs.place}", self._me, seconds):
                await self._retry(app, seconds)
                if time.monotonic() - repaired >= LOOK:
                    await self._repair()
                    repaired = time.monotonic()

    async def _retry(self, app: App, seconds: float) -> None:
        manager = app.job_manager
        stalled = await manager.get_stalled_jobs(
            queue=self._runs.place, task_name=TASK, seconds_since_heartbeat=seconds
        )
        for job in stalled:
            with contextlib.suppress(ProcrastinateException):  # it has ended meanwhile
                await manager.retry_job(job)

    async def _repair(self) -> None:
        """Put in what has no job, though its record says that it should: a queue that was lost, or another engine's."""
        if left := await self._runs.left(LOOK, self._me):
            number = await self._ask(self._tables.put_missing, self._runs.place, left)
            if number:
                log.info("%d tasks were put into the queue again", number)

    async def _ask(self, query: bytes, *said: Any) -> Any:
        async def ask(connection: AsyncConnection[Any]) -> Any:
            rows = await (await connection.execute(query, said)).fetchall()
            return rows[0][0]

        return await self._store.use(ask)


def _heard(task: asyncio.Future[None]) -> None:
    """Take a task's error, which is nobody's any more when the engine was stopped without its database."""
    if not task.cancelled():
        task.exception()
