"""A request whose head came before, to the byte, is not parsed again: clients send one head a thousand times.

uvicorn's parser calls into Python for each header, a third of what a small call costs (docs/design/http-server.md).
Promise: only what that parser has taken twice is remembered, only whole requests between two others are recognised, and
all else goes to the parser. Limit: httptools, which has to be there; heads with credentials end with their connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from dragoman.app.whole import write_whole

LONGEST, MOST, MARKS = 2048, 256, 4096  # bytes of a head that is remembered, how many are, and how many are noticed
_END = b"\r\n\r\n"
# What says that a request is not like others, and what is nobody's but its sender's.
_UNUSUAL = frozenset({b"transfer-encoding", b"upgrade", b"expect", b"connection", b"cookie", b"proxy-authorization"})
_SECRET = frozenset({b"authorization", b"dpop"})
_OF_CONNECTION = frozenset({"server", "client", "scheme", "state", "headers"})


class Head(msgspec.Struct, frozen=True):
    """What a head means: the scope of its requests without what is the connection's, and the length of their bodies."""

    scope: dict[str, Any]
    headers: list[tuple[bytes, bytes]]
    length: int


_known: dict[bytes, Head] = {}
_seen: set[int] = set()  # marks of heads that came


def read_head(data: bytes, end: int, scope: dict[str, Any]) -> Head | None:
    """Return what the parser made of the head of `data`, which ends before `end`; None if it is an unusual one."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    lengths = [value for name, value in headers if name == b"content-length"]
    if (
        end > LONGEST
        or scope["method"] != "POST"
        or scope["http_version"] != "1.1"
        or len(lengths) != 1
        or not lengths[0].isdigit()
        or any(name in _UNUSUAL for name, _ in headers)
        or len(data) - end != int(lengths[0])
    ):
        return None
    shared = {key: value for key, value in scope.items() if key not in _OF_CONNECTION}
    return Head(shared, list(headers), int(lengths[0]))


def _again(head: bytes) -> bool:
    """Say whether this head was here a while ago. Many are no more than once: proxies write a new id into each."""
    mark = hash(head)
    if mark in _seen:
        return True
    if len(_seen) >= MARKS:
        _seen.clear()
    _seen.add(mark)
    return False


class Repeats:
    """What one connection knows again; `connection` is uvicorn's protocol of it."""

    __slots__ = ("_connection", "_last", "_mine", "_whole", "between")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.between = True  # the parser is at the beginning of a request
        self._last: Any = None  # the request before the data that the parser got
        self._whole = False  # whether that data began where a request begins
        self._mine: tuple[bytes, Head] | None = None  # with credentials, and so this connection's alone

    def take(self, data: bytes) -> bool:
        """Begin the request that `data` is, if its head is known; else return False: it is the parser's."""
        connection = self._connection
        last = self._last = connection.cycle
        # A body that nobody read may still come, and it must not be taken for a request.
        self._whole = self.between and (last is None or (last.response_complete and last.keep_alive))
        if not self._whole:
            return False
        end = data.find(_END) + 4
        head = _known.get(data[:end])
        if head is None:
            if self._mine is None or self._mine[0] != data[:end]:
                return False
            head = self._mine[1]
        if len(data) - end != head.length or connection.access_log:
            return False
        connection._unset_keepalive_if_required()
        scope = head.scope.copy()
        scope["server"] = connection.server
        scope["client"] = connection.client
        scope["scheme"] = connection.scheme
        scope["state"] = connection.app_state.copy()
        scope["headers"] = head.headers.copy()
        cycle = connection.cycle = Again(scope, connection, data[end:])
        task = connection.loop.create_task(cycle.run_asgi(connection.app))
        task.add_done_callback(connection.tasks.discard)
        connection.tasks.add(task)
        return True

    def learn(self, data: bytes) -> None:
        """Remember the head of `data`, which the parser has just read, if it was one whole and usual request."""
        connection = self._connection
        cycle = connection.cycle
        # The end of a head that came in two pieces is no head.
        if not (self._whole and self.between) or cycle is self._last or connection.pipeline:
            return
        if not cycle.keep_alive or connection.limit_concurrency is not None or connection.config.reset_contextvars:
            return
        end = data.find(_END) + 4
        if not _again(data[:end]):
            return
        head = read_head(data, end, cycle.scope)
        if head is None or data[:end] in _known:
            return
        if any(name in _SECRET for name, _ in head.headers):
            self._mine = (data[:end], head)
            return
        if len(_known) >= MOST:
            _known.clear()
        _known[data[:end]] = head


class Again(RequestResponseCycle):
    """One request whose body is there. It is its own `send`."""

    # What uvicorn sets for each, where it is the same for all of these.
    disconnected = False
    keep_alive = True
    waiting_for_100_continue = False
    access_log = False
    body = bytearray()
    more_body = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _event: asyncio.Event | None = None

    def __init__(self, scope: Any, connection: Any, body: bytes) -> None:
        # And not uvicorn's: it would set all of them.
        self.scope = scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.logger = connection.logger
        self.default_headers = connection.server_state.default_headers
        self.on_response = connection.on_response_complete
        self._unread: bytes | None = body

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]  # pyright: ignore
        """What tells `receive` that there is something; made for those who ask for more than the body."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.disconnected or self.response_complete:
                self._event.set()
        return self._event

    @property
    def send(self) -> Any:  # pyright: ignore
        """What the application answers with."""
        return self

    def __call__(self, message: Any) -> Awaitable[None]:
        """Send one ASGI message."""
        return RequestResponseCycle.send(self, message)

    def whole(self, body: bytes) -> bool:
        """Answer with 200 and this JSON, and return True; or do nothing and return False."""
        if not write_whole(self, body):
            return False
        if self._event is not None:
            self._event.set()
        return True

    def abort(self) -> None:
        """Break the connection off: its client does not read, and to close it would wait until it does."""
        self.disconnected = True
        self.transport.abort()

    async def receive(self) -> Any:
        """Return the next ASGI message: the body, and then that the client left."""
        body = self._unread
        if body is None or self.disconnected:
            return await super().receive()
        self._unread = None
        return {"type": "http.request", "body": body, "more_body": False}


def repeated(base: Any) -> Any:
    """Return a protocol of uvicorn's that knows heads again."""

    class Repeated(base):  # type: ignore[misc]
        """One connection."""

        def connection_made(self, transport: Any) -> None:
            self._repeats = Repeats(self)
            super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]

        def on_message_begin(self) -> None:
            self._repeats.between = False
            super().on_message_begin()  # pyright: ignore[reportUnknownMemberType]

        def on_message_complete(self) -> None:
            self._repeats.between = True
            super().on_message_complete()  # pyright: ignore[reportUnknownMemberType]

        def data_received(self, data: bytes) -> None:
            if self.ending:
                super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
            elif not self._repeats.take(data):
                super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
                self._repeats.learn(data)

    return Repeated
