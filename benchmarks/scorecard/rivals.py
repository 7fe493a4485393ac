"""Installs the servers that ours is compared with, pinned, once, into a folder that git ignores."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.scorecard import contestants
from benchmarks.scorecard.contestants import Contestant
from tests.conformance.run import node, npm_ci

HERE = Path(__file__).parent
HOME = HERE.parent.parent / ".scorecard"
NAMES = ("server-filesystem", "mcp-server-git", "dbhub")


def rivals(data: Path) -> list[Contestant]:
    """Return the other servers over the company's data; each is installed when it is not."""
    npm_ci(HERE, HOME / "node", "servers from npm")
    modules = HOME / "node" / "node_modules"
    runtime = node()[0]
    folders = [str(data / name) for name in ("documents", "exports", "builds", "code")]
    filesystem = [runtime, str(modules / "@modelcontextprotocol/server-filesystem/dist/index.js"), *folders]
    dbhub = [runtime, str(modules / "@bytebase/dbhub/dist/index.js"), "--transport", "stdio"]
    return [
        Contestant("server-filesystem", filesystem, contestants.filesystem(data)),
        Contestant("mcp-server-git", [_git(), "--repository", str(data / "code")], contestants.git(data / "code")),
        Contestant("dbhub", [*dbhub, "--dsn", f"sqlite://{data / 'sales.db'}"], contestants.DBHUB),
    ]


def ours(data: Path) -> Contestant:
    """Return our server over the same data, as `make demo` serves it."""
    words = [sys.executable, "-m", "dragoman", "serve", "--config", str(data / "dragoman.yaml"), "--stdio"]
    return Contestant("dragoman", words, contestants.OURS)


def versions() -> dict[str, str]:
    """Return the pinned version of each."""
    wanted = (HERE / "package.json").read_text("utf-8")
    found = {name: wanted.partition(f'/{name}": "')[2].partition('"')[0] for name in ("server-filesystem", "dbhub")}
    pins = (HERE / "git.txt").read_text("utf-8").splitlines()
    git = next(line.partition("==")[2] for line in pins if line.startswith("mcp-server-git=="))
    return {"server-filesystem": found["server-filesystem"], "mcp-server-git": git, "dbhub": found["dbhub"]}


def _git() -> str:
    """Return the program of mcp-server-git, in an environment of its own."""
    home = HOME / "git"
    stamp, wanted = home / "installed", (HERE / "git.txt").read_bytes()
    if not (stamp.exists() and stamp.read_bytes() == wanted):
        print("installing mcp-server-git (once)...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [
            str(home / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
        ]
        subprocess.run([*pip, "-r", str(HERE / "git.txt")], check=True)
        stamp.write_bytes(wanted)
    return str(home / "bin" / "mcp-server-git")
