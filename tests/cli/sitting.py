"""A program at a pseudo-terminal, typed at and read back, for tests: no library between, so that Ctrl-C is Ctrl-C."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

_OWN = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "from dragoman.cli import main; sys.exit(main(sys.argv[1:]))"
)


class Sitting:
    """One program and its terminal. `seen` is all that it wrote so far."""

    def __init__(self, words: Sequence[str], folder: Path, environ: Mapping[str, str]) -> None:
        self._end, child = pty.openpty()
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "TERM": "dumb", "LC_ALL": "C.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _OWN, *words], stdin=child, stdout=child, stderr=child, cwd=folder,
            env={**os.environ, **home, **environ}, start_new_session=True,
        )  # fmt: skip
        os.close(child)
        self.seen = ""
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._end)

    def interrupt(self) -> None:
        """Press Ctrl-C once the program waits for a key: between the prompt and that, Python's input() misses it."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        end = time.monotonic() + 20
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "S":
            assert time.monotonic() < end, "it does not wait for a key"
            time.sleep(0.002)
        self.type("\x03")

    def type(self, text: str) -> None:
        os.write(self._end, text.encode())

    def until(self, text: str, seconds: float = 20.0) -> str:
        """Return what was written since the last call up to `text`; fails if that does not come."""
        end = time.monotonic() + seconds
        while (at := self.seen.find(text, self._read)) < 0:
            assert time.monotonic() < end, f"{text!r} did not come; since then: {self.seen[self._read :]!r}"
            self._more(end)
        found = self.seen[self._read : at + len(text)]
        self._read = at + len(text)
        return found

    def ended(self, seconds: float = 20.0) -> int:
        """Return the exit status."""
        end = time.monotonic() + seconds
        while self._more(end):
            assert time.monotonic() < end, f"it did not end: {self.seen[self._read :]!r}"
        return self._process.wait(seconds)

    def _more(self, end: float) -> bool:
        ready, _, _ = select.select([self._end], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return True
        try:
            data = os.read(self._end, 65536)
        except OSError:  # the program closed its end
            data = b""
        self.seen += data.decode(errors="replace").replace("\r\n", "\n")
        return bool(data)
