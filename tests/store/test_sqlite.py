"""The store in an SQLite file: the contract, and what is a file's own."""

import asyncio
import contextlib
import os
import sqlite3
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.store.contract import *  # noqa: F403
from tests.store.crowd import *  # noqa: F403
from tests.store.history import STEPS, follow

from dragoman.errors import LocalError, StoreError
from dragoman.ports.store import Append, Put
from dragoman.store.sqlite import SqliteStore
from dragoman.store.steady import Steady, machine


class Clock:
    """Clocks that a test sets, of a machine that a test can start again."""

    now = 1000.0
    wall = 5000.0

    def steady(self, boot: str = "first") -> Steady:
        return Steady(lambda: self.wall, lambda: self.now, boot)


class FilePlace:
    """A file, on the machine's own clock where other processes use it."""

    def __init__(self, path: Path) -> None:
        self.address = f"sqlite:///{path}"
        self.path = path
        self.stores: list[SqliteStore] = []

    def store(self) -> SqliteStore:
        self.stores.append(SqliteStore(self.path))
        return self.stores[-1]

    async def passes(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[FilePlace]:
    made = FilePlace(tmp_path / "kept.db")
    yield made
    for store in made.stores:
        await store.close()


@pytest.fixture
async def clock() -> Clock:
    return Clock()


@STEPS
async def test_any_history_reads_as_in_a_dictionary_with_times(tmp_path: Path, steps: list[tuple[object, ...]]) -> None:
    clock = Clock()
    store = SqliteStore(tmp_path / "kept.db", clock.steady())
    await follow(store, clock, steps)
    await store.close()


async def test_a_wall_clock_that_jumps_changes_no_times(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady())
    await store.put("a", b"x", 10)
    clock.wall += 1_000_000
    clock.now += 9
    again = SqliteStore(tmp_path / "kept.db", clock.steady())
    assert (await store.get("a"), await again.get("a")) == (b"x", b"x")
    clock.wall -= 5_000_000
    clock.now += 2
    later = SqliteStore(tmp_path / "kept.db", clock.steady())
    assert [await one.get("a") for one in (store, again, later)] == [None] * 3
    for one in (store, again, later):
        await one.close()


async def test_after_a_restart_of_the_machine_time_goes_on_from_the_wall_clock(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady())
    await store.put("a", b"x", 10)
    await store.put("b", b"y", 100)
    await store.close()
    clock.now, clock.wall = 1.0, clock.wall + 50
    store = SqliteStore(tmp_path / "kept.db", clock.steady("second"))
    assert (await store.get("a"), await store.get("b")) == (None, b"y")
    await store.close()


async def test_after_a_restart_with_a_wall_clock_that_is_behind_time_does_not_go_back(
    tmp_path: Path, clock: Clock
) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady())
    await store.put("a", b"x", 10)
    clock.now += 100
    await store.put("b", b"x", 10)  # sweeps, and notes the time
    await store.close()
    clock.now, clock.wall = 1.0, 0.0
    store = SqliteStore(tmp_path / "kept.db", clock.steady("second"))
    assert (await store.get("a"), await store.get("b")) == (None, b"x")
    clock.now += 11
    assert await store.get("b") is None
    await store.close()


def test_the_machine_counts_from_boot() -> None:
    clocks = machine()
    before = clocks.since_boot()
    assert clocks.since_boot() >= before > 0
    if Path("/proc/sys/kernel/random/boot_id").exists():
        assert len(clocks.boot) == 36 and before != pytest.approx(time.time(), rel=0.1)


async def test_only_the_owner_reads_the_file_and_its_journals(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db")
    await store.put("a", b"secret", 10)
    modes = {name.name: stat.S_IMODE(os.stat(name).st_mode) for name in tmp_path.iterdir()}
    await store.close()
    assert set(modes.values()) == {0o600}
    assert {"kept.db", "kept.db-wal"} <= modes.keys()


async def test_what_is_over_leaves_the_file(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady())
    await store.commit([Put("old", b"x", 10), Append("old", b"x", 10)])
    await store.lease("old", "me", 10)
    clock.now += 100
    await store.commit([Put("new", b"y", 10), Append("new", b"y", 10)])
    await store.close()
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db")) as file:
        assert file.execute("SELECT key FROM kept").fetchall() == [("new",)]
        assert file.execute("SELECT name FROM streams").fetchall() == [("new",)]
        assert file.execute("SELECT stream FROM entries").fetchall() == [("new",)]
        assert file.execute("SELECT key FROM leases").fetchall() == []


async def test_a_file_that_is_no_store_is_told_plainly(tmp_path: Path) -> None:
    path = tmp_path / "kept.db"
    path.write_bytes(b"this is no database, but text that is long enough to be looked at" * 20)
    store = SqliteStore(path)
    with pytest.raises(StoreError, match=r"the store .*kept\.db failed: file is not a database; move the file away"):
        await store.get("a")
    path.unlink()
    assert await store.get("a") is None
    await store.close()


async def test_a_directory_that_is_not_there_is_told_plainly(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "none" / "kept.db")
    with pytest.raises(LocalError, match="No such file or directory"):
        await store.put("a", b"", 1)
    await store.close()


async def test_a_full_file_keeps_what_it_has_and_takes_more_once_something_is_over(
    tmp_path: Path, clock: Clock
) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady(), pages=100)

    async def fill() -> None:
        for number in range(1000):
            await store.put(f"key {number:03}", b"x" * 1000, 10)

    with pytest.raises(StoreError, match="database or disk is full; make room on the disk"):
        await fill()
    assert 100 < len(await store.keys("key ")) < 400
    with pytest.raises(StoreError, match="full"):
        await store.commit([Put("key 000", b"new", 10), Append("s", b"x" * 10_000, 10)])
    assert (await store.get("key 000"), await store.read("s")) == (b"x" * 1000, [])
    clock.now += 11
    assert await store.commit([Append("s", b"x" * 10_000, 10)])
    assert len(await store.read("s")) == 1
    await store.close()


async def test_a_file_that_another_holds_gives_an_error_in_time_and_then_works_again(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db", seconds=0.3)
    await store.put("a", b"before", 60)
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        before = time.monotonic()
        with pytest.raises(StoreError, match=r"database is locked; another process|did not answer within 0\.3 s"):
            await store.put("a", b"while", 60)
        assert time.monotonic() - before < 1
        assert await store.get("a") == b"before"  # readers are not held up
        other.execute("ROLLBACK")
    await store.put("a", b"after", 60)
    assert await store.get("a") == b"after"
    await store.close()


async def test_a_caller_that_gives_up_leaves_no_half_of_a_commit(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db")
    for number in range(20):
        value = b"%d" % number
        task = asyncio.create_task(store.commit([Put("a", value, 60), Put("b", value, 60)]))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await store.get("a") == await store.get("b")
    await store.close()


async def test_who_closes_takes_nothing_from_those_who_go_on(tmp_path: Path) -> None:
    """What they read was closed in the middle, by another thread: an error, or the end of the process."""
    store = SqliteStore(tmp_path / "kept.db")
    await store.put("a", b"x", 60)
    for _ in range(10):
        closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)  # it has begun
        assert await asyncio.gather(*(store.get("a") for _ in range(5))) == [b"x"] * 5
        await closing
    await store.close()


async def test_who_waits_costs_nothing_once_it_has_stopped(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "kept.db")
    assert not await store.wait("s", 0, 0.01)
    async with asyncio.timeout(5):
        while any(task.get_name().startswith("dragoman store") for task in asyncio.all_tasks()):
            await asyncio.sleep(0.01)
    await store.close()


async def test_a_read_is_not_held_up_by_what_is_to_be_removed(tmp_path: Path, clock: Clock) -> None:
    store = SqliteStore(tmp_path / "kept.db", clock.steady(), seconds=0.5)
    await store.put("a", b"x", 1000)
    with contextlib.closing(sqlite3.connect(tmp_path / "kept.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        clock.now += 100  # a removal is due
        assert await store.get("a") == b"x"
        other.execute("ROLLBACK")
    await store.close()
