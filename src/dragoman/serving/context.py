"""What a tool, prompt or resource may know of its call, and say while it runs.

Built only for functions that ask for it, by a parameter annotated `Context`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from concurrent.futures import wait
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from dragoman.errors import LocalError
from dragoman.late import late
from dragoman.protocol.exchange import Call, Caller
from dragoman.wire.base import LOG_LEVELS, Implementation, LogLevel, RequestId
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.lifecycle import ClientCapabilities, ServerCapabilities
from dragoman.wire.notices import MESSAGE, PROGRESS, VISITED, LogMessage, Progress, Visited

if TYPE_CHECKING:
    from dragoman.ports.state import States
    from dragoman.protocol import trace
else:
    trace = late("dragoman.protocol.trace")

LOOK = 0.5  # seconds between looks whether a plain function's call is still wanted


class _Done:
    """An awaitable that is already done: what a plain function gets, which cannot await."""

    def __await__(self) -> Generator[Any, Any, None]:
        return
        yield


BREATH = 2  # notices of one call, after which others have their turn


class Context:
    """The call that a function is answering.

    Every method works in `async def` functions (await it) and in plain ones,
    which run in a worker thread (just call it).
    """

    __slots__ = ("_call", "_last", "_loop", "_said", "_server", "state")

    def __init__(self, call: Call, server: ServerFace, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._call = call
        self._server = server
        self._loop = loop
        self._last = float("-inf")
        self._said = 0
        self.state: Any = server.state

    @property
    def caller(self) -> Caller:
        """Who asks: protocol version, capabilities, and what the client says of itself."""
        return self._call.caller

    @property
    def client(self) -> Implementation | None:
        """Name and version that the client gives of itself; unverified, for display only."""
        return self._call.caller.client

    @property
    def client_capabilities(self) -> ClientCapabilities:
        """What the client can do."""
        return self._call.caller.capabilities

    @property
    def server_capabilities(self) -> ServerCapabilities:
        """What this server declared."""
        return self._server.capabilities

    @property
    def server_name(self) -> str:
        """The name of this server."""
        return self._server.name

    @property
    def request_id(self) -> RequestId:
        """The JSON-RPC id of the call."""
        return self._call.id

    @property
    def session_id(self) -> str | None:
        """The session of a handshake-era HTTP client; None otherwise."""
        return self._call.caller.session

    @property
    def headers(self) -> Mapping[str, str]:
        """The HTTP request headers, names in lower case; empty on stdio and in memory."""
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in self._call.headers.items()}

    @property
    def trace_context(self) -> dict[str, str]:
        """The trace that the client says this call belongs to (META-12); empty if it says none, or none that is valid.

        Fit to go on as `meta` of a call to another server.
        """
        return trace.trace_of(self._call.meta)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the answer any more. `async def` functions are cancelled; others can look here."""
        return self._call.over or self._call.door.cancelled

    def progress(self, progress: float, total: float | None = None, message: str | None = None) -> Awaitable[None]:
        """Tell the client how far the call is. Does nothing if it did not ask.

        `progress` only ever grows; a value that does not is not sent (PROG-03).
        """
        told: Awaitable[None] = self._tell(self._progress(progress, total, message))
        return told

    def log(self, level: LogLevel, data: Any, logger: str | None = None) -> Awaitable[None]:
        """Send a line of log to the client, if it wants this level. `data` is any JSON value, a text as a rule.

        Raises LocalError for a level that the protocol does not have.
        """
        if level not in LOG_LEVELS:
            raise LocalError(f"there is no log level {level!r}; use one of {', '.join(LOG_LEVELS)}")
        told: Awaitable[None] = self._tell(self._log(level, data, logger))
        return told

    def debug(self, data: Any) -> Awaitable[None]:
        """Log at level debug."""
        return self.log("debug", data)

    def info(self, data: Any) -> Awaitable[None]:
        """Log at level info."""
        return self.log("info", data)

    def warning(self, data: Any) -> Awaitable[None]:
        """Log at level warning."""
        return self.log("warning", data)

    def error(self, data: Any) -> Awaitable[None]:
        """Log at level error."""
        return self.log("error", data)

    def disconnect(self, retry: float = 1.0) -> Awaitable[None]:
        """Let the client go while a long call runs; it comes back for the rest after `retry` seconds.

        Only sessions of the handshake era over HTTP can do this; elsewhere it does nothing.
        """
        told: Awaitable[None] = self._tell(self._disconnect(retry))
        return told

    async def _disconnect(self, retry: float) -> None:
        leave = getattr(self._call.door, "disconnect", None)
        if leave is not None:
            await leave(retry)

    async def _progress(self, progress: float, total: float | None, message: str | None) -> None:
        token = self._call.meta.progress_token
        # JSON has no infinity, and no NaN.
        if token is UNSET or not (progress > self._last and math.isfinite(progress)):
            return
        self._last = progress
        await self._emit(
            PROGRESS,
            Progress(
                progress_token=token,
                progress=progress,
                total=UNSET if total is None or not math.isfinite(total) else total,
                message=UNSET if message is None else message,
            ),
        )

    async def _log(self, level: LogLevel, data: Any, logger: str | None) -> None:
        if self._call.era.hears_logs(self._call, level):
            await self._emit(MESSAGE, LogMessage(level=level, data=data, logger=UNSET if logger is None else logger))

    async def _emit(self, method: str, params: Any) -> None:
        # Nothing about a call may follow its answer (PROG-04).
        if not self._call.over:
            self._said += 1
            if not self._said % BREATH:
                # To write never waits while the client reads, or is gone: a function that only talks would hold up the
                # event loop, and nobody could even notice that its client has left.
                await asyncio.sleep(0)
            await self._call.door.emit(Notification(method=method, params=self._call.era.trim(params)))

    # --- asking: `Any`, since a plain function gets the answer itself and an async one something to await ------

    def elicit(self, message: str, wanted: Any = None, *, url: str = "", key: str = "", visit: str = "") -> Any:
        """Ask the user; the answer is an instance of `wanted`.

        `wanted` is a type whose fields are texts, numbers, yes/no or choices
        (dataclass, TypedDict, Struct, pydantic model), one such value (`bool`,
        `str`, an Enum, a Literal, a list of one), or a JSON Schema. With `url`
        the user is asked to visit a page instead; the answer is True, and
        `visited(visit)` tells the client when the user is done there.

        Raises DeclinedError if the user says no or closes the question, and
        RequestError if the client cannot ask. In the stateless era the function
        runs again from its beginning when the answer is there: see `step`.
        """
        if url and wanted is not None:
            raise LocalError("a page to visit gives no answer but that it was visited: ask for a type, or a url")
        ask = _questions()
        return self._one(key, ask.page(message, url, visit) if url else ask.form(message, wanted))

    def visited(self, visit: str) -> Awaitable[None]:
        """Tell the client that the visit to a page is complete, where its revision has words for that.

        `visit` is the id given to `elicit`, or to the Visit of a VisitNeededError.
        """
        told: Awaitable[None] = self._tell(self._visited(visit))
        return told

    async def _visited(self, visit: str) -> None:
        if self._call.era.visits:
            await self._emit(VISITED, Visited(elicitation_id=visit))

    def sample(self, messages: Any, *, max_tokens: int = 1024, key: str = "", **options: Any) -> Any:
        """Ask the client's model; the answer is a `CreateMessageResult`.

        `messages` is a text, or a list of texts and `SamplingMessage`s.
        """
        return self._one(key, _questions().sample(messages, max_tokens=max_tokens, **options))

    def roots(self, *, key: str = "") -> Any:
        """Ask for the folders that the user works in; the answer is a list of `Root`. Advice, not access control."""
        return self._one(key, _questions().roots())

    def ask_all(self, questions: Mapping[str, Any]) -> Any:
        """Ask several questions at once (made by `ask.form`, `ask.page`, `ask.sample`, `ask.roots`).

        The answer is a dictionary with the keys of `questions`.
        """
        return self._run(_asking().ask(self._call, self._server.states(), questions))

    def step(self, name: str, run: Callable[..., Any]) -> Any:
        """Return `run()`, which is run once, however often the function runs again for its questions.

        `name` is the step's own within the call. `run` may take one argument, a
        key that stays the same for this step: hand it to whoever must not act
        twice. The result is JSON-able; it is recorded, and read back as the type
        that `run` is annotated to return. Raises LocalError if an earlier run of
        the step was cut off, so that nobody knows whether it took effect.
        """
        states = self._server.states()
        if self._loop is None:
            return _asking().step(self._call, states, name, run)
        return _asking().step_here(self._call, states, name, run, self._wait)

    def detach(self) -> Awaitable[None]:
        """Let this call become a task from here on: the client gets a handle, and the function runs on without it.

        Ask first, then detach. The function runs again from its beginning, answers
        and steps kept; inside a task, and for clients without tasks, this does nothing.
        """
        tasks = self._server.tasks
        done: Awaitable[None] = _Done() if tasks is None else self._tell(tasks.detach(self._call))
        return done

    def status(self, text: str) -> None:
        """Say what a task is doing, in a few words that its client may show. Outside of tasks it does nothing."""
        if self._call.task is not None:
            self._call.task.say(text)

    def on_loop(self, work: Awaitable[Any]) -> Any:
        """Return what the server's event loop makes of `work`, waiting for it in this thread; for plain functions.

        It is waited for to its end, also when the call is given up: it may be what cleans up after the function.
        """
        if self._loop is None:
            raise LocalError("a function on the event loop awaits; only plain functions wait")

        async def do() -> Any:
            return await work

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    def _one(self, key: str, question: Any) -> Any:
        async def ask() -> Any:
            return next(iter((await _asking().ask(self._call, self._server.states(), {key: question})).values()))

        return self._run(ask())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return work if self._loop is None else self._wait(work)

    def _tell(self, work: Coroutine[Any, Any, None]) -> Any:
        # What a plain function was told is nothing, and it may be awaited. What it asked for may be None, and is that.
        if self._loop is None:
            return work
        self._wait(work)
        return _Done()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what the event loop makes of `work`, waiting in this thread."""
        if self._loop is None:
            raise LocalError("a function on the event loop awaits; only plain functions wait")
        done = asyncio.run_coroutine_threadsafe(work, self._loop)
        while not done.done():
            wait((done,), LOOK)
            if self.cancelled:
                # Nobody waits for this call any more, so nobody will answer its question either.
                done.cancel()
        return done.result()


def _questions() -> Any:
    """Loaded by the first question: servers that never ask don't pay for it."""
    return import_module("dragoman.serving.questions")


def _asking() -> Any:
    return import_module("dragoman.serving.asking")


async def redeem(call: Call, server: ServerFace) -> None:
    """Use up the answers that a call brings. Raises RequestError if they were used before, or are not for this call."""
    if call.era.replays:
        await import_module("dragoman.serving.replay").redeem(call, server.states())


class ServerFace:
    """What a Context shows of its server. `state` is what the server's lifespan yielded."""

    __slots__ = ("capabilities", "name", "state", "states", "tasks")

    def __init__(self, name: str, states: Callable[[], States]) -> None:
        self.name = name
        self.states = states
        self.tasks: Any = None  # the server's tasks, once it has tools that can be one
        self.capabilities = ServerCapabilities()
        self.state: Any = None
