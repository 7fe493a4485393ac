"""Runs one command: no shell, its own group of processes, a clean environment, and an end by time, size or wish.

Promise: when `run` returns, nothing that the command started in its group is alive, and no more than `most` bytes of
what it printed are held.  Limit: a process that leaves its group on purpose is not followed (the host's sandbox is).
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_LOOK = 0.1  # seconds between two looks at the clock and at the caller's wish
_GRACE = 0.5  # seconds between asking and killing
_PIECE = 65_536
_TAIL = 8_000  # bytes of what it complains about


class Outcome(NamedTuple):
    """How a command ended.  `code` is its exit code, negative for a signal; `ended` is "" or why it was stopped."""

    code: int
    output: bytes
    complaints: bytes
    seconds: float
    ended: str = ""
    cut: bool = False


class Limits(NamedTuple):
    """When a command is stopped: after `seconds`, or once it printed more than `most` bytes."""

    seconds: float
    most: int


def environment(inherit: Sequence[str], more: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a command gets: those that programs need to run, those named, and the owner's."""
    found = {name: os.environ[name] for name in (*_KEPT, *inherit) if name in os.environ}
    return {**found, **more}


def run(
    argv: Sequence[str],
    cwd: Path,
    env: Mapping[str, str],
    given: bytes,
    limits: Limits,
    heard: Callable[[bytes], None] | None,
    cancelled: Callable[[], bool],
) -> Outcome:
    """Run a command to its end; `heard`, if there is one, gets each line as it comes.

    Raises OSError if the command cannot start.  Not on Windows, which has no groups of
    processes and no pipes that can be polled.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        list(argv), cwd=cwd, env=dict(env), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True, close_fds=True,
    )  # fmt: skip
    watch = _Watch(process, given, limits, heard)
    try:
        ended = watch.follow(started + limits.seconds, cancelled)
    finally:
        _end(process)
        for stream in (process.stdin, process.stdout, process.stderr):
            _close(stream)
    seconds = time.monotonic() - started
    return Outcome(process.returncode, bytes(watch.output), bytes(watch.complaints), seconds, ended, watch.cut)


class _Watch:
    """What comes out of one process, and what goes in."""

    def __init__(
        self, process: subprocess.Popen[bytes], given: bytes, limits: Limits, heard: Callable[[bytes], None] | None
    ) -> None:
        self._process = process
        self._given = memoryview(given)
        self._limits = limits
        self._heard = heard
        self._line = bytearray()
        self.output = bytearray()
        self.complaints = bytearray()
        self.cut = False

    def follow(self, deadline: float, cancelled: Callable[[], bool]) -> str:
        """Read until both streams end; return "" or why it was given up."""
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None and stdout is not None and stderr is not None
        for stream in (stdin, stdout, stderr):
            os.set_blocking(stream.fileno(), False)
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ, self._printed)
            selector.register(stderr, selectors.EVENT_READ, self._complained)
            if self._given:
                selector.register(stdin, selectors.EVENT_WRITE, None)
            else:
                stdin.close()
            while selector.get_map():
                ready = selector.select(_LOOK)
                if not ready and self._process.poll() is not None:
                    break  # it is over, and what it left behind only keeps the streams open
                for key, _ in ready:
                    if key.data is None:
                        self._feed(selector, stdin)
                    elif not self._read(key.fileobj, key.data):  # type: ignore[arg-type]
                        selector.unregister(key.fileobj)
                if reason := self._over(deadline, cancelled):
                    return reason
        while self._process.poll() is None:
            # It closed its streams and goes on.
            if reason := self._over(deadline, cancelled):
                return reason
            try:
                self._process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                continue
        return ""

    def _over(self, deadline: float, cancelled: Callable[[], bool]) -> str:
        if self.cut:
            return "size"
        if cancelled():
            return "cancelled"
        return "time" if time.monotonic() > deadline else ""

    def _feed(self, selector: selectors.BaseSelector, stdin: IO[bytes]) -> None:
        try:
            self._given = self._given[os.write(stdin.fileno(), self._given[:_PIECE]) :]
        except BlockingIOError:
            return
        except OSError:
            self._given = memoryview(b"")  # it reads no more, which is its own affair
        if not self._given:
            selector.unregister(stdin)
            _close(stdin)

    def _read(self, stream: IO[bytes], take: Callable[[bytes], None]) -> bool:
        try:
            data = os.read(stream.fileno(), _PIECE)
        except BlockingIOError:
            return True
        if data:
            take(data)
        return bool(data)

    def _printed(self, data: bytes) -> None:
        room = self._limits.most - len(self.output)
        self.output += data[:room]
        self.cut = self.cut or len(data) > room
        self._say(data)

    def _complained(self, data: bytes) -> None:
        self.complaints += data
        del self.complaints[:-_TAIL]
        self._say(data)

    def _say(self, data: bytes) -> None:
        if self._heard is None:
            return
        self._line += data
        *whole, rest = self._line.replace(b"\r", b"\n").split(b"\n")
        self._line = rest[-_TAIL:]
        for line in whole[-20:]:
            if line:
                self._heard(bytes(line))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and its group, with a moment to clean up."""
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            pass
    # What it started may have outlived it, and holds no right to.
    _signal(process, signal.SIGKILL)
    process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass  # gone already


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        try:
            stream.close()
        except OSError:
            pass  # a pipe that nobody reads
