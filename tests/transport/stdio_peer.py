"""A peer of a stdio server: starts a real process, writes bytes, reads lines, and never waits for ever."""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 20.0  # seconds: far more than anything takes, so that only a hang is a failure
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "peer", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}
SERVER = """
import asyncio, logging, os, subprocess, sys, time
from dragoman import Context, Limits, Server
server = Server("peer's", version="1.0")

@server.tool
async def add(a: int, b: int) -> int:
    return a + b

@server.tool
async def wait(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "waited"

@server.tool
def block(seconds: float) -> str:
    time.sleep(seconds)
    return "blocked"

@server.tool
def text(size: int) -> str:
    return "x" * size
"""
RUN = """
if __name__ == "__main__":
    server.run()
"""


def request(number: Any, method: str = "server/discover", **params: Any) -> bytes:
    """Return a line that asks in the stateless era."""
    body = {"jsonrpc": "2.0", "id": number, "method": method, "params": {**params, "_meta": META}}
    return json.dumps(body).encode() + b"\n"


def call(number: Any, tool: str, **arguments: Any) -> bytes:
    return request(number, "tools/call", name=tool, arguments=arguments)


def cancel(number: Any) -> bytes:
    notice = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": number}}
    return json.dumps(notice).encode() + b"\n"


class Peer:
    """The client's side of one server process."""

    def __init__(self, process: subprocess.Popen[bytes], answers: int | None = None) -> None:
        self.process = process
        self._answers = process.stdout.fileno() if process.stdout else answers
        self._held = b""

    def write(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def line(self, patience: float = PATIENCE) -> bytes:
        """Return the next line without its end, b"" at the end of the stream."""
        until = time.monotonic() + patience
        while b"\n" not in self._held:
            ready, _, _ = select.select([self._answers], [], [], max(0.0, until - time.monotonic()))
            assert ready, f"no answer within {patience} seconds"
            data = os.read(self._answers, 1 << 20)
            if not data:
                assert self._held == b"", f"the server ended within a line: {self._held[:200]!r}"
                return b""
            self._held += data
        line, _, self._held = self._held.partition(b"\n")
        return line

    def answer(self) -> Any:
        return json.loads(self.line())

    def answers(self, count: int) -> dict[Any, Any]:
        """Return `count` answers by their id."""
        found = [self.answer() for _ in range(count)]
        return {answer.get("id"): answer for answer in found}

    def silent(self, seconds: float = 0.3) -> bool:
        """Say whether nothing comes for a while."""
        return not self._held and not select.select([self._answers], [], [], seconds)[0]

    def end(self) -> tuple[int, str]:
        """Close stdin; return exit status and stderr, all the rest of stdout having been nothing."""
        if self.process.stdin and not self.process.stdin.closed:
            self.process.stdin.close()
        assert self.line() == b""
        return self.left()

    def left(self) -> tuple[int, str]:
        """Return exit status and stderr of a server that ends by itself."""
        assert self.process.stderr
        status = self.process.wait(PATIENCE)
        return status, self.process.stderr.read().decode()


@contextmanager
def serving(folder: Path, more: str = "", *, run: str = RUN, **options: Any) -> Iterator[Peer]:
    """Run the server above, with `more` code of its own."""
    file = folder / "server.py"
    file.write_text(SERVER + more + run)
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    # What was flushed before `run` cannot be called back, so prints must be buffered as they usually are.
    environment = {name: text for name, text in os.environ.items() if name != "PYTHONUNBUFFERED"}
    process = subprocess.Popen([sys.executable, str(file)], env=environment, **pipes)
    try:
        yield Peer(process)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                try:
                    stream.close()
                except BrokenPipeError:
                    pass


def value(answer: Any) -> Any:
    """Return what a tool returned, from its answer."""
    return answer["result"]["structuredContent"]["result"]
