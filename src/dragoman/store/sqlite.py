"""A store in one SQLite file: for any number of processes on one machine, and it outlives them.

Only the owner can read the file. Writes are on disk when they return, so that a claim
survives a crash. Calls run in one thread of their own, and never block the event loop.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from dragoman.errors import StoreError
from dragoman.ports.store import NOTHING_GIVEN, Append, Change, Drop, Entry, Given, Put
from dragoman.store.bounds import SECONDS, beyond, checked, fitting, lasting, listed, named, position
from dragoman.store.file import PAGES, File
from dragoman.store.steady import Steady, machine
from dragoman.store.waiters import Waiters

T = TypeVar("T")
_MAGIC = b"SQLite format 3\0"  # how every file of SQLite begins: sqlite.org/fileformat.html, 1.3
_AWAY = "; move the file away to begin with an empty one"
LOOK = 0.002, 0.05  # seconds between two looks for what other processes appended: at first, and when nothing comes


class SqliteStore:
    """What is kept in the file at `path`, which is made if it is missing; its directory is not.

    Each call is over within `seconds`, or raises StoreError. The file grows to `pages` of 4 KiB at most.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        clock: Steady | None = None,
        *,
        seconds: float = SECONDS,
        pages: int = PAGES,
    ) -> None:
        self._path = Path(path).absolute()
        self._clock = clock or machine()
        self._seconds = seconds
        self._pages = pages
        self._thread: _Thread | None = None
        self._waiters = Waiters()
        self._poll: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over. Raises StoreError if the file fails."""
        named(key)
        return await self._run(lambda file: file.get(key))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds. Raises StoreError if the file fails."""
        fitting(key, value, ttl)
        await self._write(lambda file: file.put(key, value, lasting(ttl)))

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        fitting(key, value, ttl)

        def add(file: File) -> bytes | None:
            there = file.get(key)
            if there is None:
                file.put(key, value, lasting(ttl))
            return there

        return await self._write(add)

    async def take(self, key: str) -> bytes | None:
        """Remove the value and return it; of many who ask at once, one gets it."""
        named(key)

        def take(file: File) -> bytes | None:
            there = file.get(key)
            file.drop(key)
            return there

        return await self._write(take)

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one. Raises StoreError if the file fails."""
        named(key)
        await self._write(lambda file: file.drop(key))

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        """Return at most `most` keys that begin with `prefix` and hold a value now, in order."""
        listed(prefix, most)
        return await self._run(lambda file: file.keys(prefix, beyond(prefix), most))

    async def commit(self, changes: Sequence[Change], given: Given = NOTHING_GIVEN) -> bool:
        """Make all changes at once if each key of `given` holds that value (None: nothing), and return whether."""
        checked(changes, given)

        def commit(file: File) -> bool:
            if any(file.get(key) != value for key, value in given.items()):
                return False
            for change in changes:
                match change:
                    case Put(key, value, ttl):
                        file.put(key, value, lasting(ttl))
                    case Drop(key):
                        file.drop(key)
                    case Append(stream, value, ttl, most):
                        file.append(stream, value, lasting(ttl), most)
            return True

        done = await self._write(commit)
        if done:
            for change in changes:
                if isinstance(change, Append):
                    self._waiters.wake(change.stream)
        return done

    async def read(self, stream: str, after: int = 0, most: int = 100) -> list[Entry]:
        """Return at most `most` entries that come after the position `after`, oldest first."""
        after = position(stream, after, most)
        return await self._run(lambda file: file.read(stream, after, most))

    async def wait(self, stream: str, after: int, seconds: float) -> bool:
        """Wait until the stream has an entry after `after`; False when `seconds` passed without."""

        async def look() -> bool:
            return bool(await self.read(stream, after, 1))

        if self._poll is None or self._poll.done():
            self._poll = asyncio.create_task(self._watch(), name="dragoman store: other processes")
        return await self._waiters.wait(stream, seconds, look)

    async def lease(self, key: str, owner: str, ttl: float) -> bool:
        """Take the lease on `key` for `ttl` seconds, or renew it if it is ours; False while another has it."""
        named(owner)
        fitting(key, b"", ttl)
        return await self._write(lambda file: file.lease(key, owner, lasting(ttl)))

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease up; False if it was no longer ours."""
        named(key)
        named(owner)
        return await self._write(lambda file: file.release(key, owner))

    async def close(self) -> None:
        """Close the file and end the thread. The next call opens it again."""
        poll, self._poll = self._poll, None
        if poll is not None and not poll.done():
            poll.cancel()
        thread, self._thread = self._thread, None
        if thread is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(thread.calls, thread.close)
            finally:
                thread.calls.shutdown(wait=False)

    async def _watch(self) -> None:
        """Look for what other processes append, while somebody waits; seldom when nothing comes."""
        pause, longest = LOOK
        await asyncio.sleep(0)  # the one who waits is not yet among the waiters
        first = True
        while self._waiters:
            try:
                appended = await self._run(lambda file: file.appended())
            except StoreError:
                appended = []  # whoever waits looks too, and hears of it
            for stream in appended:
                self._waiters.wake(stream)
            if first:
                self._waiters.wake_all()  # what came since they looked and before this did is not in `appended`
            pause, first = LOOK[0] if appended else min(pause * 1.25, longest), False
            await asyncio.sleep(pause)

    async def _write(self, work: Callable[[File], T]) -> T:
        return await self._run(partial(File.transact, work=work))

    async def _run(self, work: Callable[[File], T]) -> T:
        if self._thread is None:
            self._thread = _Thread()
        job = asyncio.get_running_loop().run_in_executor(self._thread.calls, self._in_thread, self._thread, work)
        try:
            async with asyncio.timeout(self._seconds):
                # Shielded: a caller that gives up must not leave half a transaction to the next.
                return await asyncio.shield(job)
        except TimeoutError:
            job.cancel()  # if it has not begun it never will
            raise StoreError(
                f"the store {self._path} did not answer within {self._seconds:g} s: the disk is slow,"
                " or another process holds the file; look at both, or move the store to another disk"
            ) from None

    def _in_thread(self, thread: _Thread, work: Callable[[File], T]) -> T:
        try:
            file = thread.file = thread.file or File(self._path, self._clock, self._seconds * 0.8, self._pages)
            try:
                done = work(file)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not file.sweep(at_once=True):
                    raise
                done = work(file)
            file.sweep()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the store {self._path} failed: {error}{_advice(error)}") from error
        return done


class _Thread:
    """The thread of one open file, which is closed where it was used.

    Who closes while others still ask must not close what they read: they get a thread of their own, and it a file.
    """

    def __init__(self) -> None:
        self.calls = ThreadPoolExecutor(1, "dragoman store")
        self.file: File | None = None

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None


def looked_at(path: str) -> str:
    """Return `path` if a store can be there, or can be made. Raises StoreError, as the first call of the store would.

    What is wrong with an address is told where it is read, and not in a log, again and again.
    """
    try:
        with open(path, "rb") as file:
            start = file.read(len(_MAGIC))
    except FileNotFoundError:
        if (folder := Path(path).absolute().parent).is_dir():
            return path
        raise StoreError(f"the store {path} cannot be made: there is no directory {folder}") from None
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {error.strerror or error}") from None
    if not _MAGIC.startswith(start):  # nothing at all is a file that was just made
        raise StoreError(f"the store {path} is no SQLite file{_AWAY}")
    return path


def _advice(error: Exception) -> str:
    match getattr(error, "sqlite_errorcode", None):
        case sqlite3.SQLITE_FULL:
            return "; make room on the disk, or let things end sooner"
        case sqlite3.SQLITE_BUSY:
            return "; another process holds the file for seconds: look for one that is stopped in a transaction"
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return "; the file and its directory must be writable"
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return _AWAY
        case _:
            return ""
