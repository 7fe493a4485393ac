"""Work that is done at once costs nothing; work that waits is announced, and ends in time."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from dragoman.ports.watched import Expired, Watched


async def give(value: int) -> int:
    return value


async def wait_for(event: asyncio.Event) -> int:
    await event.wait()
    return 7


async def test_work_that_is_done_at_once_is_not_announced() -> None:
    told: list[str] = []
    assert await Watched(give(3), lambda: told.append("waits"), 60) == 3
    assert told == []


async def test_work_that_waits_is_announced_once() -> None:
    told: list[str] = []
    first, second = asyncio.Event(), asyncio.Event()

    async def twice() -> int:
        await first.wait()
        second.set()
        return await wait_for(second)

    asyncio.get_running_loop().call_soon(first.set)
    assert await Watched(twice(), lambda: told.append("waits")) == 7
    assert told == ["waits"]


async def test_an_exception_comes_out_as_it_was_raised() -> None:
    async def fail(event: asyncio.Event | None) -> None:
        if event is not None:
            await event.wait()
        raise KeyError("x")

    with pytest.raises(KeyError, match="x"):
        await Watched(fail(None), None)
    event = asyncio.Event()
    asyncio.get_running_loop().call_soon(event.set)
    with pytest.raises(KeyError, match="x"):
        await Watched(fail(event), None, 60)


async def test_work_that_takes_too_long_is_cancelled_and_can_clean_up() -> None:
    cleaned: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cleaned.append("yes")

    with pytest.raises(TimeoutError):
        await Watched(forever(), None, 0.01)
    assert cleaned == ["yes"]
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_work_that_will_not_be_stopped_is_waited_for_and_leaves_no_trace() -> None:
    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 5

    assert await Watched(stubborn(), None, 0.01) == 5
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0


async def test_a_cancellation_from_outside_reaches_the_work_and_goes_on() -> None:
    seen: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def run() -> None:
        await Watched(work(), None, 60)

    task = asyncio.create_task(run())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"] and task.cancelled()


async def test_without_a_bound_there_is_no_timer() -> None:
    event = asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, event.set)
    assert await Watched(wait_for(event), None, 0) == 7


async def test_an_await_that_is_given_up_closes_the_work() -> None:
    closed: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            closed.append("yes")

    steps = Watched(work(), None).__await__()
    next(steps)
    steps.close()
    assert closed == ["yes"]


async def test_anything_that_can_be_awaited_can_be_watched() -> None:
    """Some servers' `receive` gives awaitables of their own, written in other languages."""

    class Own:
        def __await__(self) -> Generator[Any, Any, str]:
            yield from asyncio.sleep(0).__await__()
            return "own"

    future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    assert await Watched(Own(), None, 60) == "own"
    asyncio.get_running_loop().call_soon(future.set_result, "set")
    assert await Watched(future, None, 60) == "set"
    with pytest.raises(TimeoutError):
        await Watched(asyncio.get_running_loop().create_future(), None, 0.01)


async def test_the_end_of_the_time_is_told_from_a_timeout_of_the_works_own() -> None:
    async def own() -> None:
        await asyncio.sleep(0)
        raise TimeoutError("mine")

    with pytest.raises(TimeoutError, match="mine") as raised:
        await Watched(own(), None, 60)
    assert not isinstance(raised.value, Expired)
    with pytest.raises(Expired):
        await Watched(wait_for(asyncio.Event()), None, 0.01)


async def test_a_task_that_was_cancelled_may_still_be_told_that_its_time_is_over() -> None:
    told: list[str] = []
    started = asyncio.Event()

    async def cleaning() -> None:
        try:
            started.set()
            await asyncio.Event().wait()
        finally:
            try:
                await Watched(wait_for(asyncio.Event()), None, 0.01)
            except Expired:
                told.append("late")

    task = asyncio.create_task(cleaning())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["late"] and task.cancelling() == 1


async def test_work_that_fails_when_it_is_stopped_leaves_no_cancellation_behind() -> None:
    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise KeyError("x") from None

    with pytest.raises(KeyError, match="x"):
        await Watched(failing(), None, 0.01)
    task = asyncio.current_task()
    assert task is not None and task.cancelling() == 0
    await asyncio.sleep(0)
