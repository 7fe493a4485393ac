"""Who waits for which stream, in this process.

A wake-up is a hint: whoever is woken looks again, and whoever is not looks again after a
while. So a wake-up that is lost on the way costs seconds, and never an entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

HEAL = 5.0  # seconds after which a waiter looks by itself


class Waiters:
    """Waits that `wake` ends early."""

    def __init__(self, heal: float = HEAL) -> None:
        self._heal = heal
        self._waits: dict[str, set[asyncio.Future[None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._waits)

    async def wait(self, stream: str, seconds: float, look: Callable[[], Awaitable[bool]]) -> bool:
        """Return whether `look` found something within `seconds`. It is asked at once, and after each wake-up."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            # Before the look: what comes between a look and a wait must end the wait.
            wake = loop.create_future()
            self._waits.setdefault(stream, set()).add(wake)
            try:
                if await look():
                    return True
                left = end - loop.time()
                if left <= 0:
                    return False
                await asyncio.wait([wake], timeout=min(left, self._heal))
            finally:
                self._leave(stream, wake)

    def wake(self, stream: str) -> None:
        """Let those who wait for `stream` look."""
        for wake in self._waits.get(stream, ()):
            if not wake.done():
                wake.set_result(None)

    def wake_all(self) -> None:
        """Let everybody look: an unknown number of wake-ups was lost."""
        for stream in list(self._waits):
            self.wake(stream)

    def _leave(self, stream: str, wake: asyncio.Future[None]) -> None:
        waits = self._waits[stream]
        waits.discard(wake)
        if not waits:
            del self._waits[stream]
