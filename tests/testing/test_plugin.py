"""The fixtures, in a project of somebody else's: each way is tried, leaks fail the test, snapshots are kept."""

import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = 'pytest_plugins = ["dragoman.testing.plugin"]\n'
TESTS = """
import asyncio
import threading
import time

import pytest
from dragoman import Server
from dragoman.testing import Way, ways

server = Server("theirs")


@server.tool
def add(a: int, b: int) -> int:
    return a + b


@pytest.fixture
def mcp_server():
    return server


def test_on_every_way(mcp_client, mcp_way):
    async def run():
        async with mcp_client() as client:
            assert client.version == mcp_way.era
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}

    asyncio.run(run())


@pytest.mark.parametrize("mcp_way", ways(transports=["memory"])[:1], ids=str)
def test_shown(mcp_client, mcp_snapshot):
    async def run():
        async with mcp_client() as client:
            await mcp_snapshot(client)

    asyncio.run(run())


def test_leaking(mcp_no_leaks):
    threading.Thread(target=threading.Event().wait, name="theirs", daemon=True).start()


def test_stalling():
    async def run():
        time.sleep(0.15)

    asyncio.run(run())
"""


def pytest_in(folder: Path, *words: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", *words]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_a_project_gets_its_tests_run_on_each_way(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_theirs.py").write_text(TESTS)
    told = pytest_in(tmp_path)
    assert "1 failed, 8 passed, 1 error" in told, "six ways, a snapshot that is not there, and a leak after its test"
    assert "there is no snapshot" in told and "--mcp-update" in told
    assert "left behind, 2 s after the end: the thread 'theirs'" in told
    told = pytest_in(tmp_path, "--mcp-update", "--mcp-stalls", "-k", "shown or stalling")
    assert "1 failed, 1 passed" in told
    assert "StallError: held the event loop up for more than 100 ms" in told and "time.sleep(0.15)" in told
    assert '"name": "theirs"' in (tmp_path / "snapshots" / "test_shown.json").read_text()


def test_the_kit_itself_needs_no_pytest() -> None:
    program = "import sys; sys.modules['pytest'] = None; import dragoman.testing; print(len(dragoman.testing.ways()))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout == "6\n"
