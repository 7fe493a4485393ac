"""The store in Redis: the contract, and what happens when the server is stopped, killed or full."""

import asyncio
import gc
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from tests.faults.measure import figure
from tests.servers import private
from tests.servers.places import ServerPlace, settles
from tests.servers.private import Private
from tests.store.contract import *  # noqa: F403
from tests.store.crowd import *  # noqa: F403

from dragoman.app.keeping import store_at
from dragoman.errors import StoreError
from dragoman.ports.store import Append, Drop, Put
from dragoman.store.redis import RedisStore


@pytest.fixture
async def place(redis_server: Private) -> AsyncIterator[ServerPlace]:
    made = ServerPlace(redis_server.address, "prefix", store_at)
    yield made
    await made.close()


@pytest.fixture
def own(redis_server: Private, directory: Path) -> Iterator[Private]:
    """Give a test a server of its own, to do with it what it likes."""
    with private.redis(directory) as server:
        yield server


@pytest.fixture
def directory() -> Iterator[Path]:
    with private.directory() as made:
        yield made


async def test_a_server_that_is_silent_gives_an_error_in_time_and_then_works_again(own: Private) -> None:
    store = RedisStore(own.address, seconds=0.3)
    await store.put("a", b"before", 60)
    slowest = 0.0
    own.tell(signal.SIGSTOP)
    for call in (store.get("a"), store.put("a", b"x", 60), store.read("s"), store.lease("job", "me", 9)):
        before = time.monotonic()
        with pytest.raises(StoreError, match=r"the store redis://127.*/0 did not answer within 0\.3 s"):
            await call
        slowest = max(slowest, time.monotonic() - before)
        assert slowest < 1.3
    own.tell(signal.SIGCONT)
    before = time.monotonic()
    await store.put("a", b"after", 60)
    figure("F20", "until a call fails while it is silent, allowed 0.3 s", slowest, 0.5, "s")
    figure("F20", "until a call works after that", time.monotonic() - before, 5.0, "s")
    assert await store.get("a") == b"after"
    await store.close()


async def test_a_server_that_is_killed_and_started_again_is_found_again(own: Private) -> None:
    store = RedisStore(own.address, seconds=2)
    await asyncio.gather(*[store.put(f"key {number}", b"x", 60) for number in range(5)])
    waiting = asyncio.create_task(store.wait("s", 0, 30))
    assert not await store.wait("t", 0, 0.1)
    own.stop()
    with pytest.raises(StoreError, match=r"failed: .*; is it running, and may this machine reach it\?"):
        await store.get("key 1")
    own.start()
    assert await asyncio.gather(*[store.get(f"key {number}") for number in range(5)]) == [b"x"] * 5
    assert await store.commit([Append("s", b"x", 60)])
    assert await asyncio.wait_for(waiting, 10)
    await store.close()


async def test_a_full_server_changes_nothing_and_says_so(own: Private) -> None:
    store = RedisStore(own.address)
    await store.put("a", b"1", 60)
    async with Redis.from_url(own.address) as redis:
        await redis.config_set("maxmemory", 1)
        for call in (
            store.commit([Drop("a"), Put("b", b"2", 60)], {"a": b"1"}),
            store.add("c", b"", 60),
            store.commit([Append("s", b"", 60)]),
            store.lease("job", "me", 9),
        ):
            with pytest.raises(StoreError, match=r"is full: give it more memory \(maxmemory\)"):
                await call
        assert (await store.get("a"), await store.read("s")) == (b"1", [])
        assert await store.take("a") == b"1"  # what makes room goes through
        await redis.config_set("maxmemory", 0)
    assert await store.add("c", b"", 60) is None
    await store.close()


async def test_a_server_that_may_drop_what_it_likes_is_refused(own: Private) -> None:
    async with Redis.from_url(own.address) as redis:
        await redis.config_set("maxmemory", "100mb")
        await redis.config_set("maxmemory-policy", "volatile-lru")
        store = RedisStore(own.address)
        with pytest.raises(StoreError, match=r"drops what .* \(maxmemory-policy volatile-lru\): set it to noeviction"):
            await store.get("a")
        await redis.config_set("maxmemory-policy", "noeviction")
        assert await store.get("a") is None
        await store.close()


async def test_scripts_that_the_server_forgot_are_sent_again(own: Private) -> None:
    store = RedisStore(own.address)
    await store.put("a", b"1", 60)
    async with Redis.from_url(own.address) as redis:
        await redis.script_flush()
    assert await store.take("a") == b"1"
    await store.close()


async def test_what_is_over_leaves_nothing_behind(own: Private) -> None:
    store = RedisStore(own.address)
    await store.commit([Put(f"key {number}", b"x", 0.05) for number in range(50)] + [Append("s", b"x", 0.05)])
    await store.lease("job", "me", 0.05)
    await asyncio.sleep(0.1)
    for number in range(6):
        await store.put(f"new {number}", b"x", 0.05)
    await asyncio.sleep(0.1)
    await store.keys("")
    async with Redis.from_url(own.address) as redis:
        assert await redis.keys("*") == [b"dragoman:last"]
    await store.close()


async def test_a_lost_wake_up_heals(own: Private) -> None:
    store, other = RedisStore(own.address), RedisStore(own.address)
    waiting = asyncio.create_task(store.wait("s", 0, 30))
    assert not await store.wait("t", 0, 0.1)
    async with Redis.from_url(own.address) as redis:
        await redis.client_kill_filter(_type="pubsub")
    await other.commit([Append("s", b"x", 60)])
    assert await asyncio.wait_for(waiting, 10)
    await store.close()
    await other.close()


async def test_a_server_is_reached_by_its_socket(own: Private, directory: Path) -> None:
    store = store_at(f"unix://{directory}/redis.sock?db=1&prefix=shop:")
    await store.put("a", b"x", 60)
    async with Redis.from_url(own.address.replace("/0", "/1")) as redis:
        assert await redis.get("shop:v:a") == b"x"
    await store.close()


async def test_secrets_in_an_address_are_in_no_error(own: Private) -> None:
    store = RedisStore(own.address.replace("redis://", "redis://user:swordfish@"))
    with pytest.raises(StoreError) as caught:
        await store.get("a")
    assert "swordfish" not in repr(caught.value) + repr(store)
    await store.close()


@pytest.mark.filterwarnings("ignore:.*:ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_store_works_in_one_event_loop_after_the_other(own: Private) -> None:
    store = RedisStore(own.address)

    async def once() -> bytes | None:
        return await store.add("a", b"x", 60)

    assert asyncio.run(once()) is None
    assert asyncio.run(once()) == b"x"

    async def last() -> None:
        await store.get("a")
        await store.close()

    asyncio.run(last())
    gc.collect()  # what the first loop has left, while its warnings are expected


async def test_a_closed_store_leaves_no_connection(own: Private) -> None:
    async with Redis.from_url(own.address) as redis:
        store = RedisStore(own.address)
        await asyncio.gather(*[store.get("a") for _ in range(5)])
        await store.wait("s", 0, 0.05)
        await store.close()
        await settles(lambda: redis.client_list(), lambda clients: len(clients) == 1)


async def test_who_waits_for_a_connection_is_not_overtaken(own: Private) -> None:
    """A hundred at once, some of whom give up: nobody waits while others come and go."""
    store, begun, done = RedisStore(own.address), 0, []

    async def ask() -> None:
        nonlocal begun
        for _ in range(20):
            begun, mine = begun + 1, begun
            assert await store.get("a") is None
            done.append(mine)

    async def give_up() -> None:
        for _ in range(20):
            asking = [asyncio.ensure_future(store.get("a")) for _ in range(30)]
            await asyncio.sleep(0.005)
            for one in asking:
                one.cancel()
            await asyncio.gather(*asking, return_exceptions=True)

    await asyncio.gather(*(ask() for _ in range(100)), give_up())
    place = {number: at for at, number in enumerate(done)}
    assert max(abs(place[number] - number) for number in range(len(done))) < 200
    await store.close()
