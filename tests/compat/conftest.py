"""Servers written for other packages, started as `dragoman run` with neither package importable."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dragoman import Client
from dragoman.app.target import Options

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
