"""Fixtures for pytest: `pytest_plugins = ["dragoman.testing.plugin"]` in the project's topmost conftest.py.

A test module that defines the fixture `mcp_server` gets its tests run for each way to it. Nothing is fetched by
itself: what is not asked for costs nothing. Limit: needs pytest, and a plugin that runs coroutine tests.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import Any

import pytest

from dragoman.app.client import Client
from dragoman.app.server import Server
from dragoman.testing.leaks import no_leaks_around
from dragoman.testing.offers import check_snapshot
from dragoman.testing.stalls import LIMIT, no_stalls
from dragoman.testing.ways import Way, connected, ways


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare `--mcp-update` and `--mcp-stalls`."""
    text = "write the snapshots of what servers offer anew, in place of comparing them"
    parser.addoption("--mcp-update", action="store_true", help=text)
    text = f"fail each test in which one callback holds the event loop up for longer than SECONDS ({LIMIT})"
    parser.addoption("--mcp-stalls", nargs="?", const=LIMIT, type=float, metavar="SECONDS", help=text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    """Look for stalls in every test, if that is asked for."""
    seconds: float | None = item.config.getoption("--mcp-stalls")
    with nullcontext() if seconds is None else no_stalls(seconds):
        yield


@pytest.fixture(params=ways(), ids=str)
def mcp_way(request: pytest.FixtureRequest) -> Way:
    """One way after the other: the newest era of either kind, on each transport. Override it for others."""
    way: Way = request.param
    return way


@pytest.fixture
def mcp_client(mcp_server: Server, mcp_way: Way) -> Callable[..., AbstractAsyncContextManager[Client]]:
    """Connects to the project's `mcp_server` on the way at hand: `async with mcp_client(on_elicit=...) as client`."""

    def connect(**settings: Any) -> AbstractAsyncContextManager[Client]:
        return connected(mcp_server, mcp_way, **settings)

    return connect


@pytest.fixture
def mcp_no_leaks() -> Generator[None]:
    """Fail the test if it leaves threads, open files or child processes behind; for tasks there is `no_leaks`."""
    with no_leaks_around():
        yield


@pytest.fixture
def mcp_no_stalls() -> Generator[None]:
    """Fail the test if one callback holds the event loop up for longer than a tenth of a second."""
    with no_stalls():
        yield


@pytest.fixture
def mcp_snapshot(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Compares with a snapshot beside the test: `await mcp_snapshot(client)`, `--mcp-update` to write it."""
    node: Any = request.node
    folder = Path(str(node.path)).parent / "snapshots"
    update = bool(request.config.getoption("--mcp-update"))

    async def check(client: Client, name: str = "") -> None:
        file = folder / f"{name or node.originalname}.json"
        if update:
            file.parent.mkdir(exist_ok=True)
        await check_snapshot(client, file, update=update)

    return check
