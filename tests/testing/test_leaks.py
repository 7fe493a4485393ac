"""What is left behind is caught, by kind and by name; what ends by itself is not."""

import asyncio
import os
import subprocess
import sys
import threading

import pytest

from dragoman import Context, Server
from dragoman.testing import LeakError, connected, no_leaks
from dragoman.testing.leaks import no_leaks_around

NAPPING = [sys.executable, "-c", "import time; time.sleep(60)"]


async def test_a_task_that_goes_on_is_caught_and_one_that_ends_is_not() -> None:
    event = asyncio.Event()
    with pytest.raises(LeakError, match="the task forgotten"):
        async with no_leaks(0.05):
            task = asyncio.create_task(event.wait(), name="forgotten")
    event.set()
    await task
    async with no_leaks():
        asyncio.get_running_loop().call_later(0.05, event.clear)
        ending = asyncio.create_task(asyncio.sleep(0.05))
    assert ending.done()


async def test_a_server_that_leaks_a_task_is_caught() -> None:
    server = Server("leaking")
    stop = asyncio.Event()
    kept: list[asyncio.Task[bool]] = []

    @server.tool
    async def leak(ctx: Context) -> str:
        kept.append(asyncio.create_task(stop.wait(), name="leaked by a tool"))
        return "done"

    @server.tool
    async def behave() -> str:
        return "done"

    async with no_leaks(), connected(server) as client:
        await client.call_tool("behave")
    with pytest.raises(LeakError, match="the task leaked by a tool"):
        async with no_leaks(0.05), connected(server) as client:
            await client.call_tool("leak")
    stop.set()
    await asyncio.gather(*kept)


def test_threads_are_caught() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="left running")
    with pytest.raises(LeakError, match="the thread 'left running'"), no_leaks_around(0.05):
        thread.start()
    stop.set()
    with no_leaks_around():
        thread.join()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system does not show open files")
def test_open_files_are_caught() -> None:
    with pytest.raises(LeakError, match=r"the open file .*null"), no_leaks_around(0.05):
        number = os.open(os.devnull, os.O_RDONLY)
    with no_leaks_around():
        os.close(number)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system does not show child processes")
def test_child_processes_are_caught() -> None:
    with pytest.raises(LeakError, match="the child process"), no_leaks_around(0.05):
        process = subprocess.Popen(NAPPING)
    with no_leaks_around():
        process.kill()
        process.wait()


async def test_what_the_block_raises_passes_unchanged() -> None:
    with pytest.raises(KeyError):
        async with no_leaks():
            raise KeyError
