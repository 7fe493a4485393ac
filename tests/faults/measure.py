"""How much of a fault is tried, and what was measured: little in `make test`, much in `make faults`.

FAULTS_TIMES says how many times as much; FAULTS_FIGURES names the file to which figures are added, a line each. In the
short form times may be ten times as long, since other tests run beside it: the promise is what `make faults` holds.
On a machine that has more to do than that, times may be as many times as long as there are other programs that want to
run on each processor; then nothing is written of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
TIMES = float(os.environ.get("FAULTS_TIMES", "1"))
SLACK = 10.0 if TIMES <= 1 else 1.0
PATIENCE = 60.0  # seconds: far more than anything takes, so that only a hang is a failure
OURS = 3  # processes that a test keeps busy: a server, its crowd and itself
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 1024 * 1024


def times(short: int, most: int) -> int:
    """Return how often to do something: `short`, or as many times that as is wanted, but not more than `most`."""
    return int(min(max(short, short * TIMES), most))


def grown(short: int, whole: int, by: float = 20) -> int:
    """Return how many: `short` in `make test`, `whole` with FAULTS_TIMES=`by` or more, and in proportion between."""
    return int(short * (whole / short) ** min(math.log(max(TIMES, 1)) / math.log(by), 1))


def crowded() -> float:
    """Return how many other programs want to run on each processor, from 1; a few of those that do are ours."""
    return max(1.0, (os.getloadavg()[0] - OURS) / (os.cpu_count() or 1))


def figure(fault: str, what: str, value: float, bound: float | None = None, unit: str = "") -> None:
    """Keep what was measured, and fail if it is more than `bound`; of seconds, beside other work, times that."""
    if file := os.environ.get("FAULTS_FIGURES"):
        line = {"fault": fault, "what": what, "value": round(value, 5), "bound": bound, "unit": unit}
        with open(file, "a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")
    if bound is not None:
        allowed = bound * max(SLACK, crowded()) if unit in ("s", "ms") else bound
        assert value <= allowed, f"{fault}: {what} is {value:g} {unit}, and may be {allowed:g}"


def share(values: Sequence[float], part: float) -> float:
    """Return the value that `part` of all do not exceed."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


class Beside(NamedTuple):
    """How long others had to wait while there was a fault, as a multiple of what they wait without one.

    Both were measured in turns, a short slice of each, so that what else the machine does happens to both: these are
    the medians of the ratios of the slices, of which the machine's own noise moves half up and half down.
    """

    p50: float
    p99: float


def beside(slices: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Beside:
    """Return this for slices of times with the fault, each with one without it."""
    ratios = [[share(bad, part) / share(good, part) for bad, good in slices] for part in (0.5, 0.99)]
    return Beside(*(share(each, 0.5) for each in ratios))


class Desk(NamedTuple):
    """A server that runs: where, and what the system says of its process."""

    url: str
    process: subprocess.Popen[bytes]

    @property
    def port(self) -> int:
        return int(self.url.split(":")[2].partition("/")[0])

    @property
    def rss(self) -> int:
        """Bytes of memory."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE

    @property
    def space(self) -> int:
        """Bytes of its address space."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[0]) * PAGE

    @property
    def files(self) -> int:
        """Open descriptors."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    @property
    def waited(self) -> float:
        """Seconds for which its loop could have run, and the machine did something else."""
        return int(Path(f"/proc/{self.process.pid}/schedstat").read_text().split()[1]) / 1e9

    @property
    def processor(self) -> float:
        """Seconds of processor time, of all its threads."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def served(*, before: Sequence[str] = (), killed: bool = False, quiet: bool = True, **limits: Any) -> Iterator[Desk]:
    """Yield the desk, served by a process of its own; `before` are words that its command begins with.

    It ends by SIGTERM, or before if it is to be `killed`. What it says beside where it serves is a fault, if it is to
    be `quiet`.
    """
    words = [*before, sys.executable, "-m", "tests.faults.desk", json.dumps(limits)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=said)
        try:
            until = time.monotonic() + PATIENCE
            while b"\n" not in (line := os.pread(said.fileno(), 4096, 0)):
                assert process.poll() is None and time.monotonic() < until, line
                time.sleep(0.01)
            yield Desk("http://" + line.decode().partition("http://")[2].split()[0], process)
        finally:
            by_itself = process.poll()
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            finally:
                process.kill()
        assert killed or by_itself in (None, 0, -signal.SIGTERM), f"the server ended by itself, with {by_itself}"
        told = os.pread(said.fileno(), 100_000, 0).decode()
        assert not quiet or told.count("\n") == 1, told


async def settles(wanted: Callable[[], bool], seconds: float = 5.0) -> float:
    """Wait until `wanted()`, and return how long that took; fail if it is not so within `seconds`, times the slack."""
    begun = time.monotonic()
    while not wanted():
        assert time.monotonic() - begun < seconds * SLACK, "it does not come back to what it was"
        await asyncio.sleep(0.02)
    return time.monotonic() - begun
