"""Tasks that are to end do, also when a cancellation is lost on the way."""

import asyncio

from dragoman.serving.stopping import stop


async def test_a_task_that_loses_its_cancellation_ends_all_the_same() -> None:
    lost: list[int] = []

    async def deaf() -> None:
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if len(lost) == 2:
                    raise
                lost.append(1)

    task = asyncio.ensure_future(deaf())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(5):
            await stop(task)
        assert task.cancelled()
        assert lost == [1, 1]
    finally:
        while not task.done():  # or a failure would hang and not be told
            task.cancel()
            await asyncio.sleep(0)


async def test_what_has_ended_is_left_as_it_is() -> None:
    async def done() -> int:
        return 7

    task = asyncio.ensure_future(done())
    await task
    await stop(task)
    await stop()
    assert task.result() == 7
