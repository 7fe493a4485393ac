"""Streamable HTTP as an ASGI application: one endpoint, every era.

Checks Host and Origin before anything else, reads a bounded body, and hands the
call on. Mounts anywhere; needs no lifespan, though it takes one.
Source: specification, basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from dragoman.errors import MalformedError, RequestError
from dragoman.ports.service import Service
from dragoman.ports.sessions import Sessions
from dragoman.protocol.envelope import admit
from dragoman.protocol.exchange import Call, Headers
from dragoman.protocol.failures import REFUSED_STATUS
from dragoman.protocol.frames import id_of, write_failure
from dragoman.protocol.hosts import HostPolicy, cors_headers
from dragoman.protocol.http import Post, is_json, read_post, wants_json, wants_stream
from dragoman.transport.http_door import HttpDoor, RawHeaders, Receive, Send
from dragoman.transport.http_handshake import HandshakePosts
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure

log = logging.getLogger("dragoman")
# A second one of these could mean one thing to a gateway and another to us (threat 17).
SINGLE = frozenset(
    {b"host", b"origin", b"content-type", b"content-length", b"mcp-protocol-version", b"mcp-method", b"mcp-name"}
    | {b"mcp-session-id", b"authorization"}
)


class Endpoint:
    """The ASGI application of one server.

    `path` is where the endpoint lies below the application's root. `sessions`
    is None for a server that keeps no handshake-era sessions.
    """

    def __init__(self, service: Service, sessions: Sessions | None, policy: HostPolicy, path: str = "/mcp") -> None:
        self._service = service
        self._policy = policy
        self._path = path.rstrip("/")
        self._handshake = HandshakePosts(service, sessions)
        self._started: asyncio.AbstractEventLoop | None = None  # where; each loop has a start of its own

    @property
    def service(self) -> Service:
        """The server behind this endpoint."""
        return self._service

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _http(self, scope: Any, receive: Receive, send: Send) -> None:
        raw: RawHeaders = scope["headers"]
        headers: Headers = dict(raw)
        extra: RawHeaders = []
        refused = self._gate(scope, raw, headers)
        if refused is None and b"origin" in headers:
            extra = cors_headers(headers[b"origin"], self._policy)
        if refused is not None:
            await _plain(send, *refused)
        elif not self._is_endpoint(scope):
            await _plain(send, 404, f"nothing here; the MCP endpoint is {self._path}", extra)
        elif scope["method"] == "POST":
            await self._post(headers, receive, send, extra)
        elif scope["method"] == "DELETE":
            await _plain(send, *self._handshake.delete(headers), extra)
        elif scope["method"] == "GET":
            await self._handshake.get(headers, receive, send, extra)
        elif scope["method"] == "OPTIONS" and extra:
            await _plain(send, 204, "", extra)
        else:
            await _plain(send, 405, "this endpoint takes POST", [(b"allow", b"GET, POST, DELETE"), *extra])

    def _gate(self, scope: Any, raw: RawHeaders, headers: Headers) -> tuple[int, str] | None:
        """Return why this request may not come in, or None."""
        if len(raw) != len(headers):
            seen: set[bytes] = set()
            for name, _ in raw:
                if name in seen and (name in SINGLE or name.startswith(b"mcp-param-")):
                    return 400, f"the header {name.decode('latin-1')} came twice"
                seen.add(name)
        return self._policy.refusal(headers.get(b"host"), headers.get(b"origin"))

    def _is_endpoint(self, scope: Any) -> bool:
        path: str = scope["path"]
        if path == self._path:
            return True
        root = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        path = path.rstrip("/")
        # Mounted under a path of its own, the mount point is the endpoint too.
        return path == self._path or (bool(root) and path == "")

    async def _post(self, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if not is_json(headers):
            return await _refuse(send, 415, "send the message as Content-Type: application/json", extra)
        if not (wants_json(headers) or wants_stream(headers)):
            return await _refuse(send, 406, "accept application/json and text/event-stream", extra)
        body = await self._body(headers, receive)
        if body is None:
            return await _refuse(send, 413, f"the body is larger than {self._service.limits.body} bytes", extra)
        loop = asyncio.get_running_loop()
        if self._started is not loop:
            await self._service.start()
            self._started = loop
        try:
            if body.lstrip()[:1] == b"[":
                return await self._handshake.batch(body, headers, receive, send, extra)
            post = read_post(body, headers, self._service.methods)
            if post.handshake:
                return await self._handshake.post(post, headers, receive, send, extra)
            if post.kind == "request":
                call = admit(post.frame, post.params, post.fault, self._service.methods, headers)
                return await self._answer(call, headers, receive, send, extra)
            return await self._one_way(post, send, extra)
        except (RequestError, MalformedError) as error:
            await _refuse_frame(send, body, error, extra)
        except OSError:
            log.debug("the client left before its answer", exc_info=True)

    async def _answer(self, call: Call, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        quiet = self._service.limits.quiet_seconds
        door = call.door = HttpDoor(call, receive, send, extra, streams=wants_stream(headers), quiet=quiet)
        try:
            status, body = await self._service.answer(call)
            await door.finish(status, body, as_event=not wants_json(headers))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            # Cancelled because the client left: nothing is owed. Anybody else's cancellation goes on.
            if not door.cancelled or task is None or task.uncancel() > 0:
                raise
        finally:
            door.release()

    async def _one_way(self, post: Post, send: Send, extra: RawHeaders) -> None:
        if post.kind == "response":
            # Nobody asked: this era has no requests to the client (HTTP-05).
            await _refuse(send, 400, "a POST carries one request or notification, never a response", extra)
        else:
            await _plain(send, 202, "", extra)

    async def _body(self, headers: Headers, receive: Receive) -> bytes | None:
        """Return the body, None if it is too large. Raises MalformedError if it does not come in time."""
        limit = self._service.limits.body
        stated = headers.get(b"content-length")
        if stated is not None and stated.isdigit() and int(stated) > limit:
            return None
        message = await receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return body if len(body) <= limit else None
        try:
            async with asyncio.timeout(self._service.limits.body_seconds):
                return await _rest(body, receive, limit)
        except TimeoutError:
            return b""

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._service.start()
                except Exception as error:
                    log.exception("the server could not start")
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                self._started = asyncio.get_running_loop()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._started = None
                await self._service.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _rest(first: bytes, receive: Receive, limit: int) -> bytes | None:
    parts, size = [first], len(first)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise OSError("the client left while sending")
        chunk = message.get("body", b"")
        parts.append(chunk)
        size += len(chunk)
        if size > limit:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _plain(send: Send, status: int, text: str, extra: RawHeaders | None = None) -> None:
    body = text.encode()
    headers = [(b"content-length", b"%d" % len(body)), *(extra or [])]
    if body:
        headers.append((b"content-type", b"text/plain; charset=utf-8"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, status: int, reason: str, extra: RawHeaders) -> None:
    await _json(send, status, write_failure(id_of(b""), Failure(INVALID_REQUEST, reason)), extra)


async def _refuse_frame(send: Send, body: bytes, error: RequestError | MalformedError, extra: RawHeaders) -> None:
    data = error.data if isinstance(error, RequestError) else None
    failure = Failure(error.code, str(error), data)
    await _json(send, REFUSED_STATUS.get(error.code, 400), write_failure(id_of(body), failure), extra)


async def _json(send: Send, status: int, body: bytes, extra: RawHeaders) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
