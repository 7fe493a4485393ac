"""The door of one HTTP call: its response is JSON until something streams, then SSE.

Watching for the client's departure costs a task, so it is armed only for a call
that has been waiting for a while.
Source: specification, basic/transports/streamable-http "Receiving Messages", "Cancellation"; X-6.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dragoman.errors import LocalError
from dragoman.ports.watched import Watched
from dragoman.protocol.eras import Era
from dragoman.protocol.exchange import Call
from dragoman.protocol.frames import write_failure, write_notice
from dragoman.protocol.http import Accepted
from dragoman.protocol.limits import Limits
from dragoman.protocol.sse import COMMENT, encode_event
from dragoman.transport.asks import Asks, ask
from dragoman.transport.http_plain import RawHeaders, Receive, Send, send_json
from dragoman.transport.stream_log import Logs, StreamLog
from dragoman.wire.base import RequestId
from dragoman.wire.jsonrpc import INTERNAL_ERROR, Failure, Notification

FORBIDDEN = 403
WATCH_AFTER = 0.05  # seconds of waiting before we look whether the client is still there
SSE_HEADERS: RawHeaders = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    # Reverse proxies would hold events back (HTTP-10).
    (b"x-accel-buffering", b"no"),
]


class HttpDoor:
    """One POST's way back to its client.

    `asks` and `logs` are those of its session, if there is one: where answers to questions arrive, and what was said
    on streams that can be taken up again. `owner` is what the ids of its questions begin with, `request_id` the call's.
    """

    # Defaults of the class and not slots: most calls are answered without touching any of these.
    cancelled = False
    committed = False
    asks: Asks | None = None
    logs: Logs | None = None
    owner = ""
    request_id: RequestId = 0
    _detached = False
    _left = False
    _log: StreamLog | None = None
    _task: asyncio.Task[Any] | None = None
    _timer: asyncio.TimerHandle | None = None
    _watcher: asyncio.Task[None] | None = None
    _lock: asyncio.Lock | None = None

    def __init__(
        self, era: Era, receive: Receive, send: Send, extra: RawHeaders, accepts: Accepted, limits: Limits
    ) -> None:
        # The era and not the call, which holds this door: a circle of two would be left to the garbage collector.
        self._era = era
        self._receive = receive
        self._send = send
        self._extra = extra
        self._as_event = not accepts.json
        self._streams = accepts.stream
        self._limits = limits

    async def emit(self, notice: Notification) -> None:
        """Send a notice on the response stream, opening it if this is the first."""
        if self.cancelled:
            # A call that does nothing but talk would not notice otherwise: cancellation comes only to those who wait.
            await asyncio.sleep(0)
        elif self._streams:
            await self._event(write_notice(notice))

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Send a request on the response stream, and wait for the response that the client posts to its session."""
        if self.asks is None or not self._streams:
            raise LocalError(f"{method}: this client has no session with a stream, so it cannot be asked")
        return await ask(self.asks, self._event, method, params, self.owner)

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
            if not self._detached:
                await self._write(encode_event(data), more=more)
            return
        log = self._log or await self._begin(self.logs)
        event = log.add(data)
        if not more:
            log.end()
        if not self._detached:
            await self._write(event, more=more)
        await log.room()

    async def _begin(self, logs: Logs) -> StreamLog:
        """Return the log of this stream, having given the client an event id before anything can be lost (LEG-13)."""
        log = self._log = logs.open(self.request_id)
        if self._era.primes and not self._detached:
            await self._write(log.add(b""))
        return log

    def cancel(self) -> None:
        """Stop the call; its client wants no answer any more."""
        self.cancelled = True
        if self._task is not None:
            self._task.cancel()

    def left(self) -> bool:
        """Say whether it was `cancel` that cancelled the task, and take that back if so: then nothing is owed.

        Anybody else's cancellation has to go on. Stops watching.
        """
        self.release()
        task = asyncio.current_task()
        return self.cancelled and task is not None and task.uncancel() == 0

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
            while not (await asyncio.wait({gone}, timeout=self._limits.quiet_seconds))[0]:
                if self._streams and not self._detached:
                    await self._stay(self.logs)
        finally:
            gone.cancel()
        self._detached = True
        if self._era.close_cancels:
            self.cancel()

    async def _stay(self, logs: Logs | None) -> None:
        """Keep the line alive; the first time by what lets the client take the stream up, should the line be cut."""
        if logs is not None and self._log is None and self._era.primes:
            await self._begin(logs)
        else:
            await self._write(COMMENT)

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def close(self) -> None:
        """End a response that carries no answer: its call was cancelled (LEG-15)."""
        self.release()
        if self._log is not None:
            self._log.end()
        if self.committed:
            await self._send({"type": "http.response.body", "body": b""})
        else:
            headers = [*SSE_HEADERS, *self._extra]
            await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": b""})

    async def finish(self, status: int, body: bytes) -> None:
        """Send the response, as the last event if a stream is open or the client takes nothing else."""
        if self._timer is not None:
            self.release()
        if self.cancelled:
            return
        # A client that takes only streams has to see this status all the same: it is what asks it for another token.
        if self.committed or self._detached or (self._as_event and status != FORBIDDEN):
            await self._event(body, more=False)
        else:
            await send_json(self._send, status, body, self._extra)

    def release(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watcher is not None:
            self._watcher.cancel()

    async def _write(self, data: bytes, *, more: bool = True) -> None:
        lock = self._lock
        if lock is None:
            lock = self._lock = asyncio.Lock()
        async with lock:
            if self._left:
                return
            try:
                if not self.committed:
                    headers = [*SSE_HEADERS, *self._extra]
                    await self._send({"type": "http.response.start", "status": 200, "headers": headers})
                    self.committed = True
                event = self._send({"type": "http.response.body", "body": data, "more_body": more})
                await Watched(event, None, self._limits.stalled_seconds)
            except OSError as error:
                # TimeoutError: the client does not read. Others: some servers say so when nobody is there any more
                # (ASGI, "Disconnected Client").
                if isinstance(error, TimeoutError):
                    break_off(self._send)
                self._left = self._detached = True
                if self._era.close_cancels:
                    self.cancel()


def break_off(send: Send) -> None:
    """End the connection of a client that does not read, where the server in front can."""
    abort = getattr(send, "abort", None)
    if abort is not None:
        abort()


def stopping(call: Call) -> tuple[int, bytes]:
    """Return the answer to a call that the server gives up, since it stops itself."""
    return 503, write_failure(call.id, Failure(INTERNAL_ERROR, "the server is stopping; try again later"))
