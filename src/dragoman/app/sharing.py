"""What the processes that serve one server share through its store: sessions, streams, changes, large results.

Loaded only for a server whose store others can reach.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from dragoman.ports.bus import Topic
from dragoman.serving.crew import TOPIC, Crew, Letter, as_text
from dragoman.serving.shared_sessions import SharedSessions
from dragoman.serving.stored_streams import StoredStreams
from dragoman.wire.notices import RESOURCE_UPDATED

if TYPE_CHECKING:
    from dragoman.app.surface import Surface
    from dragoman.ports.store import Store
    from dragoman.serving.sessions import Streams

READABLE = 64  # characters of a name that appear in keys as they are


class Sharing:
    """One process's part in serving `name` together with others."""

    def __init__(self, name: str, store: Store, surface: Surface) -> None:
        limits, bus = surface.kernel.limits, surface.kernel.bus
        self._limits = limits
        self._bus = bus
        self._sessions: SharedSessions | None = None
        self.crew = Crew(store, place_of(name), limits.worker_seconds)
        self.streams = StoredStreams(self.crew, limits)
        self.crew.on(TOPIC, self._told, own=True)
        bus.relay = self._relay
        surface.kept.share(store, self.crew.place)

    def sessions(self, streams: Streams) -> SharedSessions:
        """Return the sessions of this process, the same for all its endpoints."""
        if self._sessions is None:
            self._sessions = SharedSessions(self.crew, self._limits, streams=streams)
        return self._sessions

    async def start(self) -> None:
        """Begin to hear the others. Safe to call again."""
        await self.crew.start()

    async def stop(self) -> None:
        """Leave the others."""
        await self.streams.stop()
        await self.crew.stop()

    def _relay(self, topic: Topic) -> bool:
        # What is told of resources is heard here, too, in the order of the letters: a session may have subscribed at
        # another process just before, and our copy of it not know that yet.
        return self.crew.announce(topic) and topic[0] == RESOURCE_UPDATED

    async def _told(self, letter: Letter) -> None:
        topic: Topic = (letter.about, as_text(letter.body))
        if letter.origin != self.crew.name or topic[0] == RESOURCE_UPDATED:
            self._bus.hear(topic)


def place_of(name: str) -> str:
    """Return what stands for a server in the keys of its store: servers of other names do not meet."""
    if len(name) <= READABLE and name.isascii() and name.isprintable():
        return name
    return hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
