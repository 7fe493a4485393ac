"""Environments to measure in: one per side, made once, so that neither borrows the other's packages."""

import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".bench"
RIVAL = "mcp==2.3.0"


def _pip(python: Path, *words: str) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *words]
    subprocess.run(command, check=True, stdout=sys.stderr)


def environment(name: str, *packages: str, fresh: bool = False) -> Path:
    """Return the interpreter of an environment that holds `packages`."""
    folder = FOLDER / name
    stamp = folder / "stamp"
    wanted = "\n".join(packages)
    if fresh or not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"making the environment {name}: {', '.join(packages)}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        _pip(folder / "bin" / "python", *packages)
        stamp.write_text(wanted)
    return folder / "bin" / "python"


def ours(extra: str = "fast") -> Path:
    """Return an interpreter with this working copy, installed as a user would install it."""
    name = f"ours-{extra}" if extra else "ours"
    return environment(name, f"{ROOT}[{extra}]" if extra else str(ROOT), fresh=True)


def rival() -> Path:
    """Return an interpreter with the official SDK and the fastest event loop and parser."""
    return environment("mcp", RIVAL, "uvloop", "httptools")


def installed(python: Path) -> tuple[int, float]:
    """Return how many packages an environment has, pip and setuptools aside, and their size in MB without .pyc."""
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze", "--disable-pip-version-check"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    names = [line for line in listed.stdout.split() if not line.startswith(("pip=", "setuptools=", "wheel="))]
    size = 0
    for site in (python.parent.parent / "lib").glob("python3*/site-packages"):
        for file in site.rglob("*"):
            top = file.relative_to(site).parts[0]
            if file.is_file() and file.suffix != ".pyc" and not top.startswith(("pip", "setuptools", "_distutils")):
                size += file.stat().st_size
    return len(names), size / 1e6
