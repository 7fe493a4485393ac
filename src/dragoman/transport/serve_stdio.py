"""A server on stdin and stdout: one JSON-RPC message a line, every era on one stream.

Each request is a task of its own, so a slow one holds up nobody. Ends when stdin
does, after giving running calls a second to finish.
Source: specification, basic/transports/stdio; requirements STDIO-01 to STDIO-08.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import msgspec

from dragoman.errors import MalformedError, RequestError
from dragoman.ports.service import Service
from dragoman.protocol.envelope import admit, is_modern, read_params
from dragoman.protocol.exchange import Call, Caller, meta_of
from dragoman.protocol.frames import id_of, read_frame, write_failure, write_notice
from dragoman.protocol.handshake import Handshake
from dragoman.protocol.lines import LineReader
from dragoman.transport.asks import Asks, ask, settle
from dragoman.transport.pipes import Reader, Writer
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure, Frame, Notification
from dragoman.wire.notices import CANCELLED, Cancelled

log = logging.getLogger("dragoman")
GRACE = 1.0  # seconds that running calls get when stdin ends
_cancelled = msgspec.json.Decoder(Cancelled).decode


class StdioDoor:
    """The door of one call on stdio."""

    __slots__ = ("_asks", "_writer", "cancelled")

    def __init__(self, writer: Writer, asks: Asks) -> None:
        self._writer = writer
        self._asks = asks
        self.cancelled = False

    async def emit(self, notice: Notification) -> None:
        """Write a notice, and wait if the client does not keep up with reading."""
        if not self.cancelled:
            self._writer.write(write_notice(notice) + b"\n")
            await self._writer.drain()

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request to the client and wait for its response."""
        return await ask(self._asks, self._send, method, params)

    async def _send(self, data: bytes) -> None:
        self._writer.write(data + b"\n")
        await self._writer.drain()


class StdioServer:
    """Serves one client on two file descriptors. `on_greet` hears who it is, once."""

    def __init__(self, service: Service, on_greet: Callable[[Caller], None] | None = None) -> None:
        self._service = service
        self._on_greet = on_greet
        self._peer = Handshake()
        self._lines = LineReader(service.limits.line)
        self._calls: dict[RequestId, tuple[asyncio.Task[None], StdioDoor]] = {}
        self._asks: Asks = {}
        self._ended = asyncio.Event()

    async def serve(self, requests: int, answers: int) -> None:
        """Serve until `requests` ends or `stop` is called. Both are file descriptors, left open."""
        self._writer = Writer(answers)
        reader = Reader(requests, self._heard)
        await self._service.start()
        reader.start()
        try:
            await self._ended.wait()
            await self._finish()
        finally:
            reader.stop()
            self._writer.close()
            await self._service.stop()

    def stop(self) -> None:
        """Take no more requests, and end."""
        self._ended.set()

    async def _finish(self) -> None:
        tasks = [task for task, _ in self._calls.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE)
            for task in late:
                task.cancel()
        try:
            async with asyncio.timeout(GRACE):
                await self._writer.flush()
        except TimeoutError:
            log.debug("the client no longer reads")

    def _heard(self, data: bytes) -> None:
        if not data:
            self._ended.set()
            return
        try:
            frames = self._lines.feed(data)
        except MalformedError as error:
            # Where the next message begins cannot be known any more.
            self._write(write_failure(msgspec.UNSET, Failure(error.code, str(error))))
            self._ended.set()
            return
        for frame in frames:
            self._receive(frame)

    def _receive(self, line: bytes) -> None:
        try:
            frame = read_frame(line)
            if frame.method is msgspec.UNSET:
                settle(self._asks, frame)
                return
            if frame.id is msgspec.UNSET:
                self._notified(frame)
                return
            call = self._admit(frame)
        except (RequestError, MalformedError) as error:
            data = error.data if isinstance(error, RequestError) else None
            self._write(write_failure(id_of(line), Failure(error.code, str(error), data)))
            return
        self._begin(call)

    def _begin(self, call: Call) -> None:
        door = call.door = StdioDoor(self._writer, self._asks)
        task = asyncio.get_running_loop().create_task(self._serve(call))
        self._calls[call.id] = (task, door)

    def _admit(self, frame: Frame) -> Call:
        if len(self._calls) >= self._service.limits.calls:
            raise RequestError(INVALID_REQUEST, f"{len(self._calls)} calls are under way; wait for some to end")
        if frame.id in self._calls:
            raise RequestError(INVALID_REQUEST, f"the id {frame.id!r} is that of a call still under way")
        methods = self._service.methods
        params, fault = read_params(frame, methods)
        if is_modern(meta_of(params)) or frame.method == "server/discover":
            call = admit(frame, params, fault, methods, None)
        else:
            call = self._peer.admit(frame, params, fault, methods)
        if self._on_greet is not None:
            self._on_greet(call.caller)
            self._on_greet = None
        return call

    async def _serve(self, call: Call) -> None:
        try:
            _, body = await self._service.answer(call)
            self._write(body)
            await self._writer.drain()
        finally:
            del self._calls[call.id]

    def _notified(self, frame: Frame) -> None:
        if frame.method != CANCELLED:
            return
        try:
            wanted = _cancelled(frame.params or b"{}").request_id
        except msgspec.DecodeError:
            return
        found = self._calls.get(wanted) if wanted is not msgspec.UNSET else None
        if found is not None:
            task, door = found
            door.cancelled = True
            task.cancel()

    def _write(self, body: bytes) -> None:
        self._writer.write(body + b"\n")
