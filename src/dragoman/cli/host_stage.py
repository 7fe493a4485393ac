"""The terminal's thread and the host's: what happens there is shown here, and what is asked there is asked here.

Only this thread reads and writes the terminal, so that a question never stands in the middle of an answer, and Ctrl-C
reaches whoever waits. Promise: Ctrl-C stops what is under way; again, while that ends, it leaves.
"""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from typing import Any, TypeVar

from dragoman.app.loop_thread import LoopThread

T = TypeVar("T")


class StoppedError(Exception):
    """The user stopped it."""


class Stage:
    """Runs work of the host, shows its events and answers its questions meanwhile."""

    def __init__(self, show: Callable[[Any], None]) -> None:
        self.thread = LoopThread("host")
        self._show = show
        self._items: queue.Queue[Callable[[], None] | None] = queue.Queue()

    def tell(self, event: Any) -> None:
        """Have an event shown; for the host's thread."""
        self._items.put(lambda: self._show(event))

    async def asked(self, question: Callable[[], T]) -> T:
        """Return what `question` gives, called on the terminal's thread; for the host's."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def ask() -> None:
            if answer.cancelled():
                return
            try:
                given = question()
            except BaseException as error:
                loop.call_soon_threadsafe(_fail, answer, error)
                if not isinstance(error, Exception):
                    raise
            else:
                loop.call_soon_threadsafe(_settle, answer, given)

        self._items.put(ask)
        return await answer

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what `work` gives. Raises what it raises, StoppedError after Ctrl-C, KeyboardInterrupt after two."""
        future = self.thread.start(work)
        future.add_done_callback(lambda _: self._items.put(None))
        stopped = False
        while True:
            try:
                item = self._items.get()
                if item is None:
                    break
                item()
            except KeyboardInterrupt:
                if stopped:
                    raise
                stopped = True
                future.cancel()
        try:
            found = future.result()
        except CancelledError:
            raise StoppedError from None
        return found


def _settle(answer: asyncio.Future[Any], given: Any) -> None:
    if not answer.done():
        answer.set_result(given)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        # Ctrl-C at a question: the work is cancelled, and this with it.
        answer.cancel() if isinstance(error, KeyboardInterrupt) else answer.set_exception(error)
