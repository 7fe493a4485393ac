"""POSTs of handshake-era clients: sessions, batches, cancellation by notice.

With `sessions` None the server remembers nobody: each POST stands alone, and its
version is what the header says.
Source: 2025-11-25, 2025-06-18 and 2025-03-26 basic/transports; requirements LEG-06 to LEG-15, LEG-24.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from dragoman.errors import MalformedError, RequestError
from dragoman.ports.service import Service
from dragoman.ports.sessions import Session, Sessions
from dragoman.protocol.eras import HEADERLESS
from dragoman.protocol.exchange import Call, Headers
from dragoman.protocol.frames import id_of, read_batch, write_failure
from dragoman.protocol.handshake import Handshake, sessionless
from dragoman.protocol.http import SESSION_HEADER, Post, read_post, wants_json, wants_stream
from dragoman.transport.asks import settle
from dragoman.transport.http_door import HttpDoor, RawHeaders, Receive, Send
from dragoman.transport.http_streams import changes, stream
from dragoman.transport.stream_log import find_log
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure
from dragoman.wire.notices import CANCELLED, Cancelled

_cancelled = msgspec.json.Decoder(Cancelled).decode


class _Refused(Exception):
    """This POST is answered with an HTTP status of its own."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _failed(refused: _Refused) -> bytes:
    return write_failure(msgspec.UNSET, Failure(INVALID_REQUEST, refused.reason))


class HandshakePosts:
    """Answers the POSTs and DELETEs of handshake-era clients."""

    def __init__(self, service: Service, sessions: Sessions | None) -> None:
        self._service = service
        self._sessions = sessions

    def delete(self, headers: Headers) -> tuple[int, str]:
        """End the session that `headers` name; returns status and text of the response."""
        session_id = headers.get(SESSION_HEADER)
        if self._sessions is None or session_id is None:
            return 405, "there is no session to end; name it in Mcp-Session-Id"
        if self._sessions.end(session_id.decode("latin-1")):
            return 204, ""
        return 404, "no such session"

    async def get(self, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Stream what a session hears outside of its calls, or the rest of a stream that it lost (LEG-10)."""
        try:
            session = self._session(headers)
            if session is None:
                raise _Refused(405, "this server keeps no sessions, so there is nothing to listen to")
            events = self._events(session, headers)
        except _Refused as refused:
            return await _json(send, refused.status, _failed(refused), extra)
        await stream(events, receive, send, extra, self._service.limits.quiet_seconds)

    def _events(self, session: Session, headers: Headers) -> AsyncIterator[bytes]:
        if not wants_stream(headers):
            raise _Refused(406, "a GET is answered with text/event-stream; accept it")
        lost = headers.get(b"last-event-id")
        if lost is not None:
            found = find_log(session.streams, lost.decode("latin-1"))
            if found is None:
                raise _Refused(400, "no stream of this session has an event of that id any more")
            return found[0].after(found[1])
        if session.listening:
            raise _Refused(409, "this session has a listening stream already")
        return changes(self._service.bus, session)

    async def post(self, post: Post, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Answer one message. Raises RequestError for what JSON-RPC refuses."""
        try:
            await self._post(post, headers, receive, send, extra)
        except _Refused as refused:
            request_id = post.frame.id if post.kind == "request" else msgspec.UNSET
            body = write_failure(request_id, Failure(INVALID_REQUEST, refused.reason))
            await _json(send, refused.status, body, extra)

    async def _post(self, post: Post, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if post.kind == "request" and post.frame.method == "initialize":
            return await self._initialize(post, headers, receive, send, extra)
        session = self._session(headers)
        if post.kind == "request":
            peer = session.peer if session is not None else sessionless(post.era or HEADERLESS)
            call = peer.admit(post.frame, post.params, post.fault, self._service.methods)
            call.headers = headers
            return await self._answer(call, session, headers, receive, send, extra)
        if post.kind == "notification" and session is not None:
            hear(post, session)
        elif post.kind == "response" and session is not None:
            settle(session.asks, post.frame)
        return await _accepted(send, extra)

    async def _initialize(self, post: Post, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if self._sessions is None:
            peer, session = Handshake(), None
        else:
            session = self._sessions.open()
            if session is None:
                raise _Refused(503, "too many sessions are open; try again later")
            peer = session.peer
        try:
            call = peer.admit(post.frame, post.params, post.fault, self._service.methods)
        except RequestError:
            if self._sessions is not None and session is not None:
                self._sessions.end(session.id)
            raise
        call.headers = headers
        if session is not None:
            extra = [(SESSION_HEADER, session.id.encode()), *extra]
        await self._answer(call, session, headers, receive, send, extra)

    def _session(self, headers: Headers) -> Session | None:
        """Return the session of a POST, None where the server keeps none."""
        if self._sessions is None:
            return None
        session_id = headers.get(SESSION_HEADER)
        if session_id is None:
            raise _Refused(400, "Mcp-Session-Id is missing; initialize first, and send the id it gave (LEG-09)")
        session = self._sessions.get(session_id.decode("latin-1"))
        if session is None:
            raise _Refused(404, "no such session; initialize a new one")
        return session

    async def _answer(
        self, call: Call, session: Session | None, headers: Headers, receive: Receive, send: Send, extra: RawHeaders
    ) -> None:
        quiet = self._service.limits.quiet_seconds
        door = HttpDoor(call, receive, send, extra, streams=wants_stream(headers), quiet=quiet)
        call.door = door
        if session is not None:
            door.asks, door.logs = session.asks, session.streams
        calls: dict[RequestId, Any] = {} if session is None else session.calls
        if len(calls) >= self._service.limits.calls:
            raise _Refused(429, f"{len(calls)} calls are under way in this session; wait for some to end")
        calls[call.id] = door.cancel
        try:
            status, body = await self._service.answer(call)
            await door.finish(status, body, as_event=not wants_json(headers))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not door.cancelled or task is None or task.uncancel() > 0:
                raise
            await door.close()
        finally:
            calls.pop(call.id, None)
            door.release()

    async def batch(self, body: bytes, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Answer an array of messages, where the era has batches (LEG-24). Notices of its calls are dropped."""
        try:
            posts = [self._item(item, headers) for item in read_batch(body)]
            session = self._session(headers)
        except _Refused as refused:
            failure = Failure(INVALID_REQUEST, refused.reason)
            return await _json(send, refused.status, write_failure(msgspec.UNSET, failure), extra)
        for post in posts:
            if isinstance(post, Post) and post.kind == "notification" and session is not None:
                hear(post, session)
        answers = await asyncio.gather(*(self._one(post, session) for post in posts))
        kept = [answer for answer in answers if answer]
        if not kept:
            return await _accepted(send, extra)
        return await _json(send, 200, b"[" + b",".join(kept) + b"]", extra)

    def _item(self, item: msgspec.Raw, headers: Headers) -> Post | bytes:
        try:
            post = read_post(item, headers, self._service.methods)
        except (RequestError, MalformedError) as error:
            return write_failure(id_of(item), Failure(error.code, str(error)))
        if post.era is None or not post.era.batches:
            raise _Refused(400, "this protocol version has no batches: send one message per POST")
        if post.frame.method == "initialize":
            raise _Refused(400, "initialize cannot be part of a batch")
        return post

    async def _one(self, post: Post | bytes, session: Session | None) -> bytes:
        if isinstance(post, bytes):
            return post
        if post.kind != "request":
            return b""
        peer = session.peer if session is not None else sessionless(post.era or HEADERLESS)
        try:
            call = peer.admit(post.frame, post.params, post.fault, self._service.methods)
        except RequestError as error:
            return write_failure(post.frame.id, Failure(error.code, error.message, error.data))
        return (await self._service.answer(call))[1]


def hear(post: Post, session: Session) -> None:
    """Act on a notification: only a cancellation asks for anything. Unknown and finished ids are ignored (PROG-09)."""
    if post.frame.method != CANCELLED:
        return
    try:
        wanted = _cancelled(post.frame.params or b"{}").request_id
    except msgspec.DecodeError:
        return
    cancel = session.calls.get(wanted) if wanted is not msgspec.UNSET else None
    if cancel is not None:
        cancel()


async def _accepted(send: Send, extra: RawHeaders) -> None:
    await send({"type": "http.response.start", "status": 202, "headers": extra})
    await send({"type": "http.response.body", "body": b""})


async def _json(send: Send, status: int, body: bytes, extra: RawHeaders) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
