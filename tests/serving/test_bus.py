"""Many who listen are told in turns, so that calls have theirs; nobody misses the last change. A few hear at once."""

import asyncio
import threading

import pytest

from dragoman.serving.bus import AT_ONCE, MAX_WAITING, LocalBus

PATIENCE = 20.0
TOOLS = ("notifications/tools/list_changed", "")
MANY = AT_ONCE * 4


def everything(topic: tuple[str, str]) -> bool:
    return True


@pytest.mark.parametrize("number", [1, AT_ONCE - 1])
async def test_a_few_hear_of_each_change_at_once(number: int) -> None:
    bus = LocalBus(number)
    feeds = [bus.open(everything) for _ in range(number)]
    for _ in range(3):
        bus.tell(*TOOLS)
        for feed in feeds:
            with pytest.raises(StopIteration) as heard:
                feed.next().send(None)
            assert heard.value.value == TOOLS


async def test_a_storm_of_changes_is_told_to_many_a_few_times_and_its_end_to_each() -> None:
    bus = LocalBus(MANY)
    heard = [0] * MANY

    async def hear(at: int) -> None:
        feed = bus.open(everything)
        while await feed.next() is not None:
            heard[at] += 1

    async with asyncio.timeout(PATIENCE), asyncio.TaskGroup() as group:
        for at in range(MANY):
            group.create_task(hear(at))
        await asyncio.sleep(0)
        for _ in range(1000):
            bus.tell(*TOOLS)
        while min(heard) < 2:
            await asyncio.sleep(0)
        bus.end()
    # Once for the first of these changes, and once for those that came while that was told.
    assert set(heard) == {2}


async def test_while_many_are_told_others_have_their_turns() -> None:
    bus = LocalBus(MANY)
    told = 0

    async def hear() -> None:
        nonlocal told
        await bus.open(everything).next()
        told += 1

    hearing = [asyncio.create_task(hear()) for _ in range(MANY)]
    await asyncio.sleep(0)
    bus.tell(*TOOLS)
    turns = []
    async with asyncio.timeout(PATIENCE):
        while told < MANY:
            await asyncio.sleep(0)
            turns.append(told)
    assert max(later - sooner for sooner, later in zip([0, *turns], turns, strict=False)) <= AT_ONCE
    await asyncio.gather(*hearing)


@pytest.mark.parametrize("number", [3, MANY])
async def test_who_is_told_that_it_is_over_hears_first_what_changed_before(number: int) -> None:
    bus = LocalBus(number)
    feeds = [bus.open(everything) for _ in range(number)]
    bus.tell(*TOOLS)
    feeds[-1].end()
    bus.tell("notifications/prompts/list_changed")
    bus.end()
    async with asyncio.timeout(PATIENCE):
        for feed in feeds:
            told = []
            while (topic := await feed.next()) is not None:
                told.append(topic)
            assert TOOLS in told and ("notifications/prompts/list_changed", "") in told
    assert len(bus) == 0


@pytest.mark.parametrize("number", [3, MANY])
async def test_what_another_thread_tells_is_heard(number: int) -> None:
    bus = LocalBus(number)
    feeds = [bus.open(everything) for _ in range(number)]
    thread = threading.Thread(target=lambda: [bus.tell(*TOOLS) for _ in range(100)])
    thread.start()
    thread.join()
    async with asyncio.timeout(PATIENCE):
        assert [await feed.next() for feed in feeds] == [TOOLS] * number


async def test_more_different_changes_than_are_kept_cut_off_who_wants_them_all_and_nobody_else() -> None:
    bus = LocalBus(MANY)
    greedy, modest = bus.open(everything), bus.open(lambda topic: topic[1] == "a://7")
    for _ in range(MANY - 2):
        bus.open(lambda topic: False)
    for number in range(2 * MAX_WAITING):
        bus.tell("notifications/resources/updated", f"a://{number}")
    async with asyncio.timeout(PATIENCE):
        assert await modest.next() == ("notifications/resources/updated", "a://7")
        told = 0
        while await greedy.next() is not None:
            told += 1
    assert told == MAX_WAITING and len(bus) == MANY - 1


def test_who_listened_in_a_loop_that_is_gone_is_forgotten_and_others_hear() -> None:
    bus = LocalBus(3)

    async def listen() -> None:
        bus.open(everything)

    asyncio.run(listen())
    assert len(bus) == 1

    async def hear() -> tuple[str, str] | None:
        feed = bus.open(everything)
        bus.tell(*TOOLS)
        return await feed.next()

    assert asyncio.run(hear()) == TOOLS
    assert len(bus) == 1
    bus.tell(*TOOLS)
    assert len(bus) == 0
