"""How long tasks wait for their engine: `python -m benchmarks.engines`, with Redis and PostgreSQL if they are there.

One server accepts and runs nothing, another runs, both in this process. The table has, for each store and engine, the
medians of accepting a task and of the time from then to the first line of its function, and tasks per second.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from statistics import median
from typing import Any

from tests.servers import private
from tests.serving.tasking import Owner

from dragoman import Limits, Server

ROUNDS, ONE_BY_ONE, AT_ONCE = 5, 20, 100


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
    while len(began) < count:
        await asyncio.sleep(0.001)


async def measure(store: str, engine: str) -> tuple[list[float], list[float], float]:
    """Return how long tasks took to be accepted and then to begin, in seconds, and how many began in a second."""
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
        accepted = time.perf_counter()
        await until(began, number + 2)
        took.append(accepted - start)
        waited.append(max(0.0, began[f"one {number}"] - accepted))
    await working.service.stop()
    began.clear()
    for number in range(AT_ONCE):
        await owner.begin("work", item=f"many {number}")
    start = time.perf_counter()
    await working.service.start()
    await until(began, AT_ONCE)
    rate = AT_ONCE / (time.perf_counter() - start)
    await working.service.stop()
    await accepting.service.stop()
    return took, waited, rate


def places(stack: contextlib.ExitStack) -> dict[tuple[str, str], str]:
    """Return the addresses of fresh stores, by what they are and which engine they are for."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    found = {("SQLite", "store"): f"sqlite:///{folder}/kept.db"}
    if private.redis_program():
        found["Redis", "store"] = stack.enter_context(private.redis(stack.enter_context(private.directory()))).address
    if private.postgres_programs():
        postgres = stack.enter_context(private.postgres(stack.enter_context(private.directory())))
        for engine in ("store", "queue"):
            found["PostgreSQL", engine] = f"{postgres.address}?schema=bench_{engine}"
    return found


def main() -> None:
    """Print the table. Rounds take turns, so that what else the machine does falls on all alike."""
    rounds: dict[tuple[str, str], list[tuple[list[float], list[float], float]]] = {}
    with contextlib.ExitStack() as stack:
        found = places(stack)
        for _ in range(ROUNDS):
            for place, address in found.items():
                rounds.setdefault(place, []).append(asyncio.run(measure(address, place[1])))
    print("| store | engine | accepted (ms) | then begun (ms) | tasks/s |\n|---|---|---|---|---|")
    for (name, engine), measured in rounds.items():
        took, waited = (median([seconds for one in measured for seconds in one[at]]) * 1000 for at in (0, 1))
        print(f"| {name} | {engine} | {took:.1f} | {waited:.1f} | {median([one[2] for one in measured]):.0f} |")


if __name__ == "__main__":
    main()
