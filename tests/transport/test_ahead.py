"""A call's first step is taken by hand, as a task that was made before; whoever runs in it cannot tell."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

from dragoman.transport.ahead import OVER, Ahead, Step

Body = Callable[[], Coroutine[Any, Any, None]]
WHO: ContextVar[str] = ContextVar("who", default="nobody")


async def made_ready() -> Ahead:
    ahead = Ahead()
    assert not ahead.ready(asyncio.get_running_loop())
    await asyncio.sleep(0)
    return ahead


async def begun(ahead: Ahead, body: Body, ends: list[Any] | None = None) -> Step:
    """Take the first step of `body` where data is received: outside of tasks. What comes of it goes to `ends`."""
    loop = asyncio.get_running_loop()
    step: asyncio.Future[Step] = loop.create_future()

    async def finish(error: BaseException | None) -> None:
        if ends is not None:
            ends.append(error)

    def received() -> None:
        assert asyncio.current_task() is None
        assert ahead.ready(loop)
        step.set_result(ahead.take(body(), finish))
        assert asyncio.current_task() is None

    loop.call_soon(received)
    return await step


async def tasks_of(ahead: Ahead, *bodies: Callable[[asyncio.Task[Any]], object]) -> int:
    """Return how many tasks some calls, one after the other, had together."""
    spares = set[Any]()
    for body in bodies:

        async def run(body: Callable[[asyncio.Task[Any]], object] = body) -> None:
            task = asyncio.current_task()
            assert task is not None
            body(task)

        # Not the task itself: who has hold of that has it to himself.
        spares.add(ahead._spare)
        assert await begun(ahead, run) == OVER
        ahead.ready(asyncio.get_running_loop())
        await asyncio.sleep(0)
    return len(spares)


async def test_a_task_that_has_not_begun_is_not_taken() -> None:
    """One that is cancelled before its first step runs nothing, and the call of its would never end."""
    ahead, loop = Ahead(), asyncio.get_running_loop()
    assert [ahead.ready(loop) for _ in range(3)] == [False] * 3
    await asyncio.sleep(0)
    assert ahead.ready(loop)
    ahead.end()


async def test_a_call_that_never_waits_is_over_at_once_and_makes_no_task() -> None:
    ahead, seen = await made_ready(), list[Any]()
    before = asyncio.all_tasks()

    async def body() -> None:
        seen.append(asyncio.current_task())

    assert await begun(ahead, body) == OVER
    assert len(seen) == 1 and seen[0] in before
    ahead.end()


async def test_a_call_that_waits_is_one_task_from_its_beginning_to_its_end() -> None:
    ahead, ends, seen = await made_ready(), list[Any](), list[Any]()

    async def body() -> None:
        seen.append(asyncio.current_task())
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(0))
        seen.append(asyncio.current_task())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        seen.append(asyncio.current_task())

    step = await begun(ahead, body, ends)
    assert step.task is not None
    await step.task
    assert seen == [step.task] * 3 and ends == [None]


async def test_a_bound_that_is_over_at_the_first_wait_stops_the_call() -> None:
    ahead, ends = await made_ready(), list[Any]()

    async def body() -> None:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()

    step = await begun(ahead, body, ends)
    assert step.task is not None
    await step.task
    assert [type(end) for end in ends] == [TimeoutError]


@pytest.mark.parametrize("turns", [0, 1, 2])
async def test_a_call_that_is_cancelled_ends_and_so_does_what_it_waited_for(turns: int) -> None:
    ahead, ends = await made_ready(), list[Any]()
    inner: list[asyncio.Future[None]] = []

    async def body() -> None:
        inner.append(asyncio.get_running_loop().create_future())
        await inner[0]

    step = await begun(ahead, body, ends)
    assert step.task is not None
    for _ in range(turns):
        await asyncio.sleep(0)
    step.task.cancel()
    await asyncio.wait([step.task], timeout=5)
    assert inner[0].cancelled() and [type(end) for end in ends] == [asyncio.CancelledError]


@pytest.mark.parametrize("bare", [True, False])
async def test_a_call_that_cancels_itself_is_told_at_its_first_wait(bare: bool) -> None:
    ahead, ends, told = await made_ready(), list[Any](), list[bool]()

    async def body() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        try:
            await (asyncio.sleep(0) if bare else asyncio.Event().wait())
        except asyncio.CancelledError:
            told.append(True)
            raise

    step = await begun(ahead, body, ends)
    assert step.task is not None
    await asyncio.wait([step.task], timeout=5)
    assert told == [True] and [type(end) for end in ends] == [asyncio.CancelledError]


async def test_what_a_call_puts_into_its_context_stays_there_and_is_not_the_next_ones() -> None:
    ahead, seen = await made_ready(), list[str]()

    async def quick() -> None:
        seen.append(WHO.get())
        WHO.set("the first")

    async def slow() -> None:
        seen.append(WHO.get())
        token = WHO.set("the second")
        await asyncio.sleep(0)
        seen.append(WHO.get())
        WHO.reset(token)
        seen.append(WHO.get())

    assert await begun(ahead, quick) == OVER
    step = await begun(ahead, slow)
    assert step.task is not None
    await step.task
    assert seen == ["nobody", "nobody", "the second", "nobody"] and WHO.get() == "nobody"


async def test_one_task_does_for_calls_that_leave_nothing_with_it() -> None:
    ahead = await made_ready()
    assert await tasks_of(ahead, lambda task: None, lambda task: task.get_name(), lambda task: None) == 1
    ahead.end()


KEPT: list[Any] = []
REGISTRY: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()


@pytest.mark.parametrize(
    "leaves",
    [
        KEPT.append,
        lambda task: REGISTRY.__setitem__(task, "mine"),
        lambda task: task.set_name("mine"),
        lambda task: task.add_done_callback(KEPT.append),
        lambda task: task.cancel(),
    ],
    ids=["kept", "watched", "named", "called back", "cancelled"],
)
async def test_a_task_that_a_call_left_something_with_is_not_the_next_ones(leaves: Callable[[Any], object]) -> None:
    """Sessions of databases are kept by task: one caller's must not be there for another."""
    ahead = await made_ready()
    try:
        assert await tasks_of(ahead, leaves, lambda task: None) == 2
    finally:
        KEPT.clear()
        ahead.end()


async def test_what_fails_says_so_at_once_or_later() -> None:
    ahead, ends = await made_ready(), list[Any]()
    fault = ValueError("no")

    async def at_once() -> None:
        raise fault

    async def later() -> None:
        await asyncio.sleep(0)
        raise fault

    assert await begun(ahead, at_once, ends) == Step(None, fault)
    step = await begun(ahead, later, ends)
    assert step.task is not None
    await step.task
    assert ends == [fault]


async def test_a_task_that_is_let_go_ends() -> None:
    before = asyncio.all_tasks()
    ahead = await made_ready()
    (made,) = asyncio.all_tasks() - before
    ahead.end()
    await asyncio.wait([made], timeout=5)
    assert made.done() and not made.cancelled() and made.exception() is None


def test_another_loop_gets_a_task_of_its_own() -> None:
    ahead = Ahead()

    async def once() -> bool:
        first = ahead.ready(asyncio.get_running_loop())
        await asyncio.sleep(0)
        assert ahead.ready(asyncio.get_running_loop())
        return first

    assert [asyncio.run(once()) for _ in range(2)] == [False, False]
