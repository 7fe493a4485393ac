"""How many calls of one tool run at a time; the others wait for their turn, in order, and not in any number.

Limit: in one process. What holds for several takes a lock where they meet, such as the store or the resource itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from dragoman.errors import ToolError

WAITING = 100  # calls that wait for their turn


class _Turns:
    """Whose turn it is on one event loop."""

    def __init__(self, most: int) -> None:
        self.turn = asyncio.Semaphore(most)
        self.waiting = 0


class Gate:
    """Lets `most` calls of the tool `name` in at a time."""

    def __init__(self, name: str, most: int, waiting: int = WAITING) -> None:
        self._name = name
        self._most = most
        self._waiting = waiting
        self._turns: WeakKeyDictionary[asyncio.AbstractEventLoop, _Turns] = WeakKeyDictionary()

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[None]:
        """Wait for a turn and keep it until the block ends. Raises ToolError if too many wait."""
        loop = asyncio.get_running_loop()
        turns = self._turns.get(loop)
        if turns is None:
            turns = self._turns[loop] = _Turns(self._most)
        if turns.turn.locked() and turns.waiting >= self._waiting:
            raise ToolError(f"{self._name} is busy: {self._most} calls run and {turns.waiting} wait; try again later")
        turns.waiting += 1
        try:
            await turns.turn.acquire()
        finally:
            turns.waiting -= 1
        try:
            yield
        finally:
            turns.turn.release()
