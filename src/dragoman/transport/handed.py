"""An answer that is handed to the task that waits for it: its next step is taken where the answer was read.

A future wakes its task in the next turn of the event loop, which looks at all sockets and timers again first.
Promise: cancelled, it is a future like any other. Limit: one task waits for it, and it is handed over outside of tasks;
inside of one it comes in the next turn, as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, TypeVar

T = TypeVar("T")


class Handed(asyncio.Future[T]):
    """A future that can also be given by `hand`: then its task has gone on when that returns."""

    _waiting: tuple[Callable[[Any], object], Context | None] | None = None

    def add_done_callback(self, fn: Callable[[Any], object], /, *, context: Context | None = None) -> None:
        """Keep what is to be called, which is the next step of the task that awaits this."""
        if self._waiting is None and not self.done():
            self._waiting = fn, context
        else:
            super().add_done_callback(fn, context=context)

    def hand(self, value: T) -> None:
        """Give the value, and take the next step of the task that waits for it."""
        waiting, self._waiting = self._waiting, None
        super().set_result(value)
        if waiting is None:
            return  # nobody waits yet: whoever will finds the value
        fn, context = waiting
        loop = self.get_loop()
        if context is None or asyncio.current_task(loop) is not None:
            loop.call_soon(fn, self, context=context)
        else:
            context.run(fn, self)

    def _soon(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            self.get_loop().call_soon(waiting[0], self, context=waiting[1])

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel, as tasks do that are cancelled while they wait."""
        if not super().cancel(msg):
            return False
        self._soon()
        return True

    def set_result(self, result: T, /) -> None:
        """Give the value; the task goes on in the next turn of the loop."""
        super().set_result(result)
        self._soon()

    def set_exception(self, exception: type | BaseException, /) -> None:
        """End the waiting by an exception, in the next turn of the loop."""
        super().set_exception(exception)
        self._soon()
