"""A request whose head came before, to the byte, is not parsed again: clients send one head a thousand times.

uvicorn's parser calls into Python for each header, a third of what a small call costs (docs/design/http-server.md).
Promise: only what that parser has taken is known again, as a whole or line by line (`head_lines`), only whole requests
between two others, and all else goes to the parser. Limit: httptools, which has to be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from dragoman.app.head_lines import SECRET, Fields, Head, Known, Lines, Marks, Pair, Verdict, usual
from dragoman.app.whole import write_answer
from dragoman.protocol.marks import Marked
from dragoman.transport.ahead import Ahead

LONGEST, MOST = 2048, 256  # bytes of a head that is remembered, and how many are
LONGEST_READ = 8192  # bytes of a head that is known by its lines
AGAIN = 32  # requests with one head that get a task of their own, after one that had to wait
_END = b"\r\n\r\n"
_OF_CONNECTION = frozenset({"server", "client", "scheme", "state", "headers"})


class Memory:
    """What all connections of one server know again."""

    def __init__(self) -> None:
        self.heads: dict[bytes, Head] = {}
        self.marks = Marks()  # of heads that came
        self.lines = Lines()
        self.ahead = Ahead()


def read_head(data: bytes, end: int, scope: dict[str, Any]) -> tuple[dict[str, Any], list[Pair]] | None:
    """Return the scope and the fields that the parser made of the head of `data`, which ends before `end`.

    None if it is an unusual one.
    """
    pairs: list[Pair] = scope["headers"]
    lengths = [value for name, value in pairs if name == b"content-length"]
    if (
        end > LONGEST_READ
        or scope["method"] != "POST"
        or scope["http_version"] != "1.1"
        or len(lengths) != 1
        or not lengths[0].isdigit()
        or not all(usual(name, value) for name, value in pairs)
        or len(data) - end != int(lengths[0])
    ):
        return None
    return {key: value for key, value in scope.items() if key not in _OF_CONNECTION}, list(pairs)


class Repeats:
    """What one connection knows again; `connection` is uvicorn's protocol of it."""

    __slots__ = ("_connection", "_last", "_memory", "_mine", "_secrets", "_whole", "between")

    def __init__(self, connection: Any, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self.between = True  # the parser is at the beginning of a request
        self._last: Any = None  # the request before the data that the parser got
        self._whole = False  # whether that data began where a request begins
        self._mine: tuple[bytes, Head] | None = None  # with credentials, and so this connection's alone
        self._secrets: Fields = {}  # the last line of credentials, and its value

    def take(self, data: bytes) -> bool:
        """Begin the request that `data` is, if its head is known; else return False: it is the parser's."""
        connection = self._connection
        last = self._last = connection.cycle
        # A body that nobody read may still come, and it must not be taken for a request.
        self._whole = self.between and (last is None or (last.response_complete and last.keep_alive))
        if not self._whole:
            return False
        end = data.find(_END) + 4
        written = data[:end]
        head = self._memory.heads.get(written)
        if head is None:
            if self._mine is not None and self._mine[0] == written:
                head = self._mine[1]
                fields = head.fields
            else:
                found = self._read(data, written)
                if found is None:
                    return False
                head, fields = found
        else:
            fields = head.fields
        if len(data) - end != head.length or connection.access_log:
            return False
        connection._unset_keepalive_if_required()
        cycle = connection.cycle = Again(head, fields, connection, data[end:])
        verdict = head.verdict
        if not verdict.judged:
            verdict.judged = True
            judge = getattr(connection.app, "judged", None)
            verdict.known = None if judge is None else judge({**head.scope, "headers": list(fields.items())})
        if verdict.known is None:
            self._task(cycle.run_asgi(connection.app))
        elif verdict.waits:
            verdict.waits -= 1
            self._task(cycle.answer(verdict.known))
        elif not self._memory.ahead.ready(connection.loop):
            self._task(cycle.answer(verdict.known))
        else:
            self._at_once(cycle, verdict, verdict.known)
        return True

    def _read(self, data: bytes, written: bytes) -> tuple[Head, Fields] | None:
        """Return what a head means that is not known as a whole; None unless its lines are."""
        memory, end = self._memory, len(written)
        if not len(_END) <= end <= LONGEST_READ:
            return None
        found = memory.lines.read(written, len(data) - end, self._secrets)
        if found is not None and memory.marks.again(written):
            head, fields = found
            self._remember(written, msgspec.structs.replace(head, fields=fields, open=()))
        return found

    def _remember(self, written: bytes, head: Head) -> None:
        """Know a head as a whole from now on."""
        if len(written) > LONGEST:
            return
        if not SECRET.isdisjoint(head.fields):
            if (authorization := head.fields.get(b"authorization")) is not None:
                head.fields[b"authorization"] = Marked(authorization)
            self._mine = (written, head)
            return
        heads = self._memory.heads
        if len(heads) >= MOST:
            heads.clear()
        heads[written] = head

    def _at_once(self, cycle: Again, verdict: Verdict, known: Known) -> None:
        """Take the first step of an answer: as a rule there is no other."""
        step = self._memory.ahead.take(known(cycle, cycle.fields, cycle.body_of()), cycle.finish)
        if step.task is not None:
            verdict.waits = AGAIN
            self._keep(step.task)
        elif step.error is not None or not (cycle.response_complete or cycle.disconnected):
            self._task(cycle.finish(step.error))

    def _task(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._keep(self._connection.loop.create_task(coroutine))

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Let the server wait for a task when it stops."""
        tasks = self._connection.tasks
        task.add_done_callback(tasks.discard)
        tasks.add(task)

    def learn(self, data: bytes) -> None:
        """Remember the head of `data`, which the parser has just read, if it was one whole and usual request."""
        connection = self._connection
        cycle = connection.cycle
        # The end of a head that came in two pieces is no head.
        if not (self._whole and self.between) or cycle is self._last or connection.pipeline:
            return
        if not cycle.keep_alive or connection.limit_concurrency is not None or connection.config.reset_contextvars:
            return
        end = data.find(_END) + 4
        found = read_head(data, end, cycle.scope)
        if found is None:
            return
        written = data[:end]
        self._memory.lines.learn(written, *found)
        # What is not known by its lines is known as a whole: with fields that stand twice, say.
        if self._memory.marks.again(written) and written not in self._memory.heads:
            self._remember(written, self._memory.lines.head(*found, len(data) - end))


class Again(RequestResponseCycle):
    """One request whose body is there. It is its own `send`."""

    # What uvicorn sets for each, where it is the same for all of these.
    disconnected = False
    keep_alive = True
    waiting_for_100_continue = False
    access_log = False
    body = bytearray()
    more_body = False
    response_started = False
    response_complete = False
    chunked_encoding: bool | None = None
    expected_content_length = 0
    _event: asyncio.Event | None = None

    def __init__(self, head: Head, fields: Fields, connection: Any, body: bytes) -> None:
        # And not uvicorn's: it would set all of them.
        self._head = head
        self.fields = fields  # of the head; other requests may have the same
        self._connection = connection
        self._unread: bytes | None = body

    def __getattr__(self, name: str) -> Any:
        # What few requests need is made for those.
        connection = self._connection
        if name == "scope":
            self.scope = self._scope(connection)
            return self.scope
        if name == "default_headers":
            return connection.server_state.default_headers
        if name == "on_response":
            return connection.on_response_complete
        if name in ("transport", "flow", "logger"):
            return getattr(connection, name)
        raise AttributeError(name)

    def _scope(self, connection: Any) -> Any:
        return {
            **self._head.scope,
            "server": connection.server,
            "client": connection.client,
            "scheme": connection.scheme,
            "state": connection.app_state.copy(),
            "headers": list(self._head.pairs or self.fields.items()),
        }

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of whoever sent it."""
        found: tuple[str, int] | None = self._connection.client
        return found

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop that it came in by."""
        found: asyncio.AbstractEventLoop = self._connection.loop
        return found

    @property
    def message_event(self) -> asyncio.Event:  # type: ignore[override]  # pyright: ignore
        """What tells `receive` that there is something; made for those who ask for more than the body."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.disconnected or self.response_complete:
                self._event.set()
        return self._event

    @property
    def send(self) -> Any:  # pyright: ignore
        """What the application answers with."""
        return self

    def __call__(self, message: Any) -> Awaitable[None]:
        """Send one ASGI message."""
        return RequestResponseCycle.send(self, message)

    def whole(self, body: bytes) -> bool:
        """Answer with 200 and this JSON, and return True; or do nothing and return False."""
        connection = self._connection
        if self.response_started or self.disconnected or not self.keep_alive or connection.flow.write_paused:
            return False
        self.response_started = self.response_complete = True
        write_answer(connection, body)
        if self._event is not None:
            self._event.set()
        return True

    def abort(self) -> None:
        """Break the connection off: its client does not read, and to close it would wait until it does."""
        self.disconnected = True
        self.transport.abort()

    def body_of(self) -> bytes:
        """Return the body, which nobody else gets then."""
        body, self._unread = self._unread, None
        return body or b""

    async def receive(self) -> Any:
        """Return the next ASGI message: the body, and then that the client left."""
        if self._unread is None or self.disconnected:
            return await super().receive()
        return {"type": "http.request", "body": self.body_of(), "more_body": False}

    async def answer(self, known: Known) -> None:
        """Answer as what knows the head does, in a task of its own."""
        await self.run_asgi(lambda scope, receive, send: known(self, self.fields, self.body_of()))

    async def finish(self, error: BaseException | None) -> None:
        """Do what uvicorn does after an application that is over, by `error` if there is one."""

        async def over(scope: Any, receive: Any, send: Any) -> None:
            if error is not None:
                raise error

        await self.run_asgi(over)


def repeated(base: Any) -> Any:
    """Return a protocol of uvicorn's that knows heads again."""
    known_here = Memory()

    class Repeated(base):  # type: ignore[misc]
        """One connection."""

        memory = known_here

        def connection_made(self, transport: Any) -> None:
            self._repeats = Repeats(self, known_here)
            super().connection_made(transport)  # pyright: ignore[reportUnknownMemberType]

        def on_message_begin(self) -> None:
            self._repeats.between = False
            super().on_message_begin()  # pyright: ignore[reportUnknownMemberType]

        def on_message_complete(self) -> None:
            self._repeats.between = True
            super().on_message_complete()  # pyright: ignore[reportUnknownMemberType]

        def known(self, data: bytes) -> bool:
            """Begin the request that `data` is, and perhaps end it; or return False."""
            return not self.ending and self._repeats.take(data)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
            if not self.ending:
                self._repeats.learn(data)

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)  # pyright: ignore[reportUnknownMemberType]
            if not self.connections:
                known_here.ahead.end()

    return Repeated
