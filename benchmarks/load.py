"""HTTP load: connections that each send the same call again and again for some seconds, and single exchanges.

`wrk` makes the load where it is installed: it costs least, so that it does not take the CPU from what is measured.
"""

import asyncio
import itertools
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from typing import Any

VERSION, OLDER = "2026-07-28", "2025-11-25"
CONNECTIONS = 16
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
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


def run(port: int, seconds: float, sent: Request = CALL, connections: int = CONNECTIONS) -> int:
    """Return how many calls were answered. Raises RuntimeError if one was not answered with success."""
    if shutil.which("wrk"):
        return _wrk(port, seconds, sent, connections)
    return asyncio.run(_own(port, seconds, sent, connections))


def _wrk(port: int, seconds: float, sent: Request, connections: int) -> int:
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_lua(sent))
        script.flush()
        words = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name]
        done = subprocess.run(
            [*words, f"http://127.0.0.1:{port}{sent.path}"], check=True, capture_output=True, text=True
        )
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RefusedError(done.stdout)
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def _lua(sent: Request) -> str:
    usual = {"Content-Type": "application/json", "Accept": BOTH, **sent.headers}
    fields = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in usual.items())
    text = f'wrk.method = "POST"\nwrk.body = [==[{sent.body.decode()}]==]\n{fields}'
    if sent.varied:
        counting = 'wrk.headers["X-Request-Id"] = tostring(number)\n  return wrk.format()'
        return f"{text}local number = 1000000\nrequest = function()\n  number = number + 1\n  {counting}\nend\n"
    if not sent.numbered:
        return text
    before, after = sent.body.decode().split('"id":1,', 1)
    counting = f'return wrk.format(nil, nil, nil, [==[{before}"id":]==] .. number .. [==[,{after}]==])'
    return f"{text}local number = 1\nrequest = function()\n  number = number + 1\n  {counting}\nend\n"


async def _own(port: int, seconds: float, sent: Request, connections: int) -> int:
    end, numbers = time.monotonic() + seconds, itertools.count(2)

    async def caller() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
        count, data = 0, sent.data(port)
        while time.monotonic() < end:
            if sent.varied:
                data = sent.data(port, {"X-Request-Id": str(1_000_000 + next(numbers))})
            if sent.numbered:
                body = sent.body.replace(b'"id":1,', b'"id":%d,' % next(numbers), 1)
                data = Request(body, sent.headers, sent.path).data(port)
            writer.write(data)
            status, _, body = await answer(reader)
            if status != 200:
                raise RefusedError(f"HTTP {status}: {body[:200]!r}")
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(caller() for _ in range(connections))))


def generator() -> str:
    """Return what makes the load."""
    if not (wrk := shutil.which("wrk")):
        return f"load.py on Python {sys.version.split()[0]}"
    said = subprocess.run([wrk, "-v"], check=False, capture_output=True, text=True).stdout
    return " ".join(said.split()[:2])
