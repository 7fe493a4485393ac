"""How long tasks wait for their engine: `python -m benchmarks.engines`, with Redis and PostgreSQL if they are there.

One server accepts and runs nothing, another runs, both in this process. The table has, for each store and engine, the
medians of accepting a task and of the time from then to the first line of its function, and tasks per second.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import tempfile
import time
from typing import Any

from tests.servers import private
from tests.serving.tasking import Owner

from dragoman import Limits, Server

ONE_BY_ONE, AT_ONCE = 100, 500


def server(store: str, engine: Any, tasks: int, began: dict[str, float]) -> Server:
    """Return a server with one tool, which notes when it began."""
    made = Server("bench", store=store, engine=engine, limits=Limits(tasks=tasks))

    @made.tool(task="required")
    async def work(item: str) -> str:
        began[item] = time.perf_counter()
        return item

    return made


async def until(began: dict[str, float], count: int) -> None:
    """Wait until so many have begun."""
    while len(began) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def measure(name: str, store: str, engine: str) -> None:
    """Print one line of the table."""
    began: dict[str, float] = {}
    accepting, working = server(store, engine, 0, {}), server(store, engine, 32, began)
    await working.service.start()
    owner = Owner(accepting)
    await owner.begin("work", item="first")
    await until(began, 1)
    took: list[float] = []
    waited: list[float] = []
    for number in range(ONE_BY_ONE):
        start = time.perf_counter()
        await owner.begin("work", item=f"one {number}")
        took.append(time.perf_counter() - start)
        accepted = time.perf_counter()
        await until(began, number + 2)
        waited.append(began[f"one {number}"] - accepted)
    await working.service.stop()
    began.clear()
    for number in range(AT_ONCE):
        await owner.begin("work", item=f"many {number}")
    start = time.perf_counter()
    await working.service.start()
    await until(began, AT_ONCE)
    rate = AT_ONCE / (time.perf_counter() - start)
    middle = ONE_BY_ONE // 2
    print(
        f"| {name} | {engine} | {sorted(took)[middle] * 1000:.1f} | {sorted(waited)[middle] * 1000:.1f} | {rate:.0f} |",
        flush=True,
    )
    await working.service.stop()
    await accepting.service.stop()


def main() -> None:
    """Print the table."""
    print("| store | engine | accepted (ms) | then begun (ms) | tasks/s |\n|---|---|---|---|---|", flush=True)
    with contextlib.ExitStack() as stack:
        if "--servers" not in sys.argv:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            asyncio.run(measure("SQLite", f"sqlite:///{folder}/kept.db", "store"))
        if private.redis_program():
            redis = stack.enter_context(private.redis(stack.enter_context(private.directory())))
            asyncio.run(measure("Redis", redis.address, "store"))
        if private.postgres_programs():
            postgres = stack.enter_context(private.postgres(stack.enter_context(private.directory())))
            for engine in ("store", "queue"):
                asyncio.run(measure("PostgreSQL", f"{postgres.address}?schema=bench_{engine}", engine))


if __name__ == "__main__":
    main()
