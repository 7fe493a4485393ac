"""`uvx PACKAGE` in two steps, with a real pip and an index of our own: put in with a network, run without."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.sandbox.test_escapes import TIERS

from dragoman.host.sandbox.tiers import Tier

SERVER = """\
import os, socket, sys
def main():
    print(sys.argv[1:], "SECRET" in os.environ)
    for tried in (lambda: open(__file__, "a"), lambda: socket.create_connection(tuple(sys.argv[1].split(":")), 2)):
        try:
            tried()
            print("ok")
        except OSError as error:
            print(type(error).__name__)
"""


def wheel(folder: Path) -> Path:
    """Make a wheel with one command, by hand."""
    path = folder / "notes_server-1.0-py3-none-any.whl"
    info = "notes_server-1.0.dist-info"
    files = {
        "notes_server.py": SERVER,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: notes-server\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nnotes-server = notes_server:main\n",
    }
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
        made.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*files, f"{info}/RECORD"]))
    return path


@pytest.fixture
def index(tmp_path: Path) -> Iterator[str]:
    """Give the address of an index with one package."""
    root = tmp_path / "index"
    page = root / "simple" / "notes-server"
    page.mkdir(parents=True)
    made = wheel(page)
    digest = hashlib.sha256(made.read_bytes()).hexdigest()
    (page / "index.html").write_text(f'<a href="{made.name}#sha256={digest}">{made.name}</a>')

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
    thread.join()


@pytest.mark.parametrize("one", TIERS)
def test_a_package_is_put_in_with_a_network_and_run_without(one: Tier, tmp_path: Path, index: str) -> None:
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    env = {**os.environ, "HOME": str(home), "SECRET": "canary", "PIP_INDEX_URL": f"http://{index}/simple"}
    env["XDG_CACHE_HOME"] = str(home / "cache")
    held = [sys.executable, "-P", "-m", "dragoman", "run", "--sandbox", "--tier", one, "--project", str(home / "work")]

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*held, *words], env=env, capture_output=True, text=True, timeout=300, check=False)

    first = run("--install", "--", "uvx", "notes-server@1.0")
    assert first.returncode == 0 and "installing notes-server@1.0" in first.stderr and first.stdout == ""
    env["PIP_INDEX_URL"] = "http://127.0.0.1:9/simple"  # it is not asked again
    second = run("--", "uvx", "notes-server@1.0", index)
    assert second.returncode == 0, second.stderr
    said, change, reach = second.stdout.splitlines()
    assert said == f"['{index}'] False"
    assert change in {"OSError", "PermissionError"} and reach in {"ConnectionRefusedError", "PermissionError"}
    # The twin: a granted host is reached by what was put in, and a package that is not there is told.
    assert run("--connect", "*", "--", "uvx", "notes-server@1.0", index).stdout.splitlines()[2] == "ok"
    env["PIP_INDEX_URL"] = f"http://{index}/simple"
    missing = run("--", "uvx", "no-such-package")
    assert missing.returncode == 2 and "ended with status" in missing.stderr
