"""A process and all that it started, ended together, also when this process is killed.

POSIX process groups, and a watcher of one shell that outlives us; on Windows only the process itself is reached.
Limit: what starts a session of its own leaves the group, and stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys

log = logging.getLogger("dragoman")
# Its stdin is a pipe that only we hold: when that ends we are gone, however that came. A server that is told by the end
# of its own stdin has most of a second for it, and as much again after the signal that asks.
WATCH = (
    "wait_() { sleep 0.7 || sleep 1; }; "  # not every sleep knows fractions
    "read -r _ || { wait_; kill -s TERM -- -$1; wait_; kill -s KILL -- -$1; }"
)
POLL = 0.02  # seconds between looks whether a group whose leader is gone is empty


class Group:
    """The process group that `pid` leads."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._watcher = _watcher(pid)

    def leader_ended(self) -> None:
        """Note that the leader is gone: if nobody is left, its number may be given to somebody else."""
        if not self._alive():
            self._unwatch()

    def _unwatch(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.kill()
            watcher.communicate()

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
        finally:
            self._unwatch()

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


def _watcher(pid: int) -> subprocess.Popen[bytes] | None:
    if sys.platform == "win32":
        return None
    try:
        # A session of its own, so that no signal of a terminal, and not the end of our group, ends it first.
        return subprocess.Popen(
            ["/bin/sh", "-c", WATCH, "dragoman", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        log.debug("nobody ends the processes of a server if this one is killed: %s", error)
        return None


_TERMINATE = signal.SIGTERM
_KILL = signal.SIGTERM if sys.platform == "win32" else signal.SIGKILL
