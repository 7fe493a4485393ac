"""A server that ended is started again: at once the first time, then at growing and uneven intervals.

One start at a time for all who wait for it, and none is given up because one of them waits no more. When `limit` in a
row led to no answer, calls fail at once, and it is tried again after REST seconds and then ever more rarely, up to one
start in LONGEST: a server that crashes at once never spins.
Source: specification, basic/transports/stdio "Unexpected Termination"; requirement STDIO-09.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from dragoman.errors import ClosedError, MalformedError, McpError, TransportError

SHORTEST, LONGEST = 0.5, 30.0  # seconds before the second start, and before any
REST = 5.0  # seconds without a start once `limit` in a row were in vain; twice as many after each further one


class Revival:
    """Starts one server again, by `start`, which raises when that was in vain."""

    def __init__(self, start: Callable[[], Awaitable[None]], limit: int) -> None:
        self._start = start
        self._task: asyncio.Task[McpError | None] | None = None
        self._rests_until = 0.0
        self.limit = limit
        self.vain = 0  # starts in a row after which no request was answered; whoever gets an answer sets it back

    async def again(self) -> None:
        """Return when the server runs. Raises why it does not: a fresh error for each who waits."""
        task = self._begun()
        await asyncio.wait({task})
        if task.cancelled():
            raise ClosedError("the connection was closed while the server was started again")
        if (fault := task.result()) is not None:
            raise _vain(fault) from fault

    def begin(self, failed: Callable[[McpError], None]) -> None:
        """Have the server run, without waiting for it; `failed` hears if it cannot be."""

        def done(task: asyncio.Task[McpError | None]) -> None:
            if not task.cancelled() and (fault := task.result()) is not None:
                failed(_vain(fault))

        if self.limit:
            self._begun().add_done_callback(done)
        else:
            failed(ClosedError("the server ended, and restarts are turned off"))

    def _begun(self) -> asyncio.Task[McpError | None]:
        task = self._task
        if task is None or task.done():
            task = self._task = asyncio.get_running_loop().create_task(self._tries())
        return task

    async def close(self) -> None:
        """Start nothing any more. Whoever waits gets ClosedError. Safe to call twice."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _tries(self) -> McpError | None:
        """Start it as often as is allowed; returns why it did not start."""
        loop = asyncio.get_running_loop()
        while True:
            if self.vain >= self.limit and (rest := self._rests_until - loop.time()) > 0:
                return ClosedError(f"it ended {self.vain} times in a row; the next start is in {rest:.0f} s")
            if 0 < self.vain < self.limit:
                await asyncio.sleep(pause(self.vain))
            self.vain += 1
            self._rests_until = loop.time() + pause(self.vain - self.limit + 1, REST)
            try:
                await self._start()
            except (TransportError, MalformedError) as error:
                if self.vain >= self.limit:
                    return error
            except McpError as error:
                return error
            else:
                return None


def _vain(fault: McpError) -> ClosedError:
    return ClosedError(f"the server ended, and starting it again failed: {fault}")


def pause(count: int, first: float | None = None) -> float:
    """Return how many seconds to wait after `count` starts in vain, from 1. Uneven, so that many clients come apart."""
    # The exponent is bounded before the power is taken: a count may grow for days.
    first = SHORTEST if first is None else first
    return min(first * 2.0 ** min(count - 1, 10), LONGEST) * random.uniform(0.5, 1.5)
