"""A server over stdio: time to its first reply, round trips, calls in a row without waiting, memory."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from pathlib import Path
from statistics import median
from typing import Any

import load
from bench import Bench
from environments import SERVERS

CALLS, PIPELINED = 1000, 3000


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

    def send(self, number: int, method: str, params: dict[str, Any], *, flush: bool = True) -> None:
        """Send a request."""
        self._process.stdin.write(load.message(method, {**params, "_meta": load.META}, number) + b"\n")
        if flush:
            self._process.stdin.flush()

    def reply(self) -> dict[str, Any]:
        """Return the next reply. Raises RuntimeError if there is none."""
        while line := self._process.stdout.readline():
            message: dict[str, Any] = json.loads(line)
            if "id" in message:
                if "result" not in message:
                    raise RuntimeError(f"an error: {line!r}")
                return message
        raise RuntimeError("the server ended")

    def memory(self) -> float:
        """Return resident memory in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def close(self) -> None:
        """End it."""
        self._process.stdin.close()
        self._process.wait(20)


def measure(python: Path, server: str) -> dict[str, float]:
    """Start a server, discover, call it; return milliseconds, calls per second and MB."""
    line = Line(python, server)
    line.send(0, "server/discover", {})
    line.reply()
    first = time.perf_counter() - line.began
    times = []
    for number in range(1, CALLS + 1):
        start = time.perf_counter()
        line.send(number, "tools/call", {"name": "add", "arguments": {"a": number, "b": 1}})
        reply = line.reply()
        times.append(time.perf_counter() - start)
    if reply["result"]["structuredContent"]["result"] != CALLS + 1:
        raise RuntimeError(f"{server} answered {reply}")
    memory = line.memory()
    rate = _pipelined(line)
    line.close()
    return {"first": first * 1e3, "p50": median(times) * 1e3, "pipelined": rate, "memory": memory}


def _pipelined(line: Line) -> float:
    """Return calls per second when none waits for the one before."""
    began = time.perf_counter()

    def write() -> None:
        # As many at once as a server of this package takes by default, and then as they are answered.
        for number in range(PIPELINED):
            room.acquire()
            last = number % 50 == 49 or number == PIPELINED - 1
            line.send(10_000 + number, "tools/call", {"name": "add", "arguments": {"a": number, "b": 1}}, flush=last)

    room = threading.Semaphore(200)
    writer = threading.Thread(target=write)
    writer.start()
    seen = set()
    for _ in range(PIPELINED):
        seen.add(line.reply()["id"])
        room.release()
    writer.join()
    if len(seen) != PIPELINED:
        raise RuntimeError("some calls were not answered")
    return PIPELINED / (time.perf_counter() - began)


def compare(bench: Bench) -> None:
    """Add all four figures."""
    sides = {
        "ours": (bench.ours, "ours.py"),
        "mcp": (bench.mcp, "official.py"),
        "floor": (bench.ours, "floor_stdio.py"),
    }
    got: dict[str, list[dict[str, float]]] = {name: [] for name in sides}
    for _ in range(bench.rounds):
        for name, side in sides.items():
            got[name].append(measure(*side))

    def values(figure: str) -> dict[str, float]:
        return {name: median(one[figure] for one in each) for name, each in got.items()}

    def column(name: str, figure: str) -> list[float]:
        return [one[figure] for one in got[name]]

    first = values("first")
    bench.table.add("stdio: start to first reply, ms", first["ours"], 100, values=first, unit="ms")
    for figure, other, target in (("first", "mcp", 1 / 5), ("p50", "floor", 1.6)):
        what = {"first": "start to first reply", "p50": "median round trip"}[figure]
        bench.table.ratio(
            f"stdio: {what}, of {other}'s",
            column("ours", figure),
            column(other, figure),
            target,
            names=("ours", other),
            unit="ms",
        )
    bench.beside(
        "stdio: median round trip, of mcp's", column("ours", "p50"), column("mcp", "p50"), ("ours", "mcp"), "ms"
    )
    rates, memory = values("pipelined"), values("memory")
    bench.table.add(
        "stdio: calls per second, pipelined", rates["ours"], 12_000, at_least=True, values=rates, unit="calls/s"
    )
    bench.table.add("stdio: resident memory, MiB", memory["ours"], 26, values=memory, unit="MiB")
