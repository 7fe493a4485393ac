"""Await a coroutine for a while, and be told if it does not finish at once.

Most calls never wait for anything. Timers, watchers and tasks are for those that
do, so that the others cost nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Expired(TimeoutError):
    """The time of a `Watched` is over: to be told from a TimeoutError of the work's own."""


async def came(event: asyncio.Event, seconds: float) -> bool:
    """Wait for an event, and no longer than `seconds`; say whether it came."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False


class Watched(Generic[T]):
    """Awaiting this awaits `work`; `on_wait` is called once, when `work` first has to wait.

    After `seconds` of waiting, if they are not 0, `work` is cancelled; when it ends by that, Expired is raised.
    """

    __slots__ = ("on_wait", "seconds", "work")

    def __init__(self, work: Awaitable[T], on_wait: Callable[[], None] | None, seconds: float = 0) -> None:
        self.work = work
        self.on_wait = on_wait
        self.seconds = seconds

    def __await__(self) -> Generator[Any, Any, T]:
        # The first step by hand: it says whether there is a second one.
        steps = self.work.__await__()
        try:
            awaited = next(steps)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        return (yield from Begun(steps, awaited, self.on_wait, self.seconds).__await__())


class Begun(Generic[T]):
    """The rest of what waited at its first step, which its owner took by hand: the same, for where a call passes.

    `steps` are those of the awaitable, `awaited` what its first step gave.
    """

    __slots__ = ("awaited", "on_wait", "seconds", "steps")

    def __init__(
        self, steps: Generator[Any, Any, T], awaited: Any, on_wait: Callable[[], None] | None, seconds: float
    ) -> None:
        self.steps = steps
        self.awaited = awaited
        self.on_wait = on_wait
        self.seconds = seconds

    def __await__(self) -> Generator[Any, Any, T]:
        if self.on_wait is not None:
            self.on_wait()
        task = asyncio.current_task() if self.seconds > 0 else None
        if task is None:
            return (yield from rest(self.steps, self.awaited))
        return (yield from self._bounded(task))

    def _bounded(self, task: asyncio.Task[Any]) -> Generator[Any, Any, T]:
        expired = False
        before = task.cancelling()  # a task that was cancelled may still call, to clean up

        def expire() -> None:
            nonlocal expired
            expired = True
            task.cancel()

        timer = task.get_loop().call_later(self.seconds, expire)
        try:
            value = yield from rest(self.steps, self.awaited)
        except asyncio.CancelledError:
            # Ours, unless somebody else has cancelled the task as well.
            if expired and task.uncancel() <= before:
                raise Expired from None
            raise
        except BaseException:
            if expired:
                task.uncancel()  # it made something else of being cancelled, which is over with it
            raise
        finally:
            timer.cancel()
        if expired:
            task.uncancel()  # it would not be stopped, and came to an end all the same
        return value


def rest(steps: Generator[Any, Any, T] | Coroutine[Any, Any, T], awaited: Any) -> Generator[Any, Any, T]:
    """Do what `yield from` does, after the first step."""
    while True:
        try:
            got = yield awaited
        except GeneratorExit:
            steps.close()
            raise
        except BaseException as error:
            # CancelledError comes this way: it belongs inside, where the handler can clean up.
            try:
                awaited = steps.throw(error)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
        else:
            try:
                awaited = steps.send(got)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
