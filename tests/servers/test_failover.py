"""Another Redis takes the place of one that is gone or steps back, under an address that follows it."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from tests.faults.measure import figure
from tests.servers import private
from tests.servers.places import settles
from tests.store.uses import uses

from dragoman.errors import StoreError
from dragoman.ports.store import Append, Put
from dragoman.store.redis import RedisStore

pytestmark = pytest.mark.skipif(private.redis_program() is None, reason="no redis-server on this machine")


class Leading:
    """An address that leads to one of several servers, as a name or a balancer does; open connections stay."""

    def __init__(self, port: int) -> None:
        self.to = port
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def begin(self) -> str:
        self._server = await asyncio.start_server(self._join, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"

    async def end(self) -> None:
        assert self._server is not None
        self._server.close()
        for writer in self._open.values():
            writer.close()
        await asyncio.gather(*self._open)

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open[cast("asyncio.Task[None]", asyncio.current_task())] = writer
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self.to)
            await asyncio.gather(self._pump(reader, back), self._pump(there, writer))
        writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        sink.close()


class Pair:
    """A Redis, another that repeats what it does, and an address that leads to the first."""

    def __init__(self, first: private.Private, second: private.Private) -> None:
        self.first, self.second = first, second
        self.leading = Leading(_port(first))

    async def follows(self, server: private.Private, other: private.Private | None) -> None:
        """Have a server repeat what another does, or nothing any more."""
        async with Redis.from_url(server.address) as redis:
            await redis.replicaof(*(("127.0.0.1", _port(other)) if other else ("NO", "ONE")))

    async def even(self, server: private.Private) -> None:
        """Wait until this server, which repeats, is linked."""
        async with Redis.from_url(server.address) as redis:

            async def told() -> Any:
                return (await redis.info("replication")).get("master_link_status")

            await settles(told, lambda status: status == "up")

    async def copied(self) -> None:
        """Wait until the second has all that was written."""
        async with Redis.from_url(self.first.address) as redis:
            assert await redis.wait(1, 5000) == 1


def _port(server: private.Private) -> int:
    return int(server.address.split(":")[2].partition("/")[0])


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Pair, str]]:
    with (
        private.directory() as one, private.redis(one) as first, private.directory() as other,
        private.redis(other) as second,
    ):  # fmt: skip
        pair = Pair(first, second)
        async with Redis.from_url(first.address) as redis:
            await redis.config_set("repl-diskless-sync-delay", 0)
        await pair.follows(second, first)
        await pair.even(second)
        address = await pair.leading.begin()
        yield pair, address
        await pair.leading.end()


async def works(store: RedisStore) -> float:
    """Wait until the store takes changes, and return how long that took."""
    begun = time.monotonic()
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(StoreError):
                await store.put("works", b"", 60)
                return time.monotonic() - begun
            await asyncio.sleep(0.02)


async def woken(store: RedisStore, after: int) -> bool:
    """Wait for an entry of the stream; whoever looks while no server is there is told so, and waits again."""
    while True:
        with contextlib.suppress(StoreError):
            if await store.wait("s", after, 30):
                return True
        await asyncio.sleep(0.02)


async def test_another_redis_takes_over_from_one_that_was_killed(pair: tuple[Pair, str]) -> None:
    """F20: what was copied is there, positions go on, who waits is woken, a lease holds."""
    both, address = pair
    store = RedisStore(address, seconds=1.0)
    assert await store.commit([Put("a", b"1", 60), Append("s", b"first", 60)])
    ((position, _),) = await store.read("s")
    assert await store.lease("job", "me", 60)
    waiting = asyncio.create_task(woken(store, position))
    await both.copied()
    both.first.stop()
    with pytest.raises(StoreError):
        await store.put("a", b"2", 60)
    # Where the address leads to the other before that may be written, nothing is changed.
    both.leading.to = _port(both.second)
    for call in (store.put("a", b"2", 60), store.take("a"), store.lease("other", "you", 60)):
        with pytest.raises(StoreError, match="is a replica"):
            await call
    await both.follows(both.second, None)
    figure("F20", "until another Redis was written to, once it might be", await works(store), 5.0, "s")
    assert await store.get("a") == b"1" and not await store.lease("job", "you", 60)
    assert await store.commit([Append("s", b"second", 60)])
    assert await asyncio.wait_for(waiting, 10)
    found = await store.read("s", position)
    assert [value for _, value in found] == [b"second"] and found[0][0] > position
    await store.close()


async def test_a_redis_that_steps_back_is_left_by_connections_that_it_keeps_open(pair: tuple[Pair, str]) -> None:
    """F20: a planned change of places, in which no connection is cut."""
    both, address = pair
    store = RedisStore(address)
    await asyncio.gather(*[store.put(f"key {number}", b"x", 60) for number in range(5)])
    waiting = asyncio.create_task(woken(store, 0))
    assert not await store.wait("t", 0, 0.1)
    await both.copied()
    both.leading.to = _port(both.second)
    await both.follows(both.second, None)
    await both.follows(both.first, both.second)
    with pytest.raises(StoreError, match="is a replica, which may not be written"):
        await store.put("a", b"1", 60)
    await store.put("a", b"1", 60)
    assert await asyncio.gather(*[store.get(f"key {number}") for number in range(5)]) == [b"x"] * 5
    assert await store.commit([Append("s", b"x", 60)])
    assert await asyncio.wait_for(waiting, 10)
    async with Redis.from_url(both.second.address) as redis:
        assert await redis.get("dragoman:v:a") == b"1"
    await store.close()


async def test_a_server_goes_on_at_another_redis(pair: tuple[Pair, str]) -> None:
    """F20"""
    both, address = pair

    @contextlib.asynccontextmanager
    async def failover() -> AsyncIterator[None]:
        await both.copied()
        both.first.stop()
        yield
        await both.follows(both.second, None)
        both.leading.to = _port(both.second)

    await uses(RedisStore(address, seconds=1.0), failover())
