"""The client's side of a transport: a request goes out, its answer comes back.

HTTP is an exchange by nature; stdio and memory are made into one by an id table.
Exchanges know no era and judge no answer: they carry bytes, and raise TransportError when they cannot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias

import msgspec

from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import Frame

Fields: TypeAlias = Mapping[str, str]
NO_FIELDS: Fields = MappingProxyType({})


class Outgoing(msgspec.Struct, frozen=True):
    """One request on its way out: its id, its bytes, and header fields for transports that have them.

    `session` says that the answer may open a session, `resumes` that a stream
    which ended early may be taken up again (LEG-12, LEG-14). `listener` hears
    what comes with the answer, where that can be told from the rest; without it
    the one that the exchange was opened with does. `on_pause` is told when the
    server ends a stream that goes on after so many seconds (LEG-13).
    """

    id: RequestId
    body: bytes
    headers: Fields = NO_FIELDS
    session: bool = False
    resumes: bool = False
    listener: Listener | None = None
    on_pause: Callable[[float], None] | None = None


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """What came back: the answer's bytes, already decoded as a frame if it is the response to the request.

    `frame` is None when `body` is something else, an error page perhaps.
    `status` is that of HTTP, and 200 elsewhere; header names are lower-case.
    """

    status: int
    body: bytes
    frame: Frame | None = None
    headers: Fields = NO_FIELDS


class Listener(Protocol):
    """Who hears what a server says of its own accord."""

    def hear(self, notice: Frame) -> None:
        """Take a notification. Must not block, and raises nothing."""
        ...

    async def answer(self, request: Frame) -> bytes | None:
        """Return the whole response to a request of the server's (handshake era). Raises nothing.

        None means that none may be sent: stateless servers ask nothing (STDIO-03).
        """
        ...

    def missed(self) -> None:
        """Take that something said outside of calls may not have been heard. Must not block, and raises nothing."""
        ...

    def lost(self) -> None:
        """Take that the way ended by itself: nothing more comes over it. Must not block, and raises nothing."""
        ...


class Exchange(Protocol):
    """One way to one server. Opened once, closed once; many requests may be under way at a time."""

    @property
    def where(self) -> str:
        """What this leads to, for messages to people: a URL without secrets, or a command."""
        ...

    @property
    def over_http(self) -> bool:
        """Whether header fields travel, and closing a response stream reaches the server."""
        ...

    @property
    def session(self) -> str | None:
        """The HTTP session that the server opened, if any."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing can be sent any more and another must be dialled. Never where each request is a POST."""
        ...

    async def open(self, listener: Listener) -> None:
        """Make ready to send. Raises UnreachableError if there is nothing to talk to."""
        ...

    async def send(self, request: Outgoing) -> Incoming:
        """Return the answer to `request`. When cancelled, waits for it no more.

        Raises UnreachableError if the request did not get out, ClosedError if
        the connection ended before the answer came, and MalformedError if what
        came is too large or cannot be told apart.
        """
        ...

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Send a notification or a response, to which no answer comes. Raises TransportError."""
        ...

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Use the session no more, telling the server so if `end`. Raises nothing."""
        ...

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Hear from now on what a handshake-era server says outside of calls, where that takes something.

        Returns when the server has taken that up or refused it, or does neither
        for a while. Safe to call again. Raises nothing.
        """
        ...

    async def close(self) -> None:
        """Release everything; requests under way get ClosedError. Safe from any task, and twice."""
        ...


# Makes a fresh way to the server: a server that died is started anew with it.
Dial: TypeAlias = Callable[[], Exchange]
