"""What a run leaves behind: figures as JSON, plots, and the table in the documentation."""

from __future__ import annotations

import json
import os
import platform
import re
import time
from pathlib import Path
from typing import Any

import environments
import plots
from bench import Bench
from table import Row

PAGE = environments.ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: written by make bench -->", "<!-- end of results -->"


def machine() -> str:
    """Return what measured: processor, number of cores, system."""
    said = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    cores = Path("/proc/cpuinfo").read_text().count("processor\t")
    return f"{said[1].strip() if said else platform.machine()}, {cores} cores, {platform.system()} {platform.machine()}"


def facts(bench: Bench, command: str, seconds: float) -> dict[str, Any]:
    """Return the whole run as data."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "took_seconds": round(seconds),
        "machine": machine(),
        "load_average": os.getloadavg()[2],  # of the last 15 minutes: one is the benchmark's own
        "versions": environments.versions(),
        "rounds": bench.rounds,
        "seconds": bench.seconds,
        "slices": {part: taken.plain() for part, taken in bench.taken.items()},
        "rows": bench.table.plain(),
        "without_target": bench.extra,
    }


def write(bench: Bench, folder: Path, report: dict[str, Any], *, publish: bool) -> None:
    """Write figures and plots to `folder`, and into the documentation if `publish`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "latest.json").write_text(json.dumps(report, indent=2) + "\n")
    for name, drawn in _plots(bench, report).items():
        (folder / f"{name}.svg").write_text(drawn)
    if publish:
        _publish(bench, report)


def _plots(bench: Bench, report: dict[str, Any]) -> dict[str, str]:
    where = f"{report['machine']}; {report['date']}"
    drawn = {}
    calls = _sides(bench.table.rows, "HTTP tools/call, async def")
    if (go := bench.extra.get("HTTP tools/call: CPU, of the Go SDK's (no target)")) is not None:
        calls["go"] = go["values"]["go"]
    if calls:
        rows = [
            plots.Bar(_name(name), value, f"{value:,.0f} us", name == "ours")
            for name, value in sorted(calls.items(), key=lambda item: item[1])
        ]
        drawn["call"] = plots.bars("CPU per tools/call over HTTP, one process", where, rows)
    ratios = [
        row for row in bench.table.rows if row.what.endswith(("of mcp's", "of `import mcp`")) and not row.at_least
    ]
    if ratios:
        rows = [plots.Bar(_short(row.what), row.got, f"{row.got:.2f}", ours=True) for row in ratios]
        drawn["of-mcp"] = plots.bars("Our cost, as a part of the official SDK's", where, rows)
    rows = [
        plots.Bar(_short(row.what), part := _of_target(row), f"{part:.2f}", ours=True, missed=not row.met)
        for row in bench.table.rows
    ]
    drawn["targets"] = plots.bars("Of each target (left of the line is met)", where, rows, line=1.0)
    return drawn


def _sides(rows: list[Row], what: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        if row.what.startswith(what):
            found |= row.values
    return found


def _of_target(row: Row) -> float:
    return row.target / row.got if row.at_least and row.got else row.got / row.target


def _name(side: str) -> str:
    return {
        "ours": "Dragoman",
        "floor": "floor: bare ASGI, no protocol",
        "mcp": "mcp",
        "fastmcp": "FastMCP",
        "typescript": "TypeScript SDK",
        "go": "Go SDK",
    }[side]


def _short(what: str) -> str:
    return what if len(what) <= 46 else f"{what[:45]}…"


def _told(report: dict[str, Any]) -> str:
    parts = report["slices"].values()
    count, again, left = (sum(part[name] for part in parts) for name in ("rounds", "again", "disturbed"))
    words = f"{again:,} of {count:,} rounds were measured again; {left:,} count that were disturbed all the same."
    for name in ("ours", "floor"):
        if (slow := report["without_target"].get(f"the slowest calls: {name}")) is not None:
            words += f" Slowest calls, {name}: {slow['calm']} of {slow['slices']} slices calm."
    return words


def _publish(bench: Bench, report: dict[str, Any]) -> None:
    versions = ", ".join(f"{name} {version}" for name, version in report["versions"].items())
    text = (
        f"Measured {report['date']} by `{report['command']}` in {report['took_seconds'] / 60:.0f} minutes, "
        f"{report['rounds']} slices of {report['seconds']:g} s of each side, on {report['machine']}, "
        f"load average {report['load_average']:.1f}; {versions}. {_told(report)}\n\n"
        f"{bench.table.markdown()}"
    )
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", "utf-8")
