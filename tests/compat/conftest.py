"""Servers written for other packages, started as `dragoman run` with neither package importable."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman import Client, Server
from dragoman.app.target import Options
from dragoman.compat.finder import PACKAGES, uninstall
from dragoman.compat.loader import load

HERE = Path(__file__).parent
SERVERS = HERE / "servers"


@pytest.fixture
def running(tmp_path: Path) -> Callable[..., Client]:
    """Return a function that gives a client of `dragoman run FILE --stdio`."""

    def start(target: str, *, mode: str = "auto", **options: object) -> Client:
        command = [sys.executable, "-m", "dragoman", "run", str(SERVERS / target), "--stdio"]
        env = {"PYTHONPATH": str(HERE / "blocker")}
        return Client(command, mode=mode, options=Options(env=env, cwd=str(tmp_path)), **options)

    return start


@pytest.fixture
def alone() -> Iterator[None]:
    """While a test loads files in this process: none of the packages is imported, and everything is put back after."""
    hidden = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in PACKAGES}
    for name in hidden:
        del sys.modules[name]
    modules, path, argv = dict(sys.modules), list(sys.path), list(sys.argv)
    yield
    uninstall()
    for name in sys.modules.keys() - modules.keys():
        # `from package import module` would find what is gone.
        package, _, child = name.rpartition(".")
        vars(sys.modules.get(package, sys)).pop(child, None) if package else None
    sys.modules.clear()
    sys.modules.update({**modules, **hidden})
    sys.path[:], sys.argv[:] = path, argv


@pytest.fixture
def loaded(alone: None, tmp_path: Path) -> Callable[..., Server]:
    """Return a function that writes a file and loads the server in it."""

    def run(text: str, name: str | None = None, *, file: str = "example_server.py", compat: bool = True) -> Server:
        place = tmp_path / file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(textwrap.dedent(text), "utf-8")
        return load(place, name, compat=compat)

    return run
