"""The HTTP transport of 2024-11-05: a GET opens a stream, and what is posted is answered on it.

The session is the stream: when the one ends, so does the other, and every call in it. Calls never hold each other up.
Limit: a session lives in one process; with several, a client must be led to the same one each time.
Source: 2024-11-05 basic/transports, "HTTP with SSE"; requirement LEG-25.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs

import msgspec
from msgspec import structs

from dragoman.errors import MalformedError, RequestError
from dragoman.ports.bus import Feed
from dragoman.ports.service import Service
from dragoman.protocol.changes import notice_of
from dragoman.protocol.envelope import read_params
from dragoman.protocol.exchange import Call, Caller, Headers
from dragoman.protocol.frames import read_frame, write_failure, write_notice
from dragoman.protocol.handshake import NOBODY, Handshake
from dragoman.protocol.http import accepted, is_json
from dragoman.protocol.identity import principal_of
from dragoman.protocol.sse import encode_event
from dragoman.transport.asks import Asks, ask, settle
from dragoman.transport.http_body import read_body
from dragoman.transport.http_gate import mark
from dragoman.transport.http_plain import (
    RawHeaders,
    Receive,
    Refused,
    Send,
    not_now,
    send_accepted,
    send_fault,
    send_plain,
)
from dragoman.transport.http_streams import stream
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure, Frame, Notification
from dragoman.wire.notices import CANCELLED, Cancelled

STREAM_PATH = "/sse"
POST_PATH = "/messages"
FULL = 1024 * 1024  # bytes that a client has not read, from which on its calls wait and its posts are refused
CLEANUP = 0.3  # seconds that calls get to clean up once their client is gone
_cancelled = msgspec.json.Decoder(Cancelled).decode


class Outbox:
    """Events on their way to one client."""

    def __init__(self) -> None:
        self._events: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._news = asyncio.Event()
        self._room = asyncio.Event()

    @property
    def full(self) -> bool:
        """Whether the client is so far behind that it gets nothing more until it reads."""
        return self._size > FULL

    def put(self, message: bytes) -> None:
        """Add a message, as an event."""
        event = encode_event(message, event="message")
        self._events.append(event)
        self._size += len(event)
        self._news.set()

    async def send(self, message: bytes) -> None:
        """Add a message, and wait if the client does not keep up with reading."""
        self.put(message)
        while self.full and not self._closed:
            self._room.clear()
            await self._room.wait()

    def close(self) -> None:
        """Let the client read what is there, and then the end."""
        self._closed = True
        self._news.set()
        self._room.set()

    async def events(self, first: bytes) -> AsyncIterator[bytes]:
        """Yield `first`, then the events as they come, until this is closed."""
        yield first
        while True:
            while self._events:
                event = self._events.popleft()
                self._size -= len(event)
                self._room.set()
                yield event
            if self._closed:
                return
            self._news.clear()
            await self._news.wait()


class SseDoor:
    """The door of one call: everything goes on the session's one stream."""

    __slots__ = ("_asks", "_outbox", "cancelled")

    def __init__(self, outbox: Outbox, asks: Asks) -> None:
        self._outbox = outbox
        self._asks = asks
        self.cancelled = False

    async def emit(self, notice: Notification) -> None:
        """Send a notice, and wait if the client does not keep up with reading."""
        if not self.cancelled:
            await self._outbox.send(write_notice(notice))

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request to the client and wait for the response that it posts."""
        return await ask(self._asks, self._outbox.send, method, params)


class SseSession:
    """One client: its stream, what was agreed with it, and its calls under way."""

    def __init__(self, service: Service, session_id: str) -> None:
        self._service = service
        self.peer = Handshake(caller=Caller(NOBODY.version, NOBODY.capabilities, session=session_id))
        self.outbox = Outbox()
        self._asks: Asks = {}
        self._calls: dict[RequestId, tuple[asyncio.Task[None], SseDoor]] = {}

    def receive(self, frame: Frame, headers: Headers) -> None:
        """Take one message; what it is answered with goes on the stream.

        Raises Refused when the client has too much under way, and RequestError for an id that is in use.
        """
        if frame.method is msgspec.UNSET:
            settle(self._asks, frame)
        elif frame.id is msgspec.UNSET:
            self._notified(frame)
        elif frame.id in self._calls:
            raise RequestError(INVALID_REQUEST, f"the id {frame.id!r} is that of a call still under way")
        elif len(self._calls) >= self._service.limits.calls:
            raise not_now(429, f"{len(self._calls)} calls are under way in this session; wait for some to end")
        elif self.outbox.full:
            raise not_now(429, "read what is on the stream before you ask for more")
        else:
            self._begin(frame, frame.id, headers)

    def _begin(self, frame: Frame, number: RequestId, headers: Headers) -> None:
        params, fault = read_params(frame, self._service.methods)
        try:
            call = self.peer.admit(frame, params, fault, self._service.methods)
        except RequestError as error:
            self.outbox.put(write_failure(number, Failure(error.code, error.message, error.data)))
            return
        mark(call, headers)
        door = call.door = SseDoor(self.outbox, self._asks)
        task = asyncio.get_running_loop().create_task(self._serve(call, door))
        self._calls[number] = (task, door)
        # And not in a `finally` of its own: a task that is cancelled before its first step runs none.
        task.add_done_callback(lambda _: self._calls.pop(number, None))

    async def _serve(self, call: Call, door: SseDoor) -> None:
        _, body = await self._service.answer(call)
        if not door.cancelled:
            await self.outbox.send(body)

    def _notified(self, frame: Frame) -> None:
        """Act on a notification: only a cancellation asks for anything, and only of a call under way (PROG-09)."""
        if frame.method != CANCELLED:
            return
        try:
            wanted = _cancelled(frame.params or b"{}").request_id
        except msgspec.DecodeError:
            return
        if wanted is not msgspec.UNSET and wanted in self._calls:
            task, door = self._calls[wanted]
            door.cancelled = True
            task.cancel()

    async def hear(self, feed: Feed) -> None:
        """Tell the client of changes; it need not ask for them (LEG-18). The stream ends when the server stops."""
        while (topic := await feed.next()) is not None:
            await self.outbox.send(write_notice(notice_of(topic)))
        self.outbox.close()

    async def end(self) -> None:
        """Cancel what runs: its answers have nowhere to go."""
        self.outbox.close()
        late = [task for task, _ in self._calls.values()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CLEANUP)


class SseServer:
    """Answers at `/sse` and `/messages`, below the application's root."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sessions: dict[str, SseSession] = {}

    def answers(self, scope: Any) -> bool:
        """Say whether a request is to one of the two."""
        return below_root(scope).rstrip("/") in (STREAM_PATH, POST_PATH)

    async def __call__(self, scope: Any, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Answer one request to one of the two paths. Raises Refused, and OSError if the client left."""
        opens = below_root(scope).rstrip("/") == STREAM_PATH
        wanted = "GET" if opens else "POST"
        allow = (b"allow", f"{wanted}, OPTIONS".encode())
        if scope["method"] == "OPTIONS":
            await send_plain(send, 204, "", [allow, *extra])
        elif scope["method"] != wanted:
            # What a client of the newer transport has to hear at this address, to fall back (VER-13).
            await send_plain(send, 405, f"this is the transport of 2024: {wanted} only here", [allow, *extra])
        elif opens:
            await self._open(scope, headers, receive, send, extra)
        else:
            await self._post(scope, headers, receive, send, extra)

    async def _open(self, scope: Any, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if not accepted(headers.get(b"accept")).stream:
            raise Refused(406, "a GET is answered with text/event-stream; accept it")
        limits = self._service.limits
        if len(self._sessions) >= limits.sessions:
            raise not_now(503, "too many sessions are open; try again later")
        # 24 random bytes: whoever knows the id may post.
        session_id = secrets.token_urlsafe(24)
        session = SseSession(self._service, session_id)
        session.peer.caller = structs.replace(session.peer.caller, principal=principal_of(headers))
        try:
            feed = self._service.bus.open(session.peer.hears)
        except RequestError as error:
            raise Refused(503, error.message) from None
        self._sessions[session_id] = session
        loop = asyncio.get_running_loop()
        hearing = loop.create_task(session.hear(feed))
        silent = loop.call_later(limits.session_idle_seconds, _end_if_silent(session))
        address = f"{scope.get('root_path', '')}{POST_PATH}?session_id={session_id}"
        first = encode_event(address.encode(), event="endpoint")
        try:
            await stream(session.outbox.events(first), receive, send, extra, limits)
        finally:
            del self._sessions[session_id]
            silent.cancel()
            hearing.cancel()
            feed.close()
            await session.end()

    async def _post(self, scope: Any, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if not is_json(headers.get(b"content-type")):
            raise Refused(415, "send the message as Content-Type: application/json")
        session = self._sessions.get(_session_id(scope["query_string"]))
        if session is None or session.peer.caller.principal != principal_of(headers):
            raise Refused(404, f"no such session; GET {STREAM_PATH} opens one, and says where to post")
        body = await read_body(headers, receive, self._service.limits)
        try:
            session.receive(read_frame(body), headers)
        except (RequestError, MalformedError) as error:
            await send_fault(send, body, error, extra)
        else:
            await send_accepted(send, extra)


def below_root(scope: Any) -> str:
    """Return the path of a request, without what the application is mounted under."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path[len(root) :] if root and path.startswith(root) else path


def _session_id(query: bytes) -> str:
    try:
        found = parse_qs(query.decode("latin-1"), max_num_fields=20)
    except ValueError:
        return ""
    return found.get("session_id", [""])[0]


def _end_if_silent(session: SseSession) -> Callable[[], None]:
    """A stream on which nobody says hello holds a place that others may need."""
    return lambda: None if session.peer.greeted else session.outbox.close()
