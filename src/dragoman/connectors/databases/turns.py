"""Who may have a file open: any number that read it, or one alone that writes.

DuckDB opens a file in one way at a time in a process. Limit: who writes waits for all who read, at most `WAIT`.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager

from dragoman.connectors.databases.engine import EngineFault

WAIT = 10.0  # seconds for a turn


class Turns:
    """The turns of one file; safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reading = 0
        self._writing = False

    @contextmanager
    def shared(self) -> Generator[None, None, None]:
        """Read in the block, beside others.  Raises EngineFault when somebody writes for too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._writing, WAIT):
                raise EngineFault("it is being written to; try again in a moment")
            self._reading += 1
        try:
            yield
        finally:
            with self._changed:
                self._reading -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Write in the block, while nobody reads.  Raises EngineFault when others are busy for too long."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._writing and not self._reading, WAIT):
                raise EngineFault("others read it without a pause; try again in a moment")
            self._writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()
