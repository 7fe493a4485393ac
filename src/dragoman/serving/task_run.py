"""One run of a task: the tool's function from its beginning to its end, a question, or somebody's word to stop.

What a run says while it goes on becomes the task's status message. A run commits only what
is still its own: whoever was thought dead and comes back changes nothing.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET

from dragoman.errors import LocalError, StoreError
from dragoman.ports.service import Handler
from dragoman.ports.state import States
from dragoman.ports.store import Append
from dragoman.protocol.eras import era_named
from dragoman.protocol.exchange import Call
from dragoman.protocol.failures import failure_of, internal
from dragoman.serving.kernel import report
from dragoman.serving.replay import Past, Replay
from dragoman.serving.stopping import stop
from dragoman.serving.suspended import Suspended, stopped_by
from dragoman.serving.task_record import Record, Records
from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import INTERNAL_ERROR, Failure, Notification
from dragoman.wire.lifecycle import RequestMeta
from dragoman.wire.notices import Progress
from dragoman.wire.tasks import RELATED
from dragoman.wire.tools import CallTool, CallToolResult

T = TypeVar("T")
Change: TypeAlias = Callable[[Record], None]  # what the end of a run makes of a record
SAID = 1000  # characters of a status message
PAUSES = (0.1, 0.3, 1.0, 3.0)  # seconds between tries while the store fails
SAY = 0.5  # seconds between two status messages that are recorded
TOLD = 1000  # notices kept for whoever reads a task's result (2025-11-25)
LOST = "the process that ran this task ended in the middle, and it is not known what took effect; call the tool again"
STOPPED = "the server stopped in the middle of this task, and it is not known what took effect; call the tool again"
LATE = "the task took longer than the time it was given"
_encode = msgspec.json.Encoder().encode
_read = msgspec.json.Decoder(CallToolResult).decode
log = logging.getLogger("dragoman.tasks")


class Run:
    """One run of one task. `task` is what a Call bears, so that a tool knows that it is a task already."""

    def __init__(self, records: Records, record: Record) -> None:
        self.name = secrets.token_hex(8)
        self.record = record
        self._records = records
        self._loop = asyncio.get_running_loop()
        self._said = ""
        self._saying: asyncio.Task[None] | None = None
        self.cancelled = False

    async def begin(self) -> bool:
        """Make the run ours; False if the task is over, waits for answers, or must not run again."""

        def mine(record: Record) -> bool:
            if record.status != "working":
                return False
            if record.run and record.run != self.name and not record.safe:
                _fail(record, LOST)
                return True
            record.run, record.runs = self.name, record.runs + 1
            return True

        record = await _steadily(lambda: self._records.edit(self.record.id, mine))
        if record is None or record.run != self.name:
            return False
        self.record = record
        return True

    async def emit(self, notice: Notification) -> None:
        """Take what the function says: progress becomes the status message (TASK-19)."""
        if isinstance(notice.params, Progress):
            self.say(_words(notice.params))
            if self.record.progress is UNSET:
                return
        if era_named(self.record.caller.version).tasks.final:
            line = Append(self._records.told(self.record.id), _encode(self._related(notice)), self.record.ttl, TOLD)
            await self._records.store.commit([line])

    def _related(self, notice: Notification) -> Notification:
        params: Any = notice.params
        meta: Meta = {} if params.meta is UNSET else params.meta
        with_task: Meta = {**meta, RELATED: {"taskId": self.record.id}}
        return Notification(method=notice.method, params=msgspec.structs.replace(params, meta=with_task))

    async def ask(self, method: str, params: Any) -> msgspec.Raw:
        """Refuse: tasks ask by ending their run."""
        raise LocalError(f"{method} cannot be asked this way inside a task; use ctx.elicit, ctx.sample or ctx.ask_all")

    def say(self, text: str) -> None:
        """Set the status message; many in a row are recorded as the last of them. Safe from any thread."""
        self._said = text[:SAID]
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._say()
        else:
            self._loop.call_soon_threadsafe(self._say)

    def _say(self) -> None:
        if self._saying is None or self._saying.done():
            self._saying = self._loop.create_task(self._record_said())

    async def _record_said(self) -> None:
        text = ""
        while text != self._said:
            text = self._said
            try:
                await self._edit(_nothing)
            except StoreError as error:
                log.debug("what a task said was not recorded: %s", error)
            await asyncio.sleep(SAY)

    async def _edit(self, change: Callable[[Record], Any]) -> None:
        await self._records.edit(self.record.id, lambda record: self._if_mine(record, change))

    def _if_mine(self, record: Record, change: Callable[[Record], Any]) -> bool:
        if record.run != self.name or record.over:
            return False
        if self._said:
            record.message = self._said
        change(record)
        return True

    async def end(self, change: Callable[[Record], Any]) -> None:
        """Record how the run ended, if it is still ours. Raises StoreError if the store failed for seconds."""
        saying, self._saying = self._saying, None
        if saying is not None:
            # What it was in the middle of must be over, or it could say something after the end.
            await stop(saying)

        def last(record: Record) -> None:
            change(record)
            record.run = ""

        await _steadily(lambda: self._edit(last))


async def _steadily(work: Callable[[], Awaitable[T]]) -> T:
    """Return what `work` gives, tried again while the store fails, for some seconds: what was done must not be lost."""
    for pause in PAUSES:
        try:
            return await work()
        except StoreError as error:
            log.debug("the store failed, and is tried again: %s", error)
            await asyncio.sleep(pause)
    return await work()


def _nothing(record: Record) -> None:
    """Change nothing else: what was said is recorded with every change."""


def _fail(record: Record, message: str) -> None:
    record.status, record.message, record.run = "failed", message, ""
    record.past = Past(record.past.call)
    record.error = msgspec.Raw(_encode(Failure(INTERNAL_ERROR, message)))


def fails(failure: Failure) -> Change:
    """Return the change that ends a task with a JSON-RPC error."""

    def change(record: Record) -> None:
        record.status, record.message = "failed", failure.message
        record.error, record.past = msgspec.Raw(_encode(failure)), Past(record.past.call)

    return change


def _completes(result: Any) -> Change:
    """Return the change that ends a task with a result. Raises what encoding and decoding it raise."""
    raw = msgspec.Raw(result if isinstance(result, msgspec.Raw) else _encode(result))
    # Middleware may have made it: what cannot be read could not be told, either.
    erred = _read(raw).is_error is True

    def change(record: Record) -> None:
        record.status, record.result, record.erred = "completed", raw, erred
        record.past = Past(record.past.call)

    return change


def interrupted(record: Record) -> None:
    """Leave a task whose server stops: to another process if it may run again, else failed."""
    if not record.safe:
        _fail(record, STOPPED)


async def run(run: Run, handler: Handler, states: States, seconds: float) -> None:
    """Run a task that is ours, to the end of this run, and record that. Raises CancelledError and StoreError only.

    `handler` answers tools/call; `seconds` is what is left of the task's time.
    """
    call = _call(run, states)
    try:
        change = await _outcome(run, call, handler, seconds)
    except asyncio.CancelledError:
        await _finish(run.end(interrupted))
        raise
    finally:
        call.over = True
    try:
        await _finish(run.end(change))
    except StoreError:
        raise
    except LocalError as error:
        # Too large to keep, say.
        await _finish(run.end(fails(_failure(run.record, error))))


async def _outcome(run: Run, call: Call, handler: Handler, seconds: float) -> Change:
    bound = asyncio.timeout(seconds)
    try:
        async with bound:
            return _completes(await handler(call))
    except (Exception, SystemExit, Suspended) as error:
        if bound.expired() and isinstance(error, TimeoutError):
            return fails(call.era.fail(Failure(INTERNAL_ERROR, LATE)))
        cause = stopped_by(error)
        if isinstance(cause, Suspended):
            return await _asks(run, call)
        return fails(call.era.fail(_failure(run.record, cause)))
    except BaseExceptionGroup as group:
        # A task group wraps what its tasks raise, a suspension too.
        cause = stopped_by(group)
        return await _asks(run, call) if isinstance(cause, Suspended) else fails(_failure(run.record, cause))


async def _finish(last: Awaitable[None]) -> None:
    """Do the last thing of a run, whoever cancels it meanwhile. Raises what that raises."""
    done = asyncio.ensure_future(last)
    while not done.done():
        try:
            await asyncio.shield(done)
        except asyncio.CancelledError:
            continue
        except Exception:
            break
    done.result()


async def _asks(run: Run, call: Call) -> Change:
    """Return the change that records what a run asks; answers queue the task again, nobody waits for them meanwhile."""
    try:
        past, requests = await call.asking.pause()
    except Exception as error:
        return fails(call.era.fail(_failure(run.record, error)))

    def ask(record: Record) -> None:
        record.status, record.past, record.requests = "input_required", past, requests

    return ask


def _failure(record: Record, error: BaseException) -> Failure:
    return failure_of(error) or internal(report(f"the task of {record.tool}", error))


def _call(run: Run, states: States) -> Call:
    record = run.record
    token = record.progress
    meta = RequestMeta(progress_token=token) if token is not UNSET else RequestMeta(progress_token=record.id)
    params = CallTool(name=record.tool, arguments=record.arguments, meta=meta)
    era = era_named(record.caller.version)
    call = Call("tools/call", params, record.id, era, record.caller, meta)
    call.door, call.task = run, run
    call.asking = Replay(call, states, record.past)
    return call


def _words(progress: Progress) -> str:
    said = progress.message
    if said is not UNSET and said:
        return said
    total = progress.total
    return f"{progress.progress:g}" if total is UNSET else f"{progress.progress:g} of {total:g}"
