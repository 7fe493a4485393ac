"""Starts `dragoman serve` over a settings file, on stdio, with approvals and caches of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from dragoman import Client
from dragoman.app.launching import Approvals
from dragoman.app.target import Options
from dragoman.connectors.settings.approving import Book, commands_of
from dragoman.connectors.settings.reading import read_settings


def words(settings: Path) -> list[str]:
    """The words that serve what a file says."""
    return [sys.executable, "-m", "dragoman", "serve", "--config", str(settings), "--stdio"]


def environment(settings: Path, home: Path) -> Mapping[str, str]:
    """Approve the file's own scripts, below `home` and nowhere else; return the variables that say where that is."""
    kept = Approvals(home / "config" / "dragoman" / "approved.json")
    read = read_settings(settings)
    book = Book(read.path, kept)
    for where, command, cwd in commands_of(read):
        launch = book.launch(where, command, cwd)
        kept.approve(launch, launch.digest)
    return {"XDG_CONFIG_HOME": str(home / "config"), "XDG_CACHE_HOME": str(home / "cache")}


@asynccontextmanager
async def served(settings: Path, home: Path, *, mode: str = "auto") -> AsyncIterator[Client]:
    """Serve what the file says; yield a client.  Answers are checked against their schemas by whoever asks."""
    options = Options(env=dict(environment(settings, home)))
    async with Client(words(settings), mode=mode, options=options, timeout=120.0) as client:
        yield client
