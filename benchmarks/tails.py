"""The slowest calls: 64 connections at 70 % of what the server can do, each call timed from when it was due.

Timed from when it was due and not from when it was sent: a server that stalls must not slow down those who measure it.
"""

from __future__ import annotations

import asyncio
import gc
import re
import time
from collections import deque
from statistics import median

import load
from bench import Bench
from environments import SERVERS
from processes import Served, serving

CONNECTIONS, LOAD = 64, 0.7


def measure(bench: Bench) -> None:
    """Add p99 against p50."""
    with (
        serving(bench.ours, SERVERS / "ours.py", "PORT") as a,
        serving(bench.mcp, SERVERS / "official.py", "PORT") as b,
    ):
        rates = {}
        for name, side in (("ours", a), ("mcp", b)):
            load.run(side.port, 1)
            rates[name] = _most(side, bench.seconds)
        both = {
            name: [_tail(side, rates[name] * LOAD, max(3, bench.seconds)) for _ in range(bench.rounds)]
            for name, side in (("ours", a), ("mcp", b))
        }
    figures = {}
    for name, tails in both.items():
        figures[f"{name} p50"], figures[f"{name} p99"] = (median(tail[at] for tail in tails) * 1e3 for at in (0, 1))
        figures[f"{name} calls/s"] = rates[name] * LOAD
    ratio = median(tail[1] / tail[0] for tail in both["ours"])
    theirs = median(tail[1] / tail[0] for tail in both["mcp"])
    bench.extra["p99 of mcp at 70 % of its load, of its p50"] = theirs
    bench.table.add("p99 at 64 connections and 70 % load, of p50", ratio, 3, values=figures, unit="ms")


def _most(side: Served, seconds: float) -> float:
    """Return the calls per second that a server does beside this generator, which takes a core as well."""
    return len(_tried(side, 1e9, seconds)) / seconds


def _tail(side: Served, rate: float, seconds: float) -> tuple[float, float]:
    times = sorted(_tried(side, rate, seconds))
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def _tried(side: Served, rate: float, seconds: float) -> list[float]:
    """Return what `_paced` does, on a machine that does other things."""
    for _ in range(5):
        try:
            return asyncio.run(_paced(side.port, rate, seconds))
        except load.RefusedError as error:
            refused = error
            time.sleep(1)
    raise refused


class _Caller(asyncio.Protocol):
    """One connection: sends when told, and notes how long after it was due the answer was there."""

    def __init__(self, data: bytes, times: list[float], free: deque[_Caller], wrong: list[bytes]) -> None:
        self._data, self._times, self._free, self._wrong = data, times, free, wrong
        self._due = 0.0
        self._got = b""
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self._free.append(self)

    def call(self, due: float) -> None:
        self._due = due
        self.transport.write(self._data)

    def data_received(self, data: bytes) -> None:
        self._got += data
        if not self._size and (end := self._got.find(b"\r\n\r\n")) > 0:
            length = re.search(rb"(?i)content-length: *(\d+)", self._got[:end])
            if not self._got.startswith(b"HTTP/1.1 200") or length is None:
                self._wrong.append(self._got[:200])
                return
            self._size = end + 4 + int(length[1])
        if self._size and len(self._got) == self._size:
            self._got, self._size = b"", 0
            self._times.append(time.perf_counter() - self._due)
            self._free.append(self)


async def _paced(port: int, rate: float, seconds: float) -> list[float]:
    """Return the seconds that calls took which were due at `rate` per second; some wait for a connection."""
    loop, data = asyncio.get_running_loop(), load.CALL.data(port)
    times: list[float] = []
    wrong: list[bytes] = []
    free: deque[_Caller] = deque()
    for number in range(CONNECTIONS):
        # One after the other, each with a call: a crowd at the door is another matter, and is refused there.
        await loop.create_connection(lambda: _Caller(data, times, free, wrong), "127.0.0.1", port)
        free.pop().call(time.perf_counter())
        while len(times) <= number and not wrong:
            await asyncio.sleep(0)
    times.clear()
    gc.disable()
    began = time.perf_counter()
    sent = 0
    while (now := time.perf_counter() - began) < seconds and not wrong:
        while free and sent < now * rate:
            free.popleft().call(began + sent / rate if rate < 1e8 else time.perf_counter())
            sent += 1
        await asyncio.sleep(0)
    gc.enable()
    while len(free) < CONNECTIONS and not wrong:
        await asyncio.sleep(0.001)
    for caller in free:
        caller.transport.close()
    if wrong:
        raise load.RefusedError(wrong[0].decode("latin-1"))
    return times
