"""Event loops that stand still: which callback held one up, for how long, and on which line.

While one callback runs, every other call of the process waits. Time in which the system gave the thread no processor
is not counted where it says so (Linux). Limit: loops of asyncio; what uvloop runs is not seen.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NamedTuple

LIMIT = 0.1  # seconds
LINES = 12  # of where it stood, the innermost


class StallError(AssertionError):
    """A callback held an event loop up; the message says for how long, and where it was then."""


class Stall(NamedTuple):
    """One callback that took too long: `seconds`, `what` it was, and `where` it stood when half of that was over."""

    seconds: float
    what: str
    where: str

    def __str__(self) -> str:
        return f"{self.seconds * 1000:.0f} ms in {self.what}" + (
            f", which stood at\n{self.where}" if self.where else ""
        )


class _Step:
    """A callback that runs now: since when, and where it was seen when it was late."""

    __slots__ = ("seen", "since", "thread")

    def __init__(self, thread: int) -> None:
        self.thread = thread
        self.since = time.monotonic()
        self.seen = ""


class _Watch:
    """Times every callback of every loop in the process, and looks where the late ones are."""

    def __init__(self, limit: float) -> None:
        self.found: list[Stall] = []
        self._limit = limit
        self._run: Callable[[Any], Any] = getattr(asyncio.Handle, "_run")  # noqa: B009 - nothing else sees each callback
        self._steps: dict[int, _Step] = {}
        self._lines: dict[
            int, tuple[int, float, float]
        ] = {}  # by thread: the system's id, and when it had waited how long
        self._over = threading.Event()
        self._looker = threading.Thread(target=self._look, name="dragoman worker: stalls", daemon=True)

    def begin(self) -> None:
        """Time what runs from now on."""

        def timed(handle: Any) -> None:
            self._timed(handle)

        setattr(asyncio.Handle, "_run", timed)  # noqa: B010
        self._looker.start()

    def end(self) -> None:
        """Leave everything as it was."""
        setattr(asyncio.Handle, "_run", self._run)  # noqa: B010
        self._over.set()
        self._looker.join()

    def _timed(self, handle: Any) -> None:
        thread = threading.get_ident()
        if thread not in self._lines:
            native = threading.get_native_id()
            self._lines[thread] = (native, time.monotonic(), _in_line(native))
        outer = self._steps.get(thread)
        step = self._steps[thread] = _Step(thread)
        try:
            self._run(handle)
        finally:
            took = time.monotonic() - step.since
            if outer is None:
                del self._steps[thread]
            else:
                self._steps[thread] = outer
            if took > self._limit:
                self._late(handle, step, took)

    def _late(self, handle: Any, step: _Step, took: float) -> None:
        native, at, waited = self._lines[step.thread]
        # What was looked at after the step began says nothing of before.
        if at <= step.since:
            took -= _in_line(native) - waited
        if took > self._limit:
            self.found.append(Stall(took, _named(handle), step.seen))

    def _look(self) -> None:
        while not self._over.wait(self._limit / 4):
            now = time.monotonic()
            for thread, (native, _, _) in list(self._lines.items()):
                step = self._steps.get(thread)
                if step is None:
                    self._lines[thread] = (native, now, _in_line(native))
                elif not step.seen and now - step.since > self._limit / 2:
                    frames: Callable[[], dict[int, FrameType]] = getattr(sys, "_current_frames")  # noqa: B009
                    frame = frames().get(thread)
                    step.seen = _where(frame) if frame is not None else ""


def _in_line(native: int) -> float:
    """Return for how many seconds a thread was ready to run and had no processor, ever; 0 where nobody says."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/self/task/{native}/schedstat", "rb") as file:
        return int(file.read().split()[1]) / 1e9
    return 0.0


def _where(frame: FrameType) -> str:
    return "".join(traceback.format_stack(frame)[-LINES:]).rstrip()


def _named(handle: Any) -> str:
    callback: Any = getattr(handle, "_callback", None)
    owner: Any = getattr(callback, "__self__", None)
    # A task's step is its own method, be it asyncio's or of another kind.
    if hasattr(owner, "get_coro"):
        work: Any = owner.get_coro()
        return f"the task {owner.get_name()} ({getattr(work, '__qualname__', work)})"
    return f"the callback {getattr(callback, '__qualname__', callback)}"


@contextmanager
def stalls(seconds: float = LIMIT) -> Generator[list[Stall]]:
    """Yield a list, to which every callback that takes longer than `seconds` is added, of any loop of the process."""
    watch = _Watch(seconds)
    watch.begin()
    try:
        yield watch.found
    finally:
        watch.end()


@contextmanager
def no_stalls(seconds: float = LIMIT) -> Generator[None]:
    """Raise StallError if a callback holds an event loop up for longer than `seconds`.

    What the block raises passes unchanged.
    """
    with stalls(seconds) as found:
        yield
    if found:
        raise StallError(f"held the event loop up for more than {seconds * 1000:g} ms: {'; '.join(map(str, found))}")
