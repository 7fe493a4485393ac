"""Sessions of handshake-era HTTP clients: made by `initialize`, ended by DELETE, silence or want of room.

Bounded in number and in idle time; a session in use is never ended for room.
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
from dragoman.protocol.exchange import Caller
from dragoman.protocol.handshake import NOBODY, Handshake
from dragoman.protocol.limits import Limits
from dragoman.wire.base import RequestId


class Session:
    """One session: what was agreed, and how to cancel each call under way."""

    __slots__ = ("asks", "calls", "id", "listening", "peer", "streams", "used")

    def __init__(self, session_id: str, now: float) -> None:
        caller = Caller(NOBODY.version, NOBODY.capabilities, session=session_id)
        self.id = session_id
        self.peer = Handshake(caller=caller)
        self.used = now
        self.asks: dict[RequestId, asyncio.Future[msgspec.Raw]] = {}
        self.listening: Feed | None = None
        self.streams: dict[str, Any] = {}
        self.calls: dict[RequestId, Callable[[], None]] = {}


class Sessions:
    """All sessions of one server, least recently used first."""

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def open(self) -> Session | None:
        """Return a new session with an unguessable id, or None if there is no room and all are busy."""
        self._end_idle()
        if len(self._sessions) >= self._limits.sessions and not self._make_room():
            return None
        # 24 random bytes, all visible ASCII (LEG-07).
        session = Session(secrets.token_urlsafe(24), self._clock())
        self._sessions[session.id] = session
        return session

    def get(self, session_id: str) -> Session | None:
        """Return the session, now used; None if it never was or has ended."""
        session = self._sessions.get(session_id)
        if session is None:
            return None
        now = self._clock()
        if now - session.used >= self._limits.session_idle_seconds:
            self._end_idle()
            if session_id not in self._sessions:
                return None
        session.used = now
        self._sessions.move_to_end(session_id)
        return session

    def end(self, session_id: str) -> bool:
        """End a session, its calls and its listening stream; returns whether there was one."""
        session = self._sessions.pop(session_id, None)
        if session is None:
            return False
        for cancel in list(session.calls.values()):
            cancel()
        if session.listening is not None:
            session.listening.end()
        return True

    def _end_idle(self) -> None:
        # The oldest come first, so this stops at the first that is young enough.
        now = self._clock()
        before = now - self._limits.session_idle_seconds
        while self._sessions:
            session = next(iter(self._sessions.values()))
            if session.used > before or session.used == now:
                return
            if session.calls or session.listening:
                session.used = now
                self._sessions.move_to_end(session.id)
            else:
                del self._sessions[session.id]

    def _make_room(self) -> bool:
        for session in self._sessions.values():
            if not session.calls and not session.listening:
                del self._sessions[session.id]
                return True
        return False
