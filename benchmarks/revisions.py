"""Two revisions compared: `make bench BASE=<rev>`. Instructions where they can be counted, CPU time in alternation."""

from __future__ import annotations

import asyncio
import io
import subprocess
import tarfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import environments
import instructions
import load
from bench import Bench
from clients import calling
from environments import FOLDER, ROOT, SERVERS
from over_http import costs
from over_stdio import first, running, trips
from processes import serving


def unpacked(revision: str) -> tuple[Path, str]:
    """Return a folder with the files of a revision, and its short name. Raises RuntimeError if there is none."""
    named = subprocess.run(
        ["git", "rev-parse", "--short", "--verify", f"{revision}^{{commit}}"],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    if named.returncode:
        raise RuntimeError(f"no revision {revision!r} here; git log --oneline shows some")
    short = named.stdout.strip()
    packed = subprocess.run(["git", "archive", short], cwd=ROOT, check=True, capture_output=True).stdout
    folder = FOLDER / "base-source"
    subprocess.run(["rm", "-rf", folder], check=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return folder, short


def compare(bench: Bench, revision: str) -> dict[str, dict[str, float]]:
    """Print and return what calls cost in the revision and in the working copy, by what was measured and how."""
    folder, short = unpacked(revision)
    pythons = {"base": environments.ours("fast", folder, "base"), "now": bench.ours}
    rows: dict[str, dict[str, float]] = {}

    def add(what: str, unit: str, base: float, now: float, ratio: float) -> None:
        rows[f"{what}, {unit}"] = {"base": base, "now": now, "ratio": ratio}
        print(f"{what:<34} {unit:<14} {base:>12,.1f} {now:>12,.1f} {ratio:>8.3f}", flush=True)

    print(f"{'':<34} {'':<14} {short:>12} {'now':>12} {'ratio':>8}")
    if instructions.instrument():
        for what, session in (("HTTP, stateless", False), ("HTTP, session", True)):
            base, now = (
                instructions.per_call(pythons[side], SERVERS / "ours.py", "PORT", session=session)
                for side in ("base", "now")
            )
            add(what, "instructions", base, now, now / base)
    else:
        print("instructions: neither perf nor valgrind can count them here")
    _times(bench, pythons, add)
    return rows


def _times(bench: Bench, pythons: dict[str, Path], add: object) -> None:
    def put(what: str, unit: str, got: dict[str, list[float]]) -> None:
        ratio = median(now / base for now, base in zip(got["now"], got["base"], strict=True))
        add(what, unit, median(got["base"]), median(got["now"]), ratio)

    with ExitStack() as stack:
        plain = {n: stack.enter_context(serving(p, SERVERS / "ours.py", "PORT")) for n, p in pythons.items()}
        sents = {n: load.older(asyncio.run(load.session(side.port))) for n, side in plain.items()}
        put("HTTP, stateless", "us of CPU", costs(bench, {n: (side, load.CALL) for n, side in plain.items()}))
        put("HTTP, session", "us of CPU", costs(bench, {n: (side, sents[n]) for n, side in plain.items()}))
    with ExitStack() as stack:
        threads = {n: stack.enter_context(serving(p, SERVERS / "ours.py", "PORT", "def")) for n, p in pythons.items()}
        put("HTTP, def in a thread", "us of CPU", costs(bench, {n: (side, load.CALL) for n, side in threads.items()}))
    put(
        "stdio, first",
        "ms",
        bench.turns({n: lambda p=p: first(p, "ours.py") for n, p in pythons.items()}, rounds=bench.fewer),
    )
    with ExitStack() as stack:
        lines = {n: stack.enter_context(running(p, "ours.py")) for n, p in pythons.items()}
        put("stdio, p50", "ms", bench.turns({n: lambda n=n: trips(lines[n], bench.seconds) for n in lines}))
        put("stdio, memory", "MiB", {n: [line.memory()] for n, line in lines.items()})
    with ExitStack() as stack:
        callers = {n: stack.enter_context(calling(p, "ours.py", ["memory"])) for n, p in pythons.items()}
        sides = {n: lambda n=n: callers[n](bench.seconds) for n in callers}
        put("client and server in memory", "us of CPU", bench.turns(sides))
