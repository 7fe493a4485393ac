"""When the machine takes a core away: `stalls.py CORE` sleeps a millisecond at a time and says when that took longer.

At real-time priority nothing of this system comes before it, so what holds it up is the machine below: another guest,
or the host's own work. Prints a line per time, "from until" in seconds of the monotonic clock, until its stdin ends.
Limit: without the right to that priority it says so, and nothing more.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager

STEP = 0.001
LEAST = 0.0005  # seconds that it has to be late
Times = list[tuple[float, float]]


@contextmanager
def noticing() -> Iterator[Times | None]:
    """Yield a list that has the times in it afterwards, of all cores; None where nobody may look."""
    command = [sys.executable, __file__]
    probes = [
        subprocess.Popen([*command, str(core)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for core in sorted(os.sched_getaffinity(0))
    ]
    able = [probe.stdout.readline() == "looking\n" for probe in probes]
    found: Times = []
    try:
        yield found if all(able) else None
    finally:
        for probe in probes:
            said, _ = probe.communicate()
            found += [(float(line.split()[0]), float(line.split()[1])) for line in said.splitlines()]


def held_up(calls: Times, times: Times, factor: float) -> list[bool]:
    """Say of each call, given as when it was due and done, whether one of `times` held it up, or what that left to do.

    Catching up takes `factor` times as long as the core was away.
    """
    spans: Times = []
    for begun, ended in sorted(times):
        more = factor * (ended - begun)
        if spans and begun <= spans[-1][1]:
            # On top of what is not yet caught up.
            spans[-1] = (spans[-1][0], max(spans[-1][1], ended) + more)
        else:
            spans.append((begun, ended + more))
    begins = [begun for begun, _ in spans]
    return [(at := bisect_right(begins, done)) > 0 and spans[at - 1][1] > due for due, done in calls]


def main() -> None:
    """Look until stdin ends."""
    try:
        os.sched_setaffinity(0, {int(sys.argv[1])})
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    except OSError:
        print("not allowed", flush=True)
        return
    print("looking", flush=True)
    while True:
        before = time.perf_counter()
        ended = select.select([sys.stdin], [], [], STEP)[0]
        now = time.perf_counter()
        if ended:
            return
        if now - before > STEP + LEAST:
            print(before + STEP, now)


if __name__ == "__main__":
    main()
