"""Ways to one and the same server: in memory, in a process, over HTTP."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dragoman.testing import reachable
from dragoman.testing import serving_http as over_http

__all__ = ["COMMAND", "SAMPLE", "over_http", "reaching"]
SAMPLE = str(Path(__file__).with_name("sample.py"))
COMMAND = [sys.executable, SAMPLE]


@contextlib.asynccontextmanager
async def reaching(way: str, server: Any) -> AsyncIterator[Any]:
    """Yield a target that leads to `server`; over stdio, to the sample server in a process of its own."""
    async with reachable(server, way, command=COMMAND) as target:
        yield target
