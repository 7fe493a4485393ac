"""Await a coroutine, and be told if it does not finish at once.

Most calls never wait for anything. Timers, watchers and tasks are for those that
do, so that the others cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Watched(Generic[T]):
    """Awaiting this awaits `work`; `on_wait` is called once, when `work` first has to wait."""

    __slots__ = ("on_wait", "work")

    def __init__(self, work: Coroutine[Any, Any, T], on_wait: Callable[[], None]) -> None:
        self.work = work
        self.on_wait = on_wait

    def __await__(self) -> Generator[Any, Any, T]:
        work = self.work
        try:
            awaited = work.send(None)
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]
        self.on_wait()
        while True:
            try:
                got = yield awaited
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:
                # CancelledError comes this way: it belongs inside, where the handler can clean up.
                try:
                    awaited = work.throw(error)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]
            else:
                try:
                    awaited = work.send(got)
                except StopIteration as done:
                    return done.value  # type: ignore[no-any-return]
