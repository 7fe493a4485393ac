"""The wire on stderr: what went out, what came in, line by line, with secrets masked.

Wraps any exchange; it sees the bytes that the exchange sends and gets, and changes none of them.
Limit: secrets are known by the names they go under; a secret inside a text is shown.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import msgspec
from msgspec import UNSET

from dragoman.cli.schemas import elements, members
from dragoman.cli.terminal import visible
from dragoman.ports.exchange import NO_FIELDS, Exchange, Fields, Incoming, Listener, Outgoing
from dragoman.wire.jsonrpc import Frame, Notification

MASK = "***"
MOST = 4000  # characters of one message shown
_SECRET = re.compile(
    r"^(.*[_-])?(authorization|cookie|set-cookie|password|passwd|secret|token|api[_-]?key|apikey|session[_-]?id|"
    r"access[_-]?token|refresh[_-]?token|client[_-]?secret|private[_-]?key|credential|credentials)$",
    re.IGNORECASE,
)
_HARMLESS = frozenset({"progressToken"})


def is_secret(name: str) -> bool:
    """Say whether what goes under `name`, a header or a JSON member, is to be masked."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return name not in _HARMLESS and _SECRET.match(plain) is not None


def masked(value: Any, depth: int = 64) -> Any:
    """Return JSON data with the values of secret members masked, at any depth."""
    plain: Any = value
    if isinstance(value, dict) and depth:
        inside = members(value)
        return {k: MASK if is_secret(k) and v not in (None, "") else masked(v, depth - 1) for k, v in inside.items()}
    if isinstance(value, list) and depth:
        return [masked(item, depth - 1) for item in elements(value)]
    return plain


class Tracer:
    """Writes what passes to `stream`; seconds are counted from its making."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._began = time.monotonic()

    def body(self, arrow: str, data: bytes, note: str = "") -> None:
        """Write one message, in or out."""
        try:
            shown = msgspec.json.encode(masked(msgspec.json.decode(data))).decode()
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            shown = data.decode(errors="replace")
        cut = f"{shown[:MOST]}... ({len(shown)} characters)" if len(shown) > MOST else shown
        self.line(f"{arrow} {f'{note} ' if note else ''}{cut}")

    def headers(self, arrow: str, fields: Mapping[str, str]) -> None:
        """Write header fields, one a line."""
        for name, value in fields.items():
            self.line(f"{arrow} {name}: {MASK if is_secret(name) else value}")

    def line(self, text: str) -> None:
        """Write one line, with the time."""
        print(visible(f"{time.monotonic() - self._began:8.3f} {text}"), file=self._stream, flush=True)


class TracedListener:
    """A listener, and who listens in."""

    def __init__(self, inner: Listener, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

    def hear(self, notice: Frame) -> None:
        """Show a notification, and pass it on."""
        params = notice.params if len(bytes(notice.params)) else UNSET
        self._tracer.body("<--", msgspec.json.encode(Notification(method=str(notice.method), params=params)))
        self._inner.hear(notice)

    def lost(self) -> None:
        """Show that the way ended, and pass it on."""
        self._tracer.line("--- ended by itself")
        self._inner.lost()

    async def answer(self, request: Frame) -> bytes | None:
        """Show a request of the server's and the answer to it."""
        self._tracer.body("<--", msgspec.json.encode({"id": request.id, "method": request.method}))
        reply = await self._inner.answer(request)
        if reply is not None:
            self._tracer.body("-->", reply)
        return reply


class TracedExchange:
    """An exchange, and who reads along."""

    def __init__(self, inner: Exchange, tracer: Tracer) -> None:
        self._inner = inner
        self._tracer = tracer

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
        self._tracer.line(f"--- {self._inner.where}")
        await self._inner.open(TracedListener(listener, self._tracer))

    async def send(self, request: Outgoing) -> Incoming:
        """Show a request and its answer."""
        if self._inner.over_http:
            self._tracer.headers("-->", request.headers)
        self._tracer.body("-->", request.body)
        try:
            answer = await self._inner.send(request)
        except BaseException as error:
            self._tracer.line(f"<-- nothing: {type(error).__name__}: {error}")
            raise
        if self._inner.over_http:
            self._tracer.headers("<--", answer.headers)
        self._tracer.body("<--", answer.body, str(answer.status) if self._inner.over_http else "")
        return answer

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Show a notification or a response on its way out."""
        self._tracer.body("-->", body)
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
        self._tracer.line("--- closed")
