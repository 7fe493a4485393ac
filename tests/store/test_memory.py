"""The store in memory: the contract, and what a full memory keeps and refuses."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.store.contract import *  # noqa: F403
from tests.store.history import STEPS, follow

from dragoman.errors import StoreError
from dragoman.ports.store import Append, Drop, Put
from dragoman.store.memory import MemoryStore


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class MemoryPlace:
    """One store, which is all there is."""

    address = ""

    def __init__(self) -> None:
        self.clock = Clock()
        self.one = MemoryStore(clock=self.clock)

    def store(self) -> MemoryStore:
        return self.one

    async def passes(self, seconds: float) -> None:
        self.clock.now += seconds


@pytest.fixture
def place() -> MemoryPlace:
    return MemoryPlace()


@STEPS
async def test_any_history_reads_as_in_a_dictionary_with_times(steps: list[Any]) -> None:
    clock = Clock()
    await follow(MemoryStore(clock=clock), clock, steps)


async def test_a_full_memory_drops_what_was_put_first() -> None:
    store = MemoryStore(entries=2)
    for key in "abc":
        await store.put(key, b"x", 10)
    assert (len(store), await store.get("a"), await store.get("b")) == (2, None, b"x")
    large = MemoryStore(size=10)
    await large.put("a", b"123456", 10)
    await large.put("b", b"123456", 10)
    assert (await large.get("a"), await large.get("b")) == (None, b"123456")


async def test_a_full_memory_keeps_what_was_claimed_and_refuses_the_rest() -> None:
    clock = Clock()
    store = MemoryStore(entries=4, clock=clock)
    await store.add("claim", b"", 10)
    await store.commit([Put("record", b"", 10), Append("s", b"", 10)])
    await store.lease("job", "me", 10)
    full = r"the store in memory is full: 4 of 4 values and entries, .*; let things end sooner, or use sqlite"
    for call in (
        store.put("a", b"", 10),
        store.add("a", b"", 10),
        store.commit([Drop("record"), Put("a", b"", 10), Put("b", b"", 10)]),
        store.commit([Append("s", b"", 10)]),
        store.lease("other", "me", 10),
    ):
        with pytest.raises(StoreError, match=full):
            await call
    assert await store.keys("") == ["claim", "record"]
    # What needs no more room is done, in a full memory too.
    assert await store.lease("job", "me", 20)
    assert await store.commit([Put("record", b"", 10), Append("s", b"", 10, most=1)])
    await store.put("claim", b"", 10)
    clock.now += 11
    await store.put("a", b"", 10)
    assert await store.keys("") == ["a"]


async def test_what_was_added_stays_when_its_value_is_put_later() -> None:
    store = MemoryStore(entries=2)
    await store.add("step", b"", 10)
    await store.put("step", b"result", 10)
    for number in range(5):
        await store.put(f"state {number}", b"", 10)
    assert await store.keys("") == ["state 4", "step"]


async def test_a_value_larger_than_the_memory_drops_nothing() -> None:
    store = MemoryStore(size=10)
    await store.put("a", b"123", 10)
    with pytest.raises(StoreError, match="in memory is full: 1 of 100000 values and entries, 4 of 10 bytes"):
        await store.put("b", b"1234567890", 10)
    assert await store.get("a") == b"123"


OPERATION = st.tuples(
    st.sampled_from(["put", "add", "take", "commit", "append", "lease", "release", "pass"]),
    st.sampled_from("abc"),
    st.binary(max_size=4),
    st.integers(1, 4),
)


@given(st.lists(OPERATION, max_size=60))
async def test_no_history_fills_more_than_the_bounds_and_all_of_it_ends(steps: list[Any]) -> None:
    clock = Clock()
    store = MemoryStore(entries=5, size=12, clock=clock)
    for name, key, value, number in steps:
        try:
            match name:
                case "put" | "add":
                    await getattr(store, name)(key, value, number)
                case "take":
                    await store.take(key)
                case "commit":
                    await store.commit([Put(key, value, number), Drop("a"), Append(key, value, number, 3)])
                case "append":
                    await store.commit([Append(key, value, number, number)] * number)
                case "lease" | "release":
                    await store.lease(key, "me", number) if name == "lease" else await store.release(key, "me")
                case _:
                    clock.now += number
        except StoreError:
            pass
        assert len(store) <= 5 and 0 <= store._size <= 12
        assert store._loose_size == sum(store._loose.values())
    clock.now += 5
    await store.keys("")
    assert (len(store), store._size, store._loose_size, store._values, store._streams) == (0, 0, 0, {}, {})


async def test_a_lease_renewed_for_ever_does_not_grow() -> None:
    clock = Clock()
    store = MemoryStore(clock=clock)
    for _ in itertools.repeat(None, 5000):
        await store.lease("job", "me", 10)
        clock.now += 0.001
    assert len(store._ends) < 2000
