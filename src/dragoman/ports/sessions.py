"""What a transport knows of handshake-era sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

import msgspec

from dragoman.ports.bus import Feed
from dragoman.protocol.handshake import Handshake
from dragoman.wire.base import RequestId


class Session(Protocol):
    """One session: its id, what was agreed, and the calls under way."""

    @property
    def id(self) -> str:
        """Visible ASCII, unguessable."""
        ...

    @property
    def peer(self) -> Handshake:
        """What was agreed with the client."""
        ...

    @property
    def calls(self) -> dict[RequestId, Callable[[], None]]:
        """How to cancel each call under way, by its id."""
        ...

    listening: Feed | None  # what its GET stream hears, while there is one

    @property
    def streams(self) -> MutableMapping[str, Any]:
        """What was said on its response streams, by the stream's name."""
        ...

    @property
    def asks(self) -> dict[RequestId, asyncio.Future[msgspec.Raw]]:
        """The questions to this client that are unanswered."""
        ...


class Sessions(Protocol):
    """All sessions of one server."""

    def open(self) -> Session | None:
        """Return a new session, or None when there is no room for one."""
        ...

    def get(self, session_id: str) -> Session | None:
        """Return a session, None if there is none of that id any more."""
        ...

    def end(self, session_id: str) -> bool:
        """End a session; returns whether there was one."""
        ...
