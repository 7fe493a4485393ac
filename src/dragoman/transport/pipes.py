"""Reading and writing file descriptors from asyncio, without a thread where the system allows it.

Pipes and sockets are polled; files, terminals and Windows pipes, which cannot be,
get a thread of their own. asyncio's own pipe transports cost several times as
much per message and make inherited descriptors non-blocking for everybody.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable

CHUNK = 256 * 1024  # bytes per read
FULL = 8 * 1024 * 1024  # bytes waiting to be written, above which `drain` waits


def _pollable(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


class Reader:
    """Hands what arrives at `fd` to `on_data`; empty bytes mean the end."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        self._polled = _pollable(fd)
        self._paused = False

    def start(self) -> None:
        """Begin to read."""
        if self._polled:
            self._loop.add_reader(self._fd, self._ready)
        else:
            threading.Thread(target=self._pump, name="dragoman stdin", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        if self._polled:
            self._loop.remove_reader(self._fd)

    def _ready(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.stop()
        self._on_data(data)

    def _pump(self) -> None:
        while True:
            try:
                data = os.read(self._fd, CHUNK)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._on_data, data)
            except RuntimeError:
                return  # the loop has ended
            if not data:
                return


class Writer:
    """Writes to `fd` in order, and never blocks the loop on a pipe that nobody empties."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._loop = asyncio.get_running_loop()
        self._polled = _pollable(fd)
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._room: asyncio.Event | None = None
        self.broken = False
        if self._polled:
            os.set_blocking(fd, False)

    def write(self, data: bytes) -> None:
        """Write `data` now if there is room, else as soon as there is. Dropped once the reader is gone."""
        if self.broken:
            return
        if not self._waiting:
            data = data[self._push(data) :]
            if not data or self.broken:
                return
            self._loop.add_writer(self._fd, self._ready)
        self._waiting.append(data)
        self._size += len(data)

    async def drain(self) -> None:
        """Wait while more than 8 MiB are waiting to be read by the peer."""
        while self._size > FULL and not self.broken:
            if self._room is None:
                self._room = asyncio.Event()
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> None:
        """Wait until all is written, or the peer is gone."""
        while self._waiting and not self.broken:
            if self._room is None:
                self._room = asyncio.Event()
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Forget what is still waiting."""
        if self._waiting:
            self._loop.remove_writer(self._fd)
            self._waiting.clear()
        self._size = 0

    def _push(self, data: bytes) -> int:
        """Return how many bytes could be written now."""
        if not self._polled:
            return self._push_all(data)
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.broken = True
            return 0

    def _push_all(self, data: bytes) -> int:
        """A file or a terminal takes all; it blocks, but only for as long as the system needs."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError:
            self.broken = True
        return done

    def _ready(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            done = self._push(data)
            self._size -= done
            if self.broken:
                self._waiting.clear()
                break
            if done < len(data):
                self._waiting[0] = data[done:]
                break
            self._waiting.popleft()
        if not self._waiting:
            self._loop.remove_writer(self._fd)
        if self._room is not None and (self._size <= FULL // 2 or self.broken):
            self._room.set()
