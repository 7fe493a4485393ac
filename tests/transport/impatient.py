"""A proxy that cuts off each connection that is old, or on which nothing was said for a while: many on the way do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Impatient:
    """Where it listens, and how often it cut something off that was not over."""

    def __init__(self, port: int, total: float, idle: float) -> None:
        self.url = ""
        self.cuts = 0
        self._port = port
        self._total = total
        self._idle = idle

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.timeout(self._total), asyncio.TaskGroup() as both:
                both.create_task(self._pump(reader, back))
                both.create_task(self._pump(there, writer))
        except (TimeoutError, ExceptionGroup):
            self.cuts += 1
        finally:
            writer.transport.abort()
            back.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await asyncio.wait_for(source.read(65536), self._idle):
            sink.write(data)
            await sink.drain()


@contextlib.asynccontextmanager
async def impatient(port: int, *, total: float, idle: float) -> AsyncIterator[Impatient]:
    """Put a proxy before a port of this machine; times are in seconds."""
    proxy = Impatient(port, total, idle)
    serving = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.url = f"http://127.0.0.1:{serving.sockets[0].getsockname()[1]}/mcp"
    async with serving:
        yield proxy
