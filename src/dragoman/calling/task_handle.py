"""A task of a server's, from the client's side: looked at, answered, waited for, cancelled; saved and taken up again.

Promise: whoever waits for a task loses nothing when the connection breaks for a while.
Limit: waiting looks again and again, as often as the server says; it does not listen.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import math
import secrets
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import msgspec
from msgspec import UNSET, structs

from dragoman.calling.answers import READERS
from dragoman.calling.callbacks import Callbacks, answer_by_hand
from dragoman.calling.resending import pause
from dragoman.calling.rounds import together
from dragoman.calling.terms import PLAIN, Greeting, Wish
from dragoman.errors import (
    AuthorizationError,
    DeadlineError,
    LocalError,
    MalformedError,
    McpError,
    PeerError,
    TransportError,
)
from dragoman.protocol.dress import Dress
from dragoman.protocol.replies import TaskBegunError, error_of
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.lifecycle import CLIENT_CAPABILITIES
from dragoman.wire.questions import RawRequest
from dragoman.wire.tasks import EXTENSION, TERMINAL, AnyTask, Status
from dragoman.wire.tools import CallToolResult

log = logging.getLogger("dragoman")
T = TypeVar("T")
POLL = 1.0  # seconds between looks, where the server does not say
SHORTEST, LONGEST = 0.01, 60.0  # seconds; what a server says is cut to that
TRIES = 10  # looks in vain, one after the other, while the server cannot be reached
GRACE = 60.0  # seconds after its time for which a task is still asked after (TASK-24)
LEAVE = 5.0  # seconds that cancelling may take, when the caller is cancelled itself
_MAYBE_NULL = frozenset({"ttl", "ttlMs"})


class TaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a task stands. `ttl` and `poll` are seconds; `questions` has method and parameters of each by its key."""

    id: str
    status: Status
    message: str = ""
    created_at: str = ""
    updated_at: str = ""
    ttl: float | None = None
    poll: float = POLL
    questions: dict[str, dict[str, Any]] = {}
    result: msgspec.Raw = msgspec.Raw(b"")
    error: msgspec.Raw = msgspec.Raw(b"")

    @property
    def over(self) -> bool:
        """Whether the task has ended."""
        return self.status in TERMINAL


OnTask: TypeAlias = Callable[[TaskStatus], Any]


class Asking(Protocol):
    """What a handle needs of a connection."""

    @property
    def greeting(self) -> Greeting:
        """What was agreed."""
        ...

    @property
    def callbacks(self) -> Callbacks:
        """Who answers questions."""
        ...

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values."""
        ...


class TaskHandle:
    """One task. `id` is its name at the server, `tool` the tool that was called.

    `saved()` is plain data, from which `Client.resume_task` makes a handle
    again, in another process perhaps. A call that was answered at once has a
    handle too, which `has` its result.
    """

    def __init__(
        self,
        connection: Asking,
        saved: Mapping[str, Any],
        *,
        finish: Callable[[CallToolResult], Any],
        wish: Wish = PLAIN,
        given: CallToolResult | None = None,
    ) -> None:
        self._connection = connection
        self._finish = finish
        self._wish = wish
        self._given = given
        self._saved = dict(saved)
        self._begun = time.monotonic()
        self._answered: set[str] = set()
        try:
            self.id = str(saved["taskId"])
            self.tool = str(saved.get("tool", ""))
        except (KeyError, TypeError):
            raise LocalError("this is no saved task: give what TaskHandle.saved() returned") from None

    def __repr__(self) -> str:
        return f"TaskHandle({self.tool!r}, {self.id!r})"

    def saved(self) -> dict[str, Any]:
        """Return what is needed to take the task up again: plain data, fit for JSON. Keep it as you keep the result."""
        return dict(self._saved)

    async def status(self) -> TaskStatus:
        """Return how the task stands now. Raises PeerError if there is none any more, and what requests raise."""
        if self._given is not None:
            return TaskStatus(id=self.id, status="completed")
        try:
            found = await self._connection.custom("tasks/get", {"taskId": self.id}, self._asks())
        except TaskBegunError as told:
            # Some say of every task that it is one, after the examples in the specification.
            found = cast("dict[str, Any]", msgspec.json.decode(told.raw))
        return read_status(found)

    async def result(self, *, timeout: float | None = None, on_task: OnTask | None = None) -> Any:
        """Return the `CallResult`, waiting for the task to end; what it asks is answered by the client's callbacks.

        `timeout` is in seconds; when it is over, and when the caller is cancelled,
        the task goes on. `on_task` is called with each new `TaskStatus`. Raises
        PeerError for a task that failed or was cancelled, ToolError when the tool
        says that it failed, DeadlineError, and what callbacks raise.
        """
        bound = asyncio.timeout(timeout)
        try:
            async with bound:
                return self._finish(await self.wire(on_task))
        except TimeoutError:
            if not bound.expired():
                raise
            raise DeadlineError(f"the task of {self.tool} took longer than {timeout:g} s; it goes on") from None

    async def wire(self, on_task: OnTask | None = None) -> CallToolResult:
        """Return the result as it came. Raises as `result` does."""
        if self._given is not None:
            return self._given
        if self._connection.greeting.dress.era.tasks.waits:
            return await self._waited(on_task)
        seen: TaskStatus | None = None
        while True:
            now = await self._patiently(self.status)
            if now != seen:
                await _tell(on_task, now)
            seen = now
            if now.over:
                return _ended(now)
            if now.questions:
                await self._answer(now.questions)
            elif now.ttl is not None and time.monotonic() - self._begun > now.ttl + GRACE:
                raise DeadlineError(f"the time of the task {self.id} is over, and it has not ended (TASK-24)")
            await asyncio.sleep(now.poll)

    async def answer(self, answers: Mapping[str, Any]) -> None:
        """Answer questions of the task by hand, by their keys: each answer is what a callback would return.

        Raises LocalError for keys that are not asked and answers that do not fit. Where questions come as requests
        of the server's own, callbacks answer them, and this raises LocalError.
        """
        if self._connection.greeting.dress.era.tasks.waits:
            raise LocalError("in this revision a task asks while its result is waited for, and callbacks answer")
        questions = (await self.status()).questions
        strange = [key for key in answers if key not in questions]
        if strange:
            raise LocalError(f"{strange[0]!r} is not asked; the questions are {', '.join(questions) or 'none'}")
        await self._send(
            {
                key: answer_by_hand(questions[key]["method"], _raw(questions[key]["params"]), given)
                for key, given in answers.items()
            }
        )

    async def cancel(self) -> None:
        """Ask the server to cancel the task; one that has ended stays as it is. Raises what requests raise."""
        try:
            await self._connection.custom("tasks/cancel", {"taskId": self.id}, self._asks())
        except PeerError as error:
            # Some say that it has ended already; that it is not there is another matter.
            if error.code != INVALID_PARAMS or not (await self.status()).over:
                raise

    async def leave(self) -> None:
        """Cancel the task because its caller was cancelled: as well as that can be done in a few seconds."""
        try:
            async with asyncio.timeout(LEAVE):
                await self.cancel()
        except (McpError, TimeoutError) as error:
            log.debug("a task that nobody waits for was not cancelled: %s", error)

    def _asks(self) -> Wish:
        return Wish(headers=self._wish.headers, dressed=with_tasks)

    async def _patiently(self, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what a look gives, tried again while the server cannot be reached: the task goes on meanwhile."""
        for count in range(1, TRIES + 1):
            try:
                return await look()
            except TransportError as error:
                if count == TRIES or isinstance(error, AuthorizationError):
                    raise
                log.debug("a look at a task failed, and is tried again: %s", error)
            await asyncio.sleep(pause(count + 3))
        raise AssertionError  # the last try raised

    async def _waited(self, on_task: OnTask | None) -> CallToolResult:
        wish = structs.replace(self._asks(), timeout=math.inf, token=self._saved.get("token"))
        if self._wish.on_progress is not None:
            wish = structs.replace(wish, on_progress=self._wish.on_progress)
        params = {"taskId": self.id}
        waiting = asyncio.ensure_future(self._patiently(lambda: self._connection.custom("tasks/result", params, wish)))
        both: set[asyncio.Future[Any]] = {waiting}
        if on_task is not None:
            both.add(asyncio.ensure_future(self._watched(on_task)))
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_EXCEPTION)
            for one in done:
                one.result()  # of a callback that failed, its fault
            return _result(_raw(waiting.result()))
        finally:
            for one in both:
                one.cancel()
            await asyncio.wait(both)
            for one in both:
                if not one.cancelled():
                    one.exception()  # one of them was raised; the other is of no use any more

    async def _watched(self, on_task: OnTask) -> None:
        """Tell how the task stands, as often as the server says, until it has ended."""
        seen: TaskStatus | None = None
        while seen is None or not seen.over:
            now = await self._patiently(self.status)
            if now != seen:
                await _tell(on_task, now)
            seen = now
            if not now.over:
                await asyncio.sleep(now.poll)

    async def _answer(self, questions: Mapping[str, dict[str, Any]]) -> None:
        """Put each question once, however often it is told (TASK-23)."""
        new = [key for key in questions if key not in self._answered]
        answer = self._connection.callbacks.answer
        works: list[Coroutine[Any, Any, Any]] = [
            answer(questions[key]["method"], _raw(questions[key]["params"])) for key in new
        ]
        if works:
            await self._send(dict(zip(new, await together(works), strict=True)))

    async def _send(self, answers: Mapping[str, Any]) -> None:
        params = {"taskId": self.id, "inputResponses": answers}
        await self._patiently(lambda: self._connection.custom("tasks/update", params, self._asks()))
        self._answered |= answers.keys()


async def _tell(on_task: OnTask | None, now: TaskStatus) -> None:
    told = None if on_task is None else on_task(now)
    if inspect.isawaitable(told):
        await told


def with_tasks(dress: Dress) -> Dress:
    """Return how requests are written that may be answered with a task, in revisions where each says so (TASK-01)."""
    if dress.era.handshake:
        return dress
    capabilities: Any = dress.meta[CLIENT_CAPABILITIES]
    had: dict[str, Any] = {} if capabilities.extensions is UNSET else capabilities.extensions
    extended = structs.replace(capabilities, extensions={**had, EXTENSION: {}})
    return dress.saying(CLIENT_CAPABILITIES, extended)


def fresh_token() -> str:
    """Return a name for the progress of a task, that no other request of this client has, nor of another."""
    return f"task-{secrets.token_hex(8)}"


def read_status(found: Mapping[str, Any]) -> TaskStatus:
    """Return how a task stands, from what a server of any revision says. Raises MalformedError."""
    try:
        told = msgspec.convert(_present(found), AnyTask)
    except msgspec.ValidationError as error:
        raise MalformedError(f"the task cannot be read: {error}") from None
    told = told if told.task is UNSET else told.task
    if told.task_id is UNSET or told.status is UNSET or not told.task_id:
        raise MalformedError("the task has no taskId, or no status")
    ttl = told.ttl if told.ttl_ms is UNSET else told.ttl_ms
    poll = told.poll_interval if told.poll_interval_ms is UNSET else told.poll_interval_ms
    requests: dict[str, RawRequest] = {} if told.input_requests is UNSET else told.input_requests
    return TaskStatus(
        id=told.task_id,
        status=told.status,
        message=told.status_message or "",
        created_at=told.created_at or "",
        updated_at=told.last_updated_at or "",
        ttl=None if ttl is UNSET or ttl is None else ttl / 1000,
        poll=POLL if poll is UNSET else min(max(poll / 1000, SHORTEST), LONGEST),
        questions={key: _question(one) for key, one in requests.items()},
        result=told.result or msgspec.Raw(b""),
        error=told.error or msgspec.Raw(b""),
    )


def _question(one: RawRequest) -> dict[str, Any]:
    return {"method": one.method, "params": msgspec.json.decode(one.params)}


def _present(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task without members that are null and cannot be, and with the rest as it came."""
    kept = {name: value for name, value in found.items() if value is not None or name in _MAYBE_NULL}
    for name in ("result", "error"):
        if name in kept:
            kept[name] = _raw(kept[name])
    inside: Any = kept.get("task")
    if isinstance(inside, dict):
        kept["task"] = _present(cast("dict[str, Any]", inside))
    for one in cast("dict[str, Any]", kept.get("inputRequests", {})).values():
        if isinstance(one, dict):
            one["params"] = _raw(cast("dict[str, Any]", one).get("params") or {})
    return kept


def _ended(now: TaskStatus) -> CallToolResult:
    if now.status == "completed":
        return _result(now.result)
    if now.status == "failed" and bytes(now.error):
        raise error_of(now.error)
    words = now.message or ("it says no more" if now.status == "failed" else "it has no result")
    raise PeerError(INVALID_PARAMS, f"the task ended, {now.status}: {words}")


def _result(raw: msgspec.Raw) -> CallToolResult:
    if not bytes(raw):
        raise MalformedError("the task is completed, and has no result (TASK-09)", at="$.result")
    found: CallToolResult = READERS["tools/call"].read(raw, "tools/call")
    return found


def _raw(value: Any) -> msgspec.Raw:
    return value if isinstance(value, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(value))
