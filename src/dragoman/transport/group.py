"""A process and all that it started, ended together.

POSIX process groups; on Windows only the process itself is reached.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

POLL = 0.02  # seconds between looks whether a group whose leader is gone is empty


class Group:
    """The process group that `pid` leads."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    async def end(self, ended: asyncio.Future[None], seconds: float) -> None:
        """End the group: wait, terminate, wait, kill; `seconds` for each wait. `ended` tells of the leader's end.

        Its stdin must be closed before. When cancelled, kills at once.
        """
        try:
            await asyncio.wait({ended}, timeout=seconds)
            if not self._alive():
                return
            self._signal(_TERMINATE)
            async with asyncio.timeout(seconds):
                await asyncio.shield(ended)
                # Nothing tells of the end of processes that are not our children.
                while self._alive():  # noqa: ASYNC110
                    await asyncio.sleep(POLL)
        except TimeoutError:
            self.kill()
            await asyncio.wait({ended}, timeout=seconds)
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the group, now."""
        self._signal(_KILL)

    def _alive(self) -> bool:
        return self._signal(0)

    def _signal(self, number: int) -> bool:
        """Send a signal; returns whether there was anybody to get it."""
        try:
            if sys.platform == "win32":
                os.kill(self._pid, number)
            else:
                os.killpg(self._pid, number)
        except (ProcessLookupError, PermissionError):
            return False
        except OSError:
            return sys.platform != "win32"
        return True


_TERMINATE = signal.SIGTERM
_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
