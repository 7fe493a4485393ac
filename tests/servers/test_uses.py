"""What a server does without its store in a server: stopped in the middle of everything, ended, or full."""

import contextlib
import signal
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from tests.servers import private
from tests.store.uses import during, uses

from dragoman.ports.store import Store
from dragoman.store.postgres import PostgresStore
from dragoman.store.redis import RedisStore


@pytest.mark.parametrize("kind", ["redis_server", "postgres_server"])
async def test_a_server_that_is_silent(kind: str, request: pytest.FixtureRequest) -> None:
    server: private.Private = request.getfixturevalue(kind)
    if kind == "redis_server":
        store: Store = RedisStore(server.address, prefix="uses:", seconds=1.0)
    else:
        store = PostgresStore(server.address, schema="uses", seconds=1.0)
    await uses(store, during(lambda: server.tell(signal.SIGSTOP), lambda: server.tell(signal.SIGCONT)), sure=False)


async def test_a_server_that_is_gone_for_a_while() -> None:
    if private.redis_program() is None:
        pytest.skip("no redis-server on this machine")
    with private.directory() as folder, private.redis(folder) as server:
        await uses(RedisStore(server.address, seconds=1.0), during(server.stop, server.start))


async def test_a_server_whose_memory_is_full() -> None:
    if private.redis_program() is None:
        pytest.skip("no redis-server on this machine")

    @contextlib.asynccontextmanager
    async def full() -> AsyncIterator[None]:
        async with Redis.from_url(server.address) as redis:
            await redis.config_set("maxmemory", 1)
            yield
            await redis.config_set("maxmemory", 0)

    with private.directory() as folder, private.redis(folder) as server:
        await uses(RedisStore(server.address), full())
