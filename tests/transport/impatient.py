"""A proxy that cuts off streams that last, or in which nothing was said for a while, as many on the way do.

What is answered at once has more time: a busy machine must not look like a proxy.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
CONNECTION = re.compile(rb"\r\nconnection:[^\r]*\r\n", re.IGNORECASE)
PATIENCE = 20.0  # seconds that the head of an answer has


class Impatient:
    """Where it listens, how often it cut something off that was not over, and how often not."""

    def __init__(self, port: int, total: float, idle: float, holds: bool = False) -> None:
        self.url = ""
        self._holds = holds
        self.cuts = 0
        self.passed = 0
        self._port = port
        self._total = total
        self._idle = idle

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass one request on, and its answer back."""
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            first, _, rest = head.partition(b"\r\n")
            rest = CONNECTION.sub(b"\r\n", b"\r\n" + rest)
            back.write(
                first + b"\r\nconnection: close" + rest + await reader.readexactly(int(length[1]) if length else 0)
            )
            async with asyncio.timeout(PATIENCE) as limit:
                await self._answer(there, writer, limit)
            self.passed += 1
        except TimeoutError:
            self.cuts += 1
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter, limit: asyncio.Timeout) -> None:
        if self._holds:
            client.write(await asyncio.wait_for(server.read(), self._total))
            await client.drain()
        streams = False
        while data := await asyncio.wait_for(server.read(65536), self._idle if streams else PATIENCE):
            if not streams and b"text/event-stream" in data:
                streams = True
                limit.reschedule(asyncio.get_running_loop().time() + self._total)
            client.write(data)
            await client.drain()
        client.close()
        await client.wait_closed()


@contextlib.asynccontextmanager
async def impatient(port: int, *, total: float, idle: float, holds: bool = False) -> AsyncIterator[Impatient]:
    """Put a proxy before a port of this machine; times are in seconds. One that `holds` passes whole answers on."""
    proxy = Impatient(port, total, idle, holds)
    serving = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
    async with serving:
        yield proxy
