"""Things between a client and a server: they delay what passes, count its turns, and cut it off.

`Between` is a TCP proxy. As a program, `python meddling.py LOG COMMAND...` is one for stdio: it writes a "c" to the
file LOG for each line of the client's, an "s" for each of the server's, and delays both.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

DELAY = 0.02  # seconds each way


class Between:
    """Passes bytes on to `port`. `cut` is after how many further bytes of the server's the connection breaks, once."""

    def __init__(self, port: int, delay: float = 0.0) -> None:
        self._port = port
        self.delay = delay
        self._tasks: set[asyncio.Task[Any]] = set()
        self.cut: int | None = None
        self.abruptly = True
        self.turns: list[str] = []
        self.connections = 0
        self.passed = 0  # bytes of the server's

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far = await asyncio.open_connection("127.0.0.1", self._port)
        tasks = [
            asyncio.create_task(self._pass(reader, far[1], "c")),
            asyncio.create_task(self._pass(far[0], writer, "s")),
        ]
        self._tasks.update(tasks)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for one in (writer, far[1]):
                one.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, who: str) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                if not self.turns or self.turns[-1] != who:
                    self.turns.append(who)
                if who == "s":
                    self.passed += len(data)
                    if self.cut is not None:
                        if len(data) >= self.cut:
                            writer.write(data[: self.cut])
                            self.cut = None
                            await writer.drain()
                            if self.abruptly:
                                writer.transport.abort()
                            return
                        self.cut -= len(data)
                writer.write(data)
                await writer.drain()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@contextlib.asynccontextmanager
async def between(url: str, delay: float = 0.0) -> AsyncIterator[tuple[Between, str]]:
    """Yield what stands before `url`, and the address to use instead."""
    parts = urlsplit(url)
    assert parts.port is not None
    meddler = Between(parts.port, delay)
    server = await asyncio.start_server(meddler.connected, "127.0.0.1", 0)
    try:
        port = server.sockets[0].getsockname()[1]
        yield meddler, f"http://127.0.0.1:{port}{parts.path}"
    finally:
        server.close()
        await meddler.close()
        await server.wait_closed()


def relay(log: str, words: list[str]) -> int:
    """Run a server and pass lines both ways, late."""
    lock = threading.Lock()

    def note(who: str) -> None:
        with lock, open(log, "a", encoding="ascii") as file:
            file.write(who)

    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None and server.stdout is not None

        def answers() -> None:
            for line in server.stdout or ():
                time.sleep(DELAY)
                note("s")
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()

        passing = threading.Thread(target=answers)
        passing.start()
        for line in sys.stdin.buffer:
            time.sleep(DELAY)
            note("c")
            server.stdin.write(line)
            server.stdin.flush()
        server.stdin.close()
        passing.join()
    return server.returncode


if __name__ == "__main__":
    sys.exit(relay(sys.argv[1], sys.argv[2:]))
