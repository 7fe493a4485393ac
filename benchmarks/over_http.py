"""CPU time per call over HTTP, ours and the rival's in turn."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import load

SERVERS = Path(__file__).parent / "servers"
TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(python: Path, server: str, *words: str) -> Iterator[tuple[int, int]]:
    """Run a server; yield its port and process id once it answers."""
    port = free_port()
    process = subprocess.Popen([python, SERVERS / server, str(port), *words], stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 30
        while time.monotonic() < until and process.poll() is None:
            try:
                if asyncio.run(load.exchange(port, load.request(port)))[0] == 200:
                    break
            except OSError:
                time.sleep(0.05)
        else:
            raise RuntimeError(f"{server} did not start")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(10)


def cpu(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def cost(port: int, pid: int, seconds: float) -> float:
    """Return CPU microseconds per call."""
    load.run(port, 1)
    before = cpu(pid)
    calls = load.run(port, seconds)
    return (cpu(pid) - before) * 1e6 / calls


def refuses(port: int) -> None:
    """Make sure that the checks are on: one bad Host, Origin, header, body and depth must each be refused."""
    deep = load.BODY.replace(b'{"a":2,"b":3}', b'{"a":' + b"[" * 100 + b"]" * 100 + b"}")
    wrong = {
        "Host": load.request(port, headers={"Host": "evil.example.com"}),
        "Origin": load.request(port, headers={"Origin": "https://evil.example.com"}),
        "header": load.request(port, headers={"Mcp-Name": "subtract"}),
        "missing header": load.request(port, headers={"Mcp-Method": ""}),
        "body": load.request(port, b'{"jsonrpc":"2.0","id":1,'),
        "depth": load.request(port, deep),
    }
    for what, data in wrong.items():
        status, body = asyncio.run(load.exchange(port, data))
        if not 400 <= status < 500:
            raise RuntimeError(f"a bad {what} was answered with {status}: {body[:200]!r}")
    status, body = asyncio.run(load.exchange(port, load.request(port)))
    if status != 200 or json.loads(body)["result"]["structuredContent"] != {"result": 5}:
        raise RuntimeError(f"a good call was answered with {status}: {body[:200]!r}")


def compare(ours: Path, rival: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return CPU microseconds per call of both and of the floor, and the ratios, as medians over the rounds."""
    floor, mine, theirs = [], [], []
    with serving(ours, "ours.py") as a, serving(rival, "official.py") as b, serving(ours, "floor.py") as c:
        refuses(a[0])
        for _ in range(rounds):
            mine.append(cost(*a, seconds))
            theirs.append(cost(*b, seconds))
            floor.append(cost(*c, seconds))
    ratios = [x / y for x, y in zip(mine, theirs, strict=True)]
    above = [x / y for x, y in zip(mine, floor, strict=True)]
    return {
        "ours_us": median(mine), "mcp_us": median(theirs), "floor_us": median(floor),
        "ratio": median(ratios), "above_floor": median(above),
    }  # fmt: skip


def by_tools(ours: Path, rounds: int, seconds: float) -> dict[str, float]:
    """Return CPU microseconds per call with 1 and with 1,000 tools, and their ratio."""
    few, many = [], []
    with serving(ours, "ours.py", "1") as a, serving(ours, "ours.py", "1000") as b:
        for _ in range(rounds):
            few.append(cost(*a, seconds))
            many.append(cost(*b, seconds))
    ratio = median(x / y for x, y in zip(many, few, strict=True))
    return {"one_us": median(few), "thousand_us": median(many), "ratio": ratio}
