"""The slowest calls: 64 connections at 70 % of what the server can do, each call timed from when it was due.

Timed from when it was due and not from when it was sent: a server that stalls must not slow down those who measure it.
What the machine does is told from what the server does: calls that were due while a core was taken away, or in the
time that catching up takes, are counted apart. The floor is measured beside it, by the same rule.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import load
from bench import Bench
from environments import SERVERS
from pacing import Call, Paced
from processes import Served, serving
from slices import AWAY, Taken, turns
from stalls import Times, held_up, noticing
from table import middle

CONNECTIONS, LOAD, NEARLY = 64, 0.7, 0.1
PEAK, SLICE = 0.2, 0.6  # seconds in which all connections are busy, to see what the server can do, and of a run
LONGEST = 10.0  # times as long as a core was away, that catching up is allowed to take
LOOK = 0.01  # seconds between looks at how long the server waited for a core
WAITED = 0.002  # seconds that it may have in that time: those who look take a little themselves
ENOUGH, FEW = 1000, 3  # calls that a p99 is taken of, calm slices that a median is


class Tail(NamedTuple):
    """One run. `p50` and `p99` in seconds, of the calls that the machine did not hold up; `of_all` p99 / p50 of all.

    `left_out` is the part of the calls that it did, `rate` that of calls in a second, `of_after` what part that is of
    what the server could do afterwards, `busy` the part of the time that it used a core, and `late` the p99 of how late
    this program itself was.
    """

    p50: float
    p99: float
    of_all: float
    left_out: float
    rate: float
    of_after: float
    busy: float
    late: float


def measure(bench: Bench) -> None:
    """Add p99 against p50."""
    with (
        serving(bench.ours, SERVERS / "ours.py", "PORT") as ours,
        serving(bench.ours, SERVERS / "floor.py", "PORT") as floor,
        serving(bench.mcp, SERVERS / "official.py", "PORT") as mcp,
    ):
        servers = {"ours": ours, "floor": floor, "mcp": mcp}
        taken = bench.taken.setdefault(bench.table.part, Taken())
        got = turns(
            # What it can do is measured just before: the machine is not as fast at one time as at another.
            {name: lambda side=side: _tail(side, max(SLICE, bench.seconds)) for name, side in servers.items()},
            bench.fewer,
            taken,
            lambda: _held,
        )
    counted = {name: [tail for tail in tails if calm(tail)] for name, tails in got.items()}
    # Of hardly any nothing can be said of the server alone.
    kept = {name: few if len(few) >= FEW else got[name] for name, few in counted.items()}
    each = {name: [tail.p99 / tail.p50 for tail in tails] for name, tails in kept.items()}
    figures = {
        f"{name} {field}": median(getattr(tail, field) for tail in tails) * 1e3
        for name, tails in kept.items()
        for field in ("p50", "p99")
    }
    bench.table.middle("p99 at 64 connections and 70 % load, of p50", each["ours"], 3, values=figures, unit="ms")
    for name, tails in kept.items():
        middles = {field: median(getattr(tail, field) for tail in tails) for field in Tail._fields}
        bench.extra[f"the slowest calls: {name}"] = {
            "p99 of p50": median(each[name]),
            "half of the slices between": middle(each[name]),
            "p99 of p50, calls that the machine held up included": middles["of_all"],
            "slices": len(got[name]),
            "calm": len(counted[name]),
            "calls that the machine held up, %": middles["left_out"] * 100,
            "calls/s": middles["rate"],
            "of what it could do afterwards, %": middles["of_after"] * 100,
            "processor of the server, %": middles["busy"] * 100,
            "p99 of how late calls were sent, ms": middles["late"] * 1e3,
        }
        print(f"     {name}: {bench.extra[f'the slowest calls: {name}']}", flush=True)


def _held(tails: dict[str, list[Tail]]) -> float:
    """Say how much of a round was taken away: all of it, if the machine became faster or slower meanwhile."""
    return max(tail.left_out if calm(tail) else 1.0 for name in ("ours", "floor") for tail in tails[name])


def calm(tail: Tail) -> bool:
    """Say whether a run counts: next to no calls were held up, and the load was 70 % afterwards as well, or nearly."""
    return tail.left_out <= AWAY and LOAD - NEARLY <= tail.of_after <= LOAD + NEARLY


def _tail(side: Served, seconds: float) -> Tail:
    for _ in range(5):
        try:
            paced = Paced(side.port, CONNECTIONS)
            try:
                rate = len(paced.run(0, PEAK)) / PEAK * LOAD
                tail = _told(side, paced, rate, seconds)
                return tail._replace(of_after=rate / (len(paced.run(0, PEAK)) / PEAK))
            finally:
                paced.close()
        except load.RefusedError as error:
            refused = error
            time.sleep(1)  # the machine does other things
    raise refused


def _told(side: Served, paced: Paced, rate: float, seconds: float) -> Tail:
    waits = _Waits([side.pid, os.getpid()])
    with noticing() as stalls, waits:
        cpu, begun = side.cpu(), time.perf_counter()
        calls = paced.run(rate, seconds)
        busy = (side.cpu() - cpu) / (time.perf_counter() - begun)
    times = waits.times + (stalls or [])
    # What gathers in a millisecond is done beside what goes on coming, in the time that is left over.
    held = held_up(
        [(call.due, call.due + call.took) for call in calls], times, min(busy / max(1 - busy, 0.01), LONGEST)
    )
    free = [call for call, out in zip(calls, held, strict=True) if not out]
    if len(free) < ENOUGH:
        free = calls  # nothing can be said of the server alone
    whole, part = _shares(calls), _shares(free)
    late = sorted(call.late for call in free)[int(len(free) * 0.99)]
    return Tail(*part, whole[1] / whole[0], sum(held) / len(calls), rate, LOAD, busy, late)


def _shares(calls: list[Call]) -> tuple[float, float]:
    took = sorted(call.took for call in calls)
    return took[len(took) // 2], took[int(len(took) * 0.99)]


class _Waits:
    """How long processes were ready to run and did not, as other processes did: `times` in which that was so."""

    def __init__(self, pids: list[int]) -> None:
        self.times: Times = []
        self._files = [Path(f"/proc/{pid}/schedstat") for pid in pids]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> _Waits:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _waited(self) -> list[int]:
        return [int(file.read_text().split()[1]) for file in self._files]

    def _look(self) -> None:
        before, since = self._waited(), time.perf_counter()
        while not self._over.wait(LOOK):
            after, now = self._waited(), time.perf_counter()
            for more in (new - old for new, old in zip(after, before, strict=True)):
                if more > WAITED * 1e9:
                    # It was in there somewhere; what it can have put off ends that much later at the most.
                    self.times.append((since, now))
            before, since = after, now
