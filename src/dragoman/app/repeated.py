"""A request whose head came before, to the byte, is not parsed again: clients send one head a thousand times.

uvicorn's parser calls into Python for each header, a third of what a small call costs (docs/design/http-server.md).
Promise: only what that parser has taken is known again, as a whole or line by line (`head_lines`), only whole requests
between two others, and all else goes to the parser. Limit: httptools, which has to be there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import msgspec

from dragoman.app.again import Again
from dragoman.app.head_lines import SECRET, Fields, Head, Known, Lines, Marks, Pair, Verdict, usual
from dragoman.protocol.marks import Marked
from dragoman.transport.ahead import Ahead

LONGEST, MOST = 2048, 256  # bytes of a head that is remembered, and how many are
LONGEST_READ = 8192  # bytes of a head that is known by its lines
HELD = 0.1  # seconds for which a known head waits for its body, before the parser gets it
LONGEST_HELD = 64 * 1024  # bytes of a body that may come in one piece
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


class _Held(msgspec.Struct, frozen=True):
    """A known head whose body has not come, of which the parser has nothing."""

    written: bytes
    head: Head
    fields: Fields


class Repeats:
    """What one connection knows again; `connection` is uvicorn's protocol of it."""

    __slots__ = (
        "_begun",
        "_connection",
        "_held",
        "_last",
        "_memory",
        "_mine",
        "_secrets",
        "_since",
        "_timer",
        "_whole",
        "between",
    )

    def __init__(self, connection: Any, memory: Memory) -> None:
        self._connection = connection
        self._memory = memory
        self.between = True  # the parser is at the beginning of a request
        self._last: Any = None  # the request before the data that the parser got
        self._whole = False  # whether that data began where a request begins
        self._mine: tuple[bytes, Head] | None = None  # with credentials, and so this connection's alone
        self._secrets: Fields = {}  # the last line of credentials, and its value
        self._begun: tuple[bytes, Any] | None = None  # a head that the parser got alone, and the request before it
        self._held: _Held | None = None
        self._since = 0.0  # when that came
        self._timer: asyncio.TimerHandle | None = None

    def take(self, data: bytes) -> bool:
        """Begin the request that `data` is, if its head is known; else return False: it is the parser's.

        A known head whose body has not come yet is held: many clients write the two apart. What arrives in two pieces
        means what it does in one.
        """
        connection = self._connection
        last = self._last = connection.cycle
        # A body that nobody read may still come, and it must not be taken for a request.
        self._whole = self.between and (last is None or (last.response_complete and last.keep_alive))
        if not self._whole or connection.access_log:
            return False
        if self._held is not None:
            return self._complete(self._held, data)
        end = data.find(_END) + 4
        written = data[:end]
        head = self._memory.heads.get(written)
        if head is None:
            found = self._find(written)
            if found is None:
                return False
            head, fields = found
        else:
            fields = head.fields
        if len(data) - end == head.length:
            self._begin(head, fields, data[end:])
            return True
        if len(data) != end or head.length > LONGEST_HELD:
            return False
        self._hold(_Held(written, head, fields))
        return True

    def _complete(self, held: _Held, body: bytes) -> bool:
        if len(body) != held.head.length:
            return False
        self._held = None
        self._begin(held.head, held.fields, body)
        return True

    def _hold(self, held: _Held) -> None:
        self._held = held
        loop = self._connection.loop
        self._connection._unset_keepalive_if_required()
        self._since = loop.time()
        # One timer for all that are held in its time: one for each would cost more than it is worth.
        if self._timer is None:
            self._timer = loop.call_later(HELD, self._look)

    def _look(self) -> None:
        self._timer = None
        if self._held is None:
            return
        loop = self._connection.loop
        left = self._since + HELD - loop.time()
        if left > 0:
            self._timer = loop.call_later(left, self._look)
        else:
            self._connection.data_received(b"")

    @property
    def holds(self) -> bool:
        """Whether a head waits here for its body."""
        return self._held is not None

    def released(self) -> bytes:
        """Return what the parser has not got yet, which is to get it before what comes next."""
        held, self._held = self._held, None
        return b"" if held is None else held.written

    def end(self) -> None:
        """The connection is gone."""
        self._held = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _begin(self, head: Head, fields: Fields, body: bytes) -> None:
        connection = self._connection
        connection._unset_keepalive_if_required()
        cycle = connection.cycle = Again(head, fields, connection, body)
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

    def _find(self, written: bytes) -> tuple[Head, Fields] | None:
        """Return what a head means that not everybody knows as a whole, and its fields; None if it is the parser's."""
        if self._mine is not None and self._mine[0] == written:
            return self._mine[1], self._mine[1].fields
        memory = self._memory
        if not len(_END) <= len(written) <= LONGEST_READ:
            return None
        found = memory.lines.read(written, self._secrets)
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
        cycle, last, whole = connection.cycle, self._last, self._whole
        begun, self._begun = self._begun, None
        if begun is not None:
            data, last, whole = begun[0] + data, begun[1], True
        if not whole or cycle is last or connection.pipeline:
            return
        end = data.find(_END) + 4
        if not self.between:
            # The end of a head that came in two pieces is no head.
            if begun is None and len(_END) <= end == len(data) <= LONGEST_READ:
                self._begun = data, last
            return
        if not cycle.keep_alive or connection.limit_concurrency is not None or connection.config.reset_contextvars:
            return
        found = read_head(data, end, cycle.scope)
        if found is None:
            return
        written = data[:end]
        self._memory.lines.learn(written, *found)
        # What is not known by its lines is known as a whole: with fields that stand twice, say.
        if self._memory.marks.again(written) and written not in self._memory.heads:
            self._remember(written, self._memory.lines.head(*found, len(data) - end))


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
            data = self._repeats.released() + data
            super().data_received(data)  # pyright: ignore[reportUnknownMemberType]
            if not self.ending:
                self._repeats.learn(data)

        def _leave(self) -> None:
            # Whoever is about to send a body has its time, and an answer.
            if not self._repeats.holds:
                super()._leave()  # pyright: ignore[reportUnknownMemberType]

        def connection_lost(self, exc: Exception | None) -> None:
            self._repeats.end()
            super().connection_lost(exc)  # pyright: ignore[reportUnknownMemberType]
            if not self.connections:
                known_here.ahead.end()

    return Repeated
