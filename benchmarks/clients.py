"""The client's side: CPU per call over HTTP, over stdio and in memory, ours and the official one; imports."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import environments
from bench import Bench
from environments import SERVERS
from processes import serving

CALLERS = Path(__file__).parent / "clients"
STARTS = 5  # of each side: some take seconds


def calls(bench: Bench) -> None:
    """Add how many more calls our client makes with the same CPU."""
    with serving(bench.ours, SERVERS / "ours.py", "PORT") as server:
        url = f"http://127.0.0.1:{server.port}/mcp"
        stdio = ["stdio", bench.ours, SERVERS / "ours.py"]
        for what, where, target in (
            ("over HTTP", ["http", url], 8),
            ("over stdio", stdio, 4),
            ("in memory", ["memory"], 8),
        ):
            with calling(bench.ours, "ours.py", where) as ours, calling(bench.mcp, "official.py", where) as theirs:
                sides = {
                    "mcp": lambda theirs=theirs: theirs(bench.seconds),
                    "ours": lambda ours=ours: ours(bench.seconds),
                }
                got = bench.turns(sides, warm=lambda sides=sides: [side() for side in sides.values()])
            bench.table.ratio(
                f"client {what}: calls per CPU second, of mcp's",
                got["mcp"],
                got["ours"],
                target,
                names=("mcp", "ours"),
                at_least=True,
            )


@contextmanager
def calling(python: Path, program: str, where: list[object]) -> Iterator[Callable[[float], float]]:
    """Run a client; yield what lets it call for some seconds and returns its CPU microseconds per call.

    Of its process: the server's are in it where both are in one.
    """
    words = [str(word) for word in (python, CALLERS / program, *where)]
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )

    def told() -> str:
        if not (line := process.stdout.readline()):
            raise RuntimeError(f"{words} ended with status {process.wait(20)}")
        return line

    def measured(seconds: float) -> float:
        process.stdin.write(f"{seconds}\n")
        process.stdin.flush()
        return float(json.loads(told())["cpu_us"])

    try:
        while told() != "ready\n":
            pass
        yield measured
    finally:
        process.stdin.close()
        process.wait(20)


def imports(bench: Bench) -> None:
    """Add what a program pays before its first line, from start to end of a process."""
    sides = {
        "import dragoman": lambda: _start(bench.ours, "import dragoman"),
        "Server, Client": lambda: _start(bench.ours, "from dragoman import Server, Client; Server, Client"),
        "import mcp": lambda: _start(bench.mcp, "import mcp"),
        "import fastmcp": lambda: _start(environments.fast(), "from fastmcp import FastMCP, Client"),
        "python": lambda: _start(bench.ours, "pass"),
    }
    got = bench.turns(sides, rounds=min(bench.rounds, STARTS))
    bench.extra["CPU of a start, ms"] = {name: median(each) for name, each in got.items()}
    # The least is what the import itself takes; what is above it, others took.
    bare = min(got["python"])
    theirs = min(got["import mcp"]) - bare
    for name, target in (("import dragoman", 1 / 20), ("Server, Client", 1 / 6)):
        mine = min(got[name]) - bare
        words = name if name.startswith("import") else f"from dragoman import {name}"
        bench.table.add(
            f"{words}: CPU, of `import mcp`", mine / theirs, target, values={"ours": mine, "mcp": theirs}, unit="ms"
        )


def _start(python: Path, statement: str) -> float:
    """Return the CPU milliseconds of a process that does no more than this."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([python, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1e3
