"""The store in PostgreSQL: the contract, and what happens when the server is stopped, killed or holds a lock."""

import asyncio
import random
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.faults.measure import figure
from tests.servers import private
from tests.servers.places import ServerPlace, settles
from tests.servers.private import Private
from tests.store.contract import *  # noqa: F403
from tests.store.crowd import *  # noqa: F403

from dragoman.app.keeping import store_at
from dragoman.errors import LocalError, StoreError
from dragoman.ports.store import Append, Drop, Put
from dragoman.store.postgres import PostgresStore
from dragoman.store.tables import CLASS

LOCK = f"SELECT pg_advisory_lock({CLASS}, hashtext(%s))"


@pytest.fixture
async def place(postgres_server: Private) -> AsyncIterator[ServerPlace]:
    made = ServerPlace(postgres_server.address, "schema", store_at)
    yield made
    await made.close()


@pytest.fixture
def own(postgres_server: Private) -> tuple[Private, str]:
    """Give a test the server, and a schema that it has for itself."""
    place = ServerPlace(postgres_server.address, "schema", store_at)
    return postgres_server, place.address.partition("?schema=")[2]


@pytest.fixture
def asking(postgres_server: Private) -> Iterator[psycopg.Connection[Any]]:
    """Look at the server from outside."""
    with psycopg.connect(postgres_server.address, autocommit=True) as connection:
        yield connection


async def test_a_server_that_is_silent_gives_an_error_in_time_and_then_works_again(own: tuple[Private, str]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema, seconds=0.3)
    await store.put("a", b"before", 60)
    slowest = 0.0
    server.tell(signal.SIGSTOP)
    try:
        for call in (store.get("a"), store.put("a", b"x", 60), store.read("s"), store.lease("job", "me", 9)):
            before = time.monotonic()
            with pytest.raises(StoreError, match=r"the store postgresql://127.* did not answer within 0\.3 s"):
                await call
            slowest = max(slowest, time.monotonic() - before)
            assert slowest < 1.3
    finally:
        server.tell(signal.SIGCONT)
    before = time.monotonic()
    await store.put("a", b"after", 60)
    figure("F21", "until a call fails while it is silent, allowed 0.3 s", slowest, 0.5, "s")
    figure("F21", "until a call works after that", time.monotonic() - before, 5.0, "s")
    assert await store.get("a") == b"after"
    await store.close()


async def test_a_server_that_is_killed_and_started_again_is_found_again(own: tuple[Private, str]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema, seconds=3)
    await asyncio.gather(*[store.put(f"key {number}", b"x", 60) for number in range(5)])
    waiting = asyncio.create_task(store.wait("s", 0, 30))
    assert not await store.wait("t", 0, 0.1)
    server.stop()
    with pytest.raises(StoreError, match=r"failed: .*; is it running, and may this machine reach it\?"):
        await store.get("key 1")
    server.start()
    assert await asyncio.gather(*[store.get(f"key {number}") for number in range(5)]) == [b"x"] * 5
    assert await store.commit([Append("s", b"x", 60)])
    assert await asyncio.wait_for(waiting, 10)
    await store.close()


async def test_connections_that_the_server_ends_are_made_again(
    own: tuple[Private, str], asking: psycopg.Connection[Any]
) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    await asyncio.gather(*[store.put(f"key {number}", b"x", 60) for number in range(5)])
    waiting = asyncio.create_task(store.wait("s", 0, 30))
    assert not await store.wait("t", 0, 0.1)
    ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    assert asking.execute(f"{ended} AND backend_type = 'client backend'").fetchone()[0] >= 2  # type: ignore[index]
    assert await asyncio.gather(*[store.get(f"key {number}") for number in range(5)]) == [b"x"] * 5
    assert await store.commit([Append("s", b"x", 60)])
    assert await asyncio.wait_for(waiting, 10)
    await store.close()


async def test_a_commit_that_is_ended_in_the_middle_leaves_nothing(
    own: tuple[Private, str], asking: psycopg.Connection[Any]
) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    await store.put("a", b"1", 60)
    # The second of its changes waits for a row, when the first is made.
    with psycopg.connect(server.address) as other:
        other.execute(f"INSERT INTO {schema}.kept VALUES ('b', '', now())")
        commit = asyncio.create_task(store.commit([Put("a", b"2", 60), Put("b", b"2", 60)]))
        waits = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        found: list[Any] = []

        async def look() -> list[Any]:
            found[:] = asking.execute(waits).fetchall()
            return found

        await settles(look, bool)
        asking.execute("SELECT pg_terminate_backend(%s, 5000)", found[0])
        with pytest.raises(StoreError, match="terminating connection due to administrator command"):
            await commit
        other.rollback()
    assert (await store.get("a"), await store.get("b")) == (b"1", None)
    assert await store.commit([Put("a", b"2", 60), Put("b", b"2", 60)], {"a": b"1", "b": None})
    await store.close()


async def test_a_commit_that_comes_too_late_is_not_made_afterwards(
    own: tuple[Private, str], asking: psycopg.Connection[Any]
) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema, seconds=0.3)
    await store.put("a", b"1", 60)
    asking.execute(LOCK, ("value a",))
    before = time.monotonic()
    with pytest.raises(StoreError, match=r"did not answer within 0\.3 s"):
        await store.put("a", b"2", 60)
    assert time.monotonic() - before < 1.3

    async def waiting() -> list[Any]:
        return asking.execute("SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'").fetchall()

    await settles(waiting, lambda found: not found)
    asking.execute("SELECT pg_advisory_unlock_all()")
    assert await store.get("a") == b"1"
    await store.put("a", b"3", 60)
    await store.close()


async def test_tables_that_are_gone_are_made_again(own: tuple[Private, str], asking: psycopg.Connection[Any]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    await store.put("a", b"1", 60)
    asking.execute(f"DROP SCHEMA {schema} CASCADE")
    with pytest.raises(StoreError, match=r"has lost its tables: .* they are made again at the next call"):
        await store.add("a", b"1", 60)
    assert await store.add("a", b"1", 60) is None
    await store.close()


async def test_tables_of_another_layout_are_refused(own: tuple[Private, str], asking: psycopg.Connection[Any]) -> None:
    server, schema = own
    asking.execute(f"CREATE SCHEMA {schema}")
    asking.execute(f"CREATE TABLE {schema}.layout_99 ()")
    store = PostgresStore(server.address, schema=schema)
    with pytest.raises(LocalError, match=f"schema {schema} has the tables of layout_99, .*: use another schema"):
        await store.get("a")
    await store.close()


async def test_a_user_who_may_not_write_is_told(own: tuple[Private, str], asking: psycopg.Connection[Any]) -> None:
    server, schema = own
    asking.execute(f"CREATE ROLE reader_{schema} LOGIN PASSWORD 'swordfish'")
    store = PostgresStore(server.address.replace("postgres@", f"reader_{schema}:swordfish@"), schema=schema)
    with pytest.raises(StoreError, match="may not be written: permission denied for database postgres") as caught:
        await store.get("a")
    assert "swordfish" not in repr(caught.value) + repr(store)
    await store.close()


async def test_what_is_over_leaves_the_tables(own: tuple[Private, str], asking: psycopg.Connection[Any]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    assert await store.get("made") is None
    await store.add("a", b"x", 0.01)
    await store.lease("job", "me", 0.01)
    await store.commit([Append("s", b"x", 0.01)])
    await asyncio.sleep(0.05)
    other = PostgresStore(server.address, schema=schema)
    await other.commit([Drop("never was")])

    async def left() -> list[int]:
        tables = ("kept", "leases", "streams", "entries")
        return [asking.execute(f"SELECT count(*) FROM {schema}.{table}").fetchone()[0] for table in tables]  # type: ignore[index]

    await settles(left, lambda counts: counts == [0, 0, 0, 0])
    await store.close()
    await other.close()


async def test_commits_that_name_the_same_keys_in_any_order_never_block_each_other(
    own: tuple[Private, str],
) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    keys = [f"key {number}" for number in range(8)]
    orders = [keys[number:] + keys[:number] for number in range(8)] + [keys[::-1]] * 4
    changes = [[Put(key, b"x", 60) for key in order] + [Append(key, b"x", 60) for key in order] for order in orders]
    assert all(await asyncio.gather(*[store.commit(some) for some in changes * 5]))
    assert len(await store.read("key 0", 0, 1000)) == 60
    await store.close()


async def test_a_closed_store_leaves_no_connection(own: tuple[Private, str], asking: psycopg.Connection[Any]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)
    await asyncio.gather(*[store.get("a") for _ in range(5)])
    await store.wait("s", 0, 0.05)
    await store.close()

    async def clients() -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"
        return asking.execute(query).fetchone()[0]  # type: ignore[index]

    await settles(clients, lambda count: count == 1)


def test_a_store_works_in_one_event_loop_after_the_other(own: tuple[Private, str]) -> None:
    server, schema = own
    store = PostgresStore(server.address, schema=schema)

    async def once() -> bytes | None:
        return await store.add("a", b"x", 60)

    assert asyncio.run(once()) is None
    assert asyncio.run(once()) == b"x"
    asyncio.run(store.close())


async def test_a_reader_misses_no_entry_of_commits_that_overlap(own: tuple[Private, str]) -> None:
    """Without the lock of a stream it misses a third of these: a later position can be seen first."""
    server, schema = own
    store = PostgresStore(server.address, schema=schema)

    async def write(name: int) -> None:
        for number in range(60):
            slow = [Append(f"own {name}", b"x" * 1000, 60)] * 5
            assert await store.commit([Append("all", b"%d %d" % (name, number), 60, 10_000), *slow])

    async def follow() -> list[bytes]:
        after, seen = 0, []
        while len(seen) < 300 and await store.wait("all", after, 3):
            for after, value in await store.read("all", after, 1000):
                seen.append(value)
        return seen

    seen, *_ = await asyncio.gather(follow(), *[write(name) for name in range(5)])
    assert sorted(seen) == sorted(b"%d %d" % (name, number) for name in range(5) for number in range(60))
    await store.close()


@pytest.fixture
def tiny(postgres_server: Private) -> Iterator[tuple[str, Path]]:
    """Give a test a database on a disk of 24 MB; that takes a right to mount, which not everybody has."""
    with private.directory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True)
        if mounted.returncode:
            pytest.skip("no disk can be mounted here")
        try:
            shutil.chown(folder, private.POSTGRES_USER)
            with psycopg.connect(postgres_server.address, autocommit=True) as asking:
                asking.execute(f"CREATE TABLESPACE tiny LOCATION '{folder}'")  # type: ignore[call-overload]
                try:
                    asking.execute("CREATE DATABASE tiny TABLESPACE tiny")
                    yield postgres_server.address.rpartition("/")[0] + "/tiny", folder
                finally:
                    asking.execute("DROP DATABASE IF EXISTS tiny WITH (FORCE)")
                    asking.execute("DROP TABLESPACE tiny")
        finally:
            subprocess.run(["umount", folder], check=True)


async def test_a_full_disk_changes_nothing_and_says_so(tiny: tuple[str, Path]) -> None:
    address, folder = tiny
    store = PostgresStore(address)
    await store.put("kept", b"before", 600)
    large = random.Random(1).randbytes(1024 * 1024)  # not to be compressed
    rows, fault = 0, ""
    while not fault and rows < 40:
        try:
            await store.put(f"row {rows}", large, 600)
            rows += 1
        except StoreError as error:
            fault = str(error)
    assert "is full: " in fault and "make room on its disk, or let things end sooner" in fault
    assert rows > 3
    with pytest.raises(StoreError, match="is full"):
        await store.commit([Drop("kept"), Put("more", large, 600), Append("s", b"x", 600)], {"kept": b"before"})
    assert await store.get("kept") == b"before"
    assert (await store.get("more"), await store.read("s")) == (None, [])
    assert await store.get(f"row {rows - 1}") == large
    subprocess.run(["mount", "-o", "remount,size=48m", folder], check=True)
    await store.put("more", large, 600)
    assert await store.commit([Drop("kept"), Append("s", b"x", 600)], {"kept": b"before"})
    await store.close()
