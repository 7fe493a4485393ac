"""Sessions of handshake-era HTTP clients: made by `initialize`, ended by DELETE, silence or want of room.

Bounded in number and in idle time; a session in use is never ended for room. These are one process's own;
`shared_sessions` are those of many.
Source: 2025-11-25 basic/transports "Session Management"; requirements LEG-07 to LEG-09.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from dragoman.ports.bus import Feed
from dragoman.ports.sessions import Deliver, Session
from dragoman.protocol.exchange import Caller
from dragoman.protocol.handshake import NOBODY, Handshake
from dragoman.protocol.limits import Limits
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import Frame

NAMED = 24  # random bytes of an id
Streams = Callable[[str], Any]


class OwnSession:
    """One session: what was agreed, and what is under way here."""

    __slots__ = ("asks", "calls", "ended", "id", "listening", "loads", "owner", "peer", "streams", "used")

    def __init__(self, session_id: str, now: float, streams: Any, owner: str = "") -> None:
        caller = Caller(NOBODY.version, NOBODY.capabilities, session=session_id)
        self.id = session_id
        self.peer = Handshake(caller=caller)
        self.owner = owner
        self.used = now
        self.loads = 0
        self.ended = False
        self.asks: dict[RequestId, asyncio.Future[msgspec.Raw]] = {}
        self.listening: Feed | None = None
        self.streams = streams
        self.calls: dict[RequestId, Callable[[], None]] = {}

    @property
    def busy(self) -> bool:
        """Whether a call is under way, or somebody listens."""
        return bool(self.calls) or self.listening is not None

    def close(self) -> None:
        """End its calls and its listening stream, and forget what was said."""
        self.ended = True
        for cancel in list(self.calls.values()):
            cancel()
        if self.listening is not None:
            self.listening.end()
        if self.streams is not None:
            self.streams.clear()


def new_id() -> str:
    """Return an id that nobody guesses: visible ASCII (LEG-07)."""
    return secrets.token_urlsafe(NAMED)


class Sessions:
    """All sessions of one process, least recently used first. `streams` makes what holds the streams of one, if any."""

    def __init__(
        self, limits: Limits, clock: Callable[[], float] = time.monotonic, streams: Streams | None = None
    ) -> None:
        self.clock = clock
        self.deliver: Deliver | None = None
        self._limits = limits
        self._streams = streams
        self._sessions: OrderedDict[str, OwnSession] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    async def open(self) -> OwnSession | None:
        """Return a new session with an unguessable id, or None if there is no room and all are busy."""
        self._end_idle()
        if len(self._sessions) >= self._limits.sessions and not self._make_room():
            return None
        session_id = new_id()
        streams = None if self._streams is None else self._streams(session_id)
        session = self._sessions[session_id] = OwnSession(session_id, self.clock(), streams)
        return session

    async def get(self, session_id: str) -> OwnSession | None:
        """Return the session, now used; None if it never was or has ended."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        now = self.clock()
        if now - session.used >= self._limits.session_idle_seconds and not (session.calls or session.listening):
            self._forget(session)
            return None
        session.used = now
        self._sessions.move_to_end(session_id)
        return session

    async def save(self, session: Session, loads: int) -> bool:
        """Note what was agreed: it is in `session.peer` already."""
        session.peer.changed = False
        return True

    async def end(self, session_id: str) -> bool:
        """End a session, its calls and its listening stream; returns whether there was one."""
        session = self._sessions.get(session_id)
        if session is None:
            return False
        self._forget(session)
        return True

    async def pass_on(self, session: Session, frame: Frame) -> None:
        """Do nothing: there is no other process."""

    async def listens(self, session: Session) -> None:
        """Do nothing: there is no other process."""

    def _forget(self, session: OwnSession) -> None:
        del self._sessions[session.id]
        session.close()

    def _end_idle(self) -> None:
        # Those whose latest request began first come first, so this stops at the first that is young enough.
        now = self.clock()
        before = now - self._limits.session_idle_seconds
        while self._sessions:
            session = next(iter(self._sessions.values()))
            if session.used > before or session.used == now:
                return
            if session.busy:
                session.used = now
                self._sessions.move_to_end(session.id)
            else:
                self._forget(session)

    def _make_room(self) -> bool:
        for session in self._sessions.values():
            if not session.busy:
                self._forget(session)
                return True
        return False
