"""Calls of tools that may become tasks: followed to their end, or handed out as handles.

Where the server decides, each call says that it takes a task; where the client does, a call becomes
one only if its tool needs that, or if the caller wants a handle.
Source: ext-tasks, specification/draft/tasks; 2025-11-25 basic/utilities/tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, structs

from dragoman.calling.callbacks import Callbacks
from dragoman.calling.task_handle import TaskHandle, fresh_token, read_status, with_tasks
from dragoman.calling.terms import PLAIN, Greeting, Wish
from dragoman.errors import DeadlineError, LocalError, PeerError
from dragoman.protocol.replies import TaskBegunError
from dragoman.wire.jsonrpc import METHOD_NOT_FOUND
from dragoman.wire.tasks import TASK
from dragoman.wire.tools import CallToolResult, Tool

Finish = Callable[[str, CallToolResult], Any]
CALL = "tools/call"


class Connected(Protocol):
    """What calls need of a connection."""

    @property
    def greeting(self) -> Greeting:
        """What was agreed."""
        ...

    async def request(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> Any:
        """Return the decoded result of a method."""
        ...

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values."""
        ...


class Tasked:
    """Calls of one client's tools. `finish` makes of a tool's result what callers get."""

    def __init__(
        self, connection: Connected, callbacks: Callbacks, finish: Finish, relist: Callable[[], Awaitable[Any]]
    ) -> None:
        self._connection = connection
        self._finish = finish
        self._relist = relist
        self._support: dict[str, str] = {}
        self.callbacks = callbacks

    @property
    def greeting(self) -> Greeting:
        """What was agreed with the server."""
        return self._connection.greeting

    async def custom(self, method: str, params: Mapping[str, Any], wish: Wish = PLAIN) -> dict[str, Any]:
        """Return the result of any method, as plain values."""
        return await self._connection.custom(method, params, wish)

    def note(self, tools: Iterable[Tool]) -> None:
        """Remember which tools, as they were listed, can be tasks."""
        self._support = {tool.name: _support(tool) for tool in tools}

    def call(self, params: Mapping[str, Any], wish: Wish) -> Awaitable[CallToolResult]:
        """Return what a tool gives, its task followed to the end if it becomes one; one that nobody waits for any
        more is cancelled.

        Raises what requests raise, and DeadlineError when `wish.timeout` is over.
        """
        greeting = self._connection.greeting
        if wish.by_hand or not greeting.dress.era.tasks.offered(greeting.capabilities):
            return self._connection.request(CALL, params, wish)
        return self._followed(params, wish)

    async def _followed(self, params: Mapping[str, Any], wish: Wish) -> CallToolResult:
        handle = await self._sent(params, wish, wanted=False)
        if not isinstance(handle, TaskHandle):
            return handle
        bound = asyncio.timeout(wish.timeout)
        try:
            async with bound:
                try:
                    return await handle.wire(wish.on_task)
                except asyncio.CancelledError:
                    await handle.leave()
                    raise
        except TimeoutError:
            if not bound.expired():
                raise
            raise DeadlineError(f"the task of {handle.tool} took longer than {wish.timeout:g} s; cancelled") from None

    async def start(self, params: Mapping[str, Any], wish: Wish) -> TaskHandle:
        """Return a handle of the task that a call becomes. Raises LocalError where there are no tasks."""
        if not self.greeting.dress.era.tasks.offered(self.greeting.capabilities):
            raise LocalError("this server has no tasks, in the revision that is spoken with it: use call_tool")
        sent = await self._sent(params, wish, wanted=True)
        if isinstance(sent, TaskHandle):
            return sent
        return self._handle({"taskId": "", "tool": params["name"]}, wish, sent)

    def resumed(self, saved: Mapping[str, Any], wish: Wish = PLAIN) -> TaskHandle:
        """Return a handle of a task from what another one saved. Raises LocalError for anything else."""
        return self._handle(saved, wish)

    def _handle(self, saved: Mapping[str, Any], wish: Wish, given: Any = None) -> TaskHandle:
        name = str(saved.get("tool", ""))
        return TaskHandle(self, saved, finish=lambda wire: self._finish(name, wire), wish=wish, given=given)

    async def _sent(self, params: Mapping[str, Any], wish: Wish, *, wanted: bool) -> CallToolResult | TaskHandle:
        """Return the result of a call, or the handle of the task that it became."""
        form, name = self.greeting.dress.era.tasks, params["name"]
        if not form.waits:
            try:
                return await self._plain(params, structs.replace(wish, dressed=with_tasks))
            except TaskBegunError as told:
                return self._begun(name, msgspec.json.decode(told.raw), wish)
        if wanted and name not in self._support:
            await self._relist()
        support = self._support.get(name, "")
        if wanted and not support:
            raise LocalError(f"the tool {name!r} does not run as a task: use call_tool")
        if not wanted and support != "required":
            try:
                return await self._plain(params, wish)
            except PeerError as error:
                if error.code != METHOD_NOT_FOUND:
                    raise
                # It was not listed, or it changed: it may run as a task only.
                await self._relist()
                if self._support.get(name) != "required":
                    raise
        wish = structs.replace(wish, token=fresh_token()) if wish.on_progress is not None else wish
        found = await self._connection.custom(CALL, form.asked(params), wish)
        if TASK not in found:
            result: CallToolResult = msgspec.convert(found, CallToolResult)
            return result
        return self._begun(name, found, wish)

    def _plain(self, params: Mapping[str, Any], wish: Wish) -> Awaitable[CallToolResult]:
        return self._connection.request(CALL, params, wish)

    def _begun(self, name: str, found: Mapping[str, Any], wish: Wish) -> TaskHandle:
        saved: dict[str, Any] = {"taskId": read_status(found).id, "tool": name}
        if wish.token is not None:
            saved["token"] = wish.token
        return self._handle(saved, wish)


def _support(tool: Tool) -> str:
    execution: Any = tool.execution
    found: Any = {} if execution is UNSET else execution.get("taskSupport")
    return str(found) if found in ("optional", "required") else ""
