"""Examines public servers and prints a table: `python -m tests.doctor.public [LABEL=COMMAND ...]`.

Without words, those that `make interop` installed. Each is started, and each resource that it lists is read.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import tempfile
from collections import Counter
from pathlib import Path

from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report

INTEROP = Path(__file__).parents[2] / ".interop"
PYTHON, NODE = INTEROP / "servers" / "bin", INTEROP / "node" / "node_modules" / "@modelcontextprotocol"
COUNTED = ("tools", "resources", "templates", "prompts")


def installed() -> dict[str, str]:
    """Return the command of each server that is installed, by its package's name."""
    found = {f"mcp-server-{name}": f"{PYTHON}/mcp-server-{name}" for name in ("time", "git", "fetch")}
    for name, words in (("everything", "stdio"), ("filesystem", tempfile.gettempdir()), ("memory", "")):
        found[f"@modelcontextprotocol/server-{name}"] = f"node {NODE}/server-{name}/dist/index.js {words}"
    return found


def row(label: str, report: Report) -> str:
    """Return one line of the table."""
    facts = report.facts
    sizes = facts.get("sizes", {})
    answer = next((stage.said.removeprefix("after ") for stage in report.stages if stage.name == "first answer"), "")
    kinds = Counter(one.kind for one in report.findings)
    found = ", ".join(f"[{kind}](#{kind})" + (f" × {count}" if count > 1 else "") for kind, count in kinds.items())
    figures = (sizes.get(name, "") for name in COUNTED)
    about = (str(facts.get("server", "")).rpartition(" ")[2], facts.get("protocolVersion", ""), answer)
    cells = (f"`{label}`", *about, *figures, facts.get("definitionTokens", ""), found or "none")
    return f"| {' | '.join(str(cell) for cell in cells)} |"


async def main(words: list[str]) -> None:
    """Print the table."""
    commands = dict(word.split("=", 1) for word in words) or installed()
    print(
        "| server | release, as it says | protocol | first answer | tools | resources | prompts | tokens | findings |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for label, command in commands.items():
        report = await examine(shlex.split(command), Plan(read=True, timeout=20.0))
        print(row(label, report), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
