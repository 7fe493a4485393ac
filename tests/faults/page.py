"""Writes docs/faults.md and the promises in docs/limits.md: `python -m tests.faults.page`; a test says when."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results.json"
PAGES = {ROOT / "docs" / "faults.md": ("fault", "mode"), ROOT / "docs" / "limits.md": ("promise",)}
BEGIN, END = "<!-- {} of tests/faults/faults.toml -->", "<!-- end of {} -->"


def table() -> dict[str, dict[str, dict[str, Any]]]:
    """Return faults, failure modes and promises, by name."""
    return tomllib.loads((HERE / "faults.toml").read_text("utf-8"))


def results() -> dict[str, Any]:
    """Return what `make faults` measured last; nothing if it never kept all its bounds yet."""
    if not RESULTS.exists():
        return {"figures": []}
    found: dict[str, Any] = json.loads(RESULTS.read_text("utf-8"))
    return found


def link(test: str) -> str:
    file = test.partition("::")[0]
    return f"[{file.removeprefix('tests/').removesuffix('.py')}](../{file})"


def measured(names: list[str]) -> str:
    """Return the figures of some faults, the largest of each where there are several runs."""
    most: dict[str, dict[str, Any]] = {}
    for each in results()["figures"]:
        if each["fault"] in names:
            kept = most.setdefault(each["what"], each)
            if each["value"] > kept["value"]:
                most[each["what"]] = each
    return "; ".join(f"{what}: {_said(each)}" for what, each in most.items())


def _said(each: dict[str, Any]) -> str:
    value = each["value"]
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.2g}"
    return f"{text} {each['unit']}".strip()


def rows(kind: str) -> str:
    """Return the table of one kind."""
    lines = []
    if kind == "mode":
        lines += ["| | failure mode | held by |", "|---|---|---|"]
        for name, row in table()[kind].items():
            tests = ", ".join(f"{link(test)} `{test.partition('::')[2]}`" for test in row["tests"])
            lines.append(f"| {name} | {row['what']} | {tests} |")
        return "\n".join(lines)
    lines += [
        f"| {'' if kind == 'fault' else 'promise'} | what | number | held by | measured |",
        "|---|---|---|---|---|",
    ]
    for name, row in table()[kind].items():
        tests = ", ".join(dict.fromkeys(link(test) for test in row["tests"]))
        note = f" ({row['note']})" if row.get("note") else ""
        figures = measured(row.get("figures", [name]))
        lines.append(f"| {name} | {row['what']} | {row['must']} | {tests}{note} | {figures} |")
    return "\n".join(lines)


def rendered(page: Path) -> str:
    """Return a page with its tables, and when and where they were measured, made anew."""
    text = page.read_text("utf-8")
    for kind in PAGES[page]:
        begin, end = BEGIN.format(kind), END.format(kind)
        text = re.sub(f"{begin}.*{end}", lambda _, k=kind, b=begin, e=end: f"{b}\n{rows(k)}\n{e}", text, flags=re.S)
    run = results()
    told = f"`make faults TIMES={run['times']:g}`, {run['date']}, {run['machine']}" if run["figures"] else "nothing yet"
    if run.get("again"):
        told += f", with other work going on: {run['again']} tests were tried a second time"
    if run.get("earlier"):
        told += f"; {' and '.join(run['earlier'])} by a run of the same day with less of it"
    return re.sub(r"(Measured by ).*(\.)$", lambda found: f"{found[1]}{told}{found[2]}", text, flags=re.M)


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rendered(page), "utf-8")
