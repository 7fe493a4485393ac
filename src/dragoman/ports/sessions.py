"""What a transport knows of handshake-era sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, Protocol, TypeAlias

import msgspec

from dragoman.ports.bus import Feed
from dragoman.protocol.handshake import Handshake
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import Frame


class Session(Protocol):
    """One session: its id, what was agreed, and what is under way in this process."""

    @property
    def id(self) -> str:
        """Visible ASCII, unguessable."""
        ...

    @property
    def peer(self) -> Handshake:
        """What was agreed with the client."""
        ...

    @property
    def owner(self) -> str:
        """Of which process this is, where there are several: the ids of its questions begin so. Else empty."""
        ...

    @property
    def calls(self) -> dict[RequestId, Callable[[], None]]:
        """How to cancel each call under way, by its id."""
        ...

    @property
    def streams(self) -> Any:
        """What was said on its response streams: what the transport makes for this session's id, or None."""
        ...

    @property
    def asks(self) -> dict[RequestId, asyncio.Future[msgspec.Raw]]:
        """The questions to this client that are unanswered."""
        ...

    listening: Feed | None  # what its GET stream hears, while there is one
    used: float  # when its last request began or ended, by the clock of its Sessions
    loads: int  # how often what another process agreed took the place of what was agreed here
    ended: bool


# Acts on a message that came in at another process: a notification, or the response to a question asked here.
Deliver: TypeAlias = Callable[[Session, Frame], object]


class Sessions(Protocol):
    """All sessions of one server. What a shared store is needed for raises StoreError when that fails."""

    @property
    def clock(self) -> Callable[[], float]:
        """Seconds that only grow."""
        ...

    deliver: Deliver | None

    async def open(self) -> Session | None:
        """Return a new session, or None when there is no room for one. It counts once it is saved."""
        ...

    async def get(self, session_id: str) -> Session | None:
        """Return a session, None if there is none of that id any more."""
        ...

    async def save(self, session: Session, loads: int) -> bool:
        """Note what was agreed, for every process, if that is still about what it was at `loads`.

        Returns False if another process agreed to something in the meantime, which `session.peer` now says, or the
        session has ended: judge anew.
        """
        ...

    async def end(self, session_id: str) -> bool:
        """End a session everywhere; returns whether there was one."""
        ...

    async def pass_on(self, session: Session, frame: Frame) -> None:
        """Hand a message that nobody here waits for to whichever process it is for, if there is one."""
        ...

    async def listens(self, session: Session) -> None:
        """Say that the session's GET stream is here now: one at another process ends."""
        ...


class Replays(Protocol):
    """What was said on response streams, kept where other processes find it."""

    @property
    def owner(self) -> str:
        """What the names of streams of this process begin with."""
        ...

    def begin(self, session_id: str, stream: str, request_id: RequestId) -> None:
        """Keep a stream from now on; it carries the answer to `request_id`."""
        ...

    def add(self, session_id: str, stream: str, number: int, event: bytes, most: int) -> None:
        """Keep an event, written for the wire, and forget all but the latest `most`. Does not wait."""
        ...

    def end(self, session_id: str, stream: str) -> None:
        """Say that there will be no more events."""
        ...

    def forget(self, session_id: str, stream: str) -> None:
        """Keep a stream no more."""
        ...

    async def room(self) -> None:
        """Wait while too much is on its way to be kept."""
        ...

    async def follow(self, session_id: str, stream: str, number: int) -> AsyncIterator[bytes] | None:
        """Return the events behind `number`, those to come included; None if nothing is known of the stream.

        When the process that answers has ended, the last event says so, as the response to the request.
        """
        ...
