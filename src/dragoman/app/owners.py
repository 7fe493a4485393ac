"""Whose the tasks of a server behind a proxy are: there, all of them are the proxy's.

Who began one, as far as that is known, is noted in the store; to anybody else it is not there (TASK-21).
Limit: it concerns callers that prove who they are; of others an id is the key, as everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from dragoman.app.task_places import KnownTasks
from dragoman.ports.store import Store
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.forwarding import Members, members_of
from dragoman.serving.task_record import not_found

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_tasks = msgspec.json.Decoder(list[dict[str, Any]]).decode
_encode = msgspec.json.Encoder().encode


class Owners:
    """Who began which task behind one proxy."""

    def __init__(self, name: str, storage: Callable[[], Store]) -> None:
        self._known = KnownTasks(f"{name}\0owners", storage)

    async def note(self, call: Call, raw: msgspec.Raw) -> None:
        """Keep whose the task is that a call has become, if it became one."""
        await self._known.note(raw, call.caller.principal)

    async def answer(self, call: Call, sent: Callable[[], Awaitable[Reply]]) -> Reply:
        """Return what `sent` answers about a task of the caller's. Raises RequestError for anybody else's."""
        call.era.tasks.admit(call)
        if call.method == "tasks/list":
            return await self._listed(call, await sent())
        if not await self._has(call, members_of(call.params).get("taskId")):
            raise not_found()
        return await sent()

    async def watched(self, call: Call, members: Members) -> Members:
        """Return what somebody wants to hear of without tasks that are not theirs."""
        raw = members.get("notifications")
        if not call.caller.principal or raw is None or b"taskIds" not in bytes(raw):
            return members
        wanted = _members(raw)
        try:
            ids = msgspec.json.decode(wanted.get("taskIds", b"[]"), type=list[Any])
        except msgspec.ValidationError:
            return members  # the server behind says what is wrong with it
        theirs = [one for one in ids if await self._has(call, one)]
        return {**members, "notifications": {**wanted, "taskIds": theirs}}

    async def _listed(self, call: Call, reply: Reply) -> Reply:
        if not isinstance(reply, msgspec.Raw):
            return reply
        members: dict[str, Any] = dict(_members(reply))
        tasks = [one for one in _tasks(members.get("tasks", b"[]")) if await self._has(call, one.get("taskId"))]
        return msgspec.Raw(_encode({**members, "tasks": tasks}))

    async def _has(self, call: Call, task_id: Any) -> bool:
        return isinstance(task_id, str) and await self._known.word(task_id) == call.caller.principal
