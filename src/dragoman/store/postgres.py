"""A store in PostgreSQL: for any number of machines. Needs the extra `postgres`, and PostgreSQL 13 or newer.

Each call is one statement, by the server's own clock; what is changed is on disk when it
returns, as the server is set. The tables are made in a schema of their own.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar, cast

import psycopg
from psycopg.errors import (
    DiskFull,
    InsufficientPrivilege,
    InvalidSchemaName,
    OutOfMemory,
    QueryCanceled,
    ReadOnlySqlTransaction,
    UndefinedFunction,
    UndefinedTable,
)

from dragoman.errors import StoreError
from dragoman.ports.store import NOTHING_GIVEN, Append, Change, Drop, Entry, Given, Put
from dragoman.store.bounds import KEY, SECONDS, beyond, checked, fitting, lasting, listed, named, position, shown
from dragoman.store.connections import Connection, Connections
from dragoman.store.tables import Tables
from dragoman.store.waiters import Waiters

T = TypeVar("T")
GREATEST = "\U0010ffff" * (KEY // 4 + 1)  # greater than any key
SWEEP = 60.0  # seconds between two removals of what is over
IDLE = 30.0  # seconds after which a subscription that nobody waits for ends
PAUSE = 0.1, 2.0  # seconds between attempts to listen again: first, longest


class PostgresStore:
    """What is kept in the database at `address` (a libpq URL), in the tables of `schema`.

    Each call is over within `seconds`, or raises StoreError.
    """

    def __init__(self, address: str, *, schema: str = "dragoman", seconds: float = SECONDS) -> None:
        self.address = address
        self.schema = schema
        self._shown = shown(address)
        self._tables = Tables(schema)
        self._seconds = seconds
        self._connections = Connections(address, seconds, self._tables.prepare)
        self._running: set[asyncio.Task[Any]] = set()
        self._swept = float("-inf")
        self._waiters = Waiters()
        self._listener: asyncio.Task[None] | None = None

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over. Raises StoreError if the server fails."""
        return cast("bytes | None", await self._one(self._tables.get, named(key)))

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds. Raises StoreError if the server fails."""
        await self.commit([Put(key, value, ttl)])

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        fitting(key, value, ttl)
        return cast("bytes | None", await self._one(self._tables.add, key, value, lasting(ttl)))

    async def take(self, key: str) -> bytes | None:
        """Remove the value and return it; of many who ask at once, one gets it."""
        return cast("bytes | None", await self._one(self._tables.take, named(key)))

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one. Raises StoreError if the server fails."""
        await self.commit([Drop(key)])

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        """Return at most `most` keys that begin with `prefix` and hold a value now, in order."""
        listed(prefix, most)
        rows = await self._rows(self._tables.keys, prefix, beyond(prefix) or GREATEST, most)
        return [key for (key,) in rows]

    async def commit(self, changes: Sequence[Change], given: Given = NOTHING_GIVEN) -> bool:
        """Make all changes at once if each key of `given` holds that value (None: nothing), and return whether."""
        return await self._commit(self._tables.commit, changes, given, ())

    async def commit_and(self, changes: Sequence[Change], given: Given, also: bytes, said: Sequence[Any]) -> bool:
        """Do as `commit` does; if the changes are made, `also`, an SQL expression of `said`, is evaluated with them.

        It has to be true. One statement, so both are made or neither.
        """
        return await self._commit(self._tables.commit_and(also), changes, given, said)

    async def _commit(self, query: bytes, changes: Sequence[Change], given: Given, said: Sequence[Any]) -> bool:
        checked(changes, given)
        columns: tuple[list[str], list[str], list[bytes], list[float], list[int]] = ([], [], [], [], [])
        for change in changes:
            match change:
                case Put(key, value, ttl):
                    row = ("put", key, value, lasting(ttl), 0)
                case Drop(key):
                    row = ("drop", key, b"", 0.0, 0)
                case Append(stream, value, ttl, most):
                    row = ("append", stream, value, lasting(ttl), most)
            for column, cell in zip(columns, row, strict=True):
                cast("list[Any]", column).append(cell)
        done = bool(await self._one(query, list(given), list(given.values()), *columns, *said))
        self._sweep_in_time()
        return done

    async def read(self, stream: str, after: int = 0, most: int = 100) -> list[Entry]:
        """Return at most `most` entries that come after the position `after`, oldest first."""
        after = position(stream, after, most)
        return cast("list[Entry]", await self._rows(self._tables.read, stream, after, most))

    async def wait(self, stream: str, after: int, seconds: float) -> bool:
        """Wait until the stream has an entry after `after`; False when `seconds` passed without."""

        async def look() -> bool:
            return bool(await self.read(stream, after, 1))

        if self._listener is None or self._listener.done():
            self._listener = asyncio.create_task(self._listen(), name="dragoman store: subscription")
        return await self._waiters.wait(stream, seconds, look)

    async def lease(self, key: str, owner: str, ttl: float) -> bool:
        """Take the lease on `key` for `ttl` seconds, or renew it if it is ours; False while another has it."""
        named(owner)
        fitting(key, b"", ttl)
        return await self._one(self._tables.lease, key, owner, lasting(ttl)) is not None

    async def release(self, key: str, owner: str) -> bool:
        """Give the lease up; False if it was no longer ours."""
        named(key)
        return bool(await self._one(self._tables.release, key, named(owner)))

    async def close(self) -> None:
        """Close the connections. The next call opens them again."""
        listener, self._listener = self._listener, None
        left = set(self._running)
        if listener is not None and not listener.done():
            listener.cancel()
            left.add(listener)
        here = asyncio.get_running_loop()
        if left := {task for task in left if task.get_loop() is here}:
            await asyncio.wait(left, timeout=self._seconds)
        self._connections.close()

    async def _one(self, query: bytes, *given: Any) -> Any:
        rows = await self._rows(query, *given)
        return rows[0][0] if rows else None

    async def _rows(self, query: bytes, *given: Any) -> list[Any]:
        async def ask(connection: Connection) -> list[Any]:
            return await (await connection.execute(query, given, binary=True)).fetchall()

        return await self._run(ask)

    async def use(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Return what `work` makes of a connection, which commits each statement by itself. Raises StoreError."""
        return await self._run(work)

    async def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        task = asyncio.ensure_future(self._connections.use(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        # Not awaited when it is too late: the driver takes seconds to give up on a server that is silent.
        done, _ = await asyncio.wait([task], timeout=self._seconds)
        try:
            if not done:
                task.cancel()
                raise TimeoutError
            return task.result()
        except (psycopg.Error, OSError) as error:
            raise self._fault(error) from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # told to whoever still waited

    def _sweep_in_time(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._swept >= SWEEP:
            self._swept = now
            task = asyncio.create_task(self._sweep(), name="dragoman store: removal of what is over")
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _sweep(self) -> None:
        while await self._one(self._tables.sweep):
            pass

    async def _listen(self) -> None:
        """Wake those who wait, for what any process appends; seldom fails twice, and never for good."""
        pause, longest = PAUSE
        while True:
            connection: Connection | None = None
            try:
                connection = await self._connections.open()
                await connection.execute(self._tables.listen)
                pause = PAUSE[0]
                while True:
                    self._waiters.wake_all()  # what came before this was not heard
                    async for notice in connection.notifies(timeout=IDLE):
                        self._waiters.wake(notice.payload)
                    if not self._waiters:
                        return
            except (psycopg.Error, OSError):
                # Who waits looks by itself now and then, and raises what is wrong.
                await asyncio.sleep(random.uniform(pause / 2, pause))  # not all processes at once
                pause = min(pause * 2, longest)
            finally:
                if connection is not None:
                    self._connections.end(connection)

    def _fault(self, error: Exception) -> StoreError:
        told = str(error).strip().partition("\n")[0]
        match error:
            case TimeoutError() | QueryCanceled():
                told = f"did not answer within {self._seconds:g} s; it is overloaded, stopped or cut off: look at it"
            case DiskFull() | OutOfMemory():
                told = f"is full: {told}; make room on its disk, or let things end sooner"
            case InsufficientPrivilege() | ReadOnlySqlTransaction():
                told = f"may not be written: {told}; the user needs a schema of its own, on a server that takes writes"
            case UndefinedTable() | UndefinedFunction() | InvalidSchemaName():
                self._connections.forget()
                told = f"has lost its tables: {told}; they are made again at the next call"
            case _:
                told = f"failed: {told}; is it running, and may this machine reach it?"
        return StoreError(f"the store {self._shown} {told}")
