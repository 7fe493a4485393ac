"""An event loop on a thread of its own, for those who wait for results without one.

Works anywhere, also on a thread whose own event loop is running. Opens once; nothing of it is left after `close`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from dragoman.errors import ClosedError, LocalError

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, Any]]
LEAVE = 10.0  # seconds that closing may take before the thread is left to end by itself


class LoopThread:
    """Runs coroutines for other threads. `what` is who needs it, for messages."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it takes work."""
        return self._loop is not None

    def open(self, begin: Work, end: Work) -> None:
        """Start, and run `begin`; if that fails, close with `end`. Raises LocalError the second time."""
        if self._thread is not None:
            raise LocalError(f"a {self._what} opens once; make another one")
        loop = self._loop = asyncio.new_event_loop()
        # A daemon, so that a program which forgot to close still ends.
        self._thread = threading.Thread(target=_own, args=(loop,), name=f"dragoman {self._what}", daemon=True)
        self._thread.start()
        try:
            self.run(begin())
        except BaseException:
            self.close(end)
            raise

    def close(self, end: Work) -> None:
        """Run `end`, and stop. Safe to call twice."""
        loop, thread = self._loop, self._thread
        self._loop = None
        if loop is None or thread is None:
            return
        try:
            asyncio.run_coroutine_threadsafe(end(), loop).result(LEAVE)
        except TimeoutError:
            pass  # what is still under way is cancelled with the loop
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(LEAVE)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` gives. Raises what it raises, ClosedError if this is not open."""
        if self._loop is not None and threading.current_thread() is self._thread:
            work.close()
            raise LocalError(f"a callback cannot wait for its own {self._what}; hand the work to another thread")
        future = self.start(work)
        try:
            return future.result()
        except BaseException:
            # Ctrl-C while waiting: the call ends with the wait for it.
            future.cancel()
            raise

    def start(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin `work`, and return what its result will be in. Raises ClosedError if this is not open."""
        loop = self._loop
        if loop is None:
            work.close()
            raise ClosedError(f"the {self._what} is not open: use it in a `with` block")
        return asyncio.run_coroutine_threadsafe(work, loop)


def _own(loop: asyncio.AbstractEventLoop) -> None:
    """Run `loop` until it is stopped, then end what is left in it."""
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
