"""What stores keep to that several processes use at once. A test file that has a fixture `place` imports it whole."""

import asyncio
import contextlib
import itertools
import json
import random
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from tests.store.contract import Place

from dragoman.ports.store import Append, Put

ROOT = Path(__file__).parent.parent.parent


@contextlib.asynccontextmanager
async def processes(place: Place, job: str, count: int, number: int) -> AsyncIterator[list[asyncio.subprocess.Process]]:
    """Start `count` processes that do `job`, all at the same time."""
    started = await asyncio.gather(
        *[
            asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.store.hammer", place.address, job, str(at), str(number)),
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            for at in range(count)
        ]
    )
    try:
        for process in started:
            assert process.stdout is not None and process.stdin is not None
            assert await process.stdout.readline() == b"ready\n"
        for process in started:
            process.stdin.write(b"go\n")
        yield started
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            process._transport.close()


async def results(place: Place, job: str, count: int, number: int) -> list[Any]:
    async with processes(place, job, count, number) as started:
        return [json.loads((await process.communicate())[0].splitlines()[-1]) for process in started]


async def test_of_several_processes_one_makes_each_claim(place: Place) -> None:
    assert sum(await results(place, "claims", 3, 60)) == 60


async def test_of_several_processes_one_takes_each_value(place: Place) -> None:
    store = place.store()
    await store.commit([Put(f"prize {number}", b"", 60) for number in range(60)])
    assert sum(await results(place, "takes", 3, 60)) == 60


async def test_several_processes_count_together_and_lose_nothing(place: Place) -> None:
    await results(place, "counts", 3, 40)
    assert await place.store().get("count") == b"120"


async def test_a_reader_misses_no_entry_of_several_processes(place: Place) -> None:
    store = place.store()
    async with processes(place, "appends", 3, 60) as started:
        seen: list[bytes] = []
        after = 0
        while len(seen) < 180 and await store.wait("left", after, 10):
            for position, value in await store.read("left", after, 7):
                assert position > after
                after = position
                seen.append(value)
        for process in started:
            assert await process.wait() == 0
    written = [b"%d %d" % pair for pair in itertools.product(range(3), range(60))]
    assert sorted(seen, key=lambda value: tuple(map(int, value.split()))) == written
    for at in range(3):
        own = [value for value in seen if value.startswith(b"%d " % at)]
        assert own == [value for value in written if value.startswith(b"%d " % at)]
    assert len(await store.read("right", 0, 1000)) == 180


async def test_a_lease_keeps_several_processes_apart(place: Place) -> None:
    assert await results(place, "leases", 3, 15) == [0, 0, 0]


async def test_waits_of_other_processes_end_with_the_entry(place: Place) -> None:
    store = place.store()
    async with processes(place, "waits", 2, 8) as started:
        for _ in range(8):
            assert not await store.wait("nothing", 0, 0.05)
            await store.commit([Append("news", str(time.monotonic()).encode(), 60)])
        for process in started:
            took = json.loads((await process.communicate())[0].splitlines()[-1])
            # Where no wake-up arrives, all come together after a second; on a busy machine some are late all the same.
            assert sorted(took)[1] < 0.5, took


async def test_a_process_that_is_killed_leaves_whole_commits(place: Place) -> None:
    store = place.store()
    chance = random.Random(4)
    for _ in range(3):
        async with processes(place, "commits", 1, 100_000) as (process,):
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 20)):
                said = await process.stdout.readline()
            await asyncio.sleep(chance.random() * 0.005)
            process.kill()
            await process.wait()
            said = (await process.stdout.read()).splitlines(keepends=True)[-1:] or [said]
        one, two = await store.get("one"), await store.get("two")
        entries = await store.read("three", 0, 10)
        assert one == two == entries[-1][1]
        told = int(said[0])
        numbers = [int(value[: len(value) // 500]) for _, value in entries]
        # What it was told is kept; of what it was not told, at most one more.
        assert numbers[-1] in (told, told + 1), (numbers, told)
