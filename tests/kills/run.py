"""`make kills N=200`: workers killed at seeded points in mid-task; what was accepted, done and told is compared.

No accepted task may be lost, no charge doubled; what may run twice must be completed, and the rest must have ended in a
state that says so. One line for each store, and exit status 1 if one of that was not so.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from tests.faults.measure import figure
from tests.kills.worker import LIMITS, shop
from tests.servers import private

from dragoman import Client
from dragoman.app.target import Options
from dragoman.calling.task_handle import TaskHandle, TaskStatus
from dragoman.errors import PeerError
from dragoman.protocol.limits import Limits
from dragoman.serving.task_run import LOST, STOPPED

TOOLS = ("charge", "index", "order", "settle")
SAFE = ("index", "settle")
MOST_POINTS = 40  # a worker dies at one of its first so many
MOST_TASKS = 6  # accepted for each of them
LIFE = 3.0  # seconds after which a worker that has not died is killed
PATIENCE = 60.0  # seconds that the last worker gets to end what is left,
EACH = 0.5  # and for each task as many: one that was answered late stands behind all others


class Outcome(NamedTuple):
    """What came of it; `faults` is empty if all is as it must be."""

    kills: int
    tasks: int
    ended: Counter[str]
    charges: int
    faults: list[str]

    def measured(self, place: str) -> None:
        """Report it as figures of the table of faults, where nothing was wrong."""
        figure("F19", f"workers killed, {place}", self.kills)
        figure("F19", f"tasks accepted, {place}", self.tasks)
        figure("F19", "tasks lost or without an end, charges doubled", len(self.faults), 0)


async def killed(store: str, kills: int, seed: int, folder: str, engine: str = "store") -> Outcome:
    """Return what came of so many workers killed one after the other."""
    ledger, dice = os.path.join(folder, "ledger"), random.Random(seed)
    handles: dict[str, TaskHandle] = {}
    # Accepts tasks, and runs none.
    limits = Limits(tasks=0, tasks_kept=10_000, task_poll=LIMITS.task_poll)
    accepting = shop(store, ledger, limits=limits, engine=engine)
    async with Client(accepting, on_elicit=lambda question: True, options=Options()) as client:
        following: set[asyncio.Task[Any]] = set()
        for number in range(kills):
            worker = await begun(store, ledger, dice.randint(1, MOST_POINTS), engine)
            while worker.returncode is None and len(handles) < MOST_TASKS * (number + 1):
                tool = dice.choice(TOOLS)
                try:
                    handle = await client.start_task(tool, {"item": f"{tool}-{len(handles)}"})
                except PeerError:
                    continue  # the store did not answer in time: it was not accepted
                if not handle.id:
                    continue  # that was told by the tool's result
                handles[f"{tool}-{len(handles)}"] = handle
                if tool == "order":
                    # Somebody answers, whichever worker is alive then.
                    following.add(asyncio.create_task(answered(handle)))
            await until_dead(worker)
        last = await begun(store, ledger, 0, engine)
        try:
            patience = PATIENCE + EACH * len(handles)
            states = {item: await ended(handle, patience) for item, handle in handles.items()}
            await asyncio.gather(*following, return_exceptions=True)
        finally:
            last.send_signal(signal.SIGTERM)
            await last.wait()
    with open(ledger, "a+", encoding="utf-8") as file:
        file.seek(0)
        effects = Counter(file.read().splitlines())
    return judged(kills, states, effects)


async def begun(store: str, ledger: str, at: int, engine: str) -> asyncio.subprocess.Process:
    """Start a worker that dies at a point."""
    words = [sys.executable, "-m", "tests.kills.worker", store, ledger, str(at), engine]
    return await asyncio.create_subprocess_exec(*words)


async def until_dead(worker: asyncio.subprocess.Process) -> None:
    """Wait until a worker has killed itself; one that passed too few points is killed."""
    try:
        async with asyncio.timeout(LIFE):
            await worker.wait()
    except TimeoutError:
        with suppress(ProcessLookupError):  # it has just done so
            worker.kill()
        await worker.wait()


async def answered(handle: TaskHandle) -> None:
    """Answer what a task asks until it is over, also when the store does not answer for a moment."""
    while True:
        with suppress(PeerError):
            await handle.wire()
            return
        with suppress(PeerError):
            if (await handle.status()).over:
                return
        await asyncio.sleep(0.2)


async def ended(handle: TaskHandle, patience: float) -> TaskStatus | None:
    """Return how a task ended, or stands if it does not end; None if it is gone."""
    now: TaskStatus | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(patience):
            while now is None or not now.over:
                with suppress(PeerError):  # also of a store that does not answer for a moment
                    now = await handle.status()
                await asyncio.sleep(0.05)
    return now


def judged(kills: int, states: dict[str, TaskStatus | None], effects: Counter[str]) -> Outcome:
    """Compare what was told with what was done."""
    faults: list[str] = []
    for item, now in states.items():
        tool = item.partition("-")[0]
        charged = effects[f"charge {item}"]
        if now is None:
            faults.append(f"{item}: accepted, and lost")
        elif not now.over:
            faults.append(f"{item}: accepted, and never ended: it is {now.status}, {now.message!r}")
        elif charged > 1:
            faults.append(f"{item}: charged {charged} times")
        elif tool in SAFE and now.status != "completed":
            faults.append(f"{item}: may run twice, and ended {now.status}: {now.message}")
        elif now.status == "failed" and now.message not in (LOST, STOPPED):
            faults.append(f"{item}: failed, and says {now.message!r}")
        elif now.status == "completed" and b'"isError":true' not in bytes(now.result):
            done = effects[f"index {item}"] if tool == "index" else charged
            faults += [] if done else [f"{item}: completed, and nothing was done"]
    ends = Counter(now.status if now else "lost" for now in states.values())
    charges = sum(count for line, count in effects.items() if line.startswith("charge"))
    return Outcome(kills, len(states), ends, charges, faults)


def stores(wanted: list[str], stack: ExitStack) -> dict[str, str]:
    """Return the addresses of fresh stores by their names; a server that is not installed is left out."""
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    found = {"sqlite": f"sqlite:///{folder}/store.db"}
    if "redis" in wanted and private.redis_program() is not None:
        found["redis"] = stack.enter_context(private.redis(stack.enter_context(private.directory()))).address
    if "postgresql" in wanted and private.postgres_programs() is not None:
        found["postgresql"] = stack.enter_context(private.postgres(stack.enter_context(private.directory()))).address
    return {name: found[name] for name in wanted if name in found}


def engines(found: dict[str, str], wanted: list[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each store's name, an address of its own for each engine that it can have, and that engine."""
    for name, address in found.items():
        for engine in wanted:
            if name == "postgresql":
                yield name, f"{address}?schema=kills_{engine}", engine
            elif engine == "store":
                yield name, address, engine


def main() -> int:
    """Run what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stores", default="sqlite,redis,postgresql")
    parser.add_argument("--engines", default="store,queue", help="what runs the tasks, where the store has it")
    given = parser.parse_args()
    failed = False
    with ExitStack() as stack:
        found = stores(given.stores.split(","), stack)
        for name, address, engine in engines(found, given.engines.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                outcome = asyncio.run(killed(address, given.kills, given.seed, folder, engine))
            ends = ", ".join(f"{count} {state}" for state, count in sorted(outcome.ended.items()))
            what = f"{name}, {engine}: {outcome.kills} kills, {outcome.tasks} tasks"
            print(f"{what}: {ends}; {outcome.charges} charges", flush=True)
            for fault in outcome.faults:
                print(f"  {fault}")
            sys.stdout.flush()
            failed = failed or bool(outcome.faults)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
