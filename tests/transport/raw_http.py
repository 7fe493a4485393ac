"""HTTP by hand: requests as bytes over a real socket, or as ASGI messages without one."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple

import uvicorn

MODERN, LEGACY = "2026-07-28", "2025-11-25"
PREFIX = "io.modelcontextprotocol/"
META = {
    PREFIX + "protocolVersion": MODERN,
    PREFIX + "clientInfo": {"name": "raw", "version": "1"},
    PREFIX + "clientCapabilities": {},
}
PATIENCE = 20.0  # seconds: far more than anything takes, so that only a hang is a failure


class Answer(NamedTuple):
    """A whole response; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> Any:
        """The code of the JSON-RPC error."""
        return self.json["error"]["code"]

    @property
    def value(self) -> Any:
        """What a tool returned."""
        return self.json["result"]["structuredContent"]["result"]

    @property
    def events(self) -> list[Any]:
        """The messages of an event stream, comments left out."""
        blocks = [block for block in self.body.decode().split("\n\n") if "data:" in block]
        lines = [[line[5:].strip() for line in block.split("\n") if line.startswith("data:")] for block in blocks]
        return [json.loads("\n".join(data)) for data in lines if any(data)]


def message(method: str, number: Any = 1, /, **params: Any) -> bytes:
    """Return a request of the stateless era."""
    return json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": META}}).encode()


def old(method: str, number: Any = 1, /, **params: Any) -> bytes:
    """Return a request of the handshake era, a notification if `number` is None."""
    named = {} if number is None else {"id": number}
    return json.dumps({"jsonrpc": "2.0", **named, "method": method, "params": params}).encode()


def hello(version: str = LEGACY, number: Any = 1) -> bytes:
    client = {"name": "raw", "version": "1"}
    return old("initialize", number, protocolVersion=version, capabilities={}, clientInfo=client)


class Ask(NamedTuple):
    """One request; headers that are None are left out, and pairs come in addition, repeated if they must."""

    body: bytes = b""
    headers: Mapping[str, str | None] = {}
    method: str = "POST"
    path: str = "/mcp"
    pairs: tuple[tuple[str, str], ...] = ()

    def fields(self, host: str) -> list[tuple[str, str]]:
        usual: dict[str, str | None] = {
            "host": host,
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "content-length": str(len(self.body)),
        }
        return [(name, value) for name, value in {**usual, **self.headers}.items() if value is not None] + [*self.pairs]

    def written(self, host: str) -> bytes:
        lines = "".join(f"{name}: {value}\r\n" for name, value in self.fields(host))
        return f"{self.method} {self.path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + self.body


def modern(method: str, number: Any = 1, /, headers: Mapping[str, str | None] | None = None, **params: Any) -> Ask:
    """Return a whole, correct request of the stateless era, with `headers` instead of its own."""
    routing: dict[str, str | None] = {"mcp-protocol-version": MODERN, "mcp-method": method}
    name = params.get("name", params.get("uri"))
    if isinstance(name, str):
        routing["mcp-name"] = name
    return Ask(message(method, number, **params), {**routing, **(headers or {})})


def call(tool: str, number: Any = 1, /, headers: Mapping[str, str | None] | None = None, **arguments: Any) -> Ask:
    return modern("tools/call", number, headers=headers, name=tool, arguments=arguments)


async def in_process(app: Any, ask: Ask, pieces: list[bytes] | None = None) -> Answer:
    """Put a request to an ASGI application; the body comes in `pieces`, if they are given."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": ask.method, "scheme": "http",
        "path": ask.path, "raw_path": ask.path.encode(), "query_string": b"", "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in ask.fields("127.0.0.1:8000")],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip
    waiting = [ask.body] if pieces is None else pieces
    inbox = [{"type": "http.request", "body": piece, "more_body": True} for piece in waiting]
    if inbox:
        inbox[-1]["more_body"] = False
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if inbox:
            return inbox.pop(0)
        return await asyncio.get_running_loop().create_future()

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(scope, receive, send)
    assert [event["type"] for event in sent[:1]] == ["http.response.start"]
    assert not sent[-1].get("more_body", False)
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(sent[0]["status"], headers, b"".join(event.get("body", b"") for event in sent[1:]))


class Wire:
    """One connection to a server, spoken over in bytes."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.host = f"127.0.0.1:{port}"
        self.reader = reader
        self.writer = writer

    def write(self, data: bytes | Ask) -> None:
        self.writer.write(data.written(self.host) if isinstance(data, Ask) else data)

    async def head(self) -> tuple[int, dict[str, str]]:
        async with asyncio.timeout(PATIENCE):
            lines = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = (line.partition(":") for line in lines[1:] if line)
        return int(lines[0].split(" ")[1]), {name.lower(): value.strip() for name, _, value in fields}

    async def chunk(self) -> bytes:
        """Return the next chunk of a chunked body, b"" for the last."""
        async with asyncio.timeout(PATIENCE):
            size = int((await self.reader.readuntil(b"\r\n")).strip(), 16)
            return (await self.reader.readexactly(size + 2))[:-2]

    async def answer(self, *, bodiless: bool = False) -> Answer:
        status, headers = await self.head()
        if bodiless or status in (204, 304):
            return Answer(status, headers, b"")
        if headers.get("transfer-encoding") == "chunked":
            parts = []
            while part := await self.chunk():
                parts.append(part)
            return Answer(status, headers, b"".join(parts))
        async with asyncio.timeout(PATIENCE):
            return Answer(status, headers, await self.reader.readexactly(int(headers["content-length"])))

    async def ask(self, data: bytes | Ask) -> Answer:
        self.write(data)
        return await self.answer()

    async def closed(self) -> bool:
        """Say whether the server closes the connection, and says nothing before that."""
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(1) == b""

    def leave(self) -> None:
        """Break the connection off, as a client that dies does."""
        self.writer.transport.abort()


class Place(NamedTuple):
    """Where a server listens."""

    port: int
    server: uvicorn.Server

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[Wire]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Wire(self.port, reader, writer)
        finally:
            writer.close()

    async def ask(self, data: bytes | Ask) -> Answer:
        """Send one request on a connection of its own."""
        async with self.connected() as wire:
            return await wire.ask(data)


@contextlib.asynccontextmanager
async def listening(app: Any, **options: Any) -> AsyncIterator[Place]:
    """Serve an ASGI application on a real socket in this event loop."""
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        settings = {"log_level": "error", "lifespan": "off", "ws": "none", "timeout_graceful_shutdown": 1, **options}
        server = uvicorn.Server(uvicorn.Config(app, **settings))
        # Signals belong to the test run.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
        task = asyncio.create_task(server.serve([listener]))
        try:
            yield Place(listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            await task


async def until(condition: Any, what: str = "it") -> None:
    """Wait until `condition()` is true; fail after a long while."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.002)
