"""A few connections to one server, lent to one thread at a time, and closed when nobody has needed them for a while."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, TypeVar

from dragoman.connectors.databases.engine import EngineFault

T = TypeVar("T")

SIZE = 4  # connections at once: others wait
IDLE = 30.0  # seconds after which an idle one is closed
WAIT = 10.0  # seconds that a thread waits for one


def quiet(descriptor: int) -> bool:
    """Tell whether nothing has come on a connection that waits for nothing: what comes then is its end."""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        return not selector.select(0)


class Pool(Generic[T]):
    """Connections made by `make` and ended by `end`.

    What a block leaves with an exception, or not `alive`, is not lent again.
    """

    def __init__(
        self, make: Callable[[], T], end: Callable[[T], object], alive: Callable[[T], bool], *, idle: float = IDLE
    ) -> None:
        self._make = make
        self._end = end
        self._alive = alive
        self._idle = idle
        self._places = threading.Semaphore(SIZE)
        self._lock = threading.Lock()
        self._free: list[tuple[float, T]] = []
        self._timer: threading.Timer | None = None

    @contextmanager
    def lent(self) -> Generator[T, None, None]:
        """Lend a connection for the block.  Raises EngineFault when all are busy for too long."""
        if not self._places.acquire(timeout=WAIT):
            raise EngineFault(f"all {SIZE} connections are busy; try again in a moment")
        try:
            kept = self._kept()
            connection = self._make() if kept is None else kept
            try:
                yield connection
            except BaseException:
                self._end(connection)
                raise
            if self._alive(connection):
                with self._lock:
                    self._free.append((time.monotonic(), connection))
                    self._wind()
        finally:
            self._places.release()

    def close(self) -> None:
        """End all that are idle.  Those that are lent end when they come back late, as idle ones do."""
        with self._lock:
            free, self._free = self._free, []
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        for _, connection in free:
            self._end(connection)

    def _kept(self) -> T | None:
        """Return an idle connection that still stands: servers end them, too, and restart."""
        while True:
            with self._lock:
                if not self._free:
                    return None
                connection = self._free.pop()[1]
            if self._alive(connection):
                return connection
            self._end(connection)

    def _wind(self) -> None:
        if self._timer is None and self._free:
            self._timer = threading.Timer(self._idle, self._sweep)
            self._timer.daemon = True
            self._timer.start()

    def _sweep(self) -> None:
        with self._lock:
            self._timer = None
            limit = time.monotonic() - self._idle * 0.9
            old = [connection for since, connection in self._free if since <= limit]
            self._free = [entry for entry in self._free if entry[0] > limit]
            self._wind()
        for connection in old:
            self._end(connection)
