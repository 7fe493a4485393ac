"""Limits on time that stand still while a user is waited for.

A call that leads to a login takes as long as its user: what the server may take of it stays what it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any
from weakref import WeakKeyDictionary

import msgspec


class Waits:
    """The limits of one client that are running now."""

    def __init__(self) -> None:
        self._left: WeakKeyDictionary[asyncio.Timeout, float | None] = WeakKeyDictionary()
        self._waiting = 0

    def timeout(self, seconds: float | None) -> asyncio.Timeout:
        """Return what `asyncio.timeout` does, to be stopped and started with the others."""
        made = asyncio.timeout(None if self._waiting else seconds)
        self._left[made] = seconds
        return made

    @contextmanager
    def paused(self) -> Generator[None]:
        """Stop all limits until the block ends; each then has the time that it had left."""
        self._waiting += 1
        if self._waiting == 1:
            now = asyncio.get_running_loop().time()
            for bound in list(self._left):
                if (when := bound.when()) is not None:
                    self._left[bound] = max(0.0, when - now)
                self._set(bound, None)
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                now = asyncio.get_running_loop().time()
                for bound, left in list(self._left.items()):
                    self._set(bound, None if left is None else now + left)

    def _set(self, bound: asyncio.Timeout, when: float | None) -> None:
        # One that is over cannot be changed, nor need it be.
        with suppress(RuntimeError):
            bound.reschedule(when)


class Waited(msgspec.Struct, frozen=True):
    """What a client proves itself with, and how it says that a user is being waited for."""

    auth: Any
    waiting: Callable[[], AbstractContextManager[None]]
