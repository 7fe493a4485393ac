"""Answers that are handed over: the task that waits has gone on when they were, and is never entered from another."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar

import pytest

from dragoman.transport.handed import Handed

told: ContextVar[str] = ContextVar("told", default="nobody")


async def outside_of_tasks(act: Callable[[], object]) -> None:
    """Return when `act` was called by the loop itself, as what reads a socket is. Raises what it raises."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def call() -> None:
        try:
            act()
        except BaseException as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    loop.call_soon(call)
    await done


async def waiting() -> tuple[Handed[str], asyncio.Task[None], list[str]]:
    """Return an answer, a task that waits for it, and what that will have seen."""
    answer: Handed[str] = Handed(loop=asyncio.get_running_loop())
    seen: list[str] = []

    async def wait() -> None:
        told.set("the task")
        try:
            seen.append(await answer)
        except (asyncio.CancelledError, ValueError) as error:
            seen.append(type(error).__name__)
            raise
        finally:
            task = asyncio.current_task()
            seen.append(f"{told.get()} as {task.get_name() if task else None}")

    task = asyncio.get_running_loop().create_task(wait(), name="waiter")
    await asyncio.sleep(0)
    return answer, task, seen


async def test_what_is_handed_over_has_been_taken_when_that_returns() -> None:
    answer, task, seen = await waiting()

    def hand() -> None:
        answer.hand("yes")
        assert seen == ["yes", "the task as waiter"] and task.done()

    await outside_of_tasks(hand)
    await task


async def test_a_result_that_is_only_set_is_taken_in_the_next_turn() -> None:
    answer, task, seen = await waiting()

    def give() -> None:
        answer.set_result("yes")
        assert seen == []

    await outside_of_tasks(give)
    await task
    assert seen == ["yes", "the task as waiter"]


async def test_a_task_is_not_entered_from_another() -> None:
    answer, task, seen = await waiting()
    answer.hand("yes")
    assert seen == []
    await task
    assert seen == ["yes", "the task as waiter"]


async def test_what_was_handed_over_before_anybody_waited_is_found() -> None:
    answer: Handed[int] = Handed(loop=asyncio.get_running_loop())
    await outside_of_tasks(lambda: answer.hand(3))
    assert await answer == 3


async def test_a_task_that_waits_can_be_cancelled() -> None:
    answer, task, seen = await waiting()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["CancelledError", "the task as waiter"] and answer.cancelled()


async def test_an_exception_ends_the_waiting() -> None:
    answer, task, seen = await waiting()
    await outside_of_tasks(lambda: answer.set_exception(ValueError("no")))
    with pytest.raises(ValueError, match="no"):
        await task
    assert seen == ["ValueError", "the task as waiter"]


async def test_whoever_else_watches_it_is_told_as_of_a_future() -> None:
    answer, task, _ = await waiting()
    watched: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    answer.add_done_callback(lambda done: watched.set_result(done.result()))
    await outside_of_tasks(lambda: answer.hand("yes"))
    assert await watched == "yes"
    await task
