"""Writes the tables of docs/security.md: `python -m tests.security.page`; a test says when that is due."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "security.md"
STATUSES = ("tested", "open", "not ours")
BEGIN, END = "<!-- made from tests/security/threats.toml -->", "<!-- end -->"


def threats() -> dict[str, dict[str, Any]]:
    """Return the table: number to threat, status, tests, note, and of each advisory the test that holds it."""
    return tomllib.loads((HERE / "threats.toml").read_text("utf-8"))


def tables() -> str:
    """Return both tables, as they stand on the page."""
    rows = threats()
    counted = Counter(row["status"] for row in rows.values())
    lines = [", ".join(f"{counted[status]} {status}" for status in STATUSES) + ".", ""]
    lines += ["| | threat | held by |", "|---|---|---|"]
    lines += [f"| {name[4:]} | {row['threat']} | {_held(row)} |" for name, row in rows.items()]
    lines += ["", "## Advisories", "", "| advisory | threat | held by |", "|---|---|---|"]
    for name, row in rows.items():
        for advisory, test in row.get("advisories", {}).items():
            lines.append(f"| {advisory} | {name[4:]} | {_named(test) if test else row['status']} |")
    return "\n".join(lines)


def _held(row: dict[str, Any]) -> str:
    tests = [_link(test) for test in row.get("tests", [])]
    note = row.get("note", "")
    if not tests:
        return f"{row['status']}: {note}"
    return ", ".join(dict.fromkeys(tests)) + (f" ({note})" if note else "")


def _named(test: str) -> str:
    """Return a link to the file of one test, and its name."""
    return f"{_link(test)} `{test.partition('::')[2]}`"


def _link(test: str) -> str:
    file = test.partition("::")[0]
    return f"[{file.removeprefix('tests/').removesuffix('.py')}](../{file})"


def rendered() -> str:
    """Return the page with its tables made anew."""
    text = PAGE.read_text("utf-8")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{tables()}\n{END}", text, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(rendered(), "utf-8")
