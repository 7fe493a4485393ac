"""Writes the findings of docs/doctor.md from their table: `python -m tests.doctor.page`; a test says when it is due."""

from __future__ import annotations

import textwrap
from pathlib import Path

from dragoman.doctor import kinds

PAGE = Path(__file__).parents[2] / "docs" / "doctor.md"
MARK = "<!-- findings: python -m tests.doctor.page -->\n"
AREAS = {
    "Network": kinds.NETWORK,
    "Endpoint and greeting": kinds.ENDPOINT,
    "Authorization": kinds.AUTHORIZATION,
    "Commands": kinds.PROCESS,
    "What is offered": kinds.OFFERS,
}
WIDTH = 130


def findings() -> str:
    """Return the section of each kind, by area."""
    lines: list[str] = []
    for area, table in AREAS.items():
        lines += [f"## {area}", ""]
        for name, kind in table.items():
            text = f"{kind.severity.capitalize()}. {kind.cause}"
            lines += [f"### {name}", "", *textwrap.wrap(text, WIDTH), "", *textwrap.wrap(kind.cure, WIDTH), ""]
    return "\n".join(lines).rstrip() + "\n"


def page() -> str:
    """Return the whole page, its findings as the table has them."""
    head, _, _ = PAGE.read_text("utf-8").partition(MARK)
    return f"{head}{MARK}\n{findings()}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
