"""Streams kept in the store: read elsewhere, bounded, given up whole, and ended when their process is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from dragoman.errors import StoreError
from dragoman.protocol.limits import Limits
from dragoman.serving import stored_streams
from dragoman.serving.crew import Crew
from dragoman.serving.stored_streams import StoredStreams
from dragoman.store.memory import MemoryStore

LIMITS = Limits(worker_seconds=0.2)


class Failing(MemoryStore):
    broken = False
    commits = 0

    async def commit(self, *args: Any, **named: Any) -> bool:
        self.commits += 1
        if self.broken:
            raise StoreError("gone")
        return await super().commit(*args, **named)


class Slow(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def commit(self, *args: Any, **named: Any) -> bool:
        await self.go_on.wait()
        return await super().commit(*args, **named)


@asynccontextmanager
async def two(store: MemoryStore) -> AsyncIterator[tuple[StoredStreams, StoredStreams]]:
    crews = [Crew(store, "here", LIMITS.worker_seconds) for _ in range(2)]
    pair = [StoredStreams(crew, LIMITS) for crew in crews]
    for crew in crews:
        await crew.start()
    try:
        async with asyncio.timeout(20):
            yield pair[0], pair[1]
    finally:
        for streams, crew in zip(pair, crews, strict=True):
            await streams.stop()
            await crew.stop()


async def rest(streams: StoredStreams, name: str, number: int = 0, session: str = "s") -> list[bytes]:
    found = await streams.follow(session, name, number)
    assert found is not None
    return [event async for event in found]


def spoken(streams: StoredStreams, *events: bytes, most: int = 100) -> str:
    name = f"{streams.owner}-1"
    streams.begin("s", name, 7)
    for number, event in enumerate(events, 1):
        streams.add("s", name, number, event, most)
    return name


async def test_another_process_reads_what_was_said_and_what_is_still_said() -> None:
    async with two(MemoryStore()) as (one, other):
        name = spoken(one, b"a\n\n", b"b\n\n")
        reading = asyncio.ensure_future(rest(other, name, 1))
        one.add("s", name, 3, b"c\nd\n\n", 100)
        one.end("s", name)
        assert await reading == [b"b\n\n", b"c\nd\n\n"]
        assert await rest(one, name) == [b"a\n\n", b"b\n\n", b"c\nd\n\n"]
        assert await other.follow("another session", name, 0) is None
        assert await other.follow("s", "unknown", 0) is None


async def test_the_beginning_of_a_long_stream_is_forgotten() -> None:
    async with two(MemoryStore()) as (one, other):
        name = spoken(one, *(b"%d" % number for number in range(250)), most=10)
        one.end("s", name)
        # The end is an entry too.
        assert [int(event) for event in await rest(other, name, 245)] == [245, 246, 247, 248, 249]
        assert len(await rest(other, name)) <= 10


async def test_a_stream_that_is_forgotten_is_forgotten_everywhere() -> None:
    async with two(MemoryStore()) as (one, other):
        name = spoken(one, b"a")
        found = await other.follow("s", name, 0)
        assert found is not None and await anext(found) == b"a"
        one.forget("s", name)
        assert [event async for event in found] == []
        assert await other.follow("s", name, 0) is None


async def test_a_stream_whose_process_has_ended_ends_with_an_error() -> None:
    now = [0.0]
    store = MemoryStore(clock=lambda: now[0])
    async with two(store) as (one, other):
        name = spoken(one, b"a")
        found = await other.follow("s", name, 0)
        assert found is not None and await anext(found) == b"a"
        await store.delete(f"alive:here:{one.owner}")
        one_crew = one._crew
        await one_crew.stop()
        (last,) = [event async for event in found]
        assert last.startswith(f"id: {name}:2\n".encode())
        assert b'"id":7' in last and b'"code":-32603' in last and b"process ended" in last


async def test_a_gap_gives_up_the_stream_and_not_the_others(monkeypatch: Any) -> None:
    monkeypatch.setattr(stored_streams, "PAUSE", 0.001)
    store = Failing()
    async with two(store) as (one, other):
        name = spoken(one, b"a")
        found = await other.follow("s", name, 0)
        assert found is not None and await anext(found) == b"a"
        store.broken = True
        one.add("s", name, 2, b"b", 100)
        before = store.commits
        while store.commits < before + 2:
            await asyncio.sleep(0.001)
        store.broken = False
        one.add("s", name, 3, b"c", 100)
        assert [event async for event in found] == [], "nobody waits for an end that is not known"
        assert await other.follow("s", name, 0) is None
        one.end("s", name)
        later = f"{one.owner}-2"
        one.begin("s", later, 8)
        one.add("s", later, 1, b"x", 100)
        one.end("s", later)
        assert await rest(other, later) == [b"x"]
        assert not one._lost and not one._over


async def test_who_says_more_than_the_store_takes_waits_for_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(stored_streams, "PENDING", 1000)
    store = Slow()
    async with two(store) as (one, other):
        store.go_on.clear()
        name = spoken(one, *[b"x" * 100] * 50)
        waiting = asyncio.ensure_future(one.room())
        for _ in range(10):
            await asyncio.sleep(0)
        assert not waiting.done()
        store.go_on.set()
        await waiting
        one.end("s", name)
        assert len(await rest(other, name)) == 50


async def test_an_event_that_no_store_takes_holds_up_nobody(monkeypatch: Any) -> None:
    monkeypatch.setattr(stored_streams, "PAUSE", 0.001)
    async with two(MemoryStore()) as (one, other):
        name = spoken(one, b"x" * (17 * 1024 * 1024))
        await one.room()
        assert await rest(other, name) == []
        assert await other.follow("s", name, 0) is None
