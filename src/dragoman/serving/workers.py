"""Worker threads for plain functions: made when needed, at most `limit`, gone when idle for long.

Daemon threads, unlike the standard library's pool: a function that never returns
must not keep the process from ending.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from dragoman.late import late

if TYPE_CHECKING:
    import queue
else:
    queue = late("queue")

Job: TypeAlias = tuple[
    asyncio.AbstractEventLoop, "asyncio.Future[Any]", contextvars.Context, Callable[..., Any], tuple[Any, ...]
]
_NOT_FOR_FUTURES = (StopIteration, asyncio.CancelledError, KeyboardInterrupt, GeneratorExit)
IDLE = 30.0  # seconds after which a thread without work ends


class Workers:
    """Runs plain functions beside the event loop."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._threads = 0
        self._pending = 0

    @functools.cached_property
    def _jobs(self) -> queue.SimpleQueue[Job]:
        # Made by the first job, under the lock: most servers have no plain functions.
        return queue.SimpleQueue()

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Return `function(*args)`, run in a thread with the caller's context variables.

        Cancelling stops the waiting, not the function: no thread can be stopped.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            self._pending += 1
            jobs = self._jobs
            grow = self._pending > self._threads and self._threads < self._limit
            if grow:
                self._threads += 1
        if grow:
            self._grow()
        jobs.put((loop, future, contextvars.copy_context(), function, args))
        return await future

    def _grow(self) -> None:
        try:
            threading.Thread(target=self._work, name="dragoman worker", daemon=True).start()
        except RuntimeError:
            # The system gives us no more threads: those that run will do it, if there are any.
            with self._lock:
                self._threads -= 1
                if not self._threads:
                    self._pending -= 1
                    raise

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=IDLE)
            except queue.Empty:
                with self._lock:
                    # A job may have come in since: then it counts on this thread.
                    if self._pending < self._threads:
                        self._threads -= 1
                        return
                continue
            self._do(*job)
            # A thread that waits for its next job must not hold on to what the last one was given.
            del job

    def _do(
        self,
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
        context: contextvars.Context,
        function: Callable[..., Any],
        args: tuple[Any, ...],
    ) -> None:
        result: Any = None
        error: BaseException | None = None
        if not future.cancelled():
            try:
                result = context.run(function, *args)
            except BaseException as raised:
                error = raised
        # Free from now on, and counted so before anybody hears of the result and comes with the next job.
        with self._lock:
            self._pending -= 1
        try:
            loop.call_soon_threadsafe(_settle, future, result, error)
        except RuntimeError:
            pass  # the loop has ended, and with it whoever waited
        finally:
            error = None  # its traceback holds this frame


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    elif isinstance(error, _NOT_FOR_FUTURES):
        # A future cannot hold the first; the others would be taken for the waiting task's own end.
        wrapped = RuntimeError(f"the function raised {type(error).__name__}: {error}")
        wrapped.__cause__ = error
        future.set_exception(wrapped)
    else:
        future.set_exception(error)
