"""What a server says that has changed, handed to whoever listens, the same change once.

A listener that is slow costs little: what it has not heard yet is a set, and when that grows too large it is told
that all it listens to may have changed, so nothing is lost.
Source: specification, basic/patterns/subscriptions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, field

from dragoman.calling.cache import Cache, beneath
from dragoman.errors import McpError
from dragoman.wire.base import RequestId
from dragoman.wire.decoding import Decoding
from dragoman.wire.jsonrpc import Frame
from dragoman.wire.lifecycle import SUBSCRIPTION_ID
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.subscriptions import ACKNOWLEDGED, Filter

log = logging.getLogger("dragoman")
MAX_WAITING = 1000  # different changes that one listener has not heard yet
Kind: TypeAlias = Literal["tools", "prompts", "resources", "resource"]
KINDS: dict[str, Kind] = {
    TOOLS_CHANGED: "tools",
    PROMPTS_CHANGED: "prompts",
    RESOURCES_CHANGED: "resources",
    RESOURCE_UPDATED: "resource",
}
LISTS = {
    "tools": ("tools/list",),
    "prompts": ("prompts/list",),
    "resources": ("resources/list", "resources/templates/list"),
}


class Change(msgspec.Struct, frozen=True):
    """Something changed: a list (`kind` is "tools", "prompts" or "resources"), or the resource at `uri`."""

    kind: Kind
    uri: str = ""


class _Notice(msgspec.Struct):
    uri: str = ""
    notifications: Filter = Filter()
    meta: dict[str, Any] = field(name="_meta", default_factory=dict[str, Any])


_read = Decoding(_Notice)


class Feed:
    """What one listener hears. Wants nothing until it is told what the server will tell."""

    def __init__(self, wanted: Filter) -> None:
        self.wanted = wanted
        self.honoured = Filter()
        self.acknowledged = asyncio.Event()
        self._waiting: OrderedDict[Change, None] = OrderedDict()
        self._wake = asyncio.Event()
        self._ended = False
        self._fault: McpError | None = None

    async def next(self) -> Change | None:
        """Wait for a change; None at the end. Raises what `end` was given."""
        while not self._waiting:
            if self._fault is not None:
                raise self._fault
            if self._ended:
                return None
            self._wake.clear()
            await self._wake.wait()
        return self._waiting.popitem(last=False)[0]

    def promise(self, honoured: Filter) -> None:
        """Note what the server will tell of."""
        self.honoured = honoured
        self.acknowledged.set()

    def tell(self, change: Change) -> None:
        """Add a change."""
        self._waiting[change] = None
        if len(self._waiting) > MAX_WAITING:
            self._waiting.clear()
            self.lost()
        self._wake.set()

    def lost(self) -> None:
        """Something may have been missed: tell that all of it may have changed."""
        for change in everything(self.honoured):
            self._waiting[change] = None
        self._wake.set()

    def end(self, fault: McpError | None = None) -> None:
        """Let the listener hear what is waiting, and then the end."""
        if not self._ended:
            self._ended, self._fault = True, fault
        self.acknowledged.set()
        self._wake.set()

    @property
    def ended(self) -> bool:
        """Whether nothing more comes."""
        return self._ended

    @property
    def fault(self) -> McpError | None:
        """What ended it, if something did."""
        return self._fault


def everything(honoured: Filter) -> list[Change]:
    """Return every change that a filter lets through, resources by the names they were asked for by."""
    lists: list[tuple[Kind, Any]] = [
        ("tools", honoured.tools_list_changed),
        ("prompts", honoured.prompts_list_changed),
        ("resources", honoured.resources_list_changed),
    ]
    uris = honoured.resource_subscriptions if honoured.resource_subscriptions is not UNSET else []
    return [Change(kind) for kind, wanted in lists if wanted is True] + [Change("resource", uri) for uri in uris]


def wants(honoured: Filter, change: Change) -> bool:
    """Say whether a filter lets a change through, one of a part of a resource included (SUB-14)."""
    uris = honoured.resource_subscriptions
    if change.kind == "resource":
        return uris is not UNSET and any(change.uri == uri or beneath(change.uri, uri) for uri in uris)
    return change in everything(honoured)


class Changes:
    """Hears all changes of one connection: forgets what the cache has of them, and tells the feeds."""

    def __init__(self, cache: Cache | None) -> None:
        self._cache = cache
        self.numbered: dict[RequestId, Feed] = {}  # by the id of the request that opened them
        self.standing: dict[Feed, None] = {}  # those of the handshake era, which has one stream for all
        self.tool_lists = 0  # how often the list of tools changed
        self.watch: Callable[[Change], None] | None = None  # told of each change that belongs to no subscription

    def hear(self, notice: Frame) -> bool:
        """Take a notification; returns whether it was one of these. Raises msgspec.DecodeError."""
        kind = KINDS.get(str(notice.method))
        if kind is None and notice.method != ACKNOWLEDGED:
            return False
        told = _read.decode(notice.params or msgspec.Raw(b"{}"))
        number = told.meta.get(SUBSCRIPTION_ID)
        named = number is not None
        # True is 1 to a dictionary, and no id.
        feed = self.numbered.get(number) if isinstance(number, int | str) and number is not True else None
        if kind is None:
            if feed is not None:
                feed.promise(told.notifications)
            return True
        change = Change(kind, told.uri if kind == "resource" else "")
        self.tool_lists += change.kind == "tools"
        self._forget(change)
        if feed is not None:
            feed.tell(change)
        elif named:
            log.debug("a change for a subscription that nobody has: %r", number)
        if self.watch is not None and not named:
            self.watch(change)
        for one in () if named else self.standing:
            if wants(one.honoured, change):
                one.tell(change)
        return True

    def ended(self, number: RequestId) -> None:
        """The server ends a subscription."""
        if (feed := self.numbered.get(number)) is not None:
            feed.end()

    def end(self) -> None:
        """The connection is closed."""
        for feed in [*self.numbered.values(), *self.standing]:
            feed.end()

    def _forget(self, change: Change) -> None:
        if self._cache is None:
            return
        if change.kind == "resource":
            self._cache.forget_resource(change.uri)
        else:
            self._cache.forget(*LISTS[change.kind])
