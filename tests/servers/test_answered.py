"""What a store in a server has answered is there after the server was killed, and nothing is there twice."""

import asyncio
import contextlib
import random
from collections import Counter

import pytest
from tests.faults.measure import figure, times
from tests.servers import private

from dragoman.app.keeping import store_at
from dragoman.errors import StoreError
from dragoman.ports.store import Append, Put, Store

WRITERS = 4


async def sure(store: Store, key: str) -> int:
    """Return what a register holds, however long the server takes to come back."""
    while True:
        with contextlib.suppress(StoreError):
            return int(await store.get(key) or b"0")
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("kind, fault", [("redis", "F20"), ("postgres", "F21")])
async def test_no_commit_that_was_answered_is_lost_when_the_server_is_killed(kind: str, fault: str) -> None:
    """F20, F21: a register for each writer, and a stream that all append to, in one commit."""
    if (private.redis_program() if kind == "redis" else private.postgres_programs()) is None:
        pytest.skip(f"no {kind} on this machine")
    kills, dice = times(3, 100), random.Random(20)
    answered, unanswered, back = 0, 0, [0.0]
    ended = asyncio.Event()
    with private.directory() as folder, getattr(private, kind)(folder) as server:
        store = store_at(server.address)

        async def write(name: int) -> int:
            nonlocal answered, unanswered
            key, number = f"register {name}", 0
            while not ended.is_set():
                entry = Append("all", b"%d %d" % (name, number), 3600, 1_000_000)
                given = {key: b"%d" % number if number else None}
                try:
                    made = await store.commit([Put(key, b"%d" % (number + 1), 3600), entry], given)
                except StoreError:
                    unanswered += 1
                    found = await sure(store, key)
                    assert found in (number, number + 1)
                    number = found
                else:
                    assert made, "somebody else has changed what is ours"
                    answered, number = answered + 1, number + 1
            return number

        writing = [asyncio.create_task(write(name)) for name in range(WRITERS)]
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(0.05, 0.3))
            await asyncio.to_thread(server.stop)
            await asyncio.to_thread(server.start)
            begun = asyncio.get_running_loop().time()
            await sure(store, "register 0")
            back.append(asyncio.get_running_loop().time() - begun)
        ended.set()
        counts = await asyncio.gather(*writing)
        seen = Counter(value for _, value in await store.read("all", 0, 1_000_000))
        assert [await sure(store, f"register {name}") for name in range(WRITERS)] == counts
        assert seen == {b"%d %d" % (name, number): 1 for name in range(WRITERS) for number in range(counts[name])}
        await store.close()
    assert answered > kills * WRITERS
    figure(fault, f"commits answered while {kind} was killed {kills} times", answered)
    figure(fault, "of these lost, or made twice", 0, 0)
    figure(fault, "until it was found again", max(back), 5.0, "s")


async def test_a_commit_that_redis_was_writing_when_it_was_killed_is_not_there_in_part() -> None:
    """F20: Redis itself keeps the part of it that was written, which takes effect at the restart after the next."""
    if private.redis_program() is None:
        pytest.skip("no redis on this machine")
    for written in range(5, 100, 10):
        with private.directory() as folder, private.redis(folder) as server:
            store = store_at(server.address)

            async def count(number: int, store: Store = store) -> bool:
                changes = [Put("register", b"%d" % (number + 1), 3600), Append("all", b"%d" % number, 3600, 1000)]
                return await store.commit(changes, {"register": b"%d" % number if number else None})

            assert await count(0)
            (file,) = folder.glob("appendonlydir/*.incr.aof")
            before = file.stat().st_size
            assert await count(1)
            server.stop()
            torn = before + (file.stat().st_size - before) * written // 100
            file.write_bytes(file.read_bytes()[:torn])
            server.start()
            assert await sure(store, "register") == 1
            assert await count(1) and await count(2)
            server.stop()
            server.start()
            assert await sure(store, "register") == 3
            assert [value for _, value in await store.read("all", 0, 100)] == [b"0", b"1", b"2"]
            await store.close()
