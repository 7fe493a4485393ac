"""A proxy between revisions: what both can say, said in the other's words.

A question of a server with a handshake holds its call open, which a client of the stateless era has already left: the
call stays parked here, and goes on when the client sends it again with the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET

from dragoman.app.carrying import Carrying, supporting
from dragoman.app.following import Sent as Asked
from dragoman.app.following import needs_task
from dragoman.app.parking import Parking
from dragoman.app.passing import Passing
from dragoman.app.upstream import Way, Ways
from dragoman.calling.answers import READERS
from dragoman.calling.changes import Change
from dragoman.calling.connection import Connection
from dragoman.calling.listening import Listening
from dragoman.calling.rounds import ASKING, ROUNDS, answered
from dragoman.calling.terms import Greeting
from dragoman.errors import LocalError, MalformedError, McpError, PeerError, RequestError
from dragoman.protocol.changes import notice_of
from dragoman.protocol.exchange import Call, Reply
from dragoman.protocol.forwarding import Members, members_of
from dragoman.protocol.headers import METHOD_HEADER
from dragoman.protocol.replies import InputWantedError
from dragoman.serving.elsewhere import rules_in
from dragoman.serving.stopping import stop
from dragoman.serving.tools import check_headers
from dragoman.wire.base import EMPTY
from dragoman.wire.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    LEGACY_RESOURCE_NOT_FOUND,
    METHOD_NOT_FOUND,
    Notification,
)
from dragoman.wire.lifecycle import SUBSCRIPTION_ID, Result
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.resources import Subscribe
from dragoman.wire.subscriptions import ACKNOWLEDGED, Acknowledged, Filter, Listen
from dragoman.wire.tasks import TASK
from dragoman.wire.tools import ListToolsResult

if TYPE_CHECKING:
    from dragoman.app.server import Server

log = logging.getLogger("dragoman")
Sent = Callable[[Call, Way, Passing, Members], Awaitable[msgspec.Raw]]
MOST = 1000  # subscriptions behind, for all sessions in front together
LISTS = Filter(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True)
_NOTICES = {
    "tools": TOOLS_CHANGED,
    "prompts": PROMPTS_CHANGED,
    "resources": RESOURCES_CHANGED,
    "resource": RESOURCE_UPDATED,
}


class Crossing:
    """What of a proxy is needed only where its two sides speak different revisions."""

    def __init__(self, server: Server, ways: Ways, changed: Callable[[Change], None], asked: Asked) -> None:
        self._ways = ways
        self._changed = changed
        self._parking = Parking(server)
        self.carrying = Carrying(server, asked)
        self._tasks: dict[asyncio.Task[None], tuple[Connection, str]] = {}

    async def forward(self, call: Call, way: Way, sent: Sent) -> Reply:
        """Return the answer to a call, translated."""
        era = way.connection.greeting.dress.era
        if self.carrying.takes(call, way):
            return await self.carrying.answer(call, way)
        if call.method == "tools/call":
            await self._check_headers(call, way)
            if (begun := await self.carrying.begin(call, way)) is not None:
                return begun
        try:
            if era.replays and not call.era.replays:
                return await self._asking(call, way, sent)
            if call.era.replays and not era.replays and call.method in ASKING:
                return await self._parking.forward(call, lambda inner: self._plain(inner, way, sent), way)
            return await self._plain(call, way, sent)
        except PeerError as error:
            if error.code == LEGACY_RESOURCE_NOT_FOUND and not call.era.handshake:
                raise RequestError(INVALID_PARAMS, error.message, error.data) from None
            if error.code == METHOD_NOT_FOUND and (refused := await self.carrying.refused(call, way)) is not None:
                raise refused from None
            raise

    async def _check_headers(self, call: Call, way: Way) -> None:
        """Refuse headers that do not repeat the arguments, where nobody behind knows that they should (HTTP-31)."""
        if METHOD_HEADER not in call.headers or not call.era.mirrors or way.connection.greeting.dress.era.mirrors:
            return
        members = members_of(call.params)
        name = members.get("name")
        tool = await self.carrying.tool(way, name) if isinstance(name, str) else None
        if tool is not None:
            check_headers(rules_in(tool), members.get("arguments", EMPTY), call.headers)

    async def _plain(self, call: Call, way: Way, sent: Sent) -> Reply:
        passing = Passing(call, way.connection.greeting.dress.era)
        members = members_of(call.params)
        for name in ("inputResponses", "requestState", *(() if call.era.tasks.waits else (TASK,))):
            members.pop(name, None)
        return _read(call.method, await sent(call, way, passing, members), way.connection.greeting)

    async def _asking(self, call: Call, way: Way, sent: Sent) -> Reply:
        """Answer a call whose client waits while it is asked what the server behind wants to know first."""
        passing = Passing(call, way.connection.greeting.dress.era)
        members, tasked = members_of(call.params), False
        for _ in range(ROUNDS):
            try:
                if tasked:
                    return await self.carrying.within(call, way, passing, members)
                return _read(call.method, await sent(call, way, passing, members), way.connection.greeting)
            except InputWantedError as wanted:
                members = await answered(passing, members, wanted.asked)
            except PeerError as error:
                if tasked or not needs_task(error):
                    raise
                tasked = True  # who waits needs no task, so it is waited for here
        raise MalformedError(f"the server behind asked more than {ROUNDS} times in one call")

    # --- changes ----------------------------------------------------------------------------------------------

    async def stand(self, way: Way) -> None:
        """Hear from now on what a session is told of its own accord."""
        connection = way.connection
        if connection.greeting.dress.era.handshake:
            try:
                await connection.stand()
            except McpError as error:
                log.debug("nothing is heard outside of calls: %s", error)
        else:
            await self._begin(connection, LISTS, "")

    async def session(self, call: Call, way: Way) -> Reply:
        """Answer what the stateless era has no method for: it says a log level with each call, and listens."""
        params = call.params
        if isinstance(params, Subscribe) and call.method == "resources/subscribe":
            if len(self._tasks) >= MOST:
                raise RequestError(
                    INTERNAL_ERROR, f"{MOST} resources are listened to behind this proxy; try again later"
                )
            await self._begin(way.connection, Filter(resource_subscriptions=[params.uri]), params.uri)
        return {}

    async def _begin(self, connection: Connection, wanted: Filter, uri: str) -> None:
        """Listen from now on, for all sessions in front together."""
        if (connection, uri) in self._tasks.values():
            return
        listening = Listening(connection, wanted)
        try:
            await listening.open()
        except LocalError as error:
            log.info("the server behind is not listened to: %s", error)
            return
        task = asyncio.get_running_loop().create_task(self._hear(listening))
        self._tasks[task] = (connection, uri)
        task.add_done_callback(lambda done: self._tasks.pop(done, None))

    async def _hear(self, listening: Listening) -> None:
        try:
            async with listening, aclosing(aiter(listening)) as changes:
                async for change in changes:
                    self._changed(change)
        except McpError as error:
            log.warning("listening to the server behind broke: %s", error)

    async def listen(self, call: Call, way: Way) -> Reply:
        """Answer `subscriptions/listen` with what the session behind is told."""
        params: Listen = call.params
        meta = {SUBSCRIPTION_ID: call.id}
        wanted = params.notifications
        watched = await self.carrying.watched(call, wanted.task_ids)
        listening = Listening(way.connection, msgspec.structs.replace(wanted, task_ids=UNSET))
        honoured, over = Filter(), asyncio.Event()
        followed: list[asyncio.Future[None]] = []
        try:
            honoured = (await listening.open()).honoured
        except LocalError:
            pass  # nothing of it: acknowledged as such, and kept open
        try:
            following = self.carrying.following(call, watched, meta)
            acknowledged = Acknowledged(notifications=msgspec.structs.replace(honoured, task_ids=watched), meta=meta)
            await call.door.emit(Notification(method=ACKNOWLEDGED, params=acknowledged))
            followed = [asyncio.ensure_future(_ending(one, over)) for one in following]
            if honoured == Filter():
                await over.wait()
            async with aclosing(aiter(listening)) as changes:
                async for change in changes:
                    await call.door.emit(notice_of((_NOTICES[change.kind], change.uri), meta))
                    if over.is_set():
                        break
        finally:
            await listening.close()
            await stop(*followed)
        if (closing := getattr(call.door, "closing", None)) is not None:
            await closing(call.id)
        return Result(meta=meta)

    async def stop(self) -> None:
        """End what is parked and what is listened to."""
        await self._parking.stop()
        await self.carrying.stop()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


async def _ending(work: Coroutine[Any, Any, None], over: asyncio.Event) -> None:
    """Do `work`; should it fail, the listener hears nothing more, rather than less than it asked for."""
    try:
        await work
    except Exception as error:
        log.warning("a subscription to a task ends: %s", error)
        over.set()


def _read(method: str, raw: msgspec.Raw, greeting: Greeting) -> Reply:
    """Return a result decoded, for the seal of another revision. Raises MalformedError, InputWantedError."""
    reader = READERS.get(method)
    if reader is not None:
        found: Reply = reader.read(raw, method)
        if isinstance(found, Result) and found.result_type is not UNSET:
            found = msgspec.structs.replace(found, result_type=UNSET)
        if isinstance(found, ListToolsResult):
            return msgspec.structs.replace(found, tools=[supporting(tool, greeting) for tool in found.tools])
        return found
    members: dict[str, Any] = msgspec.json.decode(raw)
    members.pop("resultType", None)
    return members
