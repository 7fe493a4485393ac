"""What every store keeps to: one suite for all of them."""

import asyncio
import contextlib
import multiprocessing
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dragoman.app.keeping import store_at
from dragoman.errors import LocalError
from dragoman.ports.store import Store
from dragoman.store.memory import MemoryStore
from dragoman.store.sqlite import SqliteStore


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


Make = Callable[[Clock], Store]


@pytest.fixture(params=["memory", "sqlite"])
async def make(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    made: list[Store] = []

    def store(clock: Clock) -> Store:
        memory = request.param == "memory"
        made.append(MemoryStore(clock=clock) if memory else SqliteStore(tmp_path / "kept.db", clock))
        return made[-1]

    yield store
    for one in made:
        await one.close()


async def test_what_was_put_is_there_until_its_time_is_over(make: Make) -> None:
    clock = Clock()
    store = make(clock)
    assert await store.get("a") is None
    await store.put("a", b"\x00one", 10)
    clock.now += 9.5
    assert await store.get("a") == b"\x00one"
    clock.now += 0.5
    assert await store.get("a") is None


async def test_putting_again_replaces_value_and_time(make: Make) -> None:
    clock = Clock()
    store = make(clock)
    await store.put("a", b"one", 10)
    await store.put("a", b"", 100)
    clock.now += 50
    assert await store.get("a") == b""


async def test_adding_gives_what_is_there_and_changes_nothing(make: Make) -> None:
    clock = Clock()
    store = make(clock)
    assert await store.add("a", b"", 10) is None
    assert await store.add("a", b"two", 10) == b""
    clock.now += 10
    assert await store.add("a", b"three", 10) is None
    assert await store.get("a") == b"three"


async def test_what_was_deleted_can_be_added_again(make: Make) -> None:
    store = make(Clock())
    await store.put("a", b"one", 10)
    await store.delete("a")
    await store.delete("never was")
    assert await store.add("a", b"two", 10) is None


async def test_of_many_that_add_at_once_one_succeeds(make: Make) -> None:
    store = make(Clock())
    found = await asyncio.gather(*[store.add("a", str(number).encode(), 10) for number in range(100)])
    assert found.count(None) == 1
    assert len(set(found)) == 2


async def test_a_closed_store_opens_again_when_it_is_used(make: Make) -> None:
    store = make(Clock())
    await store.put("a", b"one", 10)
    await store.close()
    await store.close()
    assert await store.get("a") == b"one"


STEP = st.one_of(
    st.tuples(st.just("put"), st.sampled_from("ab"), st.binary(max_size=3), st.integers(1, 5)),
    st.tuples(st.just("add"), st.sampled_from("ab"), st.binary(max_size=3), st.integers(1, 5)),
    st.tuples(st.just("delete"), st.sampled_from("ab")),
    st.tuples(st.just("wait"), st.integers(1, 4)),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(steps=st.lists(STEP, max_size=20))
async def test_any_history_reads_as_in_a_dictionary_with_times(make: Make, steps: list[Any]) -> None:
    clock = Clock()
    store = make(clock)
    for key in "ab":
        await store.delete(key)
    model: dict[str, tuple[bytes, float]] = {}

    def there(key: str) -> bytes | None:
        value = model.get(key)
        return value[0] if value is not None and value[1] > clock.now else None

    for name, *given_ in steps:
        if name == "wait":
            clock.now += given_[0]
        elif name == "delete":
            await store.delete(given_[0])
            model.pop(given_[0], None)
        else:
            key, value, ttl = given_
            before = there(key)
            if name == "put" or before is None:
                model[key] = (value, clock.now + ttl)
            if name == "add":
                assert await store.add(key, value, ttl) == before
            else:
                await store.put(key, value, ttl)
        for key in "ab":
            assert await store.get(key) == there(key)


async def test_a_full_memory_drops_what_was_set_first() -> None:
    store = MemoryStore(entries=2)
    for key in "abc":
        await store.put(key, b"x", 10)
    assert (len(store), await store.get("a"), await store.get("b")) == (2, None, b"x")
    large = MemoryStore(size=10)
    await large.put("a", b"123456", 10)
    await large.put("b", b"123456", 10)
    assert (await large.get("a"), await large.get("b")) == (None, b"123456")


def claims(path: str, number: int) -> int:
    """Claim a hundred names, against others; return how many were ours."""

    async def run() -> int:
        store = SqliteStore(path)
        try:
            return [await store.add(f"claim {name}", str(number).encode(), 60) for name in range(100)].count(None)
        finally:
            await store.close()

    return asyncio.run(run())


async def test_of_several_processes_one_makes_each_claim(tmp_path: Path) -> None:
    path = str(tmp_path / "kept.db")
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        won = pool.starmap(claims, [(path, number) for number in range(3)])
    assert sum(won) == 100


async def test_only_the_owner_reads_the_file_and_its_journals(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db")
    await store.put("a", b"secret", 10)
    modes = {name.name: stat.S_IMODE(os.stat(name).st_mode) for name in tmp_path.iterdir()}
    await store.close()
    assert set(modes.values()) == {0o600}
    assert {"kept.db", "kept.db-wal"} <= modes.keys()


async def test_what_is_over_leaves_the_file(tmp_path: Path) -> None:
    clock = Clock()
    store = SqliteStore(tmp_path / "kept.db", clock)
    await store.put("old", b"x", 10)
    clock.now += 100
    await store.put("new", b"y", 10)
    await store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db")) as file:
        assert file.execute("SELECT key FROM kept").fetchall() == [("new",)]


async def test_a_file_that_is_no_store_is_told_plainly(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_bytes(b"this is no database, but text that is long enough to be looked at" * 20)
    store = SqliteStore(path)
    with pytest.raises(LocalError, match=r"the store .*kept\.db failed: file is not a database"):
        await store.get("a")
    path.unlink()
    assert await store.get("a") is None
    await store.close()


async def test_a_directory_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "kept.db")
    with pytest.raises(LocalError, match="No such file or directory"):
        await store.put("a", b"", 1)
    await store.close()


@pytest.mark.parametrize("address", ["", "sqlite:///", "sqlite://kept.db", "redis://localhost", "kept.db"])
def test_an_address_that_leads_to_no_store_is_refused(address: str) -> None:
    with pytest.raises(LocalError, match=r"no store .*: there are memory: and sqlite:///PATH"):
        store_at(address)


def test_an_address_leads_to_its_store(tmp_path: Path) -> None:
    own = MemoryStore()
    assert store_at(own) is own
    assert isinstance(store_at("memory:"), MemoryStore)
    assert isinstance(store_at(f"sqlite:///{tmp_path}/kept.db"), SqliteStore)
