"""A server on stdin and stdout: one JSON-RPC message a line, every era on one stream.

Each request is a task of its own, so a slow one holds up nobody; what is more than may run at once waits its turn,
and then reading stops. Ends when stdin does, after giving running calls a second to finish.
Source: specification, basic/transports/stdio; requirements STDIO-01 to STDIO-08.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from dragoman.errors import MalformedError, RequestError
from dragoman.late import late
from dragoman.protocol.exchange import Call, Caller
from dragoman.protocol.frames import id_of, read_frame, write_failure, write_notice
from dragoman.protocol.handshake import Handshake, admit_either
from dragoman.protocol.lines import LineReader
from dragoman.transport.ahead import Ahead
from dragoman.transport.asks import Asks, ask, settle
from dragoman.transport.pipes import FULL, Reader, Writer
from dragoman.wire.base import RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import INVALID_REQUEST, Failure, Frame, Notification
from dragoman.wire.notices import CANCELLED, INITIALIZED, Cancelled

if TYPE_CHECKING:
    from dragoman.ports.bus import Feed
    from dragoman.ports.service import Service
    from dragoman.protocol import changes
else:
    changes = late("dragoman.protocol.changes")

log = logging.getLogger("dragoman")
GRACE = 1.0  # seconds that running calls get when stdin ends
CLEANUP = 0.3  # seconds that cancelled calls get to clean up after that
AGAIN = 32  # calls that get a task of their own, after one that had to wait
_cancelled = Decoding(Cancelled)


class StdioDoor:
    """The door of one call on stdio. `begun` once its task has taken its first step."""

    __slots__ = ("_asks", "_writer", "begun", "cancelled")

    def __init__(self, writer: Writer, asks: Asks) -> None:
        self._writer = writer
        self._asks = asks
        self.cancelled = False
        self.begun = False

    async def emit(self, notice: Notification) -> None:
        """Write a notice, and wait if the client does not keep up with reading."""
        if not self.cancelled:
            self._writer.write(write_notice(notice) + b"\n")
            await self._writer.drain()

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request to the client and wait for its response."""
        return await ask(self._asks, self._send, method, params)

    async def closing(self, request_id: RequestId) -> None:
        """Say that an endless call ends by the server's will, which this transport says before its result (X-1)."""
        await self._send(write_notice(Notification(method=CANCELLED, params=Cancelled(request_id=request_id))))

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
        self._queue: OrderedDict[RequestId, tuple[Frame, int]] = OrderedDict()  # requests that wait, and their size
        self._queued = 0  # bytes
        self._asks: Asks = {}
        self._hearing: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()
        self._ahead = Ahead()
        self._going = False  # whether calls are being begun
        self._waits = 0  # how many of the next calls will have to wait for something, as far as one can tell

    async def serve(self, requests: int, answers: int) -> None:
        """Serve until `requests` ends or `stop` is called. Both are file descriptors, left open."""
        await self._service.start()
        self._loop = asyncio.get_running_loop()  # kept, since asking for it is a system call
        self._writer = Writer(answers, self._go_on)
        self._reader = Reader(requests, self._heard)
        self._reader.start()
        try:
            await self._ended.wait()
            await self._finish()
        finally:
            if self._hearing is not None:
                self._hearing.cancel()
            self._reader.stop()
            self._writer.close()
            self._ahead.end()
            await self._service.stop()

    def stop(self) -> None:
        """Take no more requests, and end."""
        self._queue.clear()
        self._ended.set()

    async def _finish(self) -> None:
        self._reader.stop()
        self._service.closing()
        try:
            async with asyncio.timeout(GRACE):
                while (self._calls or self._queue) and not self._writer.broken:
                    if self._calls:
                        await asyncio.wait([task for task, _ in self._calls.values()])
                    else:
                        await self._writer.flush()
                await self._writer.flush()
        except TimeoutError:
            log.debug("%d calls were still running, or the client no longer reads", len(self._calls))
        self._queue.clear()
        late = [task for task, _ in self._calls.values()]
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CLEANUP)

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
        self._go_on()

    def _receive(self, line: bytes) -> None:
        try:
            frame = read_frame(line)
            if frame.method is msgspec.UNSET:
                settle(self._asks, frame)
                return
            if frame.id is msgspec.UNSET:
                self._notified(frame)
                return
            if frame.id in self._calls or frame.id in self._queue:
                raise RequestError(INVALID_REQUEST, f"the id {frame.id!r} is that of a call still under way")
        except (RequestError, MalformedError) as error:
            self._write(write_failure(id_of(line), Failure(error.code, str(error))))
            return
        self._queue[frame.id] = frame, len(line)
        self._queued += len(line)

    def _go_on(self) -> None:
        """Begin what waits as far as there is room, and read on unless much waits."""
        if self._writer.broken:
            # Whoever read the answers is gone, and with it the reason to go on.
            self._ended.set()
            return
        if self._going:
            return  # a call ended where it was begun: the loop around goes on
        self._going = True
        try:
            while self._queue and len(self._calls) < self._service.limits.calls and not self._writer.full:
                _, (frame, size) = self._queue.popitem(last=False)
                self._queued -= size
                self._begin(frame)
        finally:
            self._going = False
        if self._writer.full or self._queued > FULL:
            self._reader.stop()
        elif not self._ended.is_set():
            self._reader.start()

    def _begin(self, frame: Frame) -> None:
        try:
            call = self._admit(frame)
        except RequestError as error:
            self._write(write_failure(frame.id, Failure(error.code, error.message, error.data)))
            return
        door = call.door = StdioDoor(self._writer, self._asks)
        if self._waits:
            self._waits -= 1
        elif self._ahead.ready(self._loop):
            step = self._ahead.take(self._serve(call, door), _over)
            if step.task is not None:
                self._waits = AGAIN
                self._calls[call.id] = (step.task, door)
            elif step.error is not None:
                self._loop.create_task(_over(step.error))
            return
        self._calls[call.id] = (self._loop.create_task(self._serve(call, door)), door)

    def _admit(self, frame: Frame) -> Call:
        call = admit_either(frame, self._peer, self._service.methods)
        if self._on_greet is not None:
            self._on_greet(call.caller)
            self._on_greet = None
        return call

    async def _serve(self, call: Call, door: StdioDoor) -> None:
        door.begun = True
        try:
            _, body = await self._service.answer(call)
            if not door.cancelled:
                self._write(body)
                if self._writer.full:
                    await self._writer.drain()
        finally:
            # Not by a callback of the task: that would cost every call one more round of the event loop.
            self._calls.pop(call.id, None)
            if self._queue and not self._going:
                # Not from here: a first step is taken outside of tasks.
                self._loop.call_soon(self._go_on)

    def _notified(self, frame: Frame) -> None:
        if frame.method == INITIALIZED and self._hearing is None:
            # Opened at once: a call that came in the same read takes its first step before any task does.
            try:
                feed = self._service.bus.open(self._peer.hears)
            except RequestError as error:
                log.warning("the client will hear of no changes: %s", error)
            else:
                self._hearing = self._loop.create_task(self._hear(feed))
        if frame.method != CANCELLED:
            return
        try:
            wanted = _cancelled.decode(frame.params or b"{}").request_id
        except msgspec.DecodeError:
            return
        if wanted is msgspec.UNSET:
            return
        if wanted in self._calls:
            task, door = self._calls[wanted]
            door.cancelled = True
            task.cancel()
            if not door.begun:
                # A task that is cancelled before its first step never runs any of its code, no `finally` either.
                del self._calls[wanted]
        elif wanted in self._queue:
            self._queued -= self._queue.pop(wanted)[1]

    async def _hear(self, feed: Feed) -> None:
        """Tell a handshake-era client of changes; it need not ask for them (LEG-18)."""
        try:
            while (topic := await feed.next()) is not None:
                self._write(write_notice(changes.notice_of(topic)))
                await self._writer.drain()
        finally:
            feed.close()

    def _write(self, body: bytes) -> None:
        self._writer.write(body + b"\n")


async def _over(error: BaseException | None) -> None:
    """End the task of a call as it would have ended by itself."""
    if error is not None:
        raise error
