"""`make soak MINUTES=20`: 200 clients over HTTP in both eras and a few on stdio do all kinds of work.

Memory, descriptors and latency of the server are drawn to docs/soak.svg. Exit status 1 if an answer was wrong, if a
refusal reached a caller, if memory grows in the second half by more than 1 MiB and 1 MiB an hour, or if descriptors or
tasks are left.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.measure import ROOT, served, settles, share
from tests.faults.run import machine
from tests.soak.crowd import Soaking
from tests.soak.plot import drawn

from dragoman import Client

MIB = 1024 * 1024
STDIO = "from tests.faults.desk import desk; from dragoman import Limits; desk(Limits()).run()"
SPAWNED = ["sh", "-c", f'cd "{ROOT}" && exec "{sys.executable}" -c "$0"', STDIO]
# What is kept for an hour by default is kept for seconds: a plateau has to be reached before the second half begins.
LIMITS = {"calls": 5000, "session_idle_seconds": 30.0, "task_seconds": 10.0, "tasks_kept": 100_000, "tasks": 256}
WARM = 120.0  # seconds after which there is one, on a machine that does other things as well


class Sample(NamedTuple):
    """The server at one time: seconds since the beginning, MiB, descriptors, and milliseconds of plain calls."""

    at: float
    memory: float
    files: int
    median: float
    p99: float


async def soaked(
    targets: list[tuple[str, Any, str]], seconds: float, look: Callable[[], tuple[float, int]], pause: float = 1.0
) -> tuple[Soaking, list[Sample]]:
    """Let a client visit each target, by name and era, for so long; return what came of it and the samples."""
    soaking, samples, begun = Soaking(1), [], time.monotonic()
    visits = [asyncio.create_task(soaking.visit(name, target, mode, pause)) for name, target, mode in targets]
    step = max(seconds / 120, 0.2)
    while (at := time.monotonic() - begun) < seconds:
        await asyncio.sleep(min(step, seconds - at + 0.01))
        took, soaking.took = soaking.took or [0.0], []
        memory, files = look()
        spent = [value * 1000 for value in (share(took, 0.5), share(took, 0.99))]
        samples.append(Sample(time.monotonic() - begun, memory / MIB, files, *spent))
    soaking.over.set()
    await asyncio.gather(*visits)
    return soaking, samples


def judged(samples: list[Sample]) -> list[Sample]:
    """Return the samples that memory is judged by: the second half, of a short run the last quarter.

    Until every client has come for the first time, and what is kept for a while has been kept for as long, it grows.
    """
    cold = sum(each.at < WARM for each in samples)
    return samples[max(len(samples) // 2, min(cold, len(samples) * 3 // 4)) :]


def slope(samples: list[Sample]) -> float:
    """Return how many MiB more there are in an hour, by `judged` samples."""
    late = judged(samples)
    middle = sum(each.at for each in late) / len(late)
    mean = sum(each.memory for each in late) / len(late)
    spread = sum((each.at - middle) ** 2 for each in late)
    return 3600 * sum((each.at - middle) * (each.memory - mean) for each in late) / spread if spread else 0.0


async def running(client: Client) -> int:
    """Return how many tasks the event loop of the server has."""
    return int((await client.call_tool("tasks")).value)


async def whole(minutes: float, clients: int) -> dict[str, Any]:
    """Soak a server in a process of its own, and return what there is to say."""
    with served(**LIMITS) as desk:
        targets = [(f"new-{at}", desk.url, "modern") for at in range(clients * 9 // 20)]
        targets += [(f"old-{at}", desk.url, "legacy") for at in range(clients * 9 // 20)]
        few = min(clients - len(targets), 10)
        targets += [(f"pipe-{at}", SPAWNED, "modern" if at % 2 else "legacy") for at in range(few)]
        for mode in ("modern", "legacy"):
            await Soaking(0).everything(desk.url, mode)
        async with Client(desk.url) as client:
            idle = await running(client)
        before = desk.files
        soaking, samples = await soaked(targets, minutes * 60, lambda: (desk.rss, desk.files))
        # Kept connections end after half a minute.
        with contextlib.suppress(AssertionError):
            await settles(lambda: desk.files <= before, 40.0)
        left = max(desk.files - before, 0)
        async with Client(desk.url) as client:
            # What was given up before its client knew that it is a task ends by itself.
            until = time.monotonic() + 90
            while (tasks := await running(client)) > idle and time.monotonic() < until:
                await asyncio.sleep(1)
    late = judged(samples)
    grown, hours = slope(samples), (late[-1].at - late[0].at) / 3600
    faults = soaking.faults[:20]
    if grown * hours > 1 + hours:
        faults.append(f"memory grows by {grown:.1f} MiB an hour")
    if left:
        faults.append(f"{left} descriptors are left")
    if tasks > idle:
        faults.append(f"{tasks} tasks are left, and it began with {idle}")
    return {
        "date": str(datetime.date.today()), "machine": machine(), "minutes": minutes, "clients": len(targets),
        "did": dict(soaking.did), "refused, and sent again": soaking.refused,
        "memory slope, MiB/h": round(grown, 2), "descriptors left": left,
        "faults": faults, "samples": samples,
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--to", type=Path, default=ROOT / "docs" / "soak.svg")
    given = parser.parse_args()
    found = asyncio.run(whole(given.minutes, given.clients))
    samples = found.pop("samples")
    print(json.dumps(found, indent=1))
    acts = sum(found["did"].values())
    title = f"{found['clients']} clients, {given.minutes:g} minutes, {acts:,} acts, {found['date']}"
    given.to.write_text(drawn(title, samples), "utf-8")
    return int(bool(found["faults"]))


if __name__ == "__main__":
    sys.exit(main())
