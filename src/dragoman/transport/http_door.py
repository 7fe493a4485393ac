"""The door of one HTTP call: its response is JSON until something streams, then SSE.

Watching for the client's departure costs a task, so it is armed only for a call
that has been waiting for a while.
Source: specification, basic/transports/streamable-http "Receiving Messages", "Cancellation"; X-6.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import msgspec

from dragoman.errors import LocalError
from dragoman.protocol.exchange import Call
from dragoman.protocol.frames import write_notice
from dragoman.protocol.sse import COMMENT, encode_event
from dragoman.transport.asks import Asks, ask
from dragoman.transport.stream_log import Logs, StreamLog, open_log
from dragoman.wire.jsonrpc import Notification

Message: TypeAlias = MutableMapping[str, Any]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
RawHeaders: TypeAlias = list[tuple[bytes, bytes]]

WATCH_AFTER = 0.1  # seconds of waiting before we look whether the client is still there
SSE_HEADERS: RawHeaders = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    # Reverse proxies would hold events back (HTTP-10).
    (b"x-accel-buffering", b"no"),
]


class HttpDoor:
    """One POST's way back to its client."""

    __slots__ = (
        "_call",
        "_detached",
        "_extra",
        "_lock",
        "_log",
        "_quiet",
        "_receive",
        "_send",
        "_streams",
        "_task",
        "_timer",
        "_watcher",
        "asks",
        "cancelled",
        "committed",
        "logs",
    )

    def __init__(
        self, call: Call, receive: Receive, send: Send, extra: RawHeaders, *, streams: bool, quiet: float
    ) -> None:
        self._call = call
        self._receive = receive
        self._send = send
        self._extra = extra
        self._streams = streams
        self._quiet = quiet
        self._task: asyncio.Task[Any] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._lock: asyncio.Lock | None = None
        self.cancelled = False
        self.committed = False
        self._detached = False
        self.asks: Asks | None = None
        self._log: StreamLog | None = None
        self.logs: Logs | None = None

    async def emit(self, notice: Notification) -> None:
        """Send a notice on the response stream, opening it if this is the first."""
        if (self._streams or self.logs is not None) and not self.cancelled:
            await self._event(write_notice(notice))

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request on the response stream, and wait for the response that the client posts to its session."""
        if self.asks is None or not (self._streams or self.logs is not None):
            raise LocalError(f"{method}: this client has no session with a stream, so it cannot be asked")
        return await ask(self.asks, self._event, method, params)

    async def disconnect(self, retry: float) -> None:
        """Close the stream while the call goes on; the client comes back for the rest after `retry` seconds.

        Does nothing where a stream cannot be taken up again.
        """
        if self.logs is None or self._detached or not self._streams:
            return
        if self._log is None:
            await self._begin(self.logs)
        await self._write(b"retry: %d\n\n" % int(retry * 1000), more=False)
        self._detached = True

    async def _event(self, data: bytes, *, more: bool = True) -> None:
        if self.logs is None:
            return await self._write(encode_event(data), more=more)
        log = self._log or await self._begin(self.logs)
        event = log.add(data)
        if not more:
            log.end()
        if not self._detached:
            await self._write(event, more=more)

    async def _begin(self, logs: Logs) -> StreamLog:
        """Return the log of this stream, having given the client an event id before anything can be lost (LEG-13)."""
        log = self._log = open_log(logs)
        if self._call.era.primes and not self._detached:
            await self._write(log.add(b""))
        return log

    def cancel(self) -> None:
        """Stop the call; its client wants no answer any more."""
        self.cancelled = True
        if self._task is not None:
            self._task.cancel()

    def waiting(self) -> None:
        """The call has to wait: from now on, notice if the client leaves or the line falls silent."""
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._watch)

    def _watch(self) -> None:
        self._watcher = asyncio.get_running_loop().create_task(self._attend())

    async def _attend(self) -> None:
        """Keep the line alive while the call runs, and cancel it when the client is gone."""
        gone = asyncio.ensure_future(self._until_gone())
        try:
            while not (await asyncio.wait({gone}, timeout=self._quiet))[0]:
                if self._streams:
                    await self._write(COMMENT)
        finally:
            gone.cancel()
        self._streams = False
        self._detached = True
        if self._call.era.close_cancels:
            self.cancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """End a response that carries no answer: its call was cancelled (LEG-15)."""
        self.release()
        if self.committed:
            await self._send({"type": "http.response.body", "body": b""})
        else:
            headers = [*SSE_HEADERS, *self._extra]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": b""})

    async def finish(self, status: int, body: bytes, *, as_event: bool = False) -> None:
        """Send the response, as the last event if a stream is open or `as_event` asks for one."""
        self.release()
        if self.cancelled:
            return
        if self.committed or as_event or self._detached:
            await self._event(body, more=False)
        else:
            await self._send({"type": "http.response.start", "status": status, "headers": self._json_headers(body)})
            await self._send({"type": "http.response.body", "body": body})

    def release(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    def _json_headers(self, body: bytes) -> RawHeaders:
        return [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), *self._extra]

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        lock = self._lock
        if lock is None:
            lock = self._lock = asyncio.Lock()
        async with lock:
            if not self.committed:
                self.committed = True
                headers = [*SSE_HEADERS, *self._extra]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": data, "more_body": more})
