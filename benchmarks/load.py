"""Calls over HTTP as bytes, and single exchanges of them. What sends many at once is in crowd.py and pacing.py."""

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

VERSION, OLDER = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
_HEAD, _LENGTH = b"\r\n\r\n", re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
BOTH, ONLY_STREAM = "application/json, text/event-stream", "text/event-stream, application/json"


class RefusedError(RuntimeError):
    """Some calls were not answered with success: as a rule the machine does other things, and the server is behind."""


@dataclass(frozen=True)
class Request:
    """One POST. `numbered` counts its ids up, `varied` gives each a header that no other has."""

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    path: str = "/mcp"
    numbered: bool = False
    varied: bool = False

    def data(self, port: int, headers: dict[str, str] | None = None) -> bytes:
        """Return its bytes; `headers` replace or, when empty, remove those of the usual call."""
        usual = {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", "Accept": BOTH}
        fields = {**usual, **self.headers, "Content-Length": str(len(self.body)), **(headers or {})}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


def modern(method: str = "tools/call", /, **params: Any) -> Request:
    """Return a request of the stateless era."""
    body = message(method, {**params, "_meta": {**META, **params.pop("_meta", {})}})
    named = {"Mcp-Name": params["name"]} if "name" in params else {}
    return Request(body, {"MCP-Protocol-Version": VERSION, "Mcp-Method": method, **named})


def message(method: str, params: dict[str, Any], number: int = 1) -> bytes:
    """Return the bytes of a JSON-RPC request."""
    whole = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(whole, separators=(",", ":")).encode()


CALL = modern(name="add", arguments={"a": 2, "b": 3})
BODY = CALL.body


def request(port: int, body: bytes = BODY, headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of one call; `headers` replace or, when empty, remove those of the usual one."""
    return Request(body, CALL.headers).data(port, headers)


async def exchange(port: int, sent: bytes | Request) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body."""
    status, _, body = await converse(port, sent)
    return status, body


async def converse(port: int, sent: bytes | Request) -> tuple[int, bytes, bytes]:
    """Send one request on a connection of its own; return status, head and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(sent.data(port) if isinstance(sent, Request) else sent)
    try:
        return await answer(reader)
    finally:
        writer.close()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bytes]:
    """Return status, head and body of the next response."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split()[1])
    if length := re.search(rb"(?i)content-length: *(\d+)", head):
        return status, head, await reader.readexactly(int(length[1]))
    if not re.search(rb"(?i)transfer-encoding: *chunked", head):
        return status, head, b""
    body = b""
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readexactly(2)
    return status, head, body


async def session(port: int) -> str:
    """Begin a session of the older era and return its id."""
    hello = {"protocolVersion": OLDER, "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    status, head, body = await converse(port, Request(message("initialize", hello)))
    if status != 200:
        raise RuntimeError(f"no session: {status} {head!r} {body[:200]!r}")
    identifier = session_of(head)
    note = b'{"jsonrpc":"2.0","method":"notifications/initialized"}'
    await exchange(port, Request(note, within(identifier)))
    return identifier


def session_of(head: bytes) -> str:
    """Return the id of the session that a response begins. Raises RuntimeError if it begins none."""
    found = re.search(rb"(?i)mcp-session-id: *([^\r\n]+)", head)
    if not found:
        raise RuntimeError(f"no session: {head!r}")
    return found[1].decode()


def within(identifier: str) -> dict[str, str]:
    """Return the headers of requests in a session."""
    return {"MCP-Protocol-Version": OLDER, "Mcp-Session-Id": identifier}


def older(identifier: str, *, stream: bool = False) -> Request:
    """Return the usual call in a session; as a stream if `stream`."""
    body = message("tools/call", {"name": "add", "arguments": {"a": 2, "b": 3}})
    return Request(body, {**within(identifier), "Accept": ONLY_STREAM if stream else BOTH}, numbered=True)


def whole(got: bytes | bytearray) -> bool:
    """Say whether these bytes are a whole response, given that nothing follows one."""
    end = got.find(_HEAD)
    if end < 0:
        return False
    if length := _LENGTH.search(got, 0, end):
        return len(got) >= end + len(_HEAD) + int(length[1])
    return got.endswith(b"\r\n0\r\n\r\n")
