"""From sources that see their data change to clients that listen, coalesced: a thousand changes are few notices.

Sources tell from any thread; notices go out from the server's loop, a moment after the first of them.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Sequence

from dragoman.app.server import Server
from dragoman.connectors.source import Looking, Source

_log = logging.getLogger("dragoman.connectors")
QUIET = 0.3  # seconds from the first change to the notices: editors write a file in several steps
LOOK = 2.0  # seconds between looks of sources that learn of changes only so, while somebody listens
MOST = 500  # addresses told one by one; beyond that only that the list changed


class Changes:
    """What changed since listeners were told.  `tell` is what a source is given."""

    def __init__(self, server: Server, sources: Callable[[], Iterable[Source]] = tuple) -> None:
        self._server = server
        self._sources = sources
        self._looking: asyncio.Task[None] | None = None
        self._looks: dict[int, asyncio.Task[None]] = {}  # under way, one for a source
        self._lock = threading.Lock()
        self._changed: dict[str, None] = {}
        self._listed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._due: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Tell from now on, in the loop that runs."""
        self._loop = asyncio.get_running_loop()
        self._looking = asyncio.create_task(self._look())

    def close(self) -> None:
        """Tell no more."""
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None
        for task in self._looks.values():
            task.cancel()
        with self._lock:
            self._loop = None
        if self._due is not None:
            self._due.cancel()
            self._due = None

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if len(self._server.service.bus):
                for source in self._sources():
                    # One that is slow to look through, a network's disk, keeps no other waiting.
                    if isinstance(source, Looking) and id(source) not in self._looks:
                        self._looks[id(source)] = asyncio.create_task(self._look_through(source))

    async def _look_through(self, source: Looking) -> None:
        try:
            await asyncio.to_thread(source.look)
        except Exception:
            _log.exception("%s cannot be looked through for changes", source)
        finally:
            self._looks.pop(id(source), None)

    @property
    def tell(self) -> Callable[[Sequence[str]], None]:
        """What takes the addresses of what changed; none mean that items came or went."""
        return self._tell

    def _tell(self, uris: Sequence[str]) -> None:
        with self._lock:
            first = not self._changed and not self._listed
            self._listed = self._listed or not uris or len(self._changed) + len(uris) > MOST
            self._changed.update(dict.fromkeys(uris[:MOST]))
            loop = self._loop
            if loop is None or not first:
                return
            try:
                loop.call_soon_threadsafe(self._schedule)
            except RuntimeError:
                self._loop = None  # the server's loop has ended without closing

    def _schedule(self) -> None:
        if self._loop is not None and self._due is None:
            self._due = self._loop.call_later(QUIET, self._flush)

    def _flush(self) -> None:
        self._due = None
        with self._lock:
            changed, self._changed = list(self._changed), {}
            listed, self._listed = self._listed, False
        for uri in changed[:MOST]:
            self._server.notify_resource_updated(uri)
        if listed:
            self._server.notify_resources_changed()
