"""One task of a server behind a proxy, followed: what it asks is kept until it is answered, what it says is passed on.

A Carrier is a connection as calls of tasks need it, in the name of whoever called. Keys of questions are made of what
they ask, so that whoever follows the task next knows the answers that there are already.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, cast

import msgspec
from msgspec import UNSET, structs

from dragoman.app.parking import NEEDS
from dragoman.app.passing import QUESTIONS, UNNAMED
from dragoman.app.upstream import Way
from dragoman.calling.answers import READERS
from dragoman.calling.callbacks import Callbacks
from dragoman.calling.task_handle import TaskStatus, with_tasks
from dragoman.calling.terms import PLAIN, Aside, Greeting, Wish
from dragoman.errors import PeerError, RequestError, StoreError
from dragoman.protocol.dress import Dress, dress_of
from dragoman.protocol.exchange import Call
from dragoman.serving.question import Question
from dragoman.wire.base import EMPTY
from dragoman.wire.jsonrpc import INVALID_REQUEST, MISSING_CAPABILITY, Frame, Notification
from dragoman.wire.lifecycle import ClientCapabilities
from dragoman.wire.notices import MESSAGE, PROGRESS, LogMessage, Progress
from dragoman.wire.tasks import EXTENSION, LEGACY_TASK_CHANGED, AnyTask
from dragoman.wire.tools import CallToolResult

log = logging.getLogger("dragoman")
TOGETHER = 0.05  # seconds in which questions that are put at the same time come in
DIGEST = 16  # characters of a question's digest that are in its key
_status = msgspec.json.Decoder(AnyTask).decode
_message = msgspec.json.Decoder(LogMessage).decode
Sent = Callable[[Call, Way, Mapping[str, Any], Wish], Awaitable[msgspec.Raw]]


class Carrier:
    """A connection for the tasks of one call; `sent` sends a call of a tool, `aside` takes what is said meanwhile."""

    def __init__(self, call: Call, way: Way, sent: Sent, aside: Aside) -> None:
        self._call = call
        self._way = way
        self._sent = sent
        self._aside = aside
        self.callbacks = Callbacks(declared=call.caller.capabilities, relay=aside.answer)

    @property
    def greeting(self) -> Greeting:
        """What was agreed."""
        return self._way.connection.greeting

    async def request(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> Any:
        """Return the decoded result of a method. Raises what reading it raises, too."""
        return READERS[method].read(await self._raw(method, params, wish), method)

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values."""
        found: dict[str, Any] = msgspec.json.decode(await self._raw(method, params, wish))
        return found

    async def _raw(self, method: str, params: Mapping[str, Any], wish: Wish) -> msgspec.Raw:
        wish = structs.replace(wish, aside=self._aside, dressed=self._dressed)
        if method == "tools/call":
            return await self._sent(self._call, self._way, params, wish)
        return await self._way.connection.forward(method, params, wish)

    def _dressed(self, own: Dress) -> Dress:
        if own.era.handshake:
            return own
        caller = self._call.caller
        level = self._call.log_level or "info"
        return with_tasks(dress_of(own.era, caller.client or UNNAMED, caller.capabilities, level))


class Follower:
    """A task behind, while somebody in this process follows it. `given` are the keys that were answered before."""

    def __init__(self, capabilities: ClientCapabilities, given: Iterable[str]) -> None:
        self._has = capabilities
        self._counts: Counter[str] = Counter(key[:DIGEST] for key in given)
        self._asked: dict[str, tuple[Question, asyncio.Future[Any]]] = {}
        self._news = asyncio.Event()
        self._telling: set[asyncio.Task[None]] = set()
        self.result: asyncio.Future[CallToolResult] | None = None
        self.run: Any = None  # the run of the proxy's own task, while there is one
        self.begun: dict[str, Any] = {}  # the task behind, as its handle saved it

    async def settled(self) -> dict[str, Question]:
        """Return what is asked, once something is; nothing when the task has ended."""
        result = self.result
        assert result is not None
        news = asyncio.ensure_future(self._news.wait())
        try:
            both: set[asyncio.Future[Any]] = {result, news}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            news.cancel()
        if not result.done():
            await asyncio.wait({result}, timeout=TOGETHER)
        return {} if result.done() else {key: question for key, (question, _) in self._asked.items()}

    def take(self, answers: Mapping[str, Any]) -> None:
        """Hand the answers on."""
        for key, answer in answers.items():
            _, waiting = self._asked.pop(key)
            if not waiting.done():
                waiting.set_result(answer)
        if not self._asked:
            self._news.clear()

    def end(self) -> None:
        """Follow no more; the task behind goes on."""
        for told in self._telling:
            told.cancel()
        if self.result is not None:
            self.result.cancel()

    # --- what it says and asks --------------------------------------------------------------------------------

    def hear(self, notice: Frame) -> bool:
        """Take what a server with a handshake says while it is waited for."""
        if notice.method == LEGACY_TASK_CHANGED:
            told = _status(notice.params or EMPTY)
            if told.status_message is not UNSET:
                self._say(told.status_message)
            return True
        if notice.method == MESSAGE:
            self._tell(Notification(method=MESSAGE, params=_message(notice.params or EMPTY)))
            return True
        return False

    def paused(self, seconds: float) -> None:
        """Take that the stream is closed for a while: nobody else has one open for this."""

    def changed(self, now: TaskStatus) -> None:
        """Take how the task stands."""
        if now.message and not now.over:
            self._say(now.message)

    async def progress(self, told: Progress) -> None:
        """Take how far it is."""
        if self.run is not None:
            token = self.run.record.progress
            await self.run.emit(Notification(method=PROGRESS, params=structs.replace(told, progress_token=token or 0)))

    def _say(self, text: str) -> None:
        if self.run is not None:
            self.run.say(text)

    def _tell(self, notice: Notification) -> None:
        if self.run is not None:
            telling = asyncio.get_running_loop().create_task(_told(self.run, notice))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)

    async def answer(self, method: str, params: msgspec.Raw) -> Any:
        """Return the answer to a question, whenever it comes. Raises RequestError for one that nobody answers."""
        kind = QUESTIONS.get(method)
        if kind is None or getattr(self._has, NEEDS[method]) is UNSET:
            raise RequestError(INVALID_REQUEST, f"this client did not declare what {method} needs")
        try:
            posed = msgspec.json.decode(params or EMPTY, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RequestError(INVALID_REQUEST, f"the question cannot be read: {error}") from None
        question = Question(method, structs.replace(posed, meta=UNSET), lambda has: None, lambda raw: raw)
        digest = question.digest()[:DIGEST]
        self._counts[digest] += 1
        key = f"{digest}-{self._counts[digest]}"
        waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[key] = (question, waiting)
        self._news.set()
        try:
            return await waiting
        finally:
            self._asked.pop(key, None)
            if not self._asked:
                self._news.clear()


async def _told(run: Any, notice: Notification) -> None:
    try:
        await run.emit(notice)
    except StoreError as error:
        log.debug("what a task behind said was not recorded: %s", error)


def needs_task(error: PeerError) -> bool:
    """Say whether a server refused a call because it can only be a task."""
    data: Any = error.data
    if error.code != MISSING_CAPABILITY or not isinstance(data, dict):
        return False
    needed = cast("dict[str, Any]", data).get("requiredCapabilities")
    extensions: Any = cast("dict[str, Any]", needed).get("extensions") if isinstance(needed, dict) else None
    return isinstance(extensions, dict) and EXTENSION in extensions
