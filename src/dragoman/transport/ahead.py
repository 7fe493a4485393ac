"""The first step of a call is taken at once, where its request was read: most calls have no second one.

A task costs turns of the event loop and callbacks, a fifth of a small call. So one is made ahead and waits; a call runs
as that task, and the task goes on with it if it has to wait (docs/design/http-server.md).
Promise: users' code has a current task and a context of its own, as ever. Limit: only from outside of tasks.
"""

from __future__ import annotations

import asyncio
import types
import weakref

# Named by the documentation of asyncio for whoever extends it ("Task lifetime support").
from asyncio.tasks import _enter_task, _leave_task  # pyright: ignore[reportPrivateUsage]
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextvars import Context, copy_context
from sys import getrefcount
from typing import Any

import msgspec

Finish = Callable[[BaseException | None], Awaitable[None]]


class Step(msgspec.Struct, frozen=True):
    """What a first step came to: `task` goes on if there is one, else all is over, by `error` if there is one."""

    task: asyncio.Task[None] | None = None
    error: BaseException | None = None


OVER = Step()


class _Rest(msgspec.Struct, frozen=True):
    """A coroutine that waits for what its first step gave, the context that it runs in, and what comes after it."""

    steps: Coroutine[Any, Any, None]
    awaited: Any
    context: Context
    finish: Finish


class _Spare:
    """A task that has nothing to do yet."""

    __slots__ = ("begun", "loop", "name", "rest", "task", "wake")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.rest: _Rest | None = None
        self.begun = False
        self.wake: asyncio.Future[None] = loop.create_future()
        self.task: asyncio.Task[None] = loop.create_task(self._be())
        self.name = self.task.get_name()

    async def _be(self) -> None:
        thrown: BaseException | None = None
        self.begun = True
        try:
            await self.wake
        except asyncio.CancelledError as error:
            # Somebody cancelled the call before its task came to wait for what it waits for.
            awaited = self.rest.awaited if self.rest is not None else None
            if awaited is None or not awaited.cancel():
                thrown = error
        rest, self.rest = self.rest, None
        if rest is None:
            return
        failed: BaseException | None = None
        try:
            await _go_on(rest, thrown)
        except GeneratorExit:
            raise
        except BaseException as error:
            failed = error
        await rest.finish(failed)


class Ahead:
    """The task that a loop has ready."""

    __slots__ = ("_spare",)

    def __init__(self) -> None:
        self._spare: _Spare | None = None

    def ready(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Say whether a first step can be taken now. If not, it can in the next turn of the loop."""
        spare = self._spare
        if spare is not None and spare.loop is loop:
            # A task that is cancelled before its first step never runs any of its code, nor that of a call.
            return spare.begun
        # Of another loop: one that is closed by now, as a rule.
        self._spare = _Spare(loop)
        return False

    def take(self, steps: Coroutine[Any, Any, None], finish: Finish) -> Step:
        """Take the first step of `steps`. If they have to wait, the task awaits what `finish` gives after them.

        To be called only if `ready` just said so.
        """
        spare = self._spare
        assert spare is not None, "ready was asked"
        task = spare.task
        context = copy_context()
        held, watched = getrefcount(task), weakref.getweakrefcount(task)
        _enter_task(spare.loop, task)
        try:
            awaited = context.run(steps.send, None)
        except StopIteration:
            step = OVER
        except BaseException as error:
            step = Step(None, error)
        else:
            step = Step(task)
            spare.rest = _Rest(steps, awaited, context, finish)
        finally:
            _leave_task(spare.loop, task)
        # What somebody keeps by task must not be there for the next call: who has hold of it, or changed it, had it to
        # himself.
        if (
            step.task is not None
            or getrefcount(task) != held
            or weakref.getweakrefcount(task) != watched
            or task.cancelling()
            or task.get_name() is not spare.name
            or task._callbacks  # pyright: ignore[reportPrivateUsage]
        ):
            self.end()
        return step

    def end(self) -> None:
        """Let go of the task that is ready."""
        spare, self._spare = self._spare, None
        if spare is not None and not spare.wake.done() and not spare.loop.is_closed():
            spare.wake.set_result(None)


@types.coroutine
def _go_on(rest: _Rest, error: BaseException | None) -> Generator[Any, Any, None]:
    """Do what `await` does, after the first step; `error` is thrown before anything is waited for."""
    steps, awaited, context = rest.steps, rest.awaited, rest.context
    while True:
        if error is None:
            try:
                yield awaited
            except GeneratorExit:
                context.run(steps.close)
                raise
            except BaseException as raised:
                error = raised
        thrown, error = error, None
        try:
            awaited = context.run(steps.send, None) if thrown is None else context.run(steps.throw, thrown)
        except StopIteration:
            return
