"""Streamable HTTP as an ASGI application: one endpoint, every era.

Checks Host and Origin before anything else, reads a bounded body, and hands the
call on. Mounts anywhere; needs no lifespan, though it takes one.
Source: specification, basic/transports/streamable-http.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from time import monotonic
from typing import Any, Protocol, TypeAlias

from dragoman.errors import MalformedError, RequestError, StoreError
from dragoman.ports.service import Service
from dragoman.ports.sessions import Sessions
from dragoman.ports.verifier import Gate
from dragoman.protocol.envelope import admit
from dragoman.protocol.exchange import Call, Headers, sign
from dragoman.protocol.hosts import HostPolicy, cors_headers
from dragoman.protocol.http import Accepted, Post, accepted, is_json, read_post
from dragoman.protocol.identity import Admitted
from dragoman.transport.http_body import read_body, too_large
from dragoman.transport.http_door import HttpDoor, stopping
from dragoman.transport.http_gate import FORBIDDEN, admitted, metadata, send_metadata, step_up
from dragoman.transport.http_handshake import HandshakePosts
from dragoman.transport.http_plain import (
    ALLOW,
    Message,
    RawHeaders,
    Receive,
    Refused,
    Send,
    not_now,
    send_accepted,
    send_fault,
    send_plain,
    send_refusal,
    unavailable,
)
from dragoman.transport.load import CROWD, Load
from dragoman.transport.site import SiteApp
from dragoman.transport.sse_server import SseServer

log = logging.getLogger("dragoman")
# A second one of these could mean one thing to a gateway and another to us (threat 17).
SINGLE = frozenset(
    {b"host", b"origin", b"content-type", b"content-length", b"mcp-protocol-version", b"mcp-method", b"mcp-name"}
    | {b"mcp-session-id", b"authorization", b"dpop"}
)
# Which fields, beside those of who sends it, decide whether a POST is taken at all; and which are judged each time.
SAME = (b"host", b"content-type", b"accept")
WEIGHED = frozenset({b"origin", b"content-encoding"})
LISTENING = "listening"  # no address, and no principal


class Exchange(Protocol):
    """One request whose head was judged before, and the way back to whoever sent it."""

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of whoever sent it."""
        ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it came in by."""
        ...

    async def receive(self) -> Message:
        """Wait for the client to leave."""
        ...

    def __call__(self, message: Message) -> Awaitable[None]:
        """Send one ASGI message."""
        ...


Judged: TypeAlias = Callable[[Exchange, Headers, bytes], Coroutine[Any, Any, None]]


class Endpoint:
    """The ASGI application of one server.

    `path` is where the endpoint lies below the application's root. `sessions`
    is None for a server that keeps no handshake-era sessions, `sse` unless the
    transport of 2024-11-05 is served too, `gate` unless everybody may come in;
    `beside` is a site that is served at paths of its own.
    """

    def __init__(
        self,
        service: Service,
        sessions: Sessions | None,
        policy: HostPolicy,
        path: str = "/mcp",
        sse: SseServer | None = None,
        gate: Gate | None = None,
        beside: SiteApp | None = None,
    ) -> None:
        self._service = service
        self._policy = policy
        self._path = f"/{path.strip('/')}".rstrip("/")
        self._handshake = HandshakePosts(service, sessions)
        self._sse = sse
        self._gate = gate
        self._beside = beside
        self._load = Load(service.limits)
        self._running: dict[str, int] = {}  # calls under way outside of sessions, by who makes them
        self._started: asyncio.AbstractEventLoop | None = None  # where; each loop has a start of its own

    @property
    def service(self) -> Service:
        """The server behind this endpoint."""
        return self._service

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._unusual(scope, receive, send)
        if self._beside is not None and self._beside.takes(scope["path"]):
            return await self._beside(scope, receive, send)
        raw: RawHeaders = scope["headers"]
        headers: dict[bytes, bytes] = dict(raw)
        extra: RawHeaders = []
        try:
            if len(raw) != len(headers):
                headers = _joined(raw)
            origin = headers.get(b"origin")
            if (refusal := self._policy.refusal(headers.get(b"host"), origin)) is not None:
                raise Refused(*refusal)
            if origin is not None:
                extra = cors_headers(origin, self._policy)
            if self._gate is not None:
                document = metadata(self._gate, scope)
                if document is not None:
                    return await send_metadata(send, document, extra, head=scope["method"] == "HEAD")
                if scope["method"] != "OPTIONS":
                    headers = await admitted(self._gate, headers, scope)
            if not (scope["path"] == self._path or self._is_mount(scope)):
                await self._elsewhere(scope, headers, receive, send, extra)
            elif scope["method"] == "POST":
                await self._post(scope, headers, receive, send, extra)
            else:
                await self._other(scope["method"], headers, receive, send, extra)
        except Refused as refused:
            await send_refusal(send, refused, extra)
        except StoreError as error:
            await send_refusal(send, unavailable(error), extra)
        except OSError:
            log.debug("the client left before its answer", exc_info=True)

    async def _unusual(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1003})

    async def _elsewhere(self, scope: Any, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if self._sse is None or not self._sse.answers(scope):
            return await send_plain(send, 404, f"nothing here; the MCP endpoint is {self._path}", extra)
        if self._started is not asyncio.get_running_loop():
            await self._start()
        return await self._sse(scope, headers, receive, send, extra)

    async def _other(self, method: str, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if self._started is not asyncio.get_running_loop():
            # A session may be known here though nothing was ever posted here.
            await self._start()
        if method == "DELETE":
            await self._handshake.delete(headers)
            await send_plain(send, 204, "", extra)
        elif method == "GET":
            await self._handshake.get(headers, receive, send, extra)
        elif method == "OPTIONS":
            # Without CORS headers, a browser will not send what it asks about.
            await send_plain(send, 204, "", [ALLOW, *extra])
        else:
            await send_plain(send, 405, "this endpoint takes POST", [ALLOW, *extra])

    def _is_mount(self, scope: Any) -> bool:
        path: str = scope["path"]
        root: str = scope.get("root_path", "")
        if root and path.startswith(root):
            path = path[len(root) :]
        path = path.rstrip("/")
        # Mounted under a path of its own, the mount point is the endpoint too.
        return path == self._path or (bool(root) and path == "")

    async def _post(self, scope: Any, headers: Headers, receive: Receive, send: Send, extra: RawHeaders) -> None:
        if not is_json(headers.get(b"content-type")):
            raise Refused(415, "send the message as Content-Type: application/json")
        accepts = accepted(headers.get(b"accept"))
        if not (accepts.json or accepts.stream):
            raise Refused(406, "accept application/json and text/event-stream")
        body = await read_body(headers, receive, self._service.limits)
        if self._started is not asyncio.get_running_loop():
            await self._start()
        await self._message(body, headers, accepts, scope.get("client"), receive, send, extra)

    def judged(self, scope: Any) -> Judged | None:
        """Return what answers further POSTs whose heads have path, query and `SAME` fields as `scope` has them.

        They have a body, no field twice, and none that is `WEIGHED`. All that depends on this alone is decided here,
        once; None if it has to be decided each time.
        """
        raw: RawHeaders = scope["headers"]
        headers = dict(raw)
        accepts = accepted(headers.get(b"accept"))
        if (
            len(raw) != len(headers)
            or not WEIGHED.isdisjoint(headers)
            or (self._beside is not None and self._beside.takes(scope["path"]))
            or not (scope["path"] == self._path or self._is_mount(scope))
            or scope["method"] != "POST"
            or self._policy.refusal(headers.get(b"host"), None) is not None
            or not is_json(headers.get(b"content-type"))
            or not (accepts.json or accepts.stream)
        ):
            return None
        return partial(self._again, {"method": scope["method"], "path": scope["path"]}, accepts)

    async def _again(self, scope: Any, accepts: Accepted, exchange: Exchange, fields: Headers, body: bytes) -> None:
        """Answer what was `judged`. Who sends it is asked each time."""
        extra: RawHeaders = []
        try:
            if len(body) > self._service.limits.body:
                raise too_large(self._service.limits.body)
            headers = dict(fields) if self._gate is None else await admitted(self._gate, fields, scope)
            if self._started is not exchange.loop:
                await self._start()
            await self._message(body, headers, accepts, exchange.client, exchange.receive, exchange, extra)
        except Refused as refused:
            await send_refusal(exchange, refused, extra)
        except StoreError as error:
            await send_refusal(exchange, unavailable(error), extra)
        except OSError:
            log.debug("the client left before its answer", exc_info=True)

    async def _message(
        self, body: bytes, headers: Headers, accepts: Accepted, client: Any, receive: Receive, send: Send,
        extra: RawHeaders,
    ) -> None:  # fmt: skip
        service = self._service
        try:
            if body[:1] != b"{" and body.lstrip()[:1] == b"[":
                return await self._handshake.batch(body, headers, receive, send, extra)
            post = read_post(body, headers, service.methods)
            if post.kind != "request":
                # Never refused for want of room: answers and cancellations make some.
                if post.era is not None:
                    return await self._handshake.post(post, headers, receive, send, extra)
                return await _one_way(post, send, extra)
            load = self._load
            load.asked += 1
            if not load.watched:
                load.watch()
            if load.under_way >= load.most or (load.asked > CROWD and monotonic() > load.until):
                raise load.refusal(post.frame.id)
            if post.era is not None:
                load.under_way += 1
                try:
                    return await self._handshake.post(post, headers, receive, send, extra)
                finally:
                    load.under_way -= 1
            call = admit(post.frame, post.params, post.fault, service.methods, headers)
            if isinstance(headers, Admitted):
                sign(call, headers)
        except (RequestError, MalformedError) as error:
            return await send_fault(send, body, error, extra)
        # Whoever it is, by token, else by address.
        caller = call.caller.principal or (client or ("",))[0]
        if self._policy.proxies is not None and not call.caller.principal:
            caller = self._policy.proxies.caller(caller, headers.get(b"x-forwarded-for"))
        door = call.door = HttpDoor(call.era, receive, send, extra, accepts, service.limits)
        return await self._answer(call, door, caller, extra)

    async def _answer(self, call: Call, door: HttpDoor, caller: str, extra: RawHeaders) -> None:
        """Answer a call of a caller who has not too many under way. Raises Refused."""
        service, running, load = self._service, self._running, self._load
        method = service.methods.get(call.method)
        counted = 1
        if method is not None and method.endless:
            caller, counted = LISTENING, 0  # what lasts until somebody ends it has a bound of its own
        count = running.get(caller, 0)
        if count >= service.limits.calls and caller != LISTENING:
            raise not_now(429, f"{count} calls of this caller are under way; wait for some to end")
        running[caller] = count + 1
        load.under_way += counted
        try:
            status, answer = await service.answer(call)
            if status == FORBIDDEN:
                step_up(call, extra)
            await door.finish(status, answer)
        except asyncio.CancelledError:
            if not door.left():
                await door.finish(*stopping(call))
                raise
        finally:
            load.under_way -= counted
            # Nothing stays of a caller who left.
            if running[caller] > 1:
                running[caller] -= 1
            else:
                del running[caller]

    async def _start(self) -> None:
        try:
            await self._service.start()
        except Exception:
            log.exception("the server could not start")
            raise Refused(503, "the server could not start; its log says why") from None
        self._started = asyncio.get_running_loop()
        self._load.forget()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self._service.start()
                except Exception as error:
                    log.exception("the server could not start")
                    await send({"type": "lifespan.startup.failed", "message": f"the server could not start: {error}"})
                    # Hosts that only pass messages on would wait for the end otherwise.
                    raise
                self._started = asyncio.get_running_loop()
                await send({"type": "lifespan.startup.complete"})
            else:
                self._started = None
                await self._service.stop()
                if self._gate is not None:
                    await self._gate.close()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _joined(raw: RawHeaders) -> dict[bytes, bytes]:
    """Return the headers by name, repeated ones as one list (RFC 9110, 5.3).

    Raises Refused for a second one of those that are no list.
    """
    headers: dict[bytes, bytes] = {}
    for name, value in raw:
        if name in headers:
            if name in SINGLE or name.startswith(b"mcp-param-"):
                raise Refused(400, f"the header {name.decode('latin-1')} came twice")
            value = headers[name] + b", " + value
        headers[name] = value
    return headers


async def _one_way(post: Post, send: Send, extra: RawHeaders) -> None:
    if post.kind == "response":
        # Nobody asked: this era has no requests to the client (HTTP-05).
        raise Refused(400, "a POST carries one request or notification, never a response")
    await send_accepted(send, extra)
