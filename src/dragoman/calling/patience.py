"""Limits on time: on a whole call, and on silence, where it starts anew with each progress that the server tells of.

The limit on the whole call stays as it is then, so a server that only ever makes progress still comes to an end.
Source: specification, basic/patterns/cancellation "Timeouts"; requirement PROG-06.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from msgspec import structs

from dragoman.calling.terms import OnProgress, Wish
from dragoman.errors import DeadlineError
from dragoman.ports.watched import Expired, Watched
from dragoman.wire.notices import Progress

T = TypeVar("T")


async def within(
    seconds: float | None,
    work: Coroutine[Any, Any, T],
    late: Callable[[], DeadlineError],
    limit: Callable[[float | None], asyncio.Timeout],
) -> T:
    """Return what `work` gives, cancelled when it takes longer than `seconds`. Raises what `late` gives then."""
    if limit is asyncio.timeout and seconds is not None and seconds > 0:
        # The same, for less: no timer where nothing has to be waited for, as in memory.
        try:
            return await Watched(work, None, seconds)
        except Expired:
            raise late() from None
    bound = limit(seconds)
    try:
        async with bound:
            return await work
    except TimeoutError:
        if not bound.expired():
            raise  # a callback's own
        raise late() from None


async def patiently(
    wish: Wish,
    what: str,
    deliver: Callable[[Wish], Awaitable[T]],
    limit: Callable[[float], asyncio.Timeout] = asyncio.timeout,
) -> T:
    """Return what `deliver` gives, cancelled when its server is silent for longer than `wish` allows.

    Raises DeadlineError then, with `what` it was. `limit` makes the limit on time.
    """
    seconds = wish.idle_timeout
    if seconds is None:
        return await deliver(wish)
    bound = limit(seconds)
    try:
        async with bound:
            return await deliver(structs.replace(wish, on_progress=extending(bound, seconds, wish.on_progress)))
    except TimeoutError:
        if not bound.expired():
            raise  # the limit on the whole call, or a callback's own
        raise DeadlineError(f"{what} told of no progress for {seconds:g} s; it was cancelled") from None


def extending(bound: asyncio.Timeout, seconds: float, told: OnProgress | None) -> OnProgress:
    """Return a callback that gives `bound` so many seconds more and calls `told`."""

    def extend(progress: Progress) -> Any:
        if not bound.expired():
            bound.reschedule(asyncio.get_running_loop().time() + seconds)
        return told(progress) if told is not None else None

    return extend
