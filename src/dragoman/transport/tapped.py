"""Any exchange, with somebody who reads along: what goes out and what comes in, byte for byte, nothing changed.

Tracing and recording hang here. Limit: HTTP's own traffic (redirects, polling) is the exchange's affair, and not seen.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import UNSET, structs

from dragoman.ports.exchange import NO_FIELDS, Exchange, Fields, Incoming, Listener, Outgoing
from dragoman.protocol.frames import encode
from dragoman.wire.jsonrpc import Frame, Notification, Request


class Tap(Protocol):
    """Who reads along. Header fields are None, and `status` 0, where there are none, as on stdio."""

    def opened(self, where: str) -> None:
        """Take that a way to a server is being opened."""
        ...

    def sent(self, body: bytes, headers: Fields | None) -> None:
        """Take a message on its way out."""
        ...

    def heard(self, body: bytes, status: int, headers: Fields | None) -> None:
        """Take a message that came in."""
        ...

    def failed(self, error: BaseException) -> None:
        """Take that no answer came to what was sent."""
        ...

    def ended(self, how: str) -> None:
        """Take that the way is no more."""
        ...


class _TappedListener:
    """A listener, and who listens in."""

    def __init__(self, inner: Listener, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    def hear(self, notice: Frame) -> None:
        """Show a notification, and pass it on."""
        self._tap.heard(encode(Notification(method=str(notice.method), params=_params(notice))), 0, None)
        self._inner.hear(notice)

    def missed(self) -> None:
        """Pass on that something may have been missed."""
        self._inner.missed()

    def lost(self) -> None:
        """Show that the way ended, and pass it on."""
        self._tap.ended("ended by itself")
        self._inner.lost()

    async def answer(self, request: Frame) -> bytes | None:
        """Show a request of the server's and the answer to it."""
        number = "" if request.id is UNSET else request.id
        self._tap.heard(encode(Request(id=number, method=str(request.method), params=_params(request))), 0, None)
        reply = await self._inner.answer(request)
        if reply is not None:
            self._tap.sent(reply, None)
        return reply


def _params(frame: Frame) -> msgspec.Raw | msgspec.UnsetType:
    return frame.params if len(bytes(frame.params)) else UNSET


class TappedExchange:
    """An exchange, and who reads along."""

    def __init__(self, inner: Exchange, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    @property
    def where(self) -> str:
        """What the exchange leads to."""
        return self._inner.where

    @property
    def over_http(self) -> bool:
        """Whether header fields travel."""
        return self._inner.over_http

    @property
    def session(self) -> str | None:
        """The HTTP session, if any."""
        return self._inner.session

    @property
    def ended(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._inner.ended

    async def open(self, listener: Listener) -> None:
        """Open the exchange."""
        self._tap.opened(self._inner.where)
        await self._inner.open(_TappedListener(listener, self._tap))

    async def send(self, request: Outgoing) -> Incoming:
        """Show a request and its answer."""
        over_http = self._inner.over_http
        self._tap.sent(request.body, request.headers if over_http else None)
        if request.listener is not None:
            request = structs.replace(request, listener=_TappedListener(request.listener, self._tap))
        try:
            answer = await self._inner.send(request)
        except BaseException as error:
            self._tap.failed(error)
            raise
        self._tap.heard(answer.body, answer.status if over_http else 0, answer.headers if over_http else None)
        return answer

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Show a notification or a response on its way out."""
        self._tap.sent(body, None)
        await self._inner.tell(body, headers)

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Forget the session."""
        await self._inner.forget_session(headers, end=end)

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Hear what is said outside of calls."""
        await self._inner.listen(headers)

    async def close(self) -> None:
        """Close the exchange."""
        await self._inner.close()
        self._tap.ended("closed")
