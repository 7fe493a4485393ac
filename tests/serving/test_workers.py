"""Worker threads: results, failures and context come through; threads are bounded and end."""

import asyncio
import contextvars
import gc
import threading
import weakref
from typing import Any

import pytest

from dragoman.serving import workers as room
from dragoman.serving.workers import Workers

who: contextvars.ContextVar[str] = contextvars.ContextVar("who", default="nobody")


def raising(error: BaseException) -> None:
    raise error


async def test_a_function_runs_in_another_thread_and_its_value_comes_back() -> None:
    assert await Workers(4).run(lambda a, b: (a + b, threading.current_thread().daemon), 1, 2) == (3, True)


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), TimeoutError("t")])
async def test_what_a_function_raises_is_raised(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        await Workers(1).run(raising, error)
    assert caught.value is error


@pytest.mark.parametrize("error", [StopIteration(1), asyncio.CancelledError(), KeyboardInterrupt(), GeneratorExit()])
async def test_what_would_end_the_waiting_task_is_raised_as_something_else(error: BaseException) -> None:
    workers = Workers(1)
    with pytest.raises(RuntimeError, match=type(error).__name__) as caught:
        await workers.run(raising, error)
    assert caught.value.__cause__ is error
    assert await workers.run(int, "7") == 7


async def test_context_variables_go_in_and_changes_stay_in_there() -> None:
    def change() -> str:
        found = who.get()
        who.set("changed")
        return found

    who.set("me")
    assert await Workers(1).run(change) == "me"
    assert who.get() == "me"


async def test_a_thousand_jobs_are_done_by_a_few_threads() -> None:
    workers = Workers(8)
    seen: set[int] = set()
    lock, running, most = threading.Lock(), 0, 0

    def job(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            seen.add(threading.get_ident())
        with lock:
            running -= 1
        return number * 2

    results = await asyncio.gather(*(workers.run(job, number) for number in range(1000)))
    assert results == [number * 2 for number in range(1000)]
    assert len(seen) <= 8 and most <= 8


async def test_jobs_run_at_the_same_time_up_to_the_limit_and_the_rest_wait() -> None:
    workers = Workers(3)
    together = threading.Barrier(3)  # passes only if three are there at once
    await asyncio.wait_for(asyncio.gather(*(workers.run(together.wait) for _ in range(6))), 10)


async def test_one_after_the_other_needs_one_thread() -> None:
    workers = Workers(40)
    threads = {await workers.run(threading.get_ident) for _ in range(50)}
    assert len(threads) == 1


async def test_cancelling_stops_the_waiting_and_the_thread_works_on() -> None:
    workers = Workers(1)
    started, go, done = asyncio.Event(), threading.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow() -> None:
        loop.call_soon_threadsafe(started.set)
        go.wait()
        done.set()

    task = asyncio.create_task(workers.run(slow))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting = asyncio.create_task(workers.run(done.is_set))  # its turn comes when the thread is free
    go.set()
    assert await waiting is True


async def test_a_job_that_is_cancelled_before_its_turn_never_runs() -> None:
    workers = Workers(1)
    started, go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    ran: list[str] = []

    def slow() -> None:
        loop.call_soon_threadsafe(started.set)
        go.wait()

    first = asyncio.create_task(workers.run(slow))
    await started.wait()
    second = asyncio.create_task(workers.run(ran.append, "second"))
    third = asyncio.create_task(workers.run(ran.append, "third"))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    await asyncio.gather(first, third)
    assert ran == ["third"]


async def test_idle_threads_end_and_are_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "IDLE", 0.01)
    workers = Workers(4)
    threads = [await workers.run(threading.current_thread) for _ in range(3)]
    for thread in threads:
        await asyncio.to_thread(thread.join, 10)
        assert not thread.is_alive()
    assert (await workers.run(threading.current_thread)) not in threads


async def test_a_waiting_thread_holds_on_to_nothing() -> None:
    class Big:
        pass

    workers = Workers(1)
    big: Any = Big()
    gone = weakref.ref(big)
    await workers.run(lambda thing: None, big)
    del big
    ended = threading.Event()
    await workers.run(ended.set)  # the thread has come back for its next job by now
    gc.collect()
    assert gone() is None


def test_a_loop_that_ended_before_its_job_is_no_concern_of_the_thread() -> None:
    workers = Workers(1)
    started, go, done = threading.Event(), threading.Event(), threading.Event()

    def slow() -> int:
        started.set()
        go.wait()
        done.set()
        return 1

    async def leave() -> None:
        task = asyncio.create_task(workers.run(slow))
        await asyncio.to_thread(started.wait)
        task.cancel()

    asyncio.run(leave())
    go.set()
    assert done.wait(10)
    assert asyncio.run(workers.run(int, "3")) == 3  # the thread is still there, for another loop


async def test_where_no_thread_can_be_had_the_caller_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    workers = Workers(2)

    def none_left(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            await workers.run(int, "1")
    assert await workers.run(int, "2") == 2
    go = threading.Event()
    slow = asyncio.create_task(workers.run(go.wait))
    await asyncio.sleep(0)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", none_left)
        waiting = asyncio.create_task(workers.run(int, "3"))
        await asyncio.sleep(0)
    go.set()
    assert (await slow, await waiting) == (True, 3)
