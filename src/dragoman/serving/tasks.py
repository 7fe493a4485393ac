"""Tasks: how a call becomes one, and the handlers of the `tasks/` methods.

A task belongs to whoever made it; to anybody else it is not there. What each revision
calls a task, and when a call becomes one, is its `TaskForm`'s to say.
Source: ext-tasks, specification/draft/tasks; 2025-11-25 basic/utilities/tasks.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.errors import PeerError, RequestError
from dragoman.ports.engine import Engine
from dragoman.ports.state import States
from dragoman.ports.store import Store
from dragoman.protocol.exchange import Call, Caller
from dragoman.protocol.limits import Limits
from dragoman.protocol.tasks import Wish, legacy_task
from dragoman.serving.kernel import Kernel
from dragoman.serving.replay import Past, Replay, recall
from dragoman.serving.suspended import Suspended
from dragoman.serving.task_record import Record, Records, fresh_id, not_found
from dragoman.serving.task_runs import Runs
from dragoman.serving.task_watch import Watch, check_answer, take_up, with_meta
from dragoman.serving.task_work import Work
from dragoman.serving.tools import Registered, TaskUse
from dragoman.wire.base import EMPTY, Meta
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS, Failure, Notification
from dragoman.wire.lifecycle import Result
from dragoman.wire.questions import InputRequest
from dragoman.wire.tasks import RELATED, ListTasks, ListTasksResult, TaskParams
from dragoman.wire.tools import CallToolResult

PAGE = 100  # tasks in one page of a list
MAX_WATCHED = 100  # tasks in one subscription
Ids: TypeAlias = list[str]
Use = Callable[[str], TaskUse | None]  # how a tool, by its name, uses tasks
Make = Callable[[Runs, Limits], Engine]
_encode = msgspec.json.Encoder().encode
_result = msgspec.json.Decoder(CallToolResult).decode
_failure = msgspec.json.Decoder(Failure).decode
_notice = msgspec.json.Decoder(Notification).decode


class Tasks:
    """The tasks of one server; `make` gives what runs them, the store itself unless said."""

    def __init__(
        self,
        store: Callable[[], Store],
        states: Callable[[], States],
        kernel: Kernel,
        use: Use,
        make: Make = Work,
    ) -> None:
        limits, facts = kernel.limits, kernel.facts
        self._records = records = Records(facts.info.name, store, time.time)
        self.runs = Runs(records, lambda: kernel.reply, states, limits)
        self.work: Engine = make(self.runs, limits)
        records.commit = self.work.commit
        self._states = states
        self._use = use
        self._facts = facts
        self._limits = limits

    # --- how a call becomes a task ------------------------------------------------------------------------------

    async def begin(self, call: Call, tool: Registered) -> Result | None:
        """Return the task that a call of `tool` becomes at once, None if it runs in the call.

        Raises RequestError if the one needs a task and the other cannot have it.
        """
        form = call.era.tasks
        use: TaskUse | None = tool.task
        wish = form.wish(call, use is not None)
        if wish is None or use is None:
            if use is not None and use.required:
                raise form.needed(f"the tool {tool.definition.name!r}")
            return None
        if use.detaches and form.later:
            return None
        return await self._create(call, wish, Past(self._states().fresh()), safe=use.safe)

    async def adopt(self, call: Call, wish: Wish) -> Result:
        """Return the task that a call becomes whose work is somewhere else, so that a run which was cut off is safe."""
        return await self._create(call, wish, Past(self._states().fresh()), safe=True)

    async def past(self, call: Call) -> Past:
        """Return what the runs of a task left that have ended. Raises RequestError if it is not the caller's."""
        return (await self._mine(call)).past

    async def cancelled(self, task_id: str) -> bool:
        """Say whether a task was cancelled."""
        record = await self._records.load(task_id)
        return record is not None and record.status == "cancelled"

    async def detach(self, call: Call) -> None:
        """Let a call that runs become a task from here on, where it can; return where it cannot, or is one."""
        form = call.era.tasks
        if call.task is None and form.later and form.wish(call, True) is not None:
            use = self._use(call.params.name)
            raise Suspended(_Detached(self, call, use is not None and use.safe))

    async def detached(self, call: Call, *, safe: bool) -> Result:
        """Return the task that takes up a call where it detached itself."""
        asking = call.asking
        past = await (asking.remembered() if isinstance(asking, Replay) else recall(call, self._states()))
        state = call.params.request_state
        # A request that is sent again with the same answers gets the same task, not a second one.
        once = "" if state is UNSET else hashlib.sha256(state.encode()).hexdigest()
        # What it did before it detached, it does again when it is replayed: only what it made a step is done once.
        return await self._create(call, Wish(), past, safe=safe, once=once)

    async def _create(self, call: Call, wish: Wish, past: Past, *, safe: bool, once: str = "") -> Result:
        limits, owner = self._limits, owner_of(call.caller)
        if len(await self._records.of(owner, limits.tasks_kept)) >= limits.tasks_kept:
            few = f"{limits.tasks_kept} tasks of this caller are kept already; try again when the time of some is over"
            raise RequestError(INTERNAL_ERROR, few)
        wanted = limits.task_seconds if wish.ttl is None else wish.ttl
        now = self._records.now()
        record = Record(
            id=fresh_id(),
            owner=owner,
            tool=call.params.name,
            arguments=call.params.arguments or EMPTY,
            caller=call.caller,
            created=now,
            updated=now,
            ttl=min(max(wanted, 1.0), limits.task_most_seconds),
            poll=round(limits.task_poll * 1000),
            past=past,
            safe=safe,
            progress=call.meta.progress_token,
        )
        record = await self._records.create(record, once)
        await self._go_on()
        return call.era.tasks.created(record.state())

    # --- the methods --------------------------------------------------------------------------------------------

    async def get(self, call: Call) -> Result:
        """Answer `tasks/get`."""
        return call.era.tasks.told(self.shown(await self._mine(call), call))

    def shown(self, record: Record, call: Call) -> Any:
        """Return what can be told of a task, its result as the era of `call` has it."""
        raw = record.result
        sealed = None if raw is UNSET else msgspec.Raw(_encode(call.era.seal(_result(raw), self._facts)))
        return record.state(sealed)

    async def update(self, call: Call) -> Result:
        """Answer `tasks/update`: answers to what is not asked, or no longer, are passed over (TASK-12).

        Raises RequestError for one that no question of its kind has; nothing is lost then.
        """
        record = await self._mine(call)
        answers = call.params.input_responses
        for key in record.requests.keys() & answers.keys():
            check_answer(key, record.requests[key].method, answers[key])
        await self._take_up(record.id, answers)
        return Result()

    async def _take_up(self, task_id: str, answers: Mapping[str, msgspec.Raw]) -> None:
        await self._records.edit(task_id, lambda record: take_up(record, answers))
        await self._go_on()

    async def cancel(self, call: Call) -> Result:
        """Answer `tasks/cancel`. Raises RequestError for a task that has ended, where that is a fault."""
        record = await self._mine(call)
        form, changed = call.era.tasks, False

        def stop(record: Record) -> bool:
            nonlocal changed
            changed = not record.over
            if changed:
                record.status, record.message, record.requests = "cancelled", "cancelled by the client", {}
                record.run, record.past = "", Past(record.past.call)
            return changed

        record = await self._records.edit(record.id, stop) or record
        if not changed and form.final:
            raise RequestError(INVALID_PARAMS, f"the task has ended already: it is {record.status}")
        self.work.cancel(record.id)
        return form.cancelled(record.state())

    async def list(self, call: Call) -> ListTasksResult:
        """Answer `tasks/list` (2025-11-25): the caller's tasks, oldest first."""
        params: ListTasks = call.params
        ids = await self._records.of(owner_of(call.caller), self._limits.tasks_kept)
        cursor = params.cursor
        if cursor is not UNSET and cursor not in ids:
            raise RequestError(INVALID_PARAMS, "no such cursor: begin the list again without one")
        start = 0 if cursor is UNSET else ids.index(cursor)
        page, rest = ids[start : start + PAGE], ids[start + PAGE : start + PAGE + 1]
        found = [await self._records.load(task_id) for task_id in page]
        tasks = [legacy_task(record.state()) for record in found if record is not None]
        return ListTasksResult(tasks=tasks, next_cursor=rest[0] if rest else UNSET)

    async def result(self, call: Call) -> Any:
        """Answer `tasks/result` (2025-11-25): wait for the task, pass on what it says and asks, and give its result."""
        watch = Watch(self._records, await self._mine(call))
        heard = await self._forward(call, watch.record.id, 0)
        status = watch.record.status, watch.record.message
        while not watch.record.over:
            asked = watch.record.requests if watch.record.status == "input_required" else {}
            await watch.beside(self._ask(call, watch.record.id, asked) if asked else None)
            heard = await self._forward(call, watch.record.id, heard)
            if (watch.record.status, watch.record.message) != status:
                status = watch.record.status, watch.record.message
                await call.door.emit(call.era.tasks.notice(watch.record.state()))
        return self._given(watch.record)

    async def _forward(self, call: Call, task_id: str, heard: int) -> int:
        for position, line in await self._records.store.read(self._records.told(task_id), heard, 1000):
            await call.door.emit(_notice(line))
            heard = position
        return heard

    async def _ask(self, call: Call, task_id: str, requests: Mapping[str, InputRequest]) -> None:
        """Put what a task asks to the client, each question as a request of its own (LEG-23)."""

        async def put(key: str) -> tuple[str, msgspec.Raw]:
            params = requests[key].params
            meta = {**params.get("_meta", {}), RELATED: {"taskId": task_id}}
            return key, await call.door.ask(requests[key].method, {**params, "_meta": meta})

        await self._take_up(task_id, dict(await asyncio.gather(*(put(key) for key in requests))))

    # --- subscriptions ------------------------------------------------------------------------------------------

    async def watched(self, call: Call, ids: Sequence[str]) -> Ids:
        """Return those of `ids` that a caller may hear of. Raises RequestError if it may not speak of tasks at all."""
        call.era.tasks.admit(call)
        if len(ids) > MAX_WATCHED:
            raise RequestError(
                INVALID_PARAMS, f"one subscription names at most {MAX_WATCHED} tasks, this one {len(ids)}"
            )
        found = [await self._records.load(task_id) for task_id in dict.fromkeys(ids)]
        return [record.id for record in found if record is not None and _may(call.caller, record)]

    async def follow(
        self, call: Call, task_id: str, meta: Meta, emit: Callable[[Notification], Awaitable[None]]
    ) -> None:
        """Tell a listener how a task stands, and again whenever that changes, until it has ended (TASK-18)."""
        record = await self._records.load(task_id)
        watch = None if record is None else Watch(self._records, record)
        while watch is not None:
            await emit(with_meta(call.era.tasks.notice(self.shown(watch.record, call)), meta))
            if watch.record.over:
                return
            try:
                await watch.beside(None)
            except RequestError:
                return  # its time is over

    async def _go_on(self) -> None:
        await self.work.start()
        self.work.wake()

    def _given(self, record: Record) -> Any:
        if record.result is not UNSET:
            given = _result(record.result)
            meta = {} if given.meta is UNSET else given.meta
            return msgspec.structs.replace(given, meta={**meta, RELATED: {"taskId": record.id}})
        if record.error is not UNSET:
            failure = _failure(record.error)
            raise PeerError(failure.code, failure.message, failure.data)
        raise RequestError(INVALID_PARAMS, "the task was cancelled: it has no result")

    async def _mine(self, call: Call) -> Record:
        """Return the task that a call names. Raises RequestError, always the same, if it is not the caller's."""
        call.era.tasks.admit(call)
        params: TaskParams = call.params
        record = await self._records.load(params.task_id)
        if record is None or not _may(call.caller, record):
            raise not_found()
        return record


class _Detached:
    """What a run stops with that goes on as a task."""

    def __init__(self, tasks: Tasks, call: Call, safe: bool) -> None:
        self._tasks = tasks
        self._call = call
        self._safe = safe

    async def required(self) -> Result:
        """Return the task."""
        return await self._tasks.detached(self._call, safe=self._safe)


def owner_of(caller: Caller) -> str:
    """Return whose tasks a caller's are: its principal's, or its session's where nobody says who it is."""
    if caller.principal:
        return f"principal {caller.principal}"
    return f"session {caller.session}" if caller.session else ""


def _may(caller: Caller, record: Record) -> bool:
    """Say whether a caller may have a task. Where nobody is known, its id is the key: it cannot be guessed."""
    if not caller.principal:
        return not record.owner.startswith("principal ")
    return owner_of(caller) == record.owner
