"""Writes docs/requirements.md from the table: `python -m tests.requirements.page`; a test says when it is due."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TABLE = HERE / "table.toml"
DECIDED = HERE / "decided.toml"
PAGE = ROOT / "docs" / "requirements.md"
STATUSES = ("tested", "open", "not ours")
AREAS = {
    "BASE": "Base protocol",
    "ERR": "Errors",
    "META": "Metadata",
    "VER": "Versions and extensions",
    "HTTP": "Streamable HTTP",
    "STDIO": "Standard streams",
    "MRTR": "Asking by results",
    "SUB": "Subscriptions",
    "PROG": "Progress and cancellation",
    "CACHE": "Caching",
    "PAGE": "Pages of lists",
    "TOOL": "Tools",
    "RES": "Resources",
    "PROMPT": "Prompts and completion",
    "LOG": "Logging",
    "ELIC": "Questions to the user",
    "SAMP": "Sampling and roots",
    "AUTHRS": "Authorization: the MCP server",
    "AUTHC": "Authorization: the client",
    "AUTHAS": "Authorization: the authorization server",
    "JSON": "JSON Schema",
    "ICON": "Icons",
    "TASK": "Tasks",
    "XAUTH": "Authorization extensions",
    "APPS": "Apps",
    "LEG": "Earlier revisions",
}
HEAD = """# Requirements

What the specification asks for, of 2026-07-28 and of the revisions before, as numbered rows, each with the tests that
hold it. `tests/requirements/table.toml` has the table; a test fails when a row that is said to be met has no test, when
a test names a row that does not exist, or when this page is not what the table says.

*Tested* rows are met. *Open* rows are not, or not by a test, and say what is missing. *Not ours* are met elsewhere or
not at all, and say why.
"""


def rows() -> dict[str, dict[str, Any]]:
    """Return the table: ID to level, side, meaning, status, tests and note."""
    return tomllib.loads(TABLE.read_text("utf-8"))


def decided() -> dict[str, dict[str, Any]]:
    """Return what was decided where the sources disagree."""
    return tomllib.loads(DECIDED.read_text("utf-8"))


def area_of(name: str) -> str:
    return name.rpartition("-")[0]


def is_must(row: dict[str, Any]) -> bool:
    return bool(row["level"] in ("MUST", "MUST NOT"))


def counts(table: dict[str, dict[str, Any]]) -> list[str]:
    """Return how many rows there are, by area and status, as lines of a table."""
    lines = ["| area | rows | tested | open | not ours | MUST tested | MUST open |", "|---|---|---|---|---|---|---|"]
    for area, title in [*AREAS.items(), ("", "**all**")]:
        found = [row for name, row in table.items() if area in ("", area_of(name))]
        by = Counter(row["status"] for row in found)
        musts = Counter(row["status"] for row in found if is_must(row))
        cells = [len(found), *(by[status] for status in STATUSES), musts["tested"], musts["open"]]
        shown = " | ".join(str(cell) for cell in cells)
        lines.append(f"| {title}{f' ({area})' if area else ''} | {shown} |")
    return lines


def render() -> str:
    """Return the whole page."""
    table = rows()
    lines = [HEAD, *counts(table), "", "## Decided where the sources disagree", ""]
    lines += ["| | question | decided | tests |", "|---|---|---|---|"]
    for name, row in decided().items():
        lines.append(f"| {name} | {row['question']} | {row['decided']} | {_tests(row)} |")
    for status, title in (("open", "Open"), ("not ours", "Not ours")):
        lines += ["", f"## {title}", "", "| row | level | side | what | why |", "|---|---|---|---|---|"]
        for name, row in table.items():
            if row["status"] == status:
                lines.append(f"| {name} | {row['level']} | {row['side']} | {row['meaning']} | {row['note']} |")
    lines += ["", "## Tested", "", "| row | level | side | what | tests |", "|---|---|---|---|---|"]
    for name, row in table.items():
        if row["status"] == "tested":
            note = f" ({row['note']})" if "note" in row else ""
            lines.append(f"| {name} | {row['level']} | {row['side']} | {row['meaning']}{note} | {_tests(row)} |")
    return "\n".join(lines) + "\n"


def _tests(row: dict[str, Any]) -> str:
    """Return how many tests there are, and in which files: names are in the table."""
    files = Counter(test.partition("::")[0].removeprefix("tests/") for test in row.get("tests", ()))
    return ", ".join(f"{file}{f' ({count})' if count > 1 else ''}" for file, count in files.items()) or "-"


if __name__ == "__main__":
    PAGE.write_text(render(), "utf-8")
    print("\n".join(counts(rows())))
