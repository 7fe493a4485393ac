"""One of several processes that use a store at once: `python -m tests.store.hammer ADDRESS JOB ARGUMENT...`.

Says "ready" when it has opened the store, begins when a line comes in, and says what came of it as JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any

from dragoman.app.keeping import store_at
from dragoman.ports.store import Append, Put, Store


async def claims(store: Store, name: str, number: str) -> int:
    """Claim many names, against others; return how many were ours."""
    return [await store.add(f"claim {at}", name.encode(), 60) for at in range(int(number))].count(None)


async def takes(store: Store, name: str, number: str) -> int:
    """Take what many want; return how much was ours."""
    return sum([await store.take(f"prize {at}") is not None for at in range(int(number))])


async def counts(store: Store, name: str, number: str) -> int:
    """Count up together by compare-and-set; return how often another was faster."""
    lost = 0
    for _ in range(int(number)):
        while True:
            before = await store.get("count")
            if await store.commit([Put("count", b"%d" % (int(before or b"0") + 1), 60)], {"count": before}):
                break
            lost += 1
    return lost


async def appends(store: Store, name: str, number: str) -> None:
    """Append to two streams in one commit; half of the processes name them in the other order."""
    for at in range(int(number)):
        both = [Append("left", f"{name} {at}".encode(), 60, 10_000), Append("right", b"", 60, 10_000)]
        await store.commit(both if int(name) % 2 else both[::-1])


async def leases(store: Store, name: str, number: str) -> int:
    """Do something alone under a lease, many times; return how often somebody else was there."""
    met = 0
    for _ in range(int(number)):
        while not await store.lease("alone", name, 30):
            await asyncio.sleep(0.001)
        met += await store.add("inside", name.encode(), 30) is not None
        await store.delete("inside")
        assert await store.release("alone", name)
    return met


async def waits(store: Store, name: str, number: str) -> list[float]:
    """Wait for one entry after the other, which hold the time they were sent; return how long each took."""
    after, took = 0, []
    while len(took) < int(number):
        assert await store.wait("news", after, 20)
        for position, value in await store.read("news", after):
            after = position
            took.append(time.monotonic() - float(value))
    return took


async def commits(store: Store, name: str, number: str) -> None:
    """Change three things at once, until this process is killed."""
    for at in range(int(number)):
        value = b"%d" % at * 500
        await store.commit([Put("one", value, 60), Append("three", value, 60, 5), Put("two", value, 60)])
        print(at, flush=True)


async def run(address: str, job: str, *given: str) -> Any:
    store = store_at(address)
    try:
        await store.get("is it there?")
        print("ready", flush=True)
        sys.stdin.readline()
        return await globals()[job](store, *given)
    finally:
        await store.close()


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(*sys.argv[1:]))), flush=True)
