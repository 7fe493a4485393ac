"""Listening for changes, in the way of each era: a subscription of its own, or what a session is told anyway.

A subscription that breaks over HTTP is opened again, at growing and uneven intervals, and what may have been missed
meanwhile is told as changed; so is one of a command that ended and was started again, and one whose process stops while
others serve the same address.
Source: specification, basic/patterns/subscriptions; requirements SUB-06 to SUB-12, LEG-10, LEG-18.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncGenerator
from typing import Any, Protocol, Self

from msgspec import UNSET

from dragoman.calling.changes import Change, Changes, Feed, everything
from dragoman.calling.terms import Greeting
from dragoman.errors import ClosedError, DeadlineError, LocalError, McpError, TransportError
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.subscriptions import LISTEN, Filter

log = logging.getLogger("dragoman")
SHORTEST, LONGEST = 0.5, 30.0  # seconds before a broken subscription is opened again
TRIES = 10  # in vain, one after the other
ENDED = 4  # the same, after the server has said that it ends the subscription: three seconds, for one that starts again
STOOD = 1.0  # seconds that a subscription stands at least, if its server ends it for another reason than its own end
QUICK = 5  # ends sooner than that, one after the other, after which it is taken as ended


class Listened(Protocol):
    """What listening needs of a connection."""

    changes: Changes

    @property
    def greeting(self) -> Greeting:
        """What was agreed."""
        ...

    @property
    def where(self) -> str:
        """What is connected to."""
        ...

    @property
    def lasting(self) -> bool:
        """Whether what broke can be opened again."""
        ...

    @property
    def over_http(self) -> bool:
        """Whether another process may answer the next request."""
        ...

    @property
    def timeout(self) -> float | None:
        """Seconds that an acknowledgement may take."""
        ...

    def number(self) -> int:
        """Return the id of the next request."""
        ...

    async def endless(self, method: str, params: dict[str, Any], number: int) -> None:
        """Return when a request without a time limit is answered."""
        ...

    async def stand(self) -> None:
        """Hear what a handshake-era server says outside of calls."""
        ...

    async def subscribe(self, uri: str, *, end: bool = False) -> None:
        """Subscribe to a resource, or no more."""
        ...


class Listening:
    """Changes as they come: `async for change in listening`, in `async with` to know when it has begun.

    Ends when the server ends it and, over HTTP, no other process at its address goes on with it, or
    when the client is closed. Raises TransportError when it broke and cannot be opened again.
    """

    def __init__(self, connection: Listened, wanted: Filter) -> None:
        self._connection = connection
        self._wanted = wanted
        self._feed: Feed | None = None
        self._task: asyncio.Task[None] | None = None
        self._subscribed: list[str] = []

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncGenerator[Change]:
        feed = await self.open()
        try:
            while (change := await feed.next()) is not None:
                yield change
        finally:
            await self.close()

    async def open(self) -> Feed:
        """Begin, once; returns when the server has said what it will tell.

        Raises LocalError if that is nothing, DeadlineError if it does not say, and what requests raise.
        """
        if self._feed is not None:
            return self._feed
        feed = self._feed = Feed(self._wanted)
        try:
            if LISTEN in self._connection.greeting.dress.era.methods:
                await self._begin(feed)
            else:
                await self._join(feed)
            if not everything(feed.honoured):
                raise LocalError(f"{self._connection.where} tells of none of the changes that were asked for")
        except BaseException:
            await self.close()
            raise
        return feed

    async def close(self) -> None:
        """Listen no more. Safe to call twice."""
        feed, task = self._feed, self._task
        if feed is not None:
            feed.end()
            self._connection.changes.standing.pop(feed, None)
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task})
        uris, self._subscribed = self._subscribed, []
        for uri in uris:
            try:
                await self._connection.subscribe(uri, end=True)
            except McpError as error:
                log.debug("not unsubscribed from %s: %s", uri, error)

    # --- a subscription of its own --------------------------------------------------------------------------

    async def _begin(self, feed: Feed) -> None:
        self._task = asyncio.get_running_loop().create_task(self._keep(feed))
        seconds = self._connection.timeout
        try:
            async with asyncio.timeout(seconds):
                await feed.acknowledged.wait()
        except TimeoutError:
            raise DeadlineError(f"{self._connection.where} did not acknowledge {LISTEN} in {seconds:g} s") from None
        if feed.ended:
            raise feed.fault or ClosedError(f"{self._connection.where} ended the subscription before it began")
        dropped = [one for one in everything(self._wanted) if one not in everything(feed.honoured)]
        if dropped:  # SUB-06
            log.info("%s does not tell of %s", self._connection.where, ", ".join(c.uri or c.kind for c in dropped))

    async def _keep(self, feed: Feed) -> None:
        """Hold the subscription open until the server ends it for good."""
        begun, tries, most, quick = False, 0, TRIES, 0
        while True:
            feed.acknowledged.clear()
            since = asyncio.get_running_loop().time()
            fault = await self._once(feed, again=begun)
            if feed.acknowledged.is_set():
                begun, tries, most = True, 0, TRIES
            if fault is None:
                quick = quick + 1 if asyncio.get_running_loop().time() - since < STOOD else 0
                if feed.ended or not self._connection.over_http or quick >= QUICK:
                    return feed.end()
                most = ENDED
            tries += 1
            lasts = fault is None or (self._connection.lasting and _passing(fault))
            if feed.ended or not begun or not lasts or tries > most:
                return feed.end(fault if most == TRIES else None)
            # The first time at once: another process is there already, or there is none.
            pause = 0.0 if fault is None else min(SHORTEST * 2.0 ** (tries - 1), LONGEST)
            log.debug("listening to %s broke (%s); again in %.1f s", self._connection.where, fault, pause)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))

    async def _once(self, feed: Feed, *, again: bool) -> McpError | None:
        """Hold one subscription; returns why it broke, None if it was ended."""
        connection = self._connection
        number = connection.number()
        connection.changes.numbered[number] = feed
        telling = asyncio.ensure_future(_tell_lost(feed)) if again else None
        try:
            await connection.endless(LISTEN, {"notifications": self._wanted}, number)
        except McpError as fault:
            return fault
        finally:
            del connection.changes.numbered[number]
            if telling is not None:
                telling.cancel()
        return None

    # --- a session's ----------------------------------------------------------------------------------------

    async def _join(self, feed: Feed) -> None:
        """Hear what a session is told of its own accord; only resources are subscribed to (LEG-18)."""
        connection = self._connection
        feed.promise(_offered(self._wanted, connection.greeting.capabilities))
        connection.changes.standing[feed] = None
        await connection.stand()
        uris = feed.honoured.resource_subscriptions
        for uri in uris if uris is not UNSET else ():
            await connection.subscribe(uri)
            self._subscribed.append(uri)


async def _tell_lost(feed: Feed) -> None:
    """What changed between two subscriptions was told to nobody."""
    await feed.acknowledged.wait()
    feed.lost()


def _passing(fault: McpError) -> bool:
    """Say whether opening it again may help: the stream broke, or nothing answered for now."""
    return isinstance(fault, TransportError | ClosedError)


def _offered(wanted: Filter, has: ServerCapabilities) -> Filter:
    resources = has.resources
    lists = {
        "tools_list_changed": (wanted.tools_list_changed, has.tools),
        "prompts_list_changed": (wanted.prompts_list_changed, has.prompts),
        "resources_list_changed": (wanted.resources_list_changed, has.resources),
    }
    told: dict[str, Any] = {
        name: True for name, (asked, one) in lists.items() if asked is True and one is not UNSET and one.list_changed
    }
    if resources is not UNSET and resources.subscribe is True:
        told["resource_subscriptions"] = wanted.resource_subscriptions
    return Filter(**told)
