"""The client's side: CPU per call over HTTP, over stdio and in memory, ours and the official one; imports."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path
from statistics import median

import environments
from bench import Bench
from environments import SERVERS
from processes import serving

CALLERS = Path(__file__).parent / "clients"


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
            count = 300 if bench.quick else 1000
            sides = {
                "ours": lambda where=where: caller(bench.ours, "ours.py", count, where),
                "mcp": lambda where=where: caller(bench.mcp, "official.py", count // 2, where),
            }
            got = bench.turns(sides)
            bench.table.ratio(
                f"client {what}: calls per CPU second, of mcp's",
                got["mcp"],
                got["ours"],
                target,
                names=("mcp", "ours"),
                at_least=True,
            )


def caller(python: Path, program: str, count: int, where: list[object]) -> float:
    """Return CPU microseconds per call of a client's process, and of the server where it is in it."""
    said = json.loads(Bench.output(python, CALLERS / program, count, *where).splitlines()[-1])
    return float(said["cpu_us"])


def imports(bench: Bench) -> None:
    """Add what a program pays before its first line, from start to end of a process."""
    sides = {
        "import dragoman": lambda: _start(bench.ours, "import dragoman"),
        "Server, Client": lambda: _start(bench.ours, "from dragoman import Server, Client; Server, Client"),
        "import mcp": lambda: _start(bench.mcp, "import mcp"),
        "import fastmcp": lambda: _start(environments.fast(), "from fastmcp import FastMCP, Client"),
        "python": lambda: _start(bench.ours, "pass"),
    }
    got = bench.turns(sides)
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
    """Return the CPU milliseconds of a process that does no more than this, the less of two."""
    times = []
    for _ in range(2):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([python, "-c", statement], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times) * 1e3
