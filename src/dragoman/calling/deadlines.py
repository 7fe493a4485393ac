"""The limits on time of one client's calls, watched over by one timer, since calls that get the same time end in turn.

A timer each costs more than the rest of a small call's waiting. Promise: the timer is set when a call first waits.
Limit: for calls that get the client's own time; what gets another has a timer of its own (`patience`).
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, TypeVar

from dragoman.errors import DeadlineError
from dragoman.ports.watched import Begun, Expired, rest

T = TypeVar("T")


class Deadline:
    """When a task is cancelled, and whether it was."""

    __slots__ = ("at", "expired", "task")

    def __init__(self, task: asyncio.Task[Any], at: float) -> None:
        self.task = task
        self.at = at
        self.expired = False

    def expire(self) -> None:
        """Cancel the task."""
        self.expired = True
        self.task.cancel()


class Deadlines:
    """Those of the calls under way in one event loop, that of the first call: `seconds` after each began to wait."""

    def __init__(self, seconds: float | None) -> None:
        self.seconds = seconds or 0.0  # 0 is for none
        self.loop: asyncio.AbstractEventLoop | None = None
        # In the order in which they began, which is that in which they end.
        self.standing: dict[Deadline, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, task: asyncio.Task[Any]) -> Deadline:
        """Return the limit of a call that begins to wait now; it is over when it is taken out of `standing`."""
        loop = self.loop = task.get_loop()
        made = Deadline(task, loop.time() + self.seconds)
        self.standing[made] = None
        if self._timer is None:
            self._timer = loop.call_at(made.at, self._look, loop)
        return made

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Cancel what is over; look again when the next one is."""
        self._timer = None
        now = loop.time()
        over: list[Deadline] = []
        for made in self.standing:
            if made.at > now:
                self._timer = loop.call_at(made.at, self._look, loop)
                break
            over.append(made)
        for made in over:
            del self.standing[made]
            made.expire()

    def end(self) -> None:
        """Watch no more, unless something is under way that would then have no limit."""
        if self._timer is not None and not self.standing:
            self._timer.cancel()
            self._timer = None


@types.coroutine
def bounded(
    work: Coroutine[Any, Any, T], deadlines: Deadlines, late: Callable[[str], DeadlineError], what: str
) -> Generator[Any, Any, T]:
    """Return what `work` gives, cancelled when it takes too long. Raises what `late` gives for `what` then."""
    # The first step by hand: most calls in memory have no second one.
    try:
        awaited = work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    task = asyncio.current_task(deadlines.loop)
    if task is None:  # in another loop
        try:
            return (yield from Begun(work.__await__(), awaited, None, deadlines.seconds).__await__())
        except Expired:
            raise late(what) from None
    before = task.cancelling()  # a task that was cancelled may still call, to clean up
    made = deadlines.begin(task)
    try:
        value = yield from rest(work, awaited)
    except asyncio.CancelledError:
        # Ours, unless somebody else has cancelled the task as well.
        if made.expired and task.uncancel() <= before:
            raise late(what) from None
        raise
    except BaseException:
        if made.expired:
            task.uncancel()  # it made something else of being cancelled, which is over with it
        raise
    finally:
        deadlines.standing.pop(made, None)
    if made.expired:
        task.uncancel()  # it would not be stopped, and came to an end all the same
    return value
