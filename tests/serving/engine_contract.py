"""What every engine of tasks keeps to: one suite for all. A test file that has a fixture `site` imports it whole."""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.protocol.fixtures import MODERN
from tests.serving.tasking import HAS, Owner, named
from tests.serving.yard import Yard, yard

from dragoman.serving.task_run import LOST, STOPPED


class Site:
    """A store and an engine that several processes share."""

    def __init__(self, store: str, engine: str, folder: Path) -> None:
        self.store, self.engine, self.ledger = store, engine, folder / "ledger"
        self.yards: list[Yard] = []

    def yard(self, **limits: Any) -> Yard:
        """Return what one more process has."""
        self.yards.append(yard(self.store, self.engine, self.ledger, **limits))
        return self.yards[-1]

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run another process, which is killed if it is still there."""
        words = [sys.executable, "-m", "tests.serving.yard", self.store, self.engine, str(self.ledger)]
        process = await asyncio.create_subprocess_exec(*words)
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()

    def effects(self) -> Counter[str]:
        """Return what was done, and how often."""
        return Counter(self.ledger.read_text().splitlines() if self.ledger.exists() else [])

    async def until(self, *lines: str) -> None:
        """Wait until all this was done."""
        async with asyncio.timeout(20):
            while not self.effects().keys() >= set(lines):
                await asyncio.sleep(0.01)

    async def close(self) -> None:
        for one in self.yards:
            await one.service.stop()


async def test_what_nobody_ran_is_run_by_who_comes(site: Site) -> None:
    """TASK-07"""
    accepting = Owner(site.yard(tasks=0))
    tasks = [await accepting.begin("add", item=f"add {number}", a=number, b=1) for number in range(5)]
    assert {(await accepting.get(task))["status"] for task in tasks} == {"working"}
    working = Owner(site.yard())
    await working.service.start()
    for number, task in enumerate(tasks):
        assert (await accepting.until(task))["result"]["structuredContent"] == {"result": number + 1}


async def test_each_task_is_run_once_by_one_of_many(site: Site) -> None:
    # Nobody dies here, and on a busy machine or disk nobody may be taken for dead either.
    accepting = Owner(site.yard(tasks=0, worker_seconds=20))
    for _ in range(3):
        await site.yard(tasks=4, worker_seconds=20).service.start()
    tasks = [await accepting.begin("add", item=f"add {number}", a=number, b=1) for number in range(30)]
    for task in tasks:
        assert (await accepting.until(task))["status"] == "completed"
    assert site.effects() == Counter(f"add {number}" for number in range(30))


async def test_an_idle_process_is_woken_by_what_another_accepts(site: Site) -> None:
    # Longer than this test may take, so that only being told of it helps.
    working, accepting = site.yard(worker_seconds=60), Owner(site.yard(tasks=0))
    await working.service.start()
    await accepting.ended("add", item="first", a=1, b=1)
    begun = time.monotonic()
    await accepting.ended("add", item="second", a=1, b=1)
    assert time.monotonic() - begun < 3


async def test_a_task_that_was_cancelled_elsewhere_stops(site: Site) -> None:
    working, other = site.yard(worker_seconds=20), Owner(site.yard(tasks=0, worker_seconds=20))
    await working.service.start()
    running = await other.begin("hold", item="runs")
    async with asyncio.timeout(20):
        await working.held.wait()
    await other.one("tasks/cancel", taskId=running["taskId"])
    await site.until("runs cancelled")
    assert (await other.get(running))["status"] == "cancelled"


async def test_a_task_that_was_cancelled_before_it_began_never_runs(site: Site) -> None:
    accepting = Owner(site.yard(tasks=0))
    task = await accepting.begin("add", item="cancelled", a=1, b=1)
    await accepting.one("tasks/cancel", taskId=task["taskId"])
    await site.yard(tasks=1).service.start()
    await accepting.ended("add", item="after it", a=1, b=1)
    assert site.effects() == Counter(["after it"])


async def test_what_a_killed_process_ran_is_run_again_or_fails_and_says_so(site: Site) -> None:
    """TASK-07"""
    accepting = Owner(site.yard(tasks=0))
    async with site.process() as process:
        once = await accepting.begin("once", item="once")
        again = await accepting.begin("again", item="again")
        await site.until("once", "again")
        process.kill()
        await process.wait()
    await site.yard().service.start()
    assert (await accepting.until(again))["result"]["content"][0]["text"] == "again"
    found = await accepting.until(once)
    assert (found["status"], found["statusMessage"]) == ("failed", LOST)
    assert site.effects() == Counter({"once": 1, "again": 2})


async def test_a_process_that_is_told_to_stop_hands_back_what_may_run_again(site: Site) -> None:
    accepting = Owner(site.yard(tasks=0))
    async with site.process() as process:
        once = await accepting.begin("once", item="once")
        again = await accepting.begin("again", item="again")
        await site.until("once", "again")
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
    found = await accepting.until(once)
    assert (found["status"], found["statusMessage"]) == ("failed", STOPPED)
    assert (await accepting.get(again))["status"] == "working"
    await site.yard().service.start()
    assert (await accepting.until(again))["status"] == "completed"


async def test_a_server_that_stops_lets_its_tasks_end(site: Site) -> None:
    accepting, working = Owner(site.yard(tasks=0)), site.yard(drain_seconds=10)
    await working.service.start()
    task = await accepting.begin("hold", item="runs")
    async with asyncio.timeout(10):
        await working.held.wait()
    stopping = asyncio.create_task(working.service.stop())
    later = await accepting.begin("add", item="later", a=1, b=1)
    working.gate.set()
    await stopping
    assert (await accepting.get(task))["status"] == "completed"
    # What it was not at any more is left to the next.
    await site.yard().service.start()
    assert (await accepting.until(later))["status"] == "completed"


async def test_a_question_sets_the_worker_free_and_its_answer_queues_the_task_again(site: Site) -> None:
    accepting, first = Owner(site.yard(tasks=0)), site.yard(tasks=1)
    await first.service.start()
    asking = await accepting.begin("greet", item="greet")
    found = await accepting.until(asking, "input_required")
    # There is one place, and the question does not hold it.
    assert (await accepting.ended("add", item="meanwhile", a=1, b=1))["status"] == "completed"
    (key,) = found["inputRequests"]
    await accepting.update(asking, **{key: named("Ada")})
    found = await accepting.until(asking, lambda task: "Last?" in str(task))
    await first.service.stop()
    (key,) = found["inputRequests"]
    await accepting.update(asking, **{key: named("Lovelace")})
    await site.yard().service.start()
    assert (await accepting.until(asking))["result"]["content"][0]["text"] == "Ada Lovelace"


async def test_whose_a_task_is_does_not_depend_on_who_runs_it(site: Site) -> None:
    """TASK-21"""
    ada, eve = Owner(site.yard(tasks=0)), Owner(site.yard(), MODERN)
    ada.subject, eve.subject = "ada", "eve"
    assert eve.has == HAS
    task = await ada.begin("add", item="hers", a=1, b=1)
    await eve.service.start()
    assert (await ada.until(task))["status"] == "completed"
    never = "A" * 32
    for method in ("tasks/get", "tasks/cancel"):
        foreign = (await eve.one(method, taskId=task["taskId"]))["error"]
        assert foreign == (await eve.one(method, taskId=never))["error"]
