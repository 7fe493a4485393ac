"""Processes that share a store: who is alive, and what they say to each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dragoman.errors import StoreError
from dragoman.serving.crew import MAX_TOPICS, TOPIC, Crew, Letter, as_text, is_name
from dragoman.store.memory import MemoryStore

SECONDS = 0.2


class Failing(MemoryStore):
    """A store that can be broken."""

    broken = False

    async def commit(self, *args: Any, **named: Any) -> bool:
        if self.broken:
            raise StoreError("gone")
        return await super().commit(*args, **named)

    async def read(self, *args: Any, **named: Any) -> Any:
        if self.broken:
            raise StoreError("gone")
        return await super().read(*args, **named)


def heard_by(crew: Crew, kind: str = "word") -> "asyncio.Queue[Letter]":
    heard: asyncio.Queue[Letter] = asyncio.Queue()

    async def hear(letter: Letter) -> None:
        heard.put_nowait(letter)

    crew.on(kind, hear)
    return heard


@asynccontextmanager
async def at_work(*crews: Crew) -> AsyncIterator[None]:
    for crew in crews:
        await crew.start()
    try:
        async with asyncio.timeout(20):
            yield
    finally:
        for crew in crews:
            await crew.stop()


async def test_what_one_says_all_others_hear_in_order() -> None:
    store = MemoryStore()
    one, two, three = (Crew(store, "here", SECONDS) for _ in range(3))
    elsewhere = Crew(store, "there", SECONDS)
    ears = [heard_by(crew) for crew in (one, two, three, elsewhere)]
    async with at_work(one, two, three, elsewhere):
        for number in range(20):
            await one.say("word", str(number))
        for ear in ears[1:3]:
            assert [(await ear.get()).about for _ in range(20)] == [str(number) for number in range(20)]
        assert ears[0].empty() and ears[3].empty()


async def test_a_letter_to_one_is_heard_by_that_one() -> None:
    store = MemoryStore()
    one, two, three = (Crew(store, "here", SECONDS) for _ in range(3))
    ears = [heard_by(crew) for crew in (one, two, three)]
    async with at_work(one, two, three):
        await one.say("word", "for two", b"body", to=two.name)
        assert await ears[1].get() == Letter("word", one.name, "for two", b"body")
        await one.say("word", "for all")
        assert (await ears[2].get()).about == "for all"


async def test_what_is_long_lies_beside_its_letter_until_it_is_read() -> None:
    store = MemoryStore()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    ear = heard_by(other)
    async with at_work(one, other):
        await one.say("word", "long", b"x" * 100_000, to=other.name)
        assert (await ear.get()).body == b"x" * 100_000
        assert await store.keys("body:") == []
        entries = await store.read(f"inbox:here:{other.name}", 0)
        assert sum(len(value) for _, value in entries) < 1000


async def test_a_process_that_was_forked_off_has_a_name_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Crew(MemoryStore(), "here", SECONDS)
    name = one.name
    monkeypatch.setattr("os.getpid", lambda: -1)
    async with at_work(one):
        assert one.name != name and is_name(one.name)
        again = one.name
    async with at_work(one):
        assert one.name == again


async def test_what_was_said_before_the_start_is_not_heard() -> None:
    store = MemoryStore()
    one, late = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    ear = heard_by(late)
    async with at_work(one):
        for number in range(1200):
            await one.say("word", str(number))
        async with at_work(late):
            await one.say("word", "after")
            assert (await ear.get()).about == "after"


async def test_a_process_is_alive_until_it_stops_or_falls_silent() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    one, other = Crew(store, "here", 10), Crew(store, "here", 10)
    async with at_work(one):
        async with at_work(other):
            assert await one.alive(other.name) and await other.alive(one.name)
        assert not await one.alive(other.name)
        assert await one.alive(one.name)
        now[0] = 11
        assert not await other.alive(one.name), "nothing was heard of it"
        assert await other.known(one.name), "it may be stuck, and read its letters later"
        now[0] = 400
        assert not await other.known(one.name) and not await other.known("*")
        assert not await one.alive("*") and not await one.alive("")


async def test_a_process_says_again_and_again_that_it_is_alive() -> None:
    store = MemoryStore()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    beats = asyncio.Queue[int]()

    async def beat() -> None:
        beats.put_nowait(1)

    one.each_beat(beat)
    async with at_work(one):
        for _ in range(6):  # longer than it would be taken as alive after one
            await beats.get()
        assert await other.alive(one.name)


async def test_the_same_change_is_told_once_and_each_is_told() -> None:
    store = MemoryStore()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    ear = heard_by(other, TOPIC)
    assert not one.announce(("before", "the start"))
    async with at_work(one, other):
        for number in range(3 * MAX_TOPICS):
            one.announce(("changed", str(number % 3)))
        await asyncio.to_thread(one.announce, ("changed", "from a thread"))
        heard = [(await ear.get()).body.decode() for _ in range(4)]
        assert heard == ["0", "1", "2", "from a thread"]
    assert not one.announce(("after", "the end"))


async def test_no_text_stops_what_is_told() -> None:
    store = MemoryStore()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    ear = heard_by(other, TOPIC)
    async with at_work(one, other):
        for uri in ("\ud800", "", "\0", "x" * 10_000):
            one.announce(("changed", uri))
            assert as_text((await ear.get()).body) == uri


async def test_a_store_that_fails_is_waited_for() -> None:
    store = Failing()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)
    ear = heard_by(other, TOPIC)
    store.broken = True
    async with at_work(one, other):
        one.announce(("changed", "x"))
        with pytest.raises(StoreError):
            await one.say("word", "x")
        store.broken = False
        # What is said once the other hears again is heard.
        heard = False
        while not heard:
            one.announce(("changed", "y"))
            await asyncio.sleep(0.01)
            heard = not ear.empty()


async def test_letters_that_cannot_be_read_or_acted_on_stop_nothing() -> None:
    store = MemoryStore()
    one, other = Crew(store, "here", SECONDS), Crew(store, "here", SECONDS)

    async def fail(letter: Letter) -> None:
        raise ValueError(letter.about)

    other.on("bad", fail)
    ear = heard_by(other)
    async with at_work(one, other):
        await store.commit([type(one.letter("x", "y"))(one.said, b"\xff no letter", 60)])
        await one.say("bad", "x")
        await one.say("unknown", "x")
        await one.say("word", "still")
        assert (await ear.get()).about == "still"


def test_each_event_loop_has_a_start_of_its_own() -> None:
    store = MemoryStore()
    one = Crew(store, "here", SECONDS)

    async def start_twice() -> int:
        await asyncio.gather(one.start(), one.start())
        await one.start()
        return len([task for task in asyncio.all_tasks() if task.get_name() == "dragoman crew"])

    assert asyncio.run(start_twice()) == asyncio.run(start_twice()) == 4


@pytest.mark.parametrize("text", ["", "0" * 11, "0" * 13, "g" * 12, "0" * 11 + "\u0660", "A" * 12])
def test_what_cannot_be_a_name_is_none(text: str) -> None:
    assert not is_name(text)
    assert is_name(Crew(MemoryStore(), "here", 1).name)
