"""What runs tasks: started and stopped with its server, woken when something waits.

What waits stands in the store, put there together with its record; an engine decides who runs it and when.
Promise asked of every engine: each task that waits is run by somebody, and by one at a time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from dragoman.ports.store import Change, Given, Store

T = TypeVar("T")


class Engine(Protocol):
    """Runs the tasks of one server in this process, or has others run them."""

    @property
    def name(self) -> str:
        """What is said of it to people."""
        ...

    async def start(self) -> None:
        """Begin to run what waits. Safe to call again."""
        ...

    async def stop(self) -> None:
        """Let what runs end, for a while, and leave the rest to others."""
        ...

    def wake(self) -> None:
        """Look at once: something was queued here. Must not block."""
        ...

    def cancel(self, task_id: str) -> None:
        """Stop a task if it runs here; its record says already that it was cancelled."""
        ...

    async def commit(self, changes: Sequence[Change], given: Given, waits: Sequence[str]) -> bool:
        """Commit to the store as `Store.commit` does, what makes the tasks `waits` wait; they are this engine's then.

        Whatever moment a process dies at, a task that waits is found by somebody.
        """
        ...


class Runs(Protocol):
    """The runs of tasks in this process, for an engine that says which."""

    most: int  # at once

    @property
    def place(self) -> str:
        """What stands for the server among others in its store: letters and digits."""
        ...

    async def run(self, task_id: str) -> bool:
        """Run a task and return when that run has ended, or nothing was to be done; False while another is at it.

        Cancelled, it leaves the run alone.
        """
        ...

    async def left(self, seconds: float, me: str) -> list[str]:
        """Return the tasks that have waited for `seconds`, and those whose run nobody is at, some at a time.

        `me` is a name of whoever asks. Raises StoreError.
        """
        ...

    def open(self) -> None:
        """Take runs, again after `stop`."""
        ...

    def cancel(self, task_id: str) -> None:
        """Stop a task if it runs here."""
        ...

    async def stop(self) -> None:
        """Let what runs end for `Limits.drain_seconds`, then leave it to others; take nothing meanwhile."""
        ...


@runtime_checkable
class Transacting(Store, Protocol):
    """A store that can let others change the same database in one transaction with it: PostgreSQL."""

    address: str  # with its password, for drivers only
    schema: str  # of its tables

    async def commit_and(self, changes: Sequence[Change], given: Given, also: bytes, said: Sequence[Any]) -> bool:
        """Do as `commit` does; if the changes are made, `also`, an SQL expression of `said`, is evaluated with them.

        Both are made or neither. Raises StoreError.
        """
        ...

    async def use(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Return what `work` makes of a connection, a `psycopg.AsyncConnection` in autocommit. Raises StoreError."""
        ...
