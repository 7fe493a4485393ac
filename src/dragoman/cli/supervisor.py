"""Keeps worker processes running: several on one socket, or one that is started anew when the code changes.

The socket stays open over restarts, so callers wait and are not refused.
Limit: needs to hand a socket to a child, which Windows does otherwise; there it is refused.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dragoman.app.saying import say
from dragoman.cli.outcome import FAILED, UsageError

LOOK = 0.25  # seconds between two looks at processes and files
GRACE = 30.0  # seconds that workers get to end: more than their own for calls and tasks (Limits.drain_seconds), each 10
EARLY = 5.0  # seconds within which an end counts as a failed start
MAX_RESTARTS = 10  # per minute, after which something is broken for good
MAX_FILES = 5000
SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})


class _Stop(Exception):
    """SIGTERM came."""


def keep(words: Sequence[str], listener: socket.socket, count: int, folder: Path | None, *, teaches: bool) -> int:
    """Keep `count` workers at `dragoman run WORDS` on `listener`, until told to stop; returns the exit status.

    With `folder`, all are started anew when a `.py` file below it changes. A
    worker that fails at its start ends everything, unless changes are waited
    for. Raises UsageError where processes cannot share a socket.
    """
    if os.name != "posix":
        raise UsageError("--workers and --reload need a system where processes can share a socket; leave them out")
    crew = _Crew(words, listener, count, teaches)
    watch = Watch(folder) if folder else None

    def stop(*_: Any) -> None:
        raise _Stop

    before = signal.signal(signal.SIGTERM, stop)
    try:
        crew.start()
        return _keep(crew, watch)
    except _Stop:
        return 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGTERM, before)
        crew.stop()


def _keep(crew: _Crew, watch: Watch | None) -> int:
    while True:
        time.sleep(LOOK)
        if watch is not None and (changed := watch.changed()):
            say(f"{changed} changed; starting anew")
            crew.stop()
            crew.start()
        status = crew.look(patient=watch is not None)
        if status is not None:
            return status


class _Crew:
    """The workers."""

    def __init__(self, words: Sequence[str], listener: socket.socket, count: int, teaches: bool) -> None:
        self._words = words
        self._listener = listener
        self._count = count
        self._teaches = teaches
        self._workers: list[tuple[subprocess.Popen[bytes], float]] = []
        self._restarts: list[float] = []

    def start(self) -> None:
        """Start all; the first one says where it serves."""
        for number in range(self._count):
            self._start("quiet" if number else "teach" if self._teaches else "brief")
        self._teaches = False

    def _start(self, role: str) -> None:
        fd = self._listener.fileno()
        # -P: a file called like a module of ours, in the folder where this was started, must not take its place.
        command = [sys.executable, "-P", "-m", "dragoman", "run", *self._words, "--inherit", f"{fd}:{role}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[fd])
        self._workers.append((process, time.monotonic()))

    def look(self, *, patient: bool) -> int | None:
        """Replace workers that ended. Returns an exit status if there is no point in going on."""
        for worker in list(self._workers):
            process, began = worker
            status = process.poll()
            if status is None:
                continue
            self._forget(worker)
            if patient:
                say("waiting for a change")
                continue
            now = time.monotonic()
            if now - began < EARLY and status > 0:
                return status
            self._restarts = [at for at in self._restarts if now - at < 60] + [now]
            if len(self._restarts) > MAX_RESTARTS:
                say(f"{len(self._restarts)} workers ended within a minute; giving up")
                return FAILED
            say(f"worker {process.pid} ended ({status}); starting another")
            self._start("quiet")
        return None

    def _forget(self, worker: tuple[subprocess.Popen[bytes], float]) -> None:
        self._workers.remove(worker)
        if worker[0].stdin is not None:
            worker[0].stdin.close()

    def stop(self) -> None:
        """Let all end, and end those that do not."""
        for process, _ in self._workers:
            process.terminate()
        deadline = time.monotonic() + GRACE
        for worker in list(self._workers):
            process = worker[0]
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self._forget(worker)


class Watch:
    """The `.py` files below a folder: which of them changed since the last look.

    Hidden folders, environments and installed packages are left out; at most 5,000 files are looked at.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = self._look()

    def changed(self) -> str | None:
        """Return the path of a file that is new, gone or different, from the folder on; None if there is none."""
        now = self._look()
        different = sorted(path for path in now.keys() | self._seen.keys() if now.get(path) != self._seen.get(path))
        self._seen = now
        return os.path.relpath(different[0], self._folder) if different else None

    def _look(self) -> dict[str, tuple[int, int]]:
        seen: dict[str, tuple[int, int]] = {}
        for path in self._files():
            try:
                state = os.stat(path)
            except OSError:
                continue
            seen[path] = (state.st_mtime_ns, state.st_size)
            if len(seen) >= MAX_FILES:
                break
        return seen

    def _files(self) -> Iterator[str]:
        for folder, below, names in os.walk(self._folder):
            below[:] = [
                name
                for name in below
                if name not in SKIPPED
                and not name.startswith(".")
                and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
            ]
            yield from (os.path.join(folder, name) for name in names if name.endswith(".py"))
