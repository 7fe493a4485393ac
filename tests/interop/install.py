"""Installs the packages that our server and client are tried with: npm's beside each other, Python's apart.

Each has its pinned list in this folder, and is installed once per list, into a folder that git ignores.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conformance.run import npm_ci

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
HOME = ROOT / ".interop"
NODE_HOME = HOME / "node"
NPM = NODE_HOME / "node_modules"


def npm() -> None:
    """Install npm's packages, and put our programs beside them: that is where Node looks for what they import."""
    npm_ci(HERE, NODE_HOME, "npm's peers")
    for program in (HERE / "peers").glob("*.mjs"):
        shutil.copy(program, NODE_HOME / program.name)


def environment(name: str) -> str:
    """Return the interpreter of the environment with what `requirements/NAME.txt` pins, made if it is not there."""
    home = HOME / name
    python = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    wanted = (HERE / "requirements" / f"{name}.txt").read_bytes()
    stamp = home / "installed"
    if not (python.exists() and stamp.exists() and stamp.read_bytes() == wanted):
        print(f"installing {name} (once)...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
        subprocess.run([*pip, "-r", str(HERE / "requirements" / f"{name}.txt")], check=True)
        stamp.write_bytes(wanted)
    return str(python)


def go_peer() -> str | None:
    """Return the program of `peers/go`, built if it is older than its sources; None where there is no Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return None
    program = HOME / "go" / ("peer.exe" if sys.platform == "win32" else "peer")
    sources = list((HERE / "peers" / "go").iterdir())
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        print("building the Go peer (once, a minute)...", flush=True)
        command = [compiler, "build", "-mod=readonly", "-o", str(program), "."]
        subprocess.run(command, cwd=HERE / "peers" / "go", check=True)
    return str(program)


def go_version(module: str) -> str:
    """Return the version that `peers/go/go.mod` pins."""
    words = (HERE / "peers" / "go" / "go.mod").read_text("utf-8").split()
    return words[words.index(module) + 1].removeprefix("v")


def python_version(environment_name: str, package: str) -> str:
    """Return the version that an environment's list pins."""
    lines = (HERE / "requirements" / f"{environment_name}.txt").read_text("utf-8").splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{package}=="))


def npm_version(package: str) -> str:
    """Return the version of an npm package that is installed."""
    return str(json.loads((NPM / package / "package.json").read_text("utf-8"))["version"])
