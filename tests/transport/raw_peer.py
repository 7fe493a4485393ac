"""An HTTP server of a few lines, which misbehaves exactly as a test wants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

from tests.canary import heard

from dragoman.ports.exchange import Listener
from dragoman.wire.jsonrpc import Frame


class Got(NamedTuple):
    """One request, read; `writer` answers it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    @property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    def reply(self, body: Any, status: int = 200, **headers: str) -> None:
        """Answer with JSON, or with bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = {"content-type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.writer.write(f"HTTP/1.1 {status} X\r\n{head}content-length: {len(data)}\r\n\r\n".encode() + data)

    def result(self, result: Any, **headers: str) -> None:
        """Answer with a JSON-RPC result."""
        self.reply({"jsonrpc": "2.0", "id": self.json.get("id"), "result": result}, **headers)

    def error(self, code: int, message: str = "no", data: Any = None, status: int = 400) -> None:
        """Answer with a JSON-RPC error."""
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        self.reply({"jsonrpc": "2.0", "id": self.json.get("id"), "error": error}, status)

    def stream(self, *events: bytes) -> None:
        """Begin an event stream."""
        self.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        self.events(*events)

    def events(self, *events: bytes) -> None:
        """Go on with an event stream."""
        for event in events:
            self.writer.write(b"%x\r\n%b\r\n" % (len(event), event))

    def end_stream(self) -> None:
        self.writer.write(b"0\r\n\r\n")

    async def gone(self) -> None:
        """Return when the client has closed the connection."""
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65536):
                pass


Answer = Callable[[Got], Awaitable[None]]


@contextlib.asynccontextmanager
async def serving(answer: Answer, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[str]:
    """Serve with `answer`, called for every request, and yield the address."""
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                heard("addresses that a server was asked for", target)
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                await answer(Got(method, target, headers, body, writer, reader))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
            tasks.discard(task)

    server = await asyncio.start_server(connected, "127.0.0.1", port, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://{'localhost' if tls else '127.0.0.1'}:{port}/mcp"
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.sleep(0)
        await server.wait_closed()


DISCOVERED = {
    "supportedVersions": ["2026-07-28"],
    "capabilities": {"tools": {}},
    "resultType": "complete",
    "ttlMs": 0,
    "cacheScope": "private",
    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "raw", "version": "1"}},
}
INITIALIZED = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "raw", "version": "1"},
}


def modern(call: Answer) -> Answer:
    """Return an answer that discovers properly and leaves the rest to `call`."""

    async def answer(got: Got) -> None:
        if got.json.get("method") == "server/discover":
            got.result(DISCOVERED)
        else:
            await call(got)

    return answer


def legacy(call: Answer, session: str | None = "s1") -> Answer:
    """Return an answer that shakes hands as the handshake era does and leaves the rest to `call`."""

    async def answer(got: Got) -> None:
        method = got.json.get("method")
        if method == "server/discover":
            got.reply({"jsonrpc": "2.0", "id": None, "error": {"code": -32000, "message": "Bad Request"}}, 400)
        elif method == "initialize":
            got.result(INITIALIZED, **({"mcp_session_id": session} if session else {}))
        elif method == "notifications/initialized":
            got.reply(b"", 202)
        else:
            await call(got)

    return answer


class Quiet(Listener):
    """A listener that remembers what it heard and refuses nothing."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []

    def hear(self, notice: Frame) -> None:
        self.heard.append(notice)

    def missed(self) -> None: ...

    def lost(self) -> None: ...

    async def answer(self, request: Frame) -> bytes:
        return b'{"jsonrpc":"2.0","id":%d,"result":{}}' % request.id
