"""HTTP load: 16 connections that each send the same call again and again, for some seconds."""

import asyncio
import json
import re
import shutil
import subprocess
import sys
import time

import environments

VERSION = "2026-07-28"
CONNECTIONS = 16
META = {
    "io.modelcontextprotocol/protocolVersion": VERSION,
    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
BODY = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "add", "arguments": {"a": 2, "b": 3}, "_meta": META},
    },
    separators=(",", ":"),
).encode()
HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": VERSION,
    "Mcp-Method": "tools/call",
    "Mcp-Name": "add",
}


def request(port: int, body: bytes = BODY, headers: dict[str, str] | None = None) -> bytes:
    """Return the bytes of one POST; `headers` replace or, when empty, remove those of the usual call."""
    fields = {"Host": f"127.0.0.1:{port}", **HEADERS, "Content-Length": str(len(body)), **(headers or {})}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items() if value)
    return f"POST /mcp HTTP/1.1\r\n{lines}\r\n".encode() + body


async def exchange(port: int, data: bytes) -> tuple[int, bytes]:
    """Send one request on a connection of its own; return status and body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    answer = await _answer(reader)
    writer.close()
    return answer


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *(\d+)", head)
    return int(head.split()[1]), await reader.readexactly(int(length[1]) if length else 0)


def run(port: int, seconds: float) -> int:
    """Return how many calls were answered. Raises RuntimeError if one was not answered with success."""
    return _wrk(port, seconds) if shutil.which("wrk") else asyncio.run(_own(port, seconds))


def _wrk(port: int, seconds: float) -> int:
    script = environments.FOLDER / "call.lua"
    script.write_text(_lua())
    done = subprocess.run(
        ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", script, f"http://127.0.0.1:{port}/mcp"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    if "Non-2xx" in done.stdout or "Socket errors" in done.stdout:
        raise RuntimeError(done.stdout)
    return int(re.search(r"(\d+) requests in", done.stdout)[1])


def _lua() -> str:
    fields = "".join(f'wrk.headers["{name}"] = "{value}"\n' for name, value in HEADERS.items())
    return f'wrk.method = "POST"\nwrk.body = [[{BODY.decode()}]]\n{fields}'


async def _own(port: int, seconds: float) -> int:
    data, end = request(port), time.monotonic() + seconds

    async def caller() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        count = 0
        while time.monotonic() < end:
            writer.write(data)
            status, _ = await _answer(reader)
            if status != 200:
                raise RuntimeError(f"HTTP {status}")
            count += 1
        writer.close()
        return count

    return sum(await asyncio.gather(*(caller() for _ in range(CONNECTIONS))))


def generator() -> str:
    """Return what makes the load."""
    return "wrk" if shutil.which("wrk") else f"load.py on Python {sys.version.split()[0]}"
