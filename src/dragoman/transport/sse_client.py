"""A server over the HTTP transport of 2024-11-05: posts go out, everything comes back on one stream.

Where to post is what the stream says first, within the server's own origin: the client's headers go there.
Limit: a stream that breaks takes its session and the calls under way along; nothing of it can be taken up again.
Source: 2024-11-05 basic/transports, "HTTP with SSE"; basic/transports/streamable-http; requirements LEG-26, VER-13.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urljoin, urlsplit

from dragoman.errors import ClosedError, MalformedError, McpError, TransportError
from dragoman.ports.credentials import Credentials
from dragoman.ports.exchange import NO_FIELDS, Exchange, Fields, Incoming, Listener, Outgoing
from dragoman.protocol.replies import is_response, read_messages
from dragoman.protocol.sse import Event, EventReader
from dragoman.transport.http_client import EVENTS, GET_FIELDS, HttpExchange
from dragoman.transport.http_settings import HttpSettings
from dragoman.transport.http_wire import Wire
from dragoman.wire.base import RequestId

log = logging.getLogger("dragoman")
OLDER = frozenset({400, 404, 405})  # what a server of the older transport answers to `initialize` (VER-13)
FIRST = 10.0  # seconds until the stream has to say where to post
_PORTS = {"http": 80, "https": 443}

# Makes the error that ends everything, fresh for each who gets it: a shared one would gather all their tracebacks.
Fault: TypeAlias = Callable[[], TransportError | MalformedError]


class SseExchange:
    """The way to a server whose stream `begin` has opened. Posts through `http`, which it closes."""

    over_http = True
    session: str | None = None

    def __init__(self, http: HttpExchange, max_bytes: int) -> None:
        self.where = http.where
        self._http = http
        self._max_bytes = max_bytes
        self._listener: Listener | None = None
        self._waiting: dict[RequestId, asyncio.Future[Incoming | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._fault: Fault | None = None

    @property
    def ended(self) -> bool:
        """Whether the stream has ended, and the session with it."""
        return self._fault is not None

    async def open(self, listener: Listener) -> None:
        """Open the stream. Raises ClosedError if the server has none, and what `begin` raises."""
        if not await self.begin(listener):
            raise ClosedError(f"{self.where} opens no stream that says where to post")

    async def begin(self, listener: Listener) -> bool:
        """Open the stream; returns whether there is one that says where to post.

        Raises MalformedError if that is at another origin, and TransportError.
        """
        wire, reply = await self._http.ask("GET", GET_FIELDS, NO_FIELDS, None)
        if reply.status != 200 or not reply.headers.get("content-type", "").startswith(EVENTS):
            wire.abort()
            return False
        events = self._events(wire)
        try:
            async with asyncio.timeout(FIRST):
                first = await anext(events, None)
            if first is None or first.event != "endpoint":
                wire.abort()
                return False
            self._http.lead_to(self._address(first.data))
        except (TimeoutError, ClosedError):
            wire.abort()
            return False
        except BaseException:
            wire.abort()
            raise
        self._listener = listener
        self._own(self._read(wire, events))
        return True

    def _address(self, data: bytes) -> str:
        text = data.decode(errors="replace").strip()
        try:
            url = urljoin(self._http.url, text)
            here, there = urlsplit(self._http.url), urlsplit(url)
            if _origin(here) == _origin(there) and there.username is None:
                return url
        except ValueError:
            pass
        raise MalformedError(
            f"{self.where} wants what it is sent to go to {text[:200]!r}, which is no address of its own origin"
        )

    async def _events(self, wire: Wire) -> AsyncGenerator[Event]:
        reader = EventReader(self._max_bytes)
        while chunk := await wire.chunk():
            for event in reader.feed(chunk):
                yield event

    async def _read(self, wire: Wire, events: AsyncGenerator[Event]) -> None:
        """Hand on what comes, until the stream ends."""
        fault: Fault = lambda: ClosedError(f"{self.where} ended its stream, and the session with it")  # noqa: E731
        try:
            async for event in events:
                if event.event == "message":
                    self._heard(event.data)
        except ClosedError:
            pass
        except MalformedError as error:
            text, code = f"{self.where}: {error.reason}", error.code
            fault = lambda: MalformedError(text, code=code)  # noqa: E731
        finally:
            wire.abort()
        listener = self._listener
        self._lose(fault)
        if listener is not None:
            listener.lost()

    def _heard(self, data: bytes) -> None:
        try:
            frames = read_messages(data)
        except MalformedError as error:
            log.warning("%s sent an event that is no message (%s): %r", self.where, error, data[:200])
            return
        listener = self._listener
        for frame in frames:
            if is_response(frame):
                future = self._waiting.get(frame.id) if isinstance(frame.id, int | str) else None
                if future is None or future.done():
                    log.debug("%s answered what nobody waits for", self.where)
                else:
                    future.set_result(Incoming(200, data, frame))
            elif listener is None:
                return
            elif isinstance(frame.id, int | str):
                self._own(self._reply(listener.answer(frame)))
            else:
                listener.hear(frame)

    async def _reply(self, answer: Coroutine[Any, Any, bytes | None]) -> None:
        try:
            if (response := await answer) is not None:
                await self.tell(response)
        except McpError as error:
            log.debug("not answered: %s", error)

    def _own(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lose(self, fault: Fault) -> None:
        """End every request under way, and refuse further ones."""
        if self._fault is None:
            self._fault = fault
        for future in self._waiting.values():
            if not future.done():
                future.set_result(None)

    def _check(self) -> None:
        if self._fault is not None:
            raise self._fault()

    # --- requests -------------------------------------------------------------------------------------------

    async def send(self, request: Outgoing) -> Incoming:
        """Post a request and return its answer, which comes on the stream."""
        self._check()
        # Before it is sent: the answer may come before the receipt.
        future: asyncio.Future[Incoming | None] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = future
        try:
            receipt = await self._http.send(request)
            if receipt.status == 404:
                # The session went, though its stream did not: this did not run, and nothing else will.
                self._lose(lambda: ClosedError(f"{self.where} no longer knows the session of its stream"))
                self._check()
            if receipt.status >= 300 or receipt.frame is not None:
                return receipt
            answer = await future
            if answer is None:
                self._check()
                raise AssertionError("unreachable: only a fault ends the waiting")
            return answer
        finally:
            del self._waiting[request.id]

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Post a notification or a response. Raises TransportError if the server refuses it."""
        self._check()
        await self._http.tell(body, headers)

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Does nothing: the session is the stream."""

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Does nothing: everything comes on the one stream."""

    async def close(self) -> None:
        """Close the stream and all connections."""
        self._listener = None
        self._lose(lambda: ClosedError(f"the connection to {self.where} is closed"))
        for task in list(self._tasks):
            task.cancel()
        await self._http.close()


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


class EitherHttp:
    """The way to a server over HTTP: the newer transport, or the older one if `initialize` shows that it is that."""

    over_http = True

    def __init__(
        self, url: str, settings: HttpSettings, headers: Fields = NO_FIELDS, credentials: Credentials | None = None
    ) -> None:
        self._http = HttpExchange(url, settings, headers, credentials)
        self.where = self._http.where
        self._max_bytes = settings.max_bytes
        self._way: Exchange = self._http
        self._listener: Listener | None = None

    @property
    def session(self) -> str | None:
        """The session that the server opened, if any."""
        return self._way.session

    @property
    def ended(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._way.ended

    async def open(self, listener: Listener) -> None:
        """Make ready. Raises LocalError for settings that cannot be used."""
        self._listener = listener
        await self._way.open(listener)

    def send(self, request: Outgoing) -> Coroutine[Any, Any, Incoming]:
        """Return the answer to `request`; if it is `initialize`, by the older transport if need be."""
        return self._opened(request) if request.session else self._way.send(request)

    async def _opened(self, request: Outgoing) -> Incoming:
        answer = await self._way.send(request)
        if answer.status in OLDER and answer.frame is None and self._way is self._http:
            older = SseExchange(self._http, self._max_bytes)
            if self._listener is not None and await older.begin(self._listener):
                self._way = older
                return await older.send(request)
        return answer

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Send what gets no answer. Raises TransportError."""
        await self._way.tell(body, headers)

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Use the session no more."""
        await self._way.forget_session(headers, end=end)

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Hear what the server says outside of calls."""
        await self._way.listen(headers)

    async def close(self) -> None:
        """Release everything."""
        self._listener = None
        await self._way.close()
