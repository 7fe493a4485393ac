"""One timer for the limits of many calls: each is cancelled in its time, and leaves no trace of that."""

import asyncio

import pytest

from dragoman.calling.deadlines import Deadlines, bounded
from dragoman.errors import DeadlineError

SOON = 0.02


def late(what: str) -> DeadlineError:
    return DeadlineError(f"{what} is too late")


async def give(value: int) -> int:
    return value


async def wait_for(event: asyncio.Event) -> str:
    await event.wait()
    return "came"


def timers() -> int:
    """Return how many timers the loop has that will be called."""
    scheduled = getattr(asyncio.get_running_loop(), "_scheduled")
    return sum(not handle.cancelled() for handle in scheduled)


async def test_what_does_not_wait_sets_no_timer() -> None:
    deadlines = Deadlines(60)
    assert await bounded(give(3), deadlines, late, "it") == 3
    assert timers() == 0 and not deadlines.standing


async def test_many_that_wait_set_one_timer_and_none_is_left_at_the_end() -> None:
    deadlines, event = Deadlines(60), asyncio.Event()
    calls = [asyncio.ensure_future(bounded(wait_for(event), deadlines, late, "it")) for _ in range(5)]
    await asyncio.sleep(0)
    assert timers() == 1 and len(deadlines.standing) == 5
    deadlines.end()
    assert timers() == 1, "those under way keep their limit"
    event.set()
    assert await asyncio.gather(*calls) == ["came"] * 5
    assert not deadlines.standing
    deadlines.end()
    assert timers() == 0


async def test_each_is_cancelled_when_its_own_time_is_over_and_can_clean_up() -> None:
    deadlines, cleaned = Deadlines(SOON), list[str]()
    loop = asyncio.get_running_loop()

    async def call(name: str) -> None:
        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cleaned.append(name)

        since = loop.time()
        with pytest.raises(DeadlineError, match="it is too late"):
            await bounded(work(), deadlines, late, "it")
        assert loop.time() >= since + SOON
        task = asyncio.current_task()
        assert task is not None and not task.cancelling()

    first = asyncio.create_task(call("first"))
    await asyncio.sleep(SOON / 2)  # so that the timer, as a rule, is set anew for the second
    await asyncio.gather(first, call("second"))
    assert cleaned == ["first", "second"]
    assert timers() == 0 and not deadlines.standing


async def test_a_cancellation_from_outside_is_told_from_the_end_of_the_time() -> None:
    deadlines = Deadlines(60)
    call = asyncio.ensure_future(bounded(wait_for(asyncio.Event()), deadlines, late, "it"))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not deadlines.standing


async def test_a_task_that_was_cancelled_before_is_still_told_that_its_time_is_over() -> None:
    deadlines = Deadlines(SOON)

    async def call() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            with pytest.raises(DeadlineError):
                await bounded(wait_for(asyncio.Event()), deadlines, late, "it")
        return "cleaned up"

    task = asyncio.create_task(call())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "cleaned up"


async def test_work_that_will_not_be_stopped_leaves_no_cancellation_behind() -> None:
    async def stubborn() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return 5
        return 0

    async def failing() -> int:
        await stubborn()
        raise KeyError("x")

    deadlines = Deadlines(SOON)
    assert await bounded(stubborn(), deadlines, late, "it") == 5
    with pytest.raises(KeyError, match="x"):
        await bounded(failing(), deadlines, late, "it")
    task = asyncio.current_task()
    assert task is not None and not task.cancelling()


def test_in_another_loop_calls_have_their_limit_too() -> None:
    deadlines = Deadlines(SOON)

    async def call() -> str:
        try:
            return await bounded(wait_for(asyncio.Event()), deadlines, late, "it")
        except DeadlineError as error:
            return str(error)

    assert [asyncio.run(call()) for _ in range(2)] == ["it is too late"] * 2
