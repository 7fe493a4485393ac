"""Requests as literal JSON, and the two ways to put them to a server without a socket."""

import asyncio
import json
from typing import Any

from dragoman import Server
from dragoman.errors import RequestError
from dragoman.protocol.envelope import admit, is_modern, read_params
from dragoman.protocol.exchange import Call, meta_of
from dragoman.protocol.failures import failure_of
from dragoman.protocol.frames import read_frame, write_failure, write_notice
from dragoman.protocol.handshake import Handshake
from dragoman.wire.jsonrpc import Notification

MODERN = "2026-07-28"
LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
PREFIX = "io.modelcontextprotocol/"
META: dict[str, Any] = {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}}
HELLO = {"protocolVersion": LEGACY[0], "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}


def written(method: str, params: dict[str, Any] | None = None, request_id: Any = 1) -> bytes:
    """Return a request as bytes."""
    message = {"jsonrpc": "2.0", "id": request_id, "method": method}
    return json.dumps(message if params is None else {**message, "params": params}).encode()


class Ear:
    """A door that keeps what a call says."""

    def __init__(self) -> None:
        self.cancelled = False
        self.heard: list[dict[str, Any]] = []

    async def emit(self, notice: Notification) -> None:
        self.heard.append(json.loads(write_notice(notice)))

    async def ask(self, method: str, params: Any) -> Any:
        raise AssertionError(f"nobody expected {method}")


class Line:
    """One peer of a server, on a transport that has no headers."""

    def __init__(self, server: Server) -> None:
        self.service = server.service
        self.peer = Handshake()
        self.ear = Ear()

    def admit(self, body: bytes) -> Call:
        frame = read_frame(body)
        params, fault = read_params(frame, self.service.methods)
        if is_modern(meta_of(params)):
            call = admit(frame, params, fault, self.service.methods, None)
        else:
            call = self.peer.admit(frame, params, fault, self.service.methods)
        self.ear = Ear()
        call.door = self.ear
        return call

    async def send(self, body: bytes) -> dict[str, Any]:
        """Return the whole response."""
        await self.service.start()
        try:
            call = self.admit(body)
        except RequestError as error:
            failure = failure_of(error)
            assert failure is not None
            return dict(json.loads(write_failure(read_frame(body).id, failure)))
        return dict(json.loads((await self.service.answer(call))[1]))

    async def ask(self, method: str, version: str = MODERN, **params: Any) -> dict[str, Any]:
        """Return the whole response to a request of a client that speaks `version`."""
        if version == MODERN:
            params["_meta"] = {**META, **params.get("_meta", {})}
        elif not self.peer.greeted:
            await self.send(written("initialize", {**HELLO, "protocolVersion": version}))
        return await self.send(written(method, params))

    async def call(self, tool: str, version: str = MODERN, **arguments: Any) -> dict[str, Any]:
        """Return the result of a tool."""
        result = (await self.ask("tools/call", version, name=tool, arguments=arguments)).get("result")
        assert isinstance(result, dict)
        return result


class Answered:
    """What came back over HTTP."""

    def __init__(self, sent: list[dict[str, Any]]) -> None:
        self.status: int = sent[0]["status"]
        self.headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self.body = b"".join(message.get("body", b"") for message in sent[1:])

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def code(self) -> int:
        return int(self.json["error"]["code"])


async def post(app: Any, body: bytes, headers: dict[str, str], method: str = "POST") -> Answered:
    """Return what an ASGI application answers to a POST; `host` and `content-type` are there unless given."""
    fields = {"host": "127.0.0.1:8000", "content-type": "application/json", "accept": "*/*", **headers}
    scope = {
        "type": "http", "http_version": "1.1", "method": method, "scheme": "http", "path": "/mcp", "root_path": "",
        "query_string": b"", "headers": [(name.encode(), value.encode("latin-1")) for name, value in fields.items()],
    }  # fmt: skip
    inbox = [{"type": "http.request", "body": body, "more_body": False}]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not inbox:
            await asyncio.Event().wait()  # a client that stays
        return inbox.pop()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answered(sent)


def routing(method: str, name: str | None = None, version: str = MODERN) -> dict[str, str]:
    """Return the headers that a modern request repeats its body in."""
    headers = {"mcp-protocol-version": version, "mcp-method": method}
    return headers if name is None else {**headers, "mcp-name": name}
