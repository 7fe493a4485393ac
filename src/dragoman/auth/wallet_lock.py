"""One at a time among processes: a lock file that the system releases when its holder dies.

Waits for a bounded time; `locked` does so without blocking the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from dragoman.errors import LocalError

PAUSE = 0.02  # seconds between tries
PATIENCE = 60.0  # seconds: longer than any token request takes

if sys.platform == "win32":
    import msvcrt

    def _try(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _try(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


@asynccontextmanager
async def locked(path: Path, patience: float = PATIENCE) -> AsyncGenerator[None]:
    """Hold the lock on `path`. Raises LocalError if another process keeps it too long."""
    # The file stays: to remove it would let two holders each lock a file of that name.
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            async with asyncio.timeout(patience):
                while not _taken(handle):  # noqa: ASYNC110 - the holder is another process
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            raise LocalError(f"another process has held {path} for {patience:g} s; is it stuck?") from None
        yield
    finally:
        os.close(handle)


@contextmanager
def locked_here(path: Path, patience: float = PATIENCE) -> Generator[None]:
    """Hold the lock on `path` in a program without an event loop, or in a thread. Raises LocalError like `locked`."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = time.monotonic() + patience
        while not _taken(handle):
            if time.monotonic() > end:
                raise LocalError(f"another process has held {path} for {patience:g} s; is it stuck?")
            time.sleep(PAUSE)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        _try(handle)
    except OSError:
        return False
    return True
