"""Clients that break off at any byte, and that give up at any moment: calls are stopped, and nothing is left."""

import asyncio
import contextlib
import random
import time
from collections.abc import Iterator

import pytest
from tests.faults.measure import PATIENCE, SLACK, Desk, figure, grown, served, settles, share
from tests.transport.raw_http import Place, call

from dragoman import Client
from dragoman.app.target import Options

MIB = 1024 * 1024
ALL = 64 * MIB  # what a server says of a hundred thousand calls


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with served(calls=1000, result=ALL) as desk:
        yield desk


async def test_connections_that_break_off_at_any_byte_leave_nothing(desk: Desk) -> None:
    """F02"""
    number, dice = grown(100, 1_000_000, by=100), random.Random(2)
    ask = call("add", a=1, b=2)
    place = Place(desk.port, None)  # type: ignore[arg-type]
    # Each question has a connection of its own: one that is kept is closed when it was idle for long.
    data = ask.written(f"127.0.0.1:{desk.port}")

    async def knock(cut: int, wait: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", desk.port)
        writer.write(data[:cut])
        if wait:
            with contextlib.suppress(OSError):
                await reader.read(dice.randrange(1, 200))
        writer.transport.abort()

    async def knock_often(count: int) -> None:
        for _ in range(count // 10):
            cuts = [dice.randrange(len(data) + 1) for _ in range(10)]
            await asyncio.gather(*(knock(cut, cut == len(data)) for cut in cuts))

    await knock_often(number // 2)
    assert (await place.ask(ask)).value == 3
    rss, files = desk.rss, desk.files
    await knock_often(number)
    took = await settles(lambda: desk.files <= files)
    assert (await place.ask(ask)).value == 3
    assert (await place.ask(call("tasks"))).value <= 8
    # Some of those that broke off were still to be taken in.
    took += await settles(lambda: desk.files <= files)
    figure("F02", "connections broken off", number)
    figure("F02", "descriptors left", max(desk.files - files, 0), 0)
    figure("F02", "until they were closed", took, 5.0, "s")
    figure("F02", "memory more than after the first half", (desk.rss - rss) / MIB, 20.0, "MiB")


async def test_calls_that_are_given_up_at_any_moment_are_stopped_soon(desk: Desk) -> None:
    """F03"""
    number, dice = grown(30, 100_000, by=100), random.Random(3)
    async with Client(desk.url, mode="modern", options=Options(max_bytes=ALL)) as client:
        given_up: dict[str, float] = {}

        async def give_up(name: str) -> None:
            asking = asyncio.ensure_future(client.call_tool("nap", {"name": name, "seconds": 60}))
            await asyncio.sleep(dice.uniform(0, 0.3))
            given_up[name] = time.monotonic()
            asking.cancel()
            assert isinstance((await asyncio.gather(asking, return_exceptions=True))[0], asyncio.CancelledError)

        for first in range(0, number, 60):
            async with asyncio.timeout(PATIENCE):
                await asyncio.gather(*(give_up(f"n{at}") for at in range(first, min(first + 60, number))))
        # Whatever reached the function is stopped there.
        async with asyncio.timeout(PATIENCE):
            while len(noted := (await client.call_tool("noted")).structured) and (
                left := set(noted["began"]) - set(noted["cancelled"])
            ):
                await asyncio.sleep(0.02)
        assert not left
        late = [noted["cancelled"][name] - given_up[name] for name in noted["cancelled"]]
        # On a busy machine a call may take longer to begin than it is waited for.
        assert len(late) > number / 5 / SLACK, "too few had begun"
        figure("F03", "calls given up", number)
        figure("F03", "until the function was stopped, p99", share(late, 0.99) * 1000, 100.0, "ms")
        assert (await client.call_tool("tasks")).structured["result"] <= 12
        before, begun = desk.processor, time.monotonic()
        await asyncio.sleep(min(0.2 * number / 30, 3.0))
        idle = (desk.processor - before) / (time.monotonic() - begun) * 100
        # A tick of the kernel's clock is 10 ms: much of a short look, little of a long one.
        figure("F03", "processor afterwards", idle, 2.0 if SLACK == 1 else 50.0, "%")
