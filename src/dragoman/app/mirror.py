"""What the server behind a proxy lists, kept as registries of the proxy's own, for whoever mounts it.

Kept in step with that server; while it is dead or slow, what was known last is still listed, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from msgspec import UNSET

from dragoman.app.carrying import supporting
from dragoman.app.surface import Surface
from dragoman.app.upstream import Ways
from dragoman.calling.connection import Connection
from dragoman.calling.listening import Listening
from dragoman.calling.lists import whole_list
from dragoman.calling.revival import pause
from dragoman.errors import LocalError, McpError
from dragoman.ports.service import Handler
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.listing import Listing
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCES_CHANGED, TOOLS_CHANGED
from dragoman.wire.subscriptions import Filter

log = logging.getLogger("dragoman")
PATIENCE = 5.0  # seconds that a server waits for the lists of the one behind when it starts
LISTING = 10.0  # seconds for one list
LISTS = Filter(tools_list_changed=True, prompts_list_changed=True, resources_list_changed=True)


class Mirror:
    """The lists of one server, as far as they are known."""

    def __init__(self, surface: Surface, ways: Ways, answer: Handler, name: str) -> None:
        self._surface = surface
        self._ways = ways
        self._answer = answer
        self._name = name
        self._task: asyncio.Task[None] | None = None
        self._settled = asyncio.Event()

    @property
    def active(self) -> bool:
        """Whether lists are followed here."""
        return self._task is not None

    async def start(self) -> None:
        """Begin to follow; returns when the lists are known, or it takes too long."""
        if self._task is not None:
            return
        self._settled.clear()
        self._task = asyncio.get_running_loop().create_task(self._follow())
        waiting = asyncio.ensure_future(self._settled.wait())
        try:
            await asyncio.wait({waiting}, timeout=PATIENCE)
        finally:
            waiting.cancel()

    async def stop(self) -> None:
        """Follow no more; what is known is kept."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _follow(self) -> None:
        tries = 0
        while True:
            try:
                way = await self._ways.any()
                try:
                    await self._load(way.connection, ("tools", "prompts", "resources"))
                    self._settled.set()
                    tries = 0
                    await self._listen(way.connection)
                finally:
                    self._ways.give(way)
            except (McpError, TimeoutError) as error:
                log.warning("what the server behind %s lists is not known now: %s", self._name, error)
            self._settled.set()
            tries += 1
            await asyncio.sleep(pause(tries))

    async def _listen(self, connection: Connection) -> None:
        listening = Listening(connection, LISTS)
        try:
            await listening.open()
        except LocalError:
            await asyncio.Event().wait()  # it tells of nothing, so nothing changes until this is stopped
        async with listening, aclosing(aiter(listening)) as changes:
            async for change in changes:
                await self._load(connection, (change.kind,))

    async def _load(self, connection: Connection, kinds: Sequence[str]) -> None:
        has = connection.greeting.capabilities
        self._surface.mirrored = has
        surface = self._surface
        if "tools" in kinds and has.tools is not UNSET:
            tools = await self._listed(connection, "tools/list", "tools")
            self._put(surface.tools.listing, {one.name: supporting(one, connection.greeting) for one in tools})
            surface.changed(TOOLS_CHANGED)
        if "prompts" in kinds and has.prompts is not UNSET:
            prompts = await self._listed(connection, "prompts/list", "prompts")
            self._put(surface.prompts.listing, {one.name: one for one in prompts})
            surface.changed(PROMPTS_CHANGED)
        if "resources" in kinds and has.resources is not UNSET:
            fixed = await self._listed(connection, "resources/list", "resources")
            self._put(surface.resources.fixed, {one.uri: one for one in fixed})
            families = await self._listed(connection, "resources/templates/list", "resource_templates")
            self._put(surface.resources.templates, {one.uri_template: one for one in families})
            surface.changed(RESOURCES_CHANGED)

    async def _listed(self, connection: Connection, method: str, field: str) -> list[Any]:
        async with asyncio.timeout(LISTING):
            return await whole_list(connection, method, field)

    def _put(self, listing: Listing[Any], found: dict[str, Any]) -> None:
        for key in [key for key in listing.all_names() if key not in found]:
            listing.remove(key)
        for key, definition in found.items():
            held = listing.holder(key)
            if held is None or held.definition != definition:
                try:
                    entry = Elsewhere(definition, self._answer, self._name, complete=self._answer)
                except LocalError as error:
                    log.warning("%r of the server behind %s is left out: %s", key, self._name, error)
                    continue
                listing.add(key, entry)
