"""A server in the same process: requests become calls directly, with no stream and no task between.

The same bytes as on any other transport are written and read, so what works here works there.
Calls run in the caller's own task, and cancelling it cancels them.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from dragoman.errors import ClosedError, MalformedError, RequestError
from dragoman.ports.bus import Feed
from dragoman.ports.exchange import NO_FIELDS, Fields, Incoming, Listener, Outgoing
from dragoman.ports.service import Service
from dragoman.protocol.changes import notice_of
from dragoman.protocol.exchange import Call, sign
from dragoman.protocol.frames import encode, id_of, read_frame, write_failure, write_notice
from dragoman.protocol.handshake import Handshake, admit_either
from dragoman.protocol.identity import Admitted, Identity
from dragoman.protocol.replies import result_of
from dragoman.wire.jsonrpc import Failure, Frame, Notification, Request


class MemoryDoor:
    """The door of one call: notices go straight to the client."""

    __slots__ = ("_exchange", "_listener", "cancelled")

    def __init__(self, exchange: MemoryExchange, listener: Listener) -> None:
        self._exchange = exchange
        self._listener = listener
        self.cancelled = False

    async def emit(self, notice: Notification) -> None:
        """Hand a notice to the client."""
        if not self.cancelled:
            self._listener.hear(read_frame(write_notice(notice)))

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Put a request to the client and return its result. Raises PeerError if it refuses."""
        request = encode(Request(id=self._exchange.next_id(), method=method, params=params))
        answer = await self._listener.answer(read_frame(request))
        if answer is None:
            raise ClosedError("the client answers no requests in the stateless era (STDIO-03)")
        return result_of(read_frame(answer))


class MemoryExchange:
    """The way to `service`, which runs from when the first of these opens until the last has closed."""

    over_http = False
    ended = False
    session: str | None = None

    def __init__(
        self, service: Service, where: str, headers: Fields = NO_FIELDS, identity: Identity | None = None
    ) -> None:
        """`identity` is who calls, for tests of what callers may do; without it nobody is asked."""
        self.where = where
        self._identity = identity
        self._headers = headers
        self._service = service
        self._peer = Handshake()
        self._listener: Listener | None = None
        self._asked = 0
        self._joined = False
        # The tasks whose calls are under way; close() ends them.
        self._running: dict[asyncio.Task[Any], int] = {}
        self._hearing: asyncio.Task[None] | None = None

    async def open(self, listener: Listener) -> None:
        """Start the server. Raises whatever its own start raises."""
        self._joined = True
        await self._service.join()
        self._listener = listener
        self._loop = asyncio.get_running_loop()

    def next_id(self) -> int:
        """Return an id for a request of the server's."""
        self._asked += 1
        return self._asked

    async def send(self, request: Outgoing) -> Incoming:
        """Return the server's response to `request`."""
        listener = self._listener
        if listener is None:
            raise ClosedError(f"the connection to {self.where} is closed")
        try:
            call = self._admit(read_frame(request.body), request.headers)
        except (RequestError, MalformedError) as error:
            data = error.data if isinstance(error, RequestError) else None
            refusal = write_failure(id_of(request.body), Failure(error.code, str(error), data))
            return _incoming(refusal)
        door = MemoryDoor(self, request.listener or listener)
        call.door = door
        return _incoming(await self._answer(call, door))

    def _admit(self, frame: Frame, headers: Fields) -> Call:
        call = admit_either(frame, self._peer, self._service.methods)
        if headers or self._headers:
            fields = {**self._headers, **headers}
            call.headers = {name.lower().encode(): value.encode() for name, value in fields.items()}
        if self._identity is not None:
            sign(call, Admitted(call.headers, self._identity))
        return call

    async def _answer(self, call: Call, door: MemoryDoor) -> bytes:
        # Asking for the task of a loop is cheaper than asking which loop runs: that is a system call.
        task = asyncio.current_task(self._loop) or asyncio.current_task()
        if task is None:
            raise ClosedError("a call in memory needs a task to run in")
        self._running[task] = self._running.get(task, 0) + 1
        try:
            return (await self._service.answer(call))[1]
        except asyncio.CancelledError:
            door.cancelled = True
            # Cancelled by close(), not by the task's owner: the caller hears of the end, and lives on.
            if self._listener is None and task.uncancel() == 0:
                raise ClosedError(f"the connection to {self.where} was closed during the call") from None
            raise
        finally:
            if self._running[task] == 1:
                del self._running[task]
            else:
                self._running[task] -= 1

    async def tell(self, body: bytes, headers: Fields = NO_FIELDS) -> None:
        """Take a notice: the server has no use for any, since cancelled calls end of themselves."""
        if self._listener is None:
            raise ClosedError(f"the connection to {self.where} is closed")

    async def forget_session(self, headers: Fields = NO_FIELDS, *, end: bool = False) -> None:
        """Begin anew: the next `initialize` is the first."""
        self._peer = Handshake()
        self._hear_no_more()

    async def listen(self, headers: Fields = NO_FIELDS) -> None:
        """Hand the client what changes outside of its calls."""
        if self._hearing is None and self._listener is not None:
            feed = self._service.bus.open(self._peer.hears)
            self._hearing = asyncio.get_running_loop().create_task(_pass_on(feed, self._listener))

    def _hear_no_more(self) -> None:
        if self._hearing is not None:
            self._hearing.cancel()
            self._hearing = None

    async def close(self) -> None:
        """End the calls under way, and the server if nobody else uses it."""
        self._listener = None
        self._hear_no_more()
        here = asyncio.current_task()
        for task in list(self._running):
            if task is not here:
                task.cancel()
        if self._joined:
            self._joined = False
            await self._service.leave()


async def _pass_on(feed: Feed, listener: Listener) -> None:
    try:
        while (topic := await feed.next()) is not None:
            listener.hear(read_frame(write_notice(notice_of(topic))))
    finally:
        feed.close()


def _incoming(body: bytes) -> Incoming:
    return Incoming(200, body, read_frame(body))


def is_service(thing: object) -> bool:
    """Say whether `thing` answers calls: whether it has what `ports.service.Service` lists."""
    wanted = ("answer", "methods", "limits", "join", "leave")
    return all(hasattr(thing, name) for name in wanted)
