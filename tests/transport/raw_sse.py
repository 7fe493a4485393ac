"""The HTTP transport of 2024-11-05 by hand: a stream that is read event by event, and posts beside it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tests.transport.raw_http import PATIENCE, Answer, Ask, Place, Wire, old

STREAM = Ask(method="GET", path="/sse", headers={"content-type": None, "accept": "text/event-stream"})
VERSION = "2024-11-05"


class Stream:
    """One session: its stream, and the address to post to."""

    def __init__(self, place: Place, wire: Wire) -> None:
        self.place = place
        self.wire = wire
        self.address = ""
        self.buffer = b""

    async def event(self) -> tuple[str, bytes]:
        """Return the next event: its name and its data. Comments are skipped."""
        while True:
            while b"\n\n" not in self.buffer:
                chunk = await self.wire.chunk()
                if not chunk:
                    raise EOFError
                self.buffer += chunk
            block, _, self.buffer = self.buffer.partition(b"\n\n")
            lines = dict(line.split(b": ", 1) for line in block.split(b"\n") if not line.startswith(b":"))
            if lines:
                return lines.get(b"event", b"message").decode(), lines[b"data"]

    async def next(self) -> Any:
        """Return the next message."""
        async with asyncio.timeout(PATIENCE):
            name, data = await self.event()
        assert name == "message"
        return json.loads(data)

    async def post(self, body: bytes, headers: Mapping[str, str | None] | None = None) -> Answer:
        """Post a message on a connection of its own, and return its receipt."""
        return await self.place.ask(Ask(body, headers or {}, path=self.address))

    async def ask(self, method: str, number: Any = 1, /, **params: Any) -> Any:
        """Post a request and return the next message."""
        assert (await self.post(old(method, number, **params))).status == 202
        return await self.next()

    async def greet(self, version: str = VERSION, **capabilities: Any) -> Any:
        """Shake hands; returns the result."""
        client = {"name": "raw", "version": "1"}
        answer = await self.ask("initialize", 0, protocolVersion=version, capabilities=capabilities, clientInfo=client)
        assert (await self.post(old("notifications/initialized", None))).status == 202
        return answer["result"]


@contextlib.asynccontextmanager
async def streaming(place: Place, ask: Ask = STREAM) -> AsyncIterator[Stream]:
    """Open a stream, and leave it at the end."""
    async with place.connected() as wire:
        wire.write(ask)
        status, headers = await wire.head()
        assert (status, headers["content-type"]) == (200, "text/event-stream")
        stream = Stream(place, wire)
        name, data = await stream.event()
        assert name == "endpoint"
        stream.address = data.decode()
        yield stream
