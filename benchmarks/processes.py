"""Servers as processes: started, waited for, and asked what they cost, which the kernel knows better than a clock."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import load

SERVERS = Path(__file__).parent / "servers"
_SCHEDULED = 2  # which clock of a process: the least significant bits of its number, as clock_getcpuclockid(3) makes it
START = 180  # seconds that a server may take to answer first; under an instrument it is slow


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Served(NamedTuple):
    """A server that answers at a port; `pid` is its process, which may have children."""

    port: int
    pid: int

    def cpu(self) -> float:
        """Return the CPU seconds that the process and its children have used."""
        return sum(map(cpu_of, family(self.pid)))

    def memory(self, field: str = "VmRSS") -> int:
        """Return the resident memory of the process in bytes; VmHWM is the most that it ever was."""
        return int(re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())[1]) * 1024

    def forget_peak(self) -> None:
        """Let VmHWM begin anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process, of its threads that ended, too; 0 if there is no such process.

    By its clock, which the scheduler keeps in nanoseconds: /proc/PID/stat says the same cut to 10 ms, a tenth of what
    a slice costs.
    """
    try:
        return time.clock_gettime((~pid << 3) | _SCHEDULED)
    except OSError:
        return 0.0


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for tasks in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in tasks.read_text().split():
                found += family(int(child))
    return found


@contextmanager
def serving(*command: object, first: load.Request | None = None, env: dict[str, str] | None = None) -> Iterator[Served]:
    """Run a server whose last word is its port, `PORT` in `command`; yield it once it answers `first`."""
    port = free_port()
    words = [str(word).replace("PORT", str(port)) for word in command]
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(words, stdout=quiet, stderr=quiet, env={**os.environ, **(env or {})})
    try:
        _wait(process, port, first or load.CALL)
        yield Served(port, process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, first: load.Request) -> None:
    until = time.monotonic() + START
    status, body = 0, b""
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended by itself with status {process.returncode}")
        try:
            status, body = asyncio.run(load.exchange(port, first))
            if status == 200:
                return
        except (OSError, asyncio.IncompleteReadError):
            status, body = 0, b"no answer"
        time.sleep(0.05)
    raise RuntimeError(f"{process.args} did not start: {status} {body[:200]!r}")
