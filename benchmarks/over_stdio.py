"""A server over stdio: time to its first reply, round trips, calls in a row without waiting, memory."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import load
from bench import Bench
from environments import SERVERS
from slices import Side

BUSY = 0.1  # seconds of calls in a row
# Seconds of calls that each wait for the one before: long enough for cores to fall asleep between them, as they do for
# a host that calls now and then, and not while the sides take turns.
ALONE = 0.4
AT_ONCE, TOGETHER = 200, 50  # calls that no answer has come to, calls in one write


class Line:
    """A server at the other end of two pipes."""

    def __init__(self, python: Path, server: str) -> None:
        self.began = time.perf_counter()
        self._process = subprocess.Popen(
            [python, SERVERS / server, "stdio"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def write(self, lines: bytes) -> None:
        """Send whole lines at once."""
        self._process.stdin.write(lines)
        self._process.stdin.flush()

    def read(self) -> bytes:
        """Return the next reply as it came. Raises RuntimeError if there is none."""
        while line := self._process.stdout.readline():
            if b'"id":' in line:
                return line
        raise RuntimeError("the server ended")

    def reply(self) -> dict[str, Any]:
        """Return the next reply. Raises RuntimeError if it is an error."""
        message: dict[str, Any] = json.loads(line := self.read())
        if "result" not in message:
            raise RuntimeError(f"an error: {line!r}")
        return message

    def memory(self) -> float:
        """Return resident memory in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(20)


def first(python: Path, server: str) -> float:
    """Return the milliseconds from the start of a server to its first reply."""
    with running(python, server) as line:
        return (time.perf_counter() - line.began) * 1e3


@contextmanager
def running(python: Path, server: str) -> Iterator[Line]:
    """Start a server and yield it when it has answered."""
    line = Line(python, server)
    try:
        line.write(load.message("server/discover", {"_meta": load.META}, 0) + b"\n")
        line.reply()
        yield line
    finally:
        line.close()


def trips(line: Line, seconds: float) -> float:
    """Call, one call after the other, and return the median of the round trips in milliseconds."""
    times: list[float] = []
    end = time.perf_counter() + seconds
    while (start := time.perf_counter()) < end:
        line.write(_call(len(times) + 1, len(times)))
        reply = line.reply()
        times.append(time.perf_counter() - start)
    if reply["result"]["structuredContent"]["result"] != len(times):
        raise RuntimeError(f"not the sum: {reply}")
    return median(times) * 1e3


def pipelined(line: Line, count: int) -> float:
    """Return calls per second when none waits for the one before. `count` is a multiple of TOGETHER."""
    # Neither writing the calls as JSON nor reading the answers is in the time: that is what this program does.
    calls = [_call(number, number) for number in range(count)]
    parts = [b"".join(calls[at : at + TOGETHER]) for at in range(0, count, TOGETHER)]

    def write() -> None:
        for part in parts:
            for _ in range(TOGETHER):
                room.acquire()
            line.write(part)

    # As many at once as a server of this package takes by default, and then as they are answered.
    room = threading.Semaphore(AT_ONCE)
    writer = threading.Thread(target=write)
    began = time.perf_counter()
    writer.start()
    got: list[bytes] = []
    for _ in range(count):
        got.append(line.read())
        room.release()
    taken = time.perf_counter() - began
    writer.join()
    answers = {answer["id"]: answer["result"]["structuredContent"]["result"] for answer in map(json.loads, got)}
    if answers != {number: number + 1 for number in range(count)}:
        raise RuntimeError("some calls were not answered, or not with the sum")
    return count / taken


def _call(number: int, summand: int) -> bytes:
    params = {"name": "add", "arguments": {"a": summand, "b": 1}, "_meta": load.META}
    return load.message("tools/call", params, number) + b"\n"


def _sides(bench: Bench) -> dict[str, tuple[Path, str]]:
    return {
        "ours": (bench.ours, "ours.py"),
        "mcp": (bench.mcp, "official.py"),
        "floor": (bench.ours, "floor_stdio.py"),
    }


def starts(bench: Bench) -> None:
    """Add the time to the first reply, beside that of a Python that imports what is needed and ends."""
    sides: dict[str, Side] = {name: lambda side=side: first(*side) for name, side in _sides(bench).items()}
    sides["python with asyncio, msgspec"] = lambda: _bare(bench.ours)
    got = bench.turns(sides, warm=lambda: [side() for side in sides.values()], rounds=bench.fewer)
    bench.table.best("stdio: start to first reply, ms", got, 100, unit="ms")
    bench.table.ratio(
        "stdio: start to first reply, of mcp's", got["ours"], got["mcp"], 1 / 5, names=("ours", "mcp"), unit="ms"
    )


def _bare(python: Path) -> float:
    began = time.perf_counter()
    subprocess.run([python, "-c", "import asyncio, msgspec"], check=True)
    return (time.perf_counter() - began) * 1e3


def calls(bench: Bench) -> None:
    """Add round trips and memory of servers that go on."""
    with ExitStack() as stack:
        lines = {name: stack.enter_context(running(*side)) for name, side in _sides(bench).items()}
        got = bench.turns(
            {name: lambda line=line: trips(line, ALONE) for name, line in lines.items()},
            warm=lambda: [trips(line, 1) for line in lines.values()],
            rounds=2 * bench.fewer,
        )
        memory = {name: line.memory() for name, line in lines.items()}
    for name, target in (("floor", 1.6), ("mcp", None)):
        what = f"stdio: median round trip, of {name}'s"
        if target is None:
            bench.beside(what, got["ours"], got[name], ("ours", name), "ms")
        else:
            bench.table.ratio(what, got["ours"], got[name], target, names=("ours", name), unit="ms")
    bench.table.add("stdio: resident memory, MiB", memory["ours"], 26, values=memory, unit="MiB")


def rates(bench: Bench) -> None:
    """Add calls per second of servers that are called without waiting."""
    with ExitStack() as stack:
        lines = {name: stack.enter_context(running(*side)) for name, side in _sides(bench).items()}
        # Of each as many as take about that long.
        pace = {name: pipelined(line, AT_ONCE) for name, line in lines.items()}
        counts = {name: max(1, round(rate * BUSY / TOGETHER)) * TOGETHER for name, rate in pace.items()}
        sides = {name: lambda name=name: pipelined(lines[name], counts[name]) for name in lines}
        got = bench.turns(sides, warm=lambda: [side() for side in sides.values()], rounds=bench.fewer * 2)
    bench.table.best("stdio: calls per second, pipelined", got, 12_000, at_least=True, unit="calls/s")
