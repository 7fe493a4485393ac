"""Who runs tasks: order, take-over, what a crash leaves, a store that fails, an end in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.failing import FailingStore
from tests.serving.tasking import FAST, Owner, named, office

from dragoman import Context, Server
from dragoman.app.keeping import states
from dragoman.errors import LocalError
from dragoman.ports.store import Store
from dragoman.protocol.exchange import Call, Caller
from dragoman.protocol.limits import Limits
from dragoman.serving.replay import Past
from dragoman.serving.task_record import Record, Records, fresh_id
from dragoman.serving.task_run import LOST, STOPPED
from dragoman.serving.task_runs import Runs
from dragoman.serving.task_work import Work
from dragoman.store.memory import MemoryStore
from dragoman.wire.content import TextContent
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.tools import CallToolResult

Answer = Callable[[Call], Awaitable[Any]]
QUICK = Limits(worker_seconds=0.1, drain_seconds=0.2)


class Shop:
    """One process at work on tasks, and the records that it shares with others."""

    def __init__(self, store: Store, handler: Answer, limits: Limits = QUICK) -> None:
        self.clock = 1000.0
        self.records = Records("shop", lambda: store, lambda: self.clock)
        kept = states("shop", (), store)
        self.runs = Runs(self.records, lambda: handler, lambda: kept, limits)
        self.work = Work(self.runs, limits)
        self.records.commit = self.work.commit

    async def add(self, **members: Any) -> str:
        made = {
            "id": fresh_id(), "owner": "", "tool": "t", "arguments": msgspec.Raw(b"{}"),
            "caller": Caller(MODERN, ClientCapabilities()), "created": self.clock, "updated": self.clock, "ttl": 60.0,
            "poll": 10, "past": Past("p"), "safe": False, **members,
        }  # fmt: skip
        return (await self.records.create(Record(**made))).id

    async def at(self, task_id: str, right: Callable[[Record], bool]) -> Record:
        async with asyncio.timeout(20):
            while True:
                record = await self.records.load(task_id)
                assert record is not None
                if right(record):
                    return record
                await asyncio.sleep(0.002)

    async def ended(self, task_id: str) -> Record:
        return await self.at(task_id, lambda record: record.over)


@asynccontextmanager
async def at_work(*shops: Shop) -> AsyncIterator[None]:
    for shop in shops:
        await shop.work.start()
    try:
        yield
    finally:
        for shop in shops:
            await shop.work.stop()


def done(text: str = "done") -> CallToolResult:
    return CallToolResult(content=[TextContent(text=text)])


async def quick(call: Call) -> Any:
    return done()


async def test_what_waits_is_run_once_by_one_of_many() -> None:
    store = MemoryStore()
    ran: list[Any] = []

    def shop(name: str) -> Shop:
        async def handler(call: Call) -> Any:
            ran.append(call.id)
            await asyncio.sleep(0)
            return done(name)

        return Shop(store, handler)

    shops = [shop(str(number)) for number in range(3)]
    async with at_work(*shops):
        ids = [await shops[0].add() for _ in range(60)]
        for task_id in ids:
            assert (await shops[1].ended(task_id)).status == "completed"
    assert sorted(ran) == sorted(ids)
    assert await store.keys("wait:") == await store.keys("busy:") == []


async def test_more_wait_than_one_look_takes() -> None:
    shop = Shop(MemoryStore(), quick, Limits(tasks=2))
    ids = [await shop.add() for _ in range(300)]
    async with at_work(shop):
        for task_id in ids:
            assert (await shop.ended(task_id)).status == "completed"


async def test_a_task_whose_run_nobody_heard_the_end_of_fails_and_says_so() -> None:
    shop = Shop(MemoryStore(), quick)
    task_id = await shop.add()
    await shop.records.edit(task_id, lambda record: setattr(record, "run", "of a process that was killed"))
    async with at_work(shop):
        record = await shop.ended(task_id)
    assert (record.status, record.message) == ("failed", LOST)


async def test_one_that_may_run_twice_runs_again() -> None:
    shop = Shop(MemoryStore(), quick)
    task_id = await shop.add(safe=True)
    await shop.records.edit(task_id, lambda record: setattr(record, "run", "of a process that was killed"))
    async with at_work(shop):
        record = await shop.ended(task_id)
    assert (record.status, record.runs) == ("completed", 1)


async def test_what_a_dead_process_left_is_judged_though_the_queue_is_never_empty() -> None:
    """TASK-07"""
    ran = 0

    async def handler(call: Call) -> Any:
        nonlocal ran
        ran += 1
        await shop.add()
        return done()

    shop = Shop(MemoryStore(), handler, Limits(tasks=1, worker_seconds=0.1))
    for _ in range(3):
        await shop.add()
    left = await shop.add()
    await shop.records.edit(left, lambda record: setattr(record, "run", "of a process that was killed"))
    async with at_work(shop), asyncio.timeout(20):
        assert (await shop.ended(left)).message == LOST
        seen = ran
        while ran < seen + 5:  # the others went on
            await asyncio.sleep(0.002)


async def test_what_another_runs_is_left_to_it_while_it_lives() -> None:
    store = MemoryStore()
    began, gate = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> Any:
        began.set()
        await gate.wait()
        return done("first")

    # A lease longer than a busy machine keeps anybody waiting: who misses its time is taken for dead, and rightly.
    limits = Limits(worker_seconds=0.6, drain_seconds=0.2)
    first, second = Shop(store, slow, limits), Shop(store, quick, limits)
    async with at_work(first):
        task_id = await first.add(safe=True)
        await began.wait()
        async with at_work(second):
            # Longer than a lease, so that it has been renewed.
            await asyncio.sleep(1)
            gate.set()
            record = await second.ended(task_id)
    assert record.runs == 1


async def test_who_was_thought_dead_and_comes_back_changes_nothing() -> None:
    store = MemoryStore()
    began = asyncio.Event()

    async def slow(call: Call) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return done("too late")

    first, second = Shop(store, slow), Shop(store, quick)
    async with at_work(first):
        task_id = await first.add(safe=True)
        await began.wait()
        # As if the lease had run out: another takes the task over.
        await store.release(first.records.lease(task_id), first.runs._me)
        async with at_work(second):
            record = await second.ended(task_id)
            async with asyncio.timeout(5):
                while first.runs._runs:
                    await asyncio.sleep(0.01)
    assert (await second.records.load(task_id)) == record
    assert b"too late" not in bytes(record.result)


async def test_a_task_cancelled_elsewhere_stops_here() -> None:
    store = MemoryStore()
    began, stopped = asyncio.Event(), asyncio.Event()

    async def slow(call: Call) -> Any:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    shop = Shop(store, slow, Limits(worker_seconds=60))
    async with at_work(shop):
        task_id = await shop.add()
        await began.wait()

        def cancel(record: Record) -> None:
            record.status, record.run = "cancelled", ""

        await Shop(store, quick).records.edit(task_id, cancel)
        async with asyncio.timeout(5):
            await stopped.wait()


async def test_who_stops_lets_tasks_end_and_fails_what_cannot_run_again() -> None:
    store = MemoryStore()
    gate = asyncio.Event()

    async def some(call: Call) -> Any:
        if call.params.name == "quick":
            await gate.wait()
        else:
            await asyncio.Event().wait()
        return done()

    shop = Shop(store, some)
    async with at_work(shop):
        tasks = {name: await shop.add(tool=name, safe=name == "safe") for name in ("quick", "safe", "unsafe")}
        for task_id in tasks.values():
            await shop.at(task_id, lambda record: record.run != "")
        gate.set()
    found = {name: await shop.records.load(task_id) for name, task_id in tasks.items()}
    assert {name: record.status for name, record in found.items() if record} == {
        "quick": "completed", "safe": "working", "unsafe": "failed",
    }  # fmt: skip
    assert found["unsafe"] is not None and found["unsafe"].message == STOPPED
    other = Shop(store, quick)
    async with at_work(other):
        assert (await other.ended(tasks["safe"])).status == "completed"


async def test_a_result_is_not_lost_to_a_store_that_fails_for_a_moment() -> None:
    store = FailingStore()
    failures = iter(range(3))

    async def handler(call: Call) -> Any:
        store.down = lambda name: name in ("get", "commit") and next(failures, None) is not None
        return done()

    shop = Shop(store, handler)
    seen = Shop(store.kept, handler)  # the same, by a way that does not fail
    async with at_work(shop):
        record = await seen.ended(await shop.add())
    assert (record.status, record.runs) == ("completed", 1)


async def test_work_goes_on_when_the_store_comes_back(caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    store.down = lambda name: True
    shop = Shop(store, quick)
    async with at_work(shop):
        async with asyncio.timeout(5):
            while "tasks wait" not in caplog.text:
                await asyncio.sleep(0.01)
        store.down = lambda name: False
        assert (await shop.ended(await shop.add())).status == "completed"


async def test_what_cannot_be_kept_fails_its_task() -> None:
    async def much(call: Call) -> Any:
        return done("x" * 17 * 1024 * 1024)

    shop = Shop(MemoryStore(), much)
    async with at_work(shop):
        assert (await shop.ended(await shop.add())).status == "failed"


async def test_a_run_that_asks_by_request_is_told_how_to_ask() -> None:
    seen: list[str] = []

    async def handler(call: Call) -> Any:
        with pytest.raises(LocalError, match=r"ctx\.elicit") as caught:
            await call.door.ask("elicitation/create", {})
        seen.append(str(caught.value))
        return done()

    shop = Shop(MemoryStore(), handler)
    async with at_work(shop):
        await shop.ended(await shop.add())
    assert seen


async def test_a_record_that_is_gone_leaves_no_place_in_the_queue() -> None:
    store = MemoryStore()
    shop = Shop(store, quick)
    task_id = await shop.add()
    await store.delete(shop.records.stream(task_id))
    async with at_work(shop):
        async with asyncio.timeout(5):
            while await store.keys("wait:"):
                await asyncio.sleep(0.005)


async def test_a_server_that_starts_again_goes_on_with_what_it_accepted(tmp_path: Path) -> None:
    """TASK-07"""
    place = f"sqlite:///{tmp_path / 'store.db'}"
    one = office(store=place, limits=msgspec.structs.replace(FAST, tasks=1, drain_seconds=0.01))
    owner = Owner(one)
    running = await owner.begin("waits")
    await owner.until(running, lambda found: "statusMessage" in found)
    waiting = [await owner.begin("add", a=number, b=0) for number in range(5)]
    asking = await owner.begin("greets")
    await one.service.stop()
    two = office(store=place)
    await two.service.start()
    again = Owner(two)
    for number, task in enumerate(waiting):
        assert (await again.until(task))["result"]["structuredContent"] == {"result": number}
    assert (await again.get(running))["statusMessage"] == STOPPED
    found = await again.until(asking, "input_required")
    (key,) = found["inputRequests"]
    await again.update(asking, **{key: named("Ada")})
    await two.service.stop()
    three = office(store=place)
    last = Owner(three)
    found = await last.until(asking, lambda task: "Last?" in str(task))
    (key,) = found["inputRequests"]
    await last.update(asking, **{key: named("B")})
    assert (await last.until(asking))["result"]["content"][0]["text"] == "Ada B"
    await three.service.stop()


async def test_a_step_is_done_once_however_often_a_task_runs() -> None:
    server = Server("steps", limits=FAST)
    charged: list[str] = []

    @server.tool(task="optional")
    async def pay(ctx: Context) -> str:
        receipt: str = await ctx.step("charge", lambda: charged.append("x") or "paid")
        await ctx.elicit("Sure?", bool)
        await ctx.elicit("Really?", bool)
        return receipt

    owner = Owner(server)
    task = await owner.begin("pay")
    for words in ("Sure?", "Really?"):
        found = await owner.until(task, lambda told, words=words: words in str(told))
        (key,) = found["inputRequests"]
        await owner.update(task, **{key: {"action": "accept", "content": {"value": True}}})
    assert (await owner.until(task))["result"]["content"][0]["text"] == "paid"
    assert charged == ["x"]


@pytest.mark.parametrize("version", [MODERN, LEGACY[0]])
async def test_a_run_has_the_caller_that_made_it(version: str) -> None:
    server = Server("who", limits=FAST)
    seen: list[Any] = []

    @server.tool(task="optional")
    async def who(ctx: Context) -> str:
        seen.append((ctx.caller.version, ctx.caller.principal))
        return "x"

    owner = Owner(server, version)
    owner.subject = "ada"
    await owner.until(await owner.begin("who"))
    assert seen == [(version, "ada")]
