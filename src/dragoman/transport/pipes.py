"""Reading and writing file descriptors from asyncio, without a thread where the system allows it.

Pipes and sockets are polled; files, terminals and Windows pipes, which cannot be, are read by a thread of their own.
Both ends can be stopped for a while, so that neither a fast peer nor one that never reads fills our memory.
asyncio's own pipe transports cost several times as much per message.
"""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from collections import deque
from collections.abc import Callable

# Bytes per read: as much as a pipe of Linux holds. From 128 KiB on, each read costs three system calls more, since the
# allocator then maps memory for it, moves what is left of it once the length is known, and gives it back.
CHUNK = 64 * 1024
FULL = 8 * 1024 * 1024  # bytes waiting to be written, above which a writer is full


def _pollable(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return sys.platform != "win32" and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode))


class Reader:
    """Hands what arrives at `fd` to `on_data`; empty bytes mean the end, and come last."""

    def __init__(self, fd: int, on_data: Callable[[bytes], None]) -> None:
        self._fd = fd
        self._on_data = on_data
        self._loop = asyncio.get_running_loop()
        self._polled = _pollable(fd)
        self._reading = False
        self._ended = False
        self._wanted = threading.Event()  # for the thread: read the next piece
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read, or go on after `stop`."""
        if self._reading or self._ended:
            return
        self._reading = True
        if self._polled:
            self._loop.add_reader(self._fd, self._ready)
            return
        self._wanted.set()
        if self._thread is None:
            # A daemon: a read from a terminal ends when the user likes, and nobody will wait for it.
            self._thread = threading.Thread(target=self._pump, name="dragoman stdin", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Read no more. A thread may still deliver the piece that it waits for."""
        if self._reading:
            self._reading = False
            if self._polled:
                self._loop.remove_reader(self._fd)

    def _ready(self) -> None:
        try:
            data = os.read(self._fd, CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if data:
            self._on_data(data)
        else:
            self._deliver(data)

    def _deliver(self, data: bytes) -> None:
        if not data:
            self.stop()
            self._ended = True
        self._on_data(data)
        if self._reading and self._thread is not None:
            self._wanted.set()

    def _pump(self) -> None:
        while True:
            self._wanted.wait()
            # One piece at a time: a file is read faster than its requests are answered.
            self._wanted.clear()
            try:
                data = os.read(self._fd, CHUNK)
            except OSError:
                data = b""
            try:
                self._loop.call_soon_threadsafe(self._deliver, data)
            except RuntimeError:
                return  # the loop has ended
            if not data:
                return


class Writer:
    """Writes to `fd` in order, and never blocks the loop on a pipe that nobody empties.

    `on_change` is called, soon, when a full writer has room again and when the reader is gone.
    """

    def __init__(self, fd: int, on_change: Callable[[], None]) -> None:
        self._fd = fd
        self._on_change = on_change
        self._loop = asyncio.get_running_loop()
        self._polled = _pollable(fd)
        self._blocking = True
        self._waiting: deque[memoryview] = deque()  # views: a long answer leaves in many pieces
        self._size = 0
        self._room = asyncio.Event()
        self.broken = False
        if self._polled:
            self._blocking = os.get_blocking(fd)
            os.set_blocking(fd, False)

    @property
    def full(self) -> bool:
        """Whether more than 8 MiB wait for a peer that does not read."""
        return self._size > FULL

    def write(self, data: bytes) -> None:
        """Write `data` now if there is room, else as soon as there is. Dropped once the reader is gone."""
        if self.broken:
            return
        rest = memoryview(data)
        if not self._waiting:
            done = self._push(rest)
            if done == len(data) or self.broken:
                return
            rest = rest[done:]
            self._loop.add_writer(self._fd, self._ready)
        self._waiting.append(rest)
        self._size += len(rest)

    async def drain(self) -> None:
        """Wait while the writer is full."""
        while self.full and not self.broken:
            self._room.clear()
            await self._room.wait()

    async def flush(self) -> None:
        """Wait until all is written, or the peer is gone."""
        while self._waiting and not self.broken:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Forget what is still waiting. The descriptor stays open, as it was before."""
        if self._waiting:
            self._loop.remove_writer(self._fd)
            self._waiting.clear()
        self._size = 0
        if self._polled:
            # The setting belongs to the pipe, not to us: whoever shares it would read errors.
            os.set_blocking(self._fd, self._blocking)

    def _push(self, data: memoryview) -> int:
        """Return how many bytes could be written now."""
        if not self._polled:
            return self._push_all(data)
        try:
            return os.write(self._fd, data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self._break()
            return 0

    def _push_all(self, data: memoryview) -> int:
        """A file or a terminal takes all; it blocks, but only for as long as the system needs."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._fd, data[done:])
        except OSError:
            self._break()
        return done

    def _break(self) -> None:
        self.broken = True
        self._loop.call_soon(self._on_change)

    def _ready(self) -> None:
        was_full = self.full
        while self._waiting and not self.broken:
            data = self._waiting[0]
            done = self._push(data)
            self._size -= done
            if done < len(data):
                self._waiting[0] = data[done:]
                break
            self._waiting.popleft()
        if self.broken:
            self._waiting.clear()
            self._size = 0
        if not self._waiting:
            self._loop.remove_writer(self._fd)
        if not self.full or self.broken:
            self._room.set()
        if was_full and not self.full:
            self._loop.call_soon(self._on_change)
