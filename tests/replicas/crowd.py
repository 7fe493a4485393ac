"""Several processes of the shop, and a proxy in front of them that sends each request to the next one."""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
POINTS = ["before the step", "before the effect", "after the effect", "after the step"]
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Proxy:
    """Takes requests on `url`, and gives them to replicas in turn, to the next if one is gone, as a balancer does."""

    def __init__(self, ports: list[int]) -> None:
        self.ports = ports
        self.url = ""
        self.went: list[int] = []  # which port took each request
        self.lost: list[str] = []  # requests that a replica took and did not begin to answer
        self._turn = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            await self._pass(head, body, reader, writer)
        writer.close()

    async def _pass(self, head: bytes, body: bytes, client: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        replica, sending = await self._next()
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        sending.write(b"\r\n".join([lines[0], b"connection: close", *lines[1:]]) + body)
        gone = asyncio.ensure_future(client.read(1))
        answered = False
        try:
            while True:
                part = asyncio.ensure_future(replica.read(65536))
                await asyncio.wait({part, gone}, return_when=asyncio.FIRST_COMPLETED)
                if not part.done():
                    part.cancel()
                    return
                if part.exception() is not None or not part.result():
                    if not answered:
                        self.lost.append(f"{head[:40]!r} {body[:200]!r}: {part.exception()!r}")
                    return
                answered = True
                writer.write(part.result())
                await writer.drain()
        finally:
            gone.cancel()
            sending.close()

    async def _next(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._turn += 1
        first = self._turn % len(self.ports)
        for port in [*self.ports[first:], *self.ports[:first]]:
            try:
                streams = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:
                continue
            self.went.append(port)
            return streams
        raise ConnectionRefusedError("all replicas are gone")


@contextlib.asynccontextmanager
async def crowd(number: int, folder: Path, point: str = "never") -> AsyncIterator[Proxy]:
    """Yield a proxy in front of `number` processes of the shop, one of which is killed when it comes by `point`."""
    effects = folder / "effects"
    effects.touch()
    Path(f"{effects}.kill").touch()
    words = [sys.executable, "-m", "tests.replicas.shop", f"sqlite:///{folder}/shared.db", str(effects), point]
    none, pipe = asyncio.subprocess.DEVNULL, asyncio.subprocess.PIPE
    made = await asyncio.gather(
        *(asyncio.create_subprocess_exec(*words, cwd=ROOT, stdin=none, stdout=none, stderr=pipe) for _ in range(number))
    )
    try:
        proxy = Proxy([await _port(one) for one in made])
        serving = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
        try:
            yield proxy
        finally:
            serving.close()
    finally:
        for one in made:
            if one.returncode is None:
                one.kill()
            await one.communicate()


async def _port(process: asyncio.subprocess.Process) -> int:
    assert process.stderr is not None
    said = b""
    while not (found := re.search(rb"http://127\.0\.0\.1:(\d+)/mcp", said)):
        line = await process.stderr.readline()
        assert line, said
        said += line
    return int(found[1])


def charges(folder: Path) -> int:
    return (folder / "effects").read_text().count("charged")
