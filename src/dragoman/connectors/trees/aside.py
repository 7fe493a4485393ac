"""A loop in a thread of its own, for trees that are reached by coroutines: sources are asked from any thread.

Begins with the first question, and ends with `close`.  Limit: never to be asked from within that loop itself.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from dragoman.connectors.trees.tree import Broken

T = TypeVar("T")


class Aside:
    """Runs coroutines, one loop for all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    def run(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        """Return what `work` returns.  Raises what it raises, and Broken after `seconds`, or once this is closed."""
        with self._lock:
            if self._closed:
                work.close()
                raise Broken("it is not served any more")
            future = asyncio.run_coroutine_threadsafe(work, self._begun())
        try:
            return future.result(seconds)
        except concurrent.futures.CancelledError:
            raise Broken("it is not served any more") from None
        except TimeoutError as fault:
            if future.done():  # it was the work's own
                raise Broken("it did not answer in time") from fault
            future.cancel()
            raise Broken(f"it did not answer within {seconds:g} s") from None

    def close(self) -> None:
        """End what is under way, and the thread.  Safe to call twice."""
        with self._lock:
            self._closed = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(1.0)

    def _begun(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=_live, args=(self._loop,), name="dragoman-files", daemon=True)
            self._thread.start()
        return self._loop


def _live(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
