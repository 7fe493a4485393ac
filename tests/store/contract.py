"""What every store keeps to: one suite for all of them. A test file that has a fixture `place` imports it whole."""

import asyncio
import random
import time
from typing import Protocol

import pytest

from dragoman.errors import LocalError
from dragoman.ports.store import Append, Change, Drop, Put, Store
from dragoman.store.bounds import CHANGES, KEY, VALUE


class Place(Protocol):
    """Somewhere that stores keep things: what one store has put another finds."""

    address: str  # for other processes; empty if they cannot reach it

    def store(self) -> Store:
        """Return a store, which is closed when the test ends."""
        ...

    async def passes(self, seconds: float) -> None:
        """Let time pass for the stores."""
        ...


# Values ----------------------------------------------------------------------------------------------------------


async def test_what_was_put_is_there_until_its_time_is_over(place: Place) -> None:
    store = place.store()
    assert await store.get("a") is None
    await store.put("a", b"\x00one", 0.4)
    await store.put("b", b"two", 60)
    assert await store.get("a") == b"\x00one"
    await place.passes(0.5)
    assert (await store.get("a"), await store.get("b")) == (None, b"two")
    assert await store.take("a") is None
    assert await store.keys("") == ["b"]


async def test_putting_again_replaces_value_and_time(place: Place) -> None:
    store = place.store()
    await store.put("a", b"one", 0.2)
    await store.put("a", b"", 60)
    await place.passes(0.3)
    assert await store.get("a") == b""


async def test_adding_gives_what_is_there_and_changes_nothing(place: Place) -> None:
    store = place.store()
    assert await store.add("a", b"", 0.3) is None
    assert await store.add("a", b"two", 60) == b""
    await place.passes(0.4)
    assert await store.add("a", b"three", 60) is None
    assert await store.get("a") == b"three"


async def test_what_was_deleted_can_be_added_again(place: Place) -> None:
    store = place.store()
    await store.put("a", b"one", 10)
    await store.delete("a")
    await store.delete("never was")
    assert await store.add("a", b"two", 10) is None


async def test_of_many_that_add_at_once_one_succeeds(place: Place) -> None:
    store = place.store()
    found = await asyncio.gather(*[store.add("a", str(number).encode(), 10) for number in range(50)])
    assert found.count(None) == 1
    assert len(set(found)) == 2


async def test_of_many_that_take_at_once_one_gets_it(place: Place) -> None:
    store = place.store()
    await store.put("a", b"prize", 10)
    found = await asyncio.gather(*[store.take("a") for _ in range(50)])
    assert sorted(value or b"" for value in found) == [b""] * 49 + [b"prize"]
    assert await store.get("a") is None


async def test_a_closed_store_opens_again_when_it_is_used(place: Place) -> None:
    store = place.store()
    await store.put("a", b"one", 10)
    await store.close()
    await store.close()
    assert await store.get("a") == b"one"


async def test_a_value_of_any_bytes_and_a_key_of_any_text_come_back(place: Place) -> None:
    store = place.store()
    odd = "%_*?[a]\\'\":{}"
    values = {"schlüssel": bytes(range(256)), "鍵 \U0001f511": b"", odd: b"\x00", " ": b" ", "k" * KEY: b"k"}
    for key, value in values.items():
        await store.put(key, value, 60)
    assert {key: await store.get(key) for key in values} == values
    assert await store.keys("") == sorted(values)
    assert await store.keys("%_*") == [odd]


async def test_a_value_of_the_largest_size_comes_back_and_a_larger_one_is_refused(place: Place) -> None:
    store = place.store()
    value = random.Random(1).randbytes(VALUE)
    await store.put("a", value, 60)
    assert await store.get("a") == value
    with pytest.raises(LocalError, match=f"store value of {VALUE + 1} bytes: at most {VALUE}"):
        await store.put("a", value + b"!", 60)
    with pytest.raises(LocalError, match="store value of"):
        await store.commit([Append("s", value + b"!", 60)])
    assert await store.get("a") == value


@pytest.mark.parametrize("key", ["", "k" * (KEY + 1), "é" * (KEY // 2 + 1), "a\0b", "\ud800"])
async def test_a_key_that_not_every_store_can_keep_is_refused_by_all(place: Place, key: str) -> None:
    store = place.store()
    for call in (
        store.get(key),
        store.put(key, b"", 1),
        store.add(key, b"", 1),
        store.take(key),
        store.delete(key),
        store.commit([Put(key, b"", 1)]),
        store.commit([Drop(key)]),
        store.commit([Append(key, b"", 1)]),
        store.commit([], {key: None}),
        store.read(key),
        store.wait(key, 0, 0),
        store.lease(key, "me", 1),
        store.lease("job", key, 1),
        store.release(key, "me"),
        store.release("job", key),
    ):
        with pytest.raises(LocalError, match="store key"):
            await call
    assert await store.keys("") == []


async def test_a_time_over_is_short_and_for_ever_is_long(place: Place) -> None:
    store = place.store()
    await store.put("past", b"", -5)
    await store.put("ever", b"x", float("inf"))
    await place.passes(0.05)
    assert (await store.get("past"), await store.get("ever")) == (None, b"x")
    with pytest.raises(LocalError, match="not NaN"):
        await store.put("a", b"", float("nan"))


async def test_counts_and_positions_that_make_no_sense_do_no_harm(place: Place) -> None:
    store = place.store()
    await store.commit([Append("s", b"x", 60), Put("a", b"", 60)])
    assert len(await store.read("s", -5)) == 1
    assert await store.read("s", 10**30) == []
    assert not await store.wait("s", 10**30, 0)
    for count in (0, -1):
        with pytest.raises(LocalError, match="ask for 1 at least"):
            await store.read("s", 0, count)
        with pytest.raises(LocalError, match="ask for 1 at least"):
            await store.keys("", count)
    for prefix in ("\ud800", "\0", "k" * (KEY + 1)):
        with pytest.raises(LocalError, match="store key"):
            await store.keys(prefix)


# Keys ------------------------------------------------------------------------------------------------------------


async def test_keys_come_in_order_and_no_more_than_asked_for(place: Place) -> None:
    store = place.store()
    names = ["task:1", "task:10", "task:2", "task:\U0010ffff", "task:é", "tasks", "t", "u", "task;"]
    for name in random.Random(1).sample(names, len(names)):
        await store.put(name, b"x", 60)
    await store.delete("task:2")
    await store.commit([Drop("task:10"), Put("task:3", b"", 60)])
    assert await store.keys("task:") == ["task:1", "task:3", "task:é", "task:\U0010ffff"]
    assert await store.keys("task:", 2) == ["task:1", "task:3"]
    assert await store.keys("task:\U0010ffff") == ["task:\U0010ffff"]
    assert await store.keys("nothing") == []
    await store.put("\U0010ffff" * (KEY // 4), b"", 60)
    assert (await store.keys(""))[-1] == (await store.keys("\U0010ffff"))[0] == "\U0010ffff" * (KEY // 4)


async def test_streams_and_leases_are_no_keys(place: Place) -> None:
    store = place.store()
    await store.commit([Append("a", b"x", 60)])
    await store.lease("a", "me", 60)
    assert await store.keys("") == []
    assert await store.add("a", b"value", 60) is None
    assert (await store.read("a"))[0][1] == b"x"
    assert not await store.lease("a", "you", 60)


# Commits ---------------------------------------------------------------------------------------------------------


async def test_a_commit_changes_all_or_nothing(place: Place) -> None:
    store = place.store()
    await store.put("a", b"1", 60)
    changes: list[Change] = [Put("a", b"2", 60), Put("b", b"3", 60), Append("s", b"4", 60)]
    assert not await store.commit(changes, {"a": b"0"})
    assert not await store.commit(changes, {"a": b"1", "b": b""})
    assert not await store.commit(changes, {"a": None})
    assert (await store.get("a"), await store.get("b"), await store.read("s")) == (b"1", None, [])
    assert await store.commit(changes, {"a": b"1", "b": None})
    assert (await store.get("a"), await store.get("b")) == (b"2", b"3")
    assert [value for _, value in await store.read("s")] == [b"4"]


async def test_what_is_over_is_nothing_to_a_commit(place: Place) -> None:
    store = place.store()
    await store.put("a", b"1", 0.1)
    await place.passes(0.2)
    assert not await store.commit([Put("a", b"2", 60)], {"a": b"1"})
    assert await store.commit([Put("a", b"2", 60)], {"a": None})
    assert await store.get("a") == b"2"


async def test_changes_of_one_commit_are_made_in_their_order(place: Place) -> None:
    store = place.store()
    await store.commit([Put("a", b"1", 60), Drop("a"), Put("b", b"1", 60), Put("b", b"2", 60), Drop("never was")])
    assert (await store.get("a"), await store.get("b")) == (None, b"2")
    await store.commit([Append("s", b"%d" % number, 60) for number in range(12)])
    assert [value for _, value in await store.read("s")] == [b"%d" % number for number in range(12)]


async def test_many_that_count_at_once_by_compare_and_set_lose_nothing(place: Place) -> None:
    stores = [place.store(), place.store()]

    async def count(store: Store) -> None:
        for _ in range(10):
            while True:
                before = await store.get("count")
                if await store.commit([Put("count", b"%d" % (int(before or b"0") + 1), 60)], {"count": before}):
                    break

    await asyncio.gather(*[count(stores[number % 2]) for number in range(6)])
    assert await stores[0].get("count") == b"60"


async def test_a_commit_of_nothing_is_a_look(place: Place) -> None:
    store = place.store()
    await store.put("a", b"", 60)
    assert await store.commit([])
    assert await store.commit([], {"a": b"", "b": None})
    assert not await store.commit([], {"a": None})


async def test_a_commit_may_be_long_and_not_endless(place: Place) -> None:
    store = place.store()
    assert await store.commit([Put(f"key {number}", b"x", 60) for number in range(CHANGES)])
    assert len(await store.keys("key ")) == CHANGES
    with pytest.raises(LocalError, match="1000 changes and 1 conditions in one commit: at most 1000 together"):
        await store.commit([Drop(f"key {number}") for number in range(CHANGES)], {"a": None})


# Streams ---------------------------------------------------------------------------------------------------------


async def test_a_stream_is_read_in_order_from_a_cursor_on(place: Place) -> None:
    store = place.store()
    for number in range(5):
        await store.commit([Append("s", b"%d" % number, 60), Append("other", b"x", 60)])
    entries = await store.read("s")
    positions = [position for position, _ in entries]
    assert [value for _, value in entries] == [b"0", b"1", b"2", b"3", b"4"]
    assert positions == sorted(set(positions)) and positions[0] > 0
    assert await store.read("s", positions[1], 2) == entries[2:4]
    assert await store.read("s", positions[-1]) == []
    assert await store.read("nothing") == []


async def test_a_stream_keeps_its_latest_entries(place: Place) -> None:
    store = place.store()
    for number in range(7):
        await store.commit([Append("s", b"%d" % number, 60, most=3)])
    assert [value for _, value in await store.read("s")] == [b"4", b"5", b"6"]
    await store.commit([Append("s", b"7", 60, most=1)])
    assert [value for _, value in await store.read("s")] == [b"7"]
    with pytest.raises(LocalError, match="shall keep 0 entries"):
        await store.commit([Append("s", b"8", 60, most=0)])


async def test_a_stream_lasts_from_its_latest_entry_and_never_uses_a_position_again(place: Place) -> None:
    store = place.store()
    await store.commit([Append("s", b"1", 60)])
    await store.commit([Append("s", b"2", 0.4)])
    ((_, _), (last, _)) = await store.read("s")
    await place.passes(0.5)
    assert await store.read("s") == []
    await store.commit([Append("s", b"3", 60)])
    ((position, value),) = await store.read("s", last)
    assert (position > last, value) == (True, b"3")
    assert len(await store.read("s")) == 1


async def test_a_wait_ends_with_the_entry(place: Place) -> None:
    store = place.store()
    waiting = asyncio.create_task(store.wait("s", 0, 20))
    await asyncio.sleep(0)
    await store.commit([Append("other", b"", 60)])
    assert not waiting.done()
    await store.commit([Append("s", b"1", 60)])
    assert await waiting
    ((position, _),) = await store.read("s")
    assert await store.wait("s", 0, 20)
    assert not await store.wait("s", position, 0)
    before = time.monotonic()
    assert not await store.wait("s", position, 0.1)
    assert 0.09 <= time.monotonic() - before < 2


async def test_a_wait_that_is_given_up_leaves_the_others(place: Place) -> None:
    store = place.store()
    first, second = (asyncio.create_task(store.wait("s", 0, 20)) for _ in range(2))
    assert not await store.wait("s", 0, 0.05)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await store.commit([Append("s", b"1", 60)])
    assert await second


async def test_a_wait_of_another_store_ends_too(place: Place) -> None:
    here, there = place.store(), place.store()
    took, after = list[float](), 0
    for _ in range(3):
        waiting = asyncio.create_task(here.wait("s", after, 20))
        assert not await here.wait("t", 0, 0.2)  # by now it waits
        before = time.monotonic()
        await there.commit([Append("s", b"1", 60)])
        assert await waiting
        took.append(time.monotonic() - before)
        if took[-1] < 0.9:
            break
        after = (await here.read("s"))[-1][0]
    assert min(took) < 0.9  # woken, and not only healed; a busy disk may hold up a commit


# Leases ----------------------------------------------------------------------------------------------------------


async def test_a_lease_is_one_owners_until_it_is_over_or_released(place: Place) -> None:
    store = place.store()
    assert await store.lease("job", "me", 0.4)
    assert not await store.lease("job", "you", 60)
    assert not await store.release("job", "you")
    await place.passes(0.5)
    assert not await store.release("job", "me")
    assert await store.lease("job", "you", 60)
    assert not await store.lease("job", "me", 60)
    assert await store.release("job", "you")
    assert not await store.release("job", "you")
    assert await store.lease("job", "me", 60)


async def test_a_lease_is_renewed_by_its_owner(place: Place) -> None:
    store = place.store()
    assert await store.lease("job", "me", 0.3)
    assert await store.lease("job", "me", 60)
    await place.passes(0.4)
    assert not await store.lease("job", "you", 60)
