"""The line to one server: numbers the requests, sends them, judges the answers, hands on the notices.

Knows how a request is dressed, but not which era is spoken nor how that was found.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from dragoman.calling.answers import judge
from dragoman.calling.callbacks import Callbacks
from dragoman.calling.changes import Changes
from dragoman.calling.resending import may_return, pause_of
from dragoman.calling.terms import PLAIN, Aside, OnLog, OnProgress, Wish
from dragoman.calling.visits import Visits
from dragoman.errors import (
    BusyError,
    ClosedError,
    DeclinedError,
    MalformedError,
    McpError,
    RequestError,
    TransportError,
)
from dragoman.ports.exchange import Dial, Exchange, Fields, Incoming, Outgoing
from dragoman.ports.observed import Asked, Observer
from dragoman.ports.watched import came
from dragoman.protocol.dress import Dress, cancellation
from dragoman.protocol.frames import encode, write_failure, write_result
from dragoman.wire.base import ProgressToken, RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, Failure, Frame, Notification
from dragoman.wire.lifecycle import SUBSCRIPTION_ID
from dragoman.wire.methods import BARE, METHODS
from dragoman.wire.notices import CANCELLED, MESSAGE, PROGRESS, VISITED, Cancelled, LogMessage, Progress

log = logging.getLogger("dragoman")
HELLO = "initialize"  # opens sessions, and is never cancelled (LEG-05, LEG-07)
MAX_ASKED = 100  # questions of the server's under way
MAX_KNOWN = 64  # kinds of requests whose header fields are kept
USER_REJECTED = -1  # what a client answers when its user wants no model asked (client/sampling "Error Handling")
FAREWELL = 1.0  # seconds that notices under way get when the line closes
_progress = Decoding(Progress)
_message = Decoding(LogMessage)
_cancelled = Decoding(Cancelled)


class _Meta(msgspec.Struct):
    number: RequestId | UnsetType = msgspec.field(name=SUBSCRIPTION_ID, default=UNSET)


class _Subscription(msgspec.Struct):
    meta: _Meta = msgspec.field(name="_meta", default_factory=_Meta)


_subscription = Decoding(_Subscription)


class Line:
    """Requests and answers over one exchange at a time; `redial` replaces it by a fresh one."""

    def __init__(
        self,
        dial: Dial,
        on_log: OnLog | None,
        callbacks: Callbacks,
        changes: Changes,
        on_lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._dial = dial
        self._on_lost = on_lost
        self.answering = True  # whether the server may ask; stateless ones do not (STDIO-03)
        self._on_log = on_log
        self._callbacks = callbacks
        self._changes = changes
        self.observer: Observer | None = None
        self.busy_resends = 0  # of one request that the server had too much to do for
        self.timeout: float | None = None  # seconds that a request may take, unless its wish says so
        self._closing = asyncio.Event()
        self._asked: dict[RequestId, asyncio.Task[Any]] = {}
        self._asides: dict[RequestId, Aside] = {}  # of requests under way, by their ids
        self.visits = Visits()
        self._ids = itertools.count(1)
        self._progress: dict[ProgressToken, tuple[OnProgress, list[asyncio.Task[None]]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._known_of: Fields | None = None
        self._known: dict[tuple[str, str | None], Fields] = {}  # header fields, by method and name
        self.exchange: Exchange = dial()

    async def open(self) -> None:
        """Make ready to send. Raises TransportError."""
        await self.exchange.open(self)

    async def redial(self) -> None:
        """Leave the exchange as it is and open another to the same target. Raises TransportError."""
        await self.exchange.close()
        self.exchange = self._dial()
        await self.exchange.open(self)

    async def close(self) -> None:
        """Release everything. Safe to call twice."""
        self._closing.set()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=FAREWELL)
        for task in self._tasks:
            task.cancel()
        await self.exchange.close()

    def number(self) -> int:
        """Return the id of the next request."""
        return next(self._ids)

    async def ask(
        self, dress: Dress, method: str, params: Mapping[str, Any], wish: Wish = PLAIN, number: int | None = None
    ) -> msgspec.Raw:
        """Return the raw result of a request; `number` is its id, if that is given out already.

        What the server has too much to do for comes again when it said, under a new id unless one was given.
        Raises PeerError when the server answers with an error, and whatever
        `judge` and the exchange raise. When cancelled, tells the server.
        """
        count, since = 0, 0.0
        while True:
            try:
                request_id = next(self._ids) if number is None else number
                if self.observer is None and wish.on_progress is None:
                    return await self._ask(dress, method, params, wish, request_id)
                return await self._once(dress, method, params, wish, request_id)
            except BusyError as error:
                count += 1
                since = since or time.monotonic()
                if number is not None and error.begun is not False:
                    raise  # its id cannot be used twice
                seconds = self._returns(error, method, wish, count, since)
            await self._pause(seconds)

    def _returns(self, error: BusyError, method: str, wish: Wish, count: int, since: float) -> float:
        """Return how many seconds to wait with a request. Raises `error` if it may not come again, or not in time."""
        seconds = pause_of(error, count)
        bounds = (self.timeout if wish.timeout is None else wish.timeout, wish.idle_timeout)
        waited = time.monotonic() - since + seconds
        late = any(bound is not None and waited > bound for bound in bounds)
        if late or count > self.busy_resends or not may_return(error, method, wish.repeatable):
            raise error
        log.debug("%s; %s comes again in %.1f s", error, method, seconds)
        return seconds

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises ClosedError when this is closed meanwhile."""
        if await came(self._closing, seconds):
            raise ClosedError(f"the client of {self.exchange.where} is closed")

    def _once(
        self, dress: Dress, method: str, params: Mapping[str, Any], wish: Wish, request_id: int
    ) -> Awaitable[msgspec.Raw]:
        if self.observer is not None and not METHODS.get(method, BARE).endless:
            return self._observed(self.observer, dress, method, params, wish, request_id)
        return self._told(dress, method, params, wish, request_id)

    async def _observed(
        self, observer: Observer, dress: Dress, method: str, params: Mapping[str, Any], wish: Wish, number: int
    ) -> msgspec.Raw:
        known = METHODS.get(method, BARE)
        target = params.get(known.named_by) if known.named_by else ""
        exchange = self.exchange
        asked = Asked(method, str(target), number, dress.era.version, exchange.where, exchange.over_http)

        def send(meta: Mapping[str, str]) -> Awaitable[msgspec.Raw]:
            # What the caller says of its own trace wins.
            return self._told(dress, method, params, structs.replace(wish, meta={**meta, **wish.meta}), number)

        return await observer(asked, send)

    async def _told(
        self, dress: Dress, method: str, params: Mapping[str, Any], wish: Wish, request_id: int
    ) -> msgspec.Raw:
        if wish.on_progress is None:
            return await self._ask(dress, method, params, wish, request_id)
        shown: list[asyncio.Task[None]] = []
        token = request_id if wish.token is None else wish.token
        self._progress[token] = (wish.on_progress, shown)
        try:
            result = await self._ask(dress, method, params, wish, request_id)
            # Progress that was told before the answer is shown before it, too.
            if shown:
                await asyncio.wait(shown)
            return result
        finally:
            self._progress.pop(token, None)

    async def _ask(self, dress: Dress, method: str, params: Mapping[str, Any], wish: Wish, number: int) -> msgspec.Raw:
        token = number if wish.token is None else wish.token
        extra = {**wish.meta, "progressToken": token} if wish.on_progress is not None else wish.meta
        body = dress.body(number, method, params, extra)
        exchange = self.exchange
        headers = wish.headers
        if exchange.over_http:
            headers = self._fields(dress, method, params)
            if wish.fields or wish.headers:
                headers = {**headers, **wish.fields, **wish.headers}
        # As it is sent: by the time of the answer, another call may have found out that the session is gone.
        in_session = exchange.session is not None
        request = Outgoing(number, body, headers, method == HELLO, dress.era.handshake)
        try:
            answer = await (exchange.send(request) if wish.aside is None else self._sent(request, wish.aside))
        except asyncio.CancelledError:
            if method != HELLO and not (exchange.over_http and dress.era.close_cancels):
                notice = cancellation(number, "the caller no longer waits")
                self._later(exchange.tell(notice, dress.fields if exchange.over_http else {}))
            raise
        frame = answer.frame
        if answer.status == 200 and frame is not None and frame.result and not frame.error:
            return frame.result  # as nearly all are, with nothing to judge
        return judge(answer, exchange.where, in_session=in_session)

    def _fields(self, dress: Dress, method: str, params: Mapping[str, Any]) -> Fields:
        """Return the header fields of a request: the same mapping for the same again, which exchanges know it by."""
        if self._known_of is not dress.fields or len(self._known) >= MAX_KNOWN:
            self._known_of, self._known = dress.fields, {}
        key = method, dress.named(method, params)
        if key not in self._known:
            self._known[key] = dress.headers(method, params)
        return self._known[key]

    async def _sent(self, request: Outgoing, aside: Aside) -> Incoming:
        self._asides[request.id] = aside
        try:
            return await self.exchange.send(
                structs.replace(request, listener=Apart(self, aside), on_pause=aside.paused)
            )
        finally:
            del self._asides[request.id]

    async def tell(self, dress: Dress, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send a notification. Raises TransportError."""
        body = encode(Notification(method=method, params=params or UNSET))
        await self.exchange.tell(body, dress.headers(method, {}) if self.exchange.over_http else {})

    def hear(self, notice: Frame) -> None:
        """Hand progress, log messages and changes to whoever asked for them."""
        try:
            if notice.method == PROGRESS:
                progress = _progress.decode(notice.params)
                # Progress after the answer, or for a call of somebody else's, is nobody's (PROG-10).
                found = self._progress.get(progress.progress_token)
                if found is not None:
                    self._show(found[0], progress, found[1])
            elif self._asides and self._is_aside(notice):
                pass
            elif notice.method == MESSAGE and self._on_log is not None:
                self._show(self._on_log, _message.decode(notice.params), None)
            elif notice.method == VISITED:
                self.visits.hear(notice)
            elif notice.method == CANCELLED:
                self._cancel(_cancelled.decode(notice.params or b"{}").request_id)
            elif not self._changes.hear(notice):
                log.debug("not asked for: %s", notice.method)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("%s sent a %s that cannot be read: %s", self.exchange.where, notice.method, error)

    def _is_aside(self, notice: Frame) -> bool:
        """Hand a notice to the request that it names, else to whichever under way takes it, the last first.

        One stream for everything does not say which of them it belongs to.
        """
        number = _subscription.decode(notice.params or msgspec.Raw(b"{}")).meta.number
        if number is not UNSET:
            aside = self._asides.get(number)
            return aside is not None and aside.hear(notice)
        return any(aside.hear(notice) for aside in reversed(self._asides.values()))

    def _show(self, callback: Any, value: Any, tasks: list[asyncio.Task[None]] | None) -> None:
        """Call the user's function; if it is a coroutine function, let it run beside the call."""
        try:
            shown = callback(value)
        except Exception:
            log.exception("the callback for %s failed", type(value).__name__)
            return
        if inspect.iscoroutine(shown):
            task = self._later(shown)
            if tasks is not None:
                tasks.append(task)

    def _cancel(self, wanted: Any) -> None:
        """The server wants no answer to its own question any more, or ends a subscription, which only stdio says so."""
        if wanted in self._asked:
            self._asked[wanted].cancel()
        elif wanted is not UNSET:
            self._changes.ended(wanted)

    def missed(self) -> None:
        """Tell those who hear of changes that any may have been missed."""
        for feed in self._changes.standing:
            feed.lost()

    def lost(self) -> None:
        """Pass on that the way ended by itself."""
        self._on_lost()

    async def answer(self, request: Frame, aside: Aside | None = None) -> bytes | None:
        """Return the response to a request of the server's: a `ping`, or what a callback answers (LEG-16, LEG-19)."""
        number = request.id
        if not self.answering:
            log.warning(
                "%s asked %s, which no stateless server may; it gets no answer", self.exchange.where, request.method
            )
            return None
        task = asyncio.current_task()
        if request.method == "ping":
            return write_result(0 if number is UNSET else number, {})
        if number is UNSET or task is None or number in self._asked or len(self._asked) >= MAX_ASKED:
            return write_failure(number, Failure(INVALID_REQUEST, "the same id twice, or too many questions at once"))
        self._asked[number] = task
        try:
            if aside is None and self._asides:
                aside = next(reversed(self._asides.values()))
            return write_result(number, await (aside or self._callbacks).answer(str(request.method), request.params))
        except Exception as error:
            return write_failure(number, _refusal(error))
        finally:
            del self._asked[number]

    def _later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._run(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except TransportError as error:
            log.debug("not delivered: %s", error)
        except Exception:
            log.exception("a callback failed")


class Apart:
    """The listener of one request, where its answer comes on a way of its own."""

    def __init__(self, line: Line, aside: Aside) -> None:
        self._line = line
        self._aside = aside

    def hear(self, notice: Frame) -> None:
        """Hand on a notice, to the line if it is for nobody in particular."""
        if notice.method == PROGRESS or not self._aside.hear(notice):
            self._line.hear(notice)

    async def answer(self, request: Frame) -> bytes | None:
        """Return the response to a question that belongs to this request."""
        return await self._line.answer(request, self._aside)

    def missed(self) -> None:
        """Pass on that something may have been missed."""
        self._line.missed()

    def lost(self) -> None:
        """Pass on that the way ended."""
        self._line.lost()


def _refusal(error: Exception) -> Failure:
    """Return what a server is told of a question that was not answered; what is wrong here stays here."""
    if isinstance(error, RequestError):
        return Failure(error.code, error.message, error.data)
    if isinstance(error, DeclinedError):
        return Failure(USER_REJECTED, "the user does not want that")
    if isinstance(error, MalformedError):
        return Failure(error.code, str(error))
    if isinstance(error, McpError):
        log.error("a question of the server was not answered: %s", error)
    else:
        log.error("the callback for a question of the server failed", exc_info=error)
    return Failure(INTERNAL_ERROR, "the client could not answer")
