"""A callback that holds the event loop up is caught, named and shown; waiting and working in turns are not."""

import asyncio
import hashlib
import threading
import time

import pytest

from dragoman.testing import StallError, no_stalls, stalls


async def holds_up(seconds: float) -> None:
    time.sleep(seconds)


async def test_a_step_that_sleeps_is_caught_with_its_name_and_the_line_where_it_stood() -> None:
    with pytest.raises(StallError, match="more than 50 ms") as caught, no_stalls(0.05):
        await asyncio.create_task(holds_up(0.15), name="sleepy")
    assert "the task sleepy (holds_up)" in str(caught.value)
    assert "time.sleep(seconds)" in str(caught.value)


async def test_a_callback_that_works_is_caught_as_well() -> None:
    def works() -> None:
        until = time.thread_time() + 0.08
        while time.thread_time() < until:
            hashlib.sha256(b"x" * 10_000).digest()

    with stalls(0.04) as found:
        asyncio.get_running_loop().call_soon(works)
        await asyncio.sleep(0.01)
    assert len(found) == 1 and found[0].seconds >= 0.04
    assert "works" in found[0].what and "works" in found[0].where


async def test_waiting_is_no_stall_and_neither_is_a_thread_that_sleeps() -> None:
    with no_stalls(0.05):
        await asyncio.sleep(0.12)
        await asyncio.to_thread(time.sleep, 0.12)


async def test_afterwards_nothing_is_watched_any_more() -> None:
    run = asyncio.Handle._run
    with stalls(0.05) as found:
        pass
    assert asyncio.Handle._run is run
    await asyncio.create_task(holds_up(0.06))
    assert found == [] and "stalls" not in {thread.name for thread in threading.enumerate()}


async def test_what_the_block_raises_passes_unchanged() -> None:
    async def fails() -> None:
        time.sleep(0.05)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), no_stalls(0.02):
        await asyncio.create_task(fails())
