"""How long the stores take: `python -m benchmarks.stores`, with Redis and PostgreSQL if they are installed."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Any

from tests.servers import private

from dragoman.app.keeping import store_at
from dragoman.ports.store import Append, Put, Store

VALUE = b"x" * 200
TIMES = 1000


async def median(call: Callable[[], Awaitable[Any]]) -> float:
    """Return the median of the times of one call after the other, in microseconds."""
    taken: list[int] = []
    for _ in range(TIMES):
        start = time.perf_counter_ns()
        await call()
        taken.append(time.perf_counter_ns() - start)
    return sorted(taken[TIMES // 10 :])[len(taken) * 9 // 20] / 1000


async def woken(address: str, store: Store) -> float:
    """Return the median time from a commit in one store to the end of a wait in another, in microseconds."""
    other = store if address == "memory:" else store_at(address)
    after, taken = 0, []
    for _ in range(50):
        waiting = asyncio.create_task(other.wait("news", after, 10))
        await other.wait("nothing", 0, 0.03)
        start = time.perf_counter_ns()
        await store.commit([Append("news", VALUE, 60)])
        await waiting
        taken.append(time.perf_counter_ns() - start)
        ((after, _),) = (await other.read("news", after))[-1:]
    if other is not store:
        await other.close()
    return sorted(taken)[25] / 1000


async def measure(name: str, address: str) -> None:
    store = store_at(address)
    numbers = count()

    async def commit() -> None:
        number = next(numbers)
        await store.commit([Put("record", b"%d" % number, 60), Append("log", VALUE, 60, 100)])

    row = [
        await median(lambda: store.put(f"key {next(numbers) % 100}", VALUE, 60)),
        await median(lambda: store.get("key 7")),
        await median(lambda: store.add(f"claim {next(numbers)}", b"", 60)),
        await median(commit),
        await woken(address, store),
    ]
    print(f"| {name} | " + " | ".join(f"{value:,.0f}" if value >= 10 else f"{value:.1f}" for value in row) + " |")
    await store.close()


def run() -> None:
    print("| store | put | get | add | commit | wake |\n|---|---|---|---|---|---|")
    with contextlib.ExitStack() as stack:
        addresses = {
            "memory": "memory:",
            "SQLite": f"sqlite:///{stack.enter_context(tempfile.TemporaryDirectory())}/kept.db",
        }
        if private.redis_program():
            addresses["Redis"] = stack.enter_context(private.redis(stack.enter_context(private.directory()))).address
        if private.postgres_programs():
            server = private.postgres(stack.enter_context(private.directory()))
            addresses["PostgreSQL"] = stack.enter_context(server).address
        for name, address in addresses.items():
            asyncio.run(measure(name, address))


if __name__ == "__main__":
    run()
