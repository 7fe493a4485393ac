"""A few connections to one PostgreSQL, which are used again.

A connection that its server has closed is seen before it is used, without asking the server;
and a server that is gone is told at once, where psycopg's own pool waits for its return.
"""

from __future__ import annotations

import asyncio
import math
import select
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import psycopg

T = TypeVar("T")
Row: TypeAlias = tuple[Any, ...]
MOST = 8  # connections of one process


class Connection(psycopg.AsyncConnection[Row]):
    """A connection that is given up at once when its work is cancelled."""

    async def cancel_safe(self, *, timeout: float = 30.0) -> None:
        """Close it. The server would be asked on a second connection to stop, and waited for while it is silent."""
        self.pgconn.finish()


class Connections:
    """At most `MOST` connections to `address` at a time; `prepare` makes ready what the first of them finds."""

    def __init__(self, address: str, seconds: float, prepare: Callable[[Connection], Awaitable[None]]) -> None:
        self._address = address
        self._seconds = seconds
        self._prepare = prepare
        self._loop: asyncio.AbstractEventLoop | None = None
        self._free = asyncio.Semaphore(MOST)
        self._preparing = asyncio.Lock()
        self._prepared = False
        self._idle: list[Connection] = []

    async def use(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """Return what `work` makes of a connection that nobody else uses meanwhile. Raises psycopg.Error."""
        self._here()
        free = self._free
        async with free:
            connection = self._take() or await self.open()
            kept = False
            try:
                if not self._prepared:
                    async with self._preparing:
                        if not self._prepared:
                            await self._prepare(connection)
                            self._prepared = True
                done = await work(connection)
                kept = True
            except psycopg.Error:
                kept = not connection.broken
                raise
            finally:
                # What was cut short by a cancellation may still be answering: never used again.
                if kept and free is self._free:
                    self._idle.append(connection)
                else:
                    self.end(connection)
        return done

    async def open(self) -> Connection:
        """Return a new connection, which commits each statement by itself."""
        connection = await Connection.connect(
            self._address, autocommit=True, connect_timeout=max(math.ceil(self._seconds), 2)
        )
        try:
            # A function sees what others committed while it waited for a lock only on this level.
            await connection.execute("SET default_transaction_isolation TO 'read committed'")
            await connection.execute(f"SET statement_timeout TO {max(round(self._seconds * 1000), 1)}".encode())
        except BaseException:
            self.end(connection)
            raise
        return connection

    def end(self, connection: Connection) -> None:
        """Close a connection at once, whatever it is doing."""
        connection.pgconn.finish()

    def forget(self) -> None:
        """Let the next call prepare again."""
        self._prepared = False

    def close(self) -> None:
        """Close what is idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            self.end(connection)

    def _here(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self.close()
            self._loop, self._free, self._preparing = loop, asyncio.Semaphore(MOST), asyncio.Lock()

    def _take(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            # An idle server says nothing: what can be read is its farewell.
            if not connection.closed and not readable(connection.fileno()):
                return connection
            self.end(connection)
        return None


def readable(number: int) -> bool:
    """Return whether there is something to read from a socket, or its end."""
    if not hasattr(select, "poll"):
        return bool(select.select([number], [], [], 0)[0])
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(0))
