"""POSTs of handshake-era clients: sessions, batches, cancellation by notice.

With `sessions` None the server remembers nobody: each POST stands alone, and its
version is what the header says.
Source: 2025-11-25, 2025-06-18 and 2025-03-26 basic/transports; requirements LEG-06 to LEG-15, LEG-24.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dragoman.errors import MalformedError, RequestError, StoreError
from dragoman.ports.bus import Feed, end_with
from dragoman.ports.service import Service
from dragoman.ports.sessions import Session, Sessions
from dragoman.protocol.envelope import VERSION_HEADER
from dragoman.protocol.eras import HEADERLESS
from dragoman.protocol.exchange import Call, Headers, sign
from dragoman.protocol.frames import id_of, read_batch, write_failure
from dragoman.protocol.handshake import Handshake, sessionless
from dragoman.protocol.http import SESSION_HEADER, Post, accepted, named_era, read_post
from dragoman.protocol.identity import Admitted, principal_of
from dragoman.protocol.sse import COMMENT, encode_event
from dragoman.transport.asks import settle
from dragoman.transport.http_door import HttpDoor, stopping
from dragoman.transport.http_gate import FORBIDDEN, mark, step_up
from dragoman.transport.http_plain import (
    POST_ONLY,
    RawHeaders,
    Receive,
    Refused,
    Send,
    not_now,
    send_accepted,
    send_json,
    unavailable,
)
from dragoman.transport.http_streams import changes, stream
from dragoman.transport.stream_log import Logs
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, METHOD_NOT_FOUND, Failure, Frame
from dragoman.wire.notices import CANCELLED, Cancelled

TRIES = 8  # of two who agree to something at the same time, one tries again
_cancelled = msgspec.json.Decoder(Cancelled).decode


class HandshakePosts:
    """Answers the POSTs and DELETEs of handshake-era clients."""

    def __init__(self, service: Service, sessions: Sessions | None) -> None:
        self._service = service
        self._sessions = sessions
        if sessions is not None:
            sessions.deliver = deliver

    async def delete(self, headers: Headers) -> None:
        """End the session that `headers` name. Raises Refused if there is none."""
        sessions, session = await self._with_session(headers)
        await sessions.end(session.id)

    async def get(self, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Stream what a session hears outside of its calls, or the rest of a stream that it lost (LEG-09).

        Raises Refused.
        """
        sessions, session = await self._with_session(headers)
        if not accepted(headers.get(b"accept")).stream:
            raise Refused(406, "a GET is answered with text/event-stream; accept it")
        limits = self._service.limits
        lost = headers.get(b"last-event-id")
        if lost is not None:
            logs: Logs | None = session.streams
            found = None if logs is None else await logs.find(lost.decode("latin-1"))
            if found is None:
                raise Refused(400, "no stream of this session has an event of that id any more")
            # Some clients forget where they were when a stream breaks on which they heard nothing: they are told again.
            first = encode_event(b"", id=lost.decode("latin-1")) if session.peer.era.primes else COMMENT
            return await stream(found, receive, send, extra, limits, first)
        feed = self._listen(session)
        forget = end_with(feed, headers.identity if isinstance(headers, Admitted) else None)
        try:
            await sessions.listens(session)
            await stream(changes(feed), receive, send, extra, limits)
        finally:
            forget()
            session.listening = None
            session.used = sessions.clock()
            feed.close()

    async def _with_session(self, headers: Headers) -> tuple[Sessions, Session]:
        """Return the session of a GET or DELETE: only sessions have use for these."""
        try:
            era = named_era(headers.get(VERSION_HEADER))
        except RequestError as error:
            raise Refused(400, error.message) from None
        session = await self._session(headers) if era is not None else None
        if self._sessions is None or session is None:
            raise Refused(405, "there are no sessions here; this endpoint takes POST", [POST_ONLY])
        return self._sessions, session

    def _listen(self, session: Session) -> Feed:
        if session.listening is not None:
            raise Refused(409, "this session has a listening stream already")
        try:
            feed = session.listening = self._service.bus.open(session.peer.hears)
        except RequestError as error:
            raise Refused(503, error.message) from None
        return feed

    async def post(self, post: Post, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Answer one message. Raises Refused, and RequestError for what JSON-RPC refuses."""
        try:
            if post.kind == "request" and post.frame.method == "initialize":
                return await self._initialize(post, headers, receive, send, extra)
            session = await self._session(headers)
            if post.kind == "request":
                peer = session.peer if session is not None else sessionless(post.era or HEADERLESS)
                call = peer.admit(post.frame, post.params, post.fault, self._service.methods)
                if peer.changed and session is not None:
                    call = await self._agree(post, session)
                call.headers = headers
                if isinstance(headers, Admitted):
                    sign(call, headers)
                return await self._answer(call, session, headers, receive, send, extra)
        except (Refused, StoreError) as error:
            refused = error if isinstance(error, Refused) else unavailable(error)
            refused.request_id = post.frame.id if post.kind == "request" else msgspec.UNSET
            raise refused from None
        except RequestError as error:
            if error.code != METHOD_NOT_FOUND or post.kind != "request":
                raise
            # Here 404 says that the session is gone, and makes clients begin another one (LEG-09).
            failure = Failure(error.code, error.message, error.data)
            return await send_json(send, 200, write_failure(post.frame.id, failure), extra)
        if session is not None:
            await self._take(post.frame, session)
        return await send_accepted(send, extra)

    async def _initialize(self, post: Post, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        sessions = self._sessions
        if sessions is None:
            call = Handshake().admit(post.frame, post.params, post.fault, self._service.methods)
            mark(call, headers)
            return await self._answer(call, None, headers, receive, send, extra)
        session = await sessions.open()
        if session is None:
            raise not_now(503, "too many sessions are open; try again later")
        session.peer.caller = msgspec.structs.replace(session.peer.caller, principal=principal_of(headers))
        try:
            call = session.peer.admit(post.frame, post.params, post.fault, self._service.methods)
            # Before the client has its id: the next request may come in at another process.
            await sessions.save(session, session.loads)
        except (RequestError, StoreError):
            await sessions.end(session.id)
            raise
        mark(call, headers)
        extra = [(SESSION_HEADER, session.id.encode()), *extra]
        return await self._answer(call, session, headers, receive, send, extra)

    async def _agree(self, post: Post, session: Session) -> Call:
        """Return the call that changes what was agreed, once every process knows of the change."""
        for _ in range(TRIES):
            loads = session.loads
            call = session.peer.admit(post.frame, post.params, post.fault, self._service.methods)
            if self._sessions is None or await self._sessions.save(session, loads):
                return call
            if session.ended:
                raise Refused(404, NO_SESSION)
        raise not_now(503, "others change this session all the time; try again later")

    async def _session(self, headers: Headers) -> Session | None:
        """Return the session of a request, None where the server keeps none. The one place that looks sessions up."""
        if self._sessions is None:
            return None
        session_id = headers.get(SESSION_HEADER)
        if session_id is None:
            raise Refused(400, "Mcp-Session-Id is missing; initialize first, and send the id it gave (LEG-09)")
        session = await self._sessions.get(session_id.decode("latin-1"))
        principal = headers.principal if isinstance(headers, Admitted) else ""
        if session is None or session.peer.caller.principal != principal:
            # Of somebody else, it is not there either (threat 3).
            raise Refused(404, NO_SESSION)
        return session

    async def _answer(
        self, call: Call, session: Session | None, headers: Headers, receive: Receive, send: Send, extra: RawHeaders
    ) -> None:
        accepts = accepted(headers.get(b"accept"))
        if accepts.stream_first and accepts.stream:
            # Both forms are right; a client of this era that names the stream first has its reasons.
            accepts = accepts._replace(json=False)
        door = call.door = HttpDoor(call.era, receive, send, extra, accepts, self._service.limits)
        if session is not None:
            door.asks, door.logs, door.owner, door.request_id = session.asks, session.streams, session.owner, call.id
        calls: dict[RequestId, Any] = {} if session is None else session.calls
        if call.id in calls:
            raise RequestError(INVALID_REQUEST, f"the id {call.id!r} is that of a call still under way")
        if len(calls) >= self._service.limits.calls:
            raise not_now(429, f"{len(calls)} calls are under way in this session; wait for some to end")
        calls[call.id] = door.cancel
        try:
            status, body = await self._service.answer(call)
            if status == FORBIDDEN:
                step_up(call, extra)
            await door.finish(status, body)
        except asyncio.CancelledError:
            if not door.left():
                await door.finish(*stopping(call))
                raise
            await door.close()
        finally:
            calls.pop(call.id, None)
            if session is not None and self._sessions is not None:
                # What counts is how long a session was silent, not how long ago its last call began.
                session.used = self._sessions.clock()

    async def batch(self, body: bytes, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        """Answer an array of messages, where the era has batches (LEG-24). Notices of its calls are dropped.

        Raises Refused, and RequestError or MalformedError for what is no batch.
        """
        session = await self._session(headers) if SESSION_HEADER in headers else None
        era = session.peer.era if session is not None else named_era(headers.get(VERSION_HEADER))
        if era is None or not era.batches:
            raise Refused(400, "this protocol version has no batches: send one message per POST")
        session = session or await self._session(headers)
        posts = [self._item(item, headers) for item in read_batch(body)]
        for post in posts:
            if isinstance(post, Post) and session is not None and post.kind != "request":
                await self._take(post.frame, session)
        answers = await asyncio.gather(*(self._one(post, session, headers) for post in posts))
        kept = [answer for answer in answers if answer]
        if not kept:
            return await send_accepted(send, extra)
        return await send_json(send, 200, b"[" + b",".join(kept) + b"]", extra)

    async def _take(self, frame: Frame, session: Session) -> None:
        """Act on what gets no answer, here or at the process that it is for."""
        if self._sessions is not None and not deliver(session, frame):
            await self._sessions.pass_on(session, frame)

    def _item(self, item: msgspec.Raw, headers: Headers) -> Post | bytes:
        try:
            post = read_post(item, headers, self._service.methods)
            if post.era is None:
                raise RequestError(INVALID_REQUEST, "a request of this protocol version cannot be part of a batch")
        except (RequestError, MalformedError) as error:
            return write_failure(id_of(item), Failure(error.code, str(error)))
        if post.frame.method == "initialize":
            raise Refused(400, "initialize cannot be part of a batch")
        return post

    async def _one(self, post: Post | bytes, session: Session | None, headers: Headers) -> bytes:
        if isinstance(post, bytes):
            return post
        if post.kind != "request":
            return b""
        peer = session.peer if session is not None else sessionless(post.era or HEADERLESS)
        try:
            call = peer.admit(post.frame, post.params, post.fault, self._service.methods)
            if peer.changed and session is not None:
                call = await self._agree(post, session)
        except RequestError as error:
            return write_failure(post.frame.id, Failure(error.code, error.message, error.data))
        mark(call, headers)
        return (await self._service.answer(call))[1]


NO_SESSION = "no such session; initialize a new one"


def deliver(session: Session, frame: Frame) -> bool:
    """Act on a notification, or the response to a question; returns whether anybody here waited for it."""
    return settle(session.asks, frame) if frame.method is msgspec.UNSET else hear(frame, session)


def hear(frame: Frame, session: Session) -> bool:
    """Act on a notification: only a cancellation asks for anything. Unknown and finished ids are ignored (PROG-09)."""
    if frame.method != CANCELLED:
        return True
    try:
        wanted = _cancelled(frame.params or b"{}").request_id
    except msgspec.DecodeError:
        return True
    cancel = session.calls.get(wanted) if wanted is not msgspec.UNSET else None
    if cancel is not None:
        cancel()
    return cancel is not None or wanted is msgspec.UNSET
