"""The tasks of a server and of those mounted in it: whichever has one answers for it.

A server in this process is asked whether a task is its own, and the caller's. One behind a proxy cannot be asked
without being told the id, which may be all that an owner has to show: where its tasks are stands in the store.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.errors import McpError, RequestError
from dragoman.ports.store import Store
from dragoman.protocol.exchange import Call, Reply
from dragoman.serving.task_record import not_found
from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import INVALID_PARAMS, Notification
from dragoman.wire.lifecycle import Params
from dragoman.wire.tasks import (
    TASK,
    TASK_CHANGED,
    TERMINAL,
    AnyTask,
    CreateTaskResult,
    LegacyCreateTaskResult,
    LegacyTask,
    ListTasks,
    ListTasksResult,
    TaskParams,
)

if TYPE_CHECKING:
    from dragoman.app.surface import Mounted, Surface

log = logging.getLogger("dragoman")
KEPT = 7 * 24 * 3600.0  # seconds for which it is known where a task is that somebody else has
PAGE = 100  # tasks in one page of a list
MOST = 10_000  # tasks of one place that are listed
SHORTEST, LONGEST, USUAL = 0.1, 60.0, 1.0  # seconds between two looks at a task behind a proxy
Emit = Callable[[Notification], Awaitable[None]]
Answerer = Callable[[Call], Awaitable[Reply]]
Ids: TypeAlias = list[str]
_encode = msgspec.json.Encoder().encode
_members = msgspec.json.Decoder(dict[str, Any]).decode
_task = msgspec.json.Decoder(AnyTask).decode
_listed = msgspec.json.Decoder(ListTasksResult).decode


class KnownTasks:
    """A word about each task that somebody else has, for as long as it may live: whose it is, or where."""

    def __init__(self, name: str, storage: Callable[[], Store]) -> None:
        self._place = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:16]
        self._storage = storage

    async def note(self, reply: Reply, word: str) -> None:
        """Keep `word` about the task that a reply says has begun, if it says so."""
        task_id = begun_in(reply)
        if task_id:
            await self._storage().put(self._key(task_id), word.encode(), KEPT)

    async def word(self, task_id: str) -> str | None:
        """Return what was said of a task, None if nothing was."""
        found = await self._storage().get(self._key(task_id))
        return None if found is None else found.decode()

    def _key(self, task_id: str) -> str:
        return f"task-at:{self._place}:{hashlib.sha256(task_id.encode(errors='surrogatepass')).hexdigest()}"


def begun_in(reply: Reply) -> str:
    """Return the id of the task that a call became, "" if it became none."""
    if isinstance(reply, CreateTaskResult):
        return reply.task_id
    if isinstance(reply, LegacyCreateTaskResult):
        return reply.task.task_id
    if not isinstance(reply, msgspec.Raw) or b'"taskId"' not in bytes(reply):
        return ""
    try:
        members = msgspec.json.decode(reply, type=dict[str, msgspec.Raw])
        if bytes(members.get("resultType", b"")) == b'"task"':
            found = _task(reply)
        else:
            found = _task(members.get(TASK, msgspec.Raw(b"{}")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return found.task_id or ""


class TaskPlaces:
    """The handlers of the `tasks/` methods of a server that has others in itself."""

    def __init__(self, surface: Surface, known: KnownTasks) -> None:
        self._surface = surface
        self._known = known

    async def noted(self, mount: Mounted, reply: Reply) -> None:
        """Remember where a task is, if a call became one at a server behind a proxy."""
        if mount.other.surface.forwards:
            await self._known.note(reply, mount.prefix)

    async def answer(self, call: Call) -> Reply:
        """Answer what is asked about one task. Raises RequestError, always the same, if it is nobody's here."""
        call.era.tasks.admit(call)
        place = await self._place(call, call.params.task_id)
        if place is None:
            raise not_found()
        handler: Answerer
        if place is self._surface.face.tasks:
            own = {"tasks/get": place.get, "tasks/update": place.update, "tasks/cancel": place.cancel}
            handler = own.get(call.method, place.result)
        else:
            handler = place.passing
        return await handler(call)

    async def list(self, call: Call) -> ListTasksResult:
        """Answer `tasks/list` (2025-11-25): the caller's tasks of all places, oldest first."""
        found: list[LegacyTask] = []
        own = self._surface.face.tasks
        if own is not None:
            found += await _all(call, own.list)
        for mount in self._surface.mounts:
            if mount.tasks is None and not mount.other.surface.forwards:
                continue
            try:
                found += await _all(call, mount.passing)
            except McpError as error:
                log.warning("the tasks of %r are not listed: %s", mount.prefix or mount.other.name, error)
        found.sort(key=lambda task: (task.created_at, task.task_id))
        ids = [task.task_id for task in found]
        cursor = call.params.cursor
        if cursor is not UNSET and cursor not in ids:
            raise RequestError(INVALID_PARAMS, "no such cursor: begin the list again without one")
        start = 0 if cursor is UNSET else ids.index(cursor)
        rest = ids[start + PAGE : start + PAGE + 1]
        return ListTasksResult(tasks=found[start : start + PAGE], next_cursor=rest[0] if rest else UNSET)

    # --- subscriptions ----------------------------------------------------------------------------------------

    async def watched(self, call: Call, ids: Sequence[str]) -> Ids:
        """Return those of `ids` that a caller may hear of. Raises RequestError if it may not speak of tasks at all."""
        call.era.tasks.admit(call)
        return [one for one in dict.fromkeys(ids) if await self._place(call, one) is not None]

    async def follow(self, call: Call, task_id: str, meta: Meta, emit: Emit) -> None:
        """Tell a listener how a task stands, and again whenever that changes, until it has ended."""
        place = await self._place(call, task_id)
        if place is None:
            return
        inside = place if place is self._surface.face.tasks else place.tasks
        if inside is not None:
            await inside.follow(call, task_id, meta, emit)
        else:
            await _looking(place, call, task_id, meta, emit)

    async def _place(self, call: Call, task_id: str) -> Any:
        """Return whoever has a task: our own tasks, or a mounted server; None if nobody has, for this caller."""
        own = self._surface.face.tasks
        if own is not None and await own.watched(call, [task_id]):
            return own
        behind: list[Mounted] = []
        for mount in self._surface.mounts:
            if mount.other.surface.forwards:
                behind.append(mount)
            elif mount.tasks is not None and await mount.tasks.watched(call, [task_id]):
                return mount
        word = await self._known.word(task_id) if behind else None
        return next((mount for mount in behind if mount.prefix == word), None)


async def _all(call: Call, answer: Answerer) -> list[LegacyTask]:
    inner, found = copy.copy(call), list[LegacyTask]()
    inner.params = ListTasks(meta=call.params.meta)
    while len(found) < MOST:
        reply = await answer(inner)
        page = _listed(reply) if isinstance(reply, msgspec.Raw) else msgspec.convert(reply, ListTasksResult)
        found += page.tasks
        if page.next_cursor is UNSET:
            break
        inner.params = ListTasks(meta=call.params.meta, cursor=page.next_cursor)
    return found


async def _looking(mount: Mounted, call: Call, task_id: str, meta: Meta, emit: Emit) -> None:
    """Look again and again at a task that nobody in this process has, as often as its server says."""
    look, params = copy.copy(call), call.params
    look.method = "tasks/get"
    seen: dict[str, Any] | None = None
    while True:
        look.params = TaskParams(task_id=task_id, meta=params.meta if isinstance(params, Params) else UNSET)
        try:
            reply = await mount.passing(look)
        except RequestError:
            return  # its time is over
        members = _members(reply if isinstance(reply, msgspec.Raw) else _encode(reply))
        members = {name: value for name, value in members.items() if name not in ("_meta", "resultType")}
        if members != seen:
            seen = members
            await emit(Notification(method=TASK_CHANGED, params={**members, "_meta": meta}))
        if members.get("status") in TERMINAL:
            return
        wanted = members.get("pollIntervalMs", USUAL * 1000)
        await asyncio.sleep(min(max(wanted / 1000, SHORTEST), LONGEST) if isinstance(wanted, int | float) else USUAL)
