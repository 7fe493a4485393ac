"""Examines public servers and prints a table: `make doctor`, or `python -m tests.doctor.public [LABEL=COMMAND ...]`.

Without words, ten of PyPI and npm, installed first, once, into a folder that git ignores. Each is started, and each
resource that it lists is read.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from dragoman.doctor.examination import Plan, examine
from dragoman.doctor.findings import Report

HOME = Path(__file__).parents[2] / ".interop" / "doctor"
COUNTED = ("tools", "resources", "templates", "prompts")
# In an environment for each generation of the SDK that they need.
PYTHON = {
    "newer": {"mcp-server-time": "2026.10.19", "mcp-server-git": "2026.10.19", "mcp-server-fetch": "2026.10.24"},
    "older": {"mcp-server-sqlite": "2025.4.25", "mcp-server-calculator": "0.2.1"},
}
NODE = {
    "server-everything": "2026.8.31", "server-filesystem": "2026.8.31", "server-memory": "2026.8.31",
    "server-sequential-thinking": "2026.8.31", "server-budget-allocator": "2.0.3",
}  # fmt: skip
WORDS = {
    "mcp-server-sqlite": "--db-path {}/sqlite.db", "server-everything": "stdio", "server-filesystem": "{}",
    "server-budget-allocator": "--stdio",
}  # fmt: skip


def installed() -> dict[str, str]:
    """Return the command of each server by its package's name, installed if it is not yet."""
    found: dict[str, str] = {}
    folder = tempfile.mkdtemp()
    for generation, packages in PYTHON.items():
        python = HOME / generation
        if not (python / "installed").exists():
            subprocess.run([sys.executable, "-m", "venv", "--clear", str(python)], check=True)
            pip = [str(python / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *(f"{name}=={version}" for name, version in packages.items())], check=True)
            (python / "installed").touch()
        found |= {name: f"{python}/bin/{name} {WORDS.get(name, '').format(folder)}" for name in packages}
    node = HOME / "node"
    if not (node / "installed").exists():
        node.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--prefix", str(node), "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]
        subprocess.run(
            [*npm, *(f"@modelcontextprotocol/{name}@{version}" for name, version in NODE.items())], check=True
        )
        (node / "installed").touch()
    for name in NODE:
        place = node / "node_modules/@modelcontextprotocol" / name
        said = json.loads((place / "package.json").read_text("utf-8"))["bin"]
        script = said if isinstance(said, str) else next(iter(said.values()))
        found[f"@modelcontextprotocol/{name}"] = f"node {place / script} {WORDS.get(name, '').format(folder)}"
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
