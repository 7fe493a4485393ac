"""`subscriptions/listen`: a call that lasts, and says what changes while it does.

The acknowledgement comes first, every message bears the request's id, and nothing is
told that was not asked for.
Source: specification, basic/patterns/subscriptions; requirements SUB-01 to SUB-15.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from msgspec import UNSET, structs

from dragoman.errors import RequestError
from dragoman.ports.bus import Feed, Topic, end_with
from dragoman.ports.watched import Watched
from dragoman.protocol.changes import notice_of
from dragoman.protocol.exchange import Call
from dragoman.serving.bus import LocalBus
from dragoman.serving.stopping import stop
from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import INVALID_PARAMS, Notification
from dragoman.wire.lifecycle import SUBSCRIPTION_ID, Result, ServerCapabilities
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.subscriptions import ACKNOWLEDGED, Acknowledged, Filter, Listen

MAX_URIS = 1000  # resources in one filter
SLOW = 30.0  # seconds that a listener may take to receive one message


log = logging.getLogger("dragoman")
Emit = Callable[[Notification], Awaitable[None]]


class Followed(Protocol):
    """Tasks, as far as one may listen to them."""

    async def watched(self, call: Call, ids: Sequence[str]) -> list[str]:
        """Return those of `ids` that the caller may hear of. Raises RequestError."""
        ...

    def follow(self, call: Call, task_id: str, meta: Meta, emit: Emit) -> Coroutine[Any, Any, None]:
        """Tell how a task stands, until it has ended."""
        ...


class Subscriptions:
    """The handler of `subscriptions/listen`."""

    def __init__(
        self,
        bus: LocalBus,
        capabilities: Callable[[], ServerCapabilities],
        tasks: Callable[[], Followed | None] = lambda: None,
    ) -> None:
        self._bus = bus
        self._capabilities = capabilities
        self._tasks = tasks

    async def listen(self, call: Call) -> Result:
        """Tell the client of changes until it leaves, is too slow, its token expires, or the server stops."""
        params: Listen = call.params
        honoured = honour(params.notifications, self._capabilities())
        tasks, ids = self._tasks(), params.notifications.task_ids
        if tasks is not None and ids is not UNSET:
            honoured = structs.replace(honoured, task_ids=await tasks.watched(call, ids))
        meta: Meta = {SUBSCRIPTION_ID: call.id}
        feed = self._bus.open(_wants(honoured))
        following: list[asyncio.Task[None]] = []
        forget = end_with(feed, call.caller.identity)
        try:
            acknowledged = Acknowledged(notifications=honoured, meta=meta)
            await _emit(call, Notification(method=ACKNOWLEDGED, params=acknowledged))
            if tasks is not None and honoured.task_ids is not UNSET:
                emit = functools.partial(_emit, call)
                works = [tasks.follow(call, task_id, meta, emit) for task_id in honoured.task_ids]
                following = [asyncio.ensure_future(_ending(work, feed)) for work in works]
            while (topic := await feed.next()) is not None:
                await _emit(call, notice_of(topic, meta))
        finally:
            forget()
            feed.close()
            await stop(*following)
        closing = getattr(call.door, "closing", None)
        if closing is not None:
            await closing(call.id)
        return Result(meta=meta)


async def _ending(work: Awaitable[None], feed: Feed) -> None:
    """Do `work`; should it fail, the listener hears nothing more, rather than less than it asked for."""
    try:
        await work
    except Exception as error:
        log.warning("a subscription to a task ends: %s", error)
        feed.end()


async def _emit(call: Call, notice: Notification) -> None:
    """Send one message. Raises TimeoutError if the client does not take it in time: it is cut off."""
    # A timer for each message would cost a fifth of telling it, and hardly any message has to wait.
    await Watched(call.door.emit(notice), None, SLOW)


def honour(wanted: Filter, has: ServerCapabilities) -> Filter:
    """Return the part of a filter that such a server tells of. Raises RequestError for too many URIs."""
    uris = wanted.resource_subscriptions
    if uris is not UNSET and len(uris) > MAX_URIS:
        raise RequestError(INVALID_PARAMS, f"one subscription names at most {MAX_URIS} resources, this one {len(uris)}")
    tools, prompts, resources = has.tools, has.prompts, has.resources
    return Filter(
        tools_list_changed=_both(wanted.tools_list_changed, tools is not UNSET and tools.list_changed),
        prompts_list_changed=_both(wanted.prompts_list_changed, prompts is not UNSET and prompts.list_changed),
        resources_list_changed=_both(wanted.resources_list_changed, resources is not UNSET and resources.list_changed),
        resource_subscriptions=uris if resources is not UNSET and resources.subscribe is True else UNSET,
    )


def _both(wanted: Any, offered: Any) -> Any:
    return True if wanted is True and offered is True else UNSET


def _wants(honoured: Filter) -> Callable[[Topic], bool]:
    lists = {
        TOOLS_CHANGED: honoured.tools_list_changed,
        PROMPTS_CHANGED: honoured.prompts_list_changed,
        RESOURCES_CHANGED: honoured.resources_list_changed,
    }
    topics = {(method, "") for method, wanted in lists.items() if wanted is True}
    if honoured.resource_subscriptions is not UNSET:
        topics |= {(RESOURCE_UPDATED, uri) for uri in honoured.resource_subscriptions}
    return topics.__contains__
