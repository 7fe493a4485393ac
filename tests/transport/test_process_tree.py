"""What a server started is gone when the server is, when the client is, and when the client's process is killed."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.faults.measure import PAGE, figure, grown, times
from tests.transport.raw_peer import Quiet
from tests.transport.test_process import ANSWER, ASK, alive, running, until_gone

from dragoman.transport.process import Command, ProcessExchange

SECONDS = 3.0  # that orphans may live
TOGETHER = 8  # clients that are killed at the same time
MIB = 1024 * 1024
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
# A server that ignores the end of stdin and the signal that asks, and its child, which is no better.
FAMILY = f"""
{DEAF}
import subprocess, sys
child = subprocess.Popen([sys.executable, '-c', {(DEAF + "; print(1, flush=True); time.sleep(60)")!r}], stdout=-1)
child.stdout.readline()
sys.stdin.readline()
print('{{"jsonrpc":"2.0","id":1,"result":{{"pid":%d}}}}' % child.pid, flush=True)
time.sleep(60)
"""
# Nothing is answered before it is asked: what comes to nobody is passed over.
POLITE = f"import sys\nsys.stdin.readline()\nprint('{ANSWER}', flush=True)\nsys.stdin.read()"
PROGRAM = """
import asyncio, os, sys
from tests.transport.raw_peer import Quiet
from tests.transport.test_process import ASK
from dragoman.transport.process import Command, ProcessExchange

async def main():
    exchange = ProcessExchange(Command(words=(sys.executable, "-c", sys.argv[1])))
    await exchange.open(Quiet())
    answer = await exchange.send(ASK)
    print(exchange._transport.get_pid(), bytes(answer.frame.result).decode(), flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


def rss() -> int:
    """Return the bytes of memory that this process takes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


def watchers(pid: int) -> list[int]:
    """Return the processes that watch over the group of `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().endswith(f"\0dragoman\0{pid}\0".encode()):
                found.append(int(entry.name))
    return [number for number in found if alive(number)]


@contextlib.contextmanager
def program(server: str) -> Iterator[tuple[subprocess.Popen[str], list[int]]]:
    """Run a program that has `server` open; yield it with the processes of its server."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM, server], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        try:
            line = parent.stdout.readline()
            pids = [int(word) for word in "".join(c if c.isdigit() else " " for c in line).split()]
            assert pids and all(alive(pid) for pid in pids)
            yield parent, pids
        finally:
            parent.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("server, members", [(FAMILY, 2), (POLITE, 1)])
async def test_no_orphan_outlives_a_parent_that_was_killed(server: str, members: int) -> None:
    """F07"""
    took: list[float] = []
    number = grown(1, 1000, by=100)

    async def killed() -> None:
        with contextlib.ExitStack() as stack:
            parent, pids = await asyncio.to_thread(stack.enter_context, program(server))
            assert len(pids) == members and len(watchers(pids[0])) == 1
            begun = time.monotonic()
            parent.kill()
            for pid in pids:
                await until_gone(pid)
            took.append(time.monotonic() - begun)
            for watcher in watchers(pids[0]):
                await until_gone(watcher)

    for first in range(0, number, TOGETHER):
        await asyncio.gather(*(killed() for _ in range(min(TOGETHER, number - first))))
    whose = "of a server that ignores it, and of its child" if server is FAMILY else "of a server"
    figure("F07", f"clients killed {whose}", len(took))
    figure("F07", f"until the last was gone {whose}", max(took), SECONDS, "s")


async def test_closing_leaves_no_watcher_behind_and_neither_does_a_server_that_ends() -> None:
    async with running(POLITE) as exchange:
        await exchange.send(ASK)
        assert exchange._transport is not None
        pid = exchange._transport.get_pid()
        assert len(watchers(pid)) == 1
    assert watchers(pid) == []
    async with running(f"print('{ANSWER}', flush=True)") as exchange:
        assert exchange._transport is not None
        pid = exchange._transport.get_pid()
        await until_gone(pid)
        for watcher in watchers(pid):
            await until_gone(watcher)


async def test_what_a_dead_server_left_behind_ends_with_the_connection() -> None:
    text = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "sys.stdin.readline()\n"
        """print('{"jsonrpc":"2.0","id":1,"result":{"pid":%d}}' % child.pid, flush=True)"""
    )
    exchange = ProcessExchange(Command(words=(sys.executable, "-c", text), stop_seconds=0.3))
    await exchange.open(Quiet())
    answer = await exchange.send(ASK)
    assert answer.frame is not None
    left = int(bytes(answer.frame.result).split(b":")[1].strip(b"}"))
    assert exchange._transport is not None
    pid = exchange._transport.get_pid()
    await until_gone(pid)
    assert alive(left)
    await exchange.close()
    await until_gone(left)
    assert watchers(pid) == []


# --- while it runs ----------------------------------------------------------------------------------------------


async def test_a_flood_on_stderr_is_drained_and_holds_up_no_answer() -> None:
    """F09"""
    text = (
        "import sys\nfor line in sys.stdin:\n"
        "    sys.stderr.write('x' * 1024 * 1024)\n"
        f"    print('{ANSWER}', flush=True)"
    )
    async with running(text) as exchange:
        assert (await exchange.send(ASK)).body == ANSWER.encode()
        number, before, slowest = times(3, 1024), rss(), 0.0
        for _ in range(number):
            begun = time.monotonic()
            assert (await exchange.send(ASK)).body == ANSWER.encode()
            slowest = max(slowest, time.monotonic() - begun)
        assert 0 < len(exchange._stderr) <= 64 * 1024
    figure("F09", "written to stderr, 1 MiB before each answer", number, None, "MiB")
    figure("F09", "longest wait for an answer", slowest, 1.0, "s")
    figure("F09", "memory more than after the first", (rss() - before) / MIB, 16.0, "MiB")


async def test_nothing_of_ours_is_held_by_the_watcher() -> None:
    """Or a pipe of a program that is gone would stay open for as long as its servers."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    try:
        async with running(POLITE) as exchange:
            await exchange.send(ASK)
            assert exchange._transport is not None
            (watcher,) = watchers(exchange._transport.get_pid())
            held = {os.readlink(f"/proc/{watcher}/fd/{fd}") for fd in os.listdir(f"/proc/{watcher}/fd")}
            assert os.readlink(f"/proc/self/fd/{write}") not in held
    finally:
        os.close(read)
        os.close(write)
