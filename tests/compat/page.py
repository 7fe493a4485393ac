"""The tables of docs/compat.md, and what `make compat` prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Folders above what is worth showing: the example itself, or a file of this repository.
PATHS = re.compile(r"(?<![\w:/.])/(?:[\w.-]+/)+")
HEAD = Path(__file__).with_name("compat_head.md")
# Installed along with the packages that the examples were written for; a file that imports one needs it here too.
NOTE = "pydantic, starlette, anyio, click, uvicorn"


@dataclass
class Section:
    """One distribution: all its example files, and the verdicts on those servers that could be run."""

    distribution: Any
    examples: list[Any]
    verdicts: list[Any]

    @property
    def alone(self) -> list[Any]:
        """The verdicts on servers that import nothing but the package and the standard library."""
        return [verdict for verdict in self.verdicts if not verdict.example.needs]

    @property
    def with_others(self) -> list[Any]:
        return [verdict for verdict in self.verdicts if verdict.example.needs]

    @property
    def missing(self) -> list[Any]:
        return [example for example in self.examples if example.kind == "server" and example.missing]


def of(verdicts: list[Any]) -> str:
    passed = sum(verdict.passes for verdict in verdicts)
    return f"{passed} of {len(verdicts)}" + (f" ({100 * passed // len(verdicts)} %)" if verdicts else "")


def summary(section: Section, *, show: bool = False) -> str:
    lines = [
        f"{section.distribution.title}: {of(section.alone)} need no other package; "
        f"{of(section.with_others)} need others that are installed; {len(section.missing)} not run"
    ]
    for verdict in section.verdicts:
        if not verdict.passes:
            lines.append(f"  fails  {verdict.example.name}: {verdict.fault}")
        if show:
            lines += [f"         {verdict.example.name}: {note[:200]}" for note in verdict.notes]
    return "\n".join(lines)


def render(sections: list[Section]) -> str:
    lines = [HEAD.read_text("utf-8").rstrip(), ""]
    lines += [
        "| distribution | need no other package | need others, which are installed | not run |",
        "|---|---|---|---|",
    ]
    for section in sections:
        cells = [section.distribution.title, of(section.alone), of(section.with_others), str(len(section.missing))]
        lines.append(f"| {' | '.join(cells)} |")
    for section in sections:
        lines += ["", f"## {section.distribution.title}", "", "| example | needs | runs |", "|---|---|---|"]
        for verdict in section.verdicts:
            answer = "yes" if verdict.passes else f"no: {cell(verdict.fault)}"
            lines.append(f"| {verdict.example.name} | {', '.join(verdict.example.needs)} | {answer} |")
        lines += [""] + [
            "Not run, since they need what is not installed: "
            + "; ".join(f"{example.name} ({', '.join(example.missing)})" for example in section.missing)
            + "."
        ] * bool(section.missing)
    return "\n".join(lines).rstrip() + "\n"


def cell(text: str) -> str:
    """Return a fault as one cell of a table, without the paths of this machine."""
    text = PATHS.sub("", text)
    return text.replace("|", "\\|").replace("\n", " ")[:160]
