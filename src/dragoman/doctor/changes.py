"""Does a server tell when its tools change? Listens, if that is offered, and compares two lists of one visit.

Limit: a change can only be seen if there is one meanwhile; `watch` makes room for one.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import Self

from msgspec import UNSET

from dragoman.app.client import Client
from dragoman.doctor.findings import Report
from dragoman.errors import McpError
from dragoman.wire.tools import Tool

LATEST = 1.0  # seconds after the second list, in which news may still come


class Watch:
    """Hears of changes from its beginning to its end."""

    def __init__(self, report: Report, client: Client) -> None:
        self._report = report
        self._client = client
        self._told = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._stack = AsyncExitStack()
        has = client.server_capabilities.tools
        self._listed = has is not UNSET
        self._declared = has is not UNSET and has.list_changed is True

    async def __aenter__(self) -> Self:
        if self._declared:
            try:
                listening = self._client.listen(prompts=False, resources=False)
                await self._stack.enter_async_context(listening)
            except McpError as error:
                self._report.find("list-failed", f"changes cannot be listened to: {error}", "changes")
            else:
                self._task = asyncio.ensure_future(self._hear(listening))
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._stack.aclose()

    async def _hear(self, listening: object) -> None:
        async for _ in listening:  # type: ignore[attr-defined]  # pyright: ignore
            self._told.set()

    async def compare(self, before: list[Tool], seconds: float) -> None:
        """Wait `seconds`, list the tools again, and find what changed and was not told."""
        if not self._listed or self._report.has("list-failed"):
            return
        with self._report.stage("changes") as told:
            await asyncio.sleep(seconds)
            try:
                after = await self._client.list_tools()
            except McpError as error:
                self._report.find("list-failed", f"the second list of tools: {error}", "tools")
                return
            changed = _changed(before, after)
            told.said = f"changed: {', '.join(changed[:5])}" if changed else "none while this looked"
            if changed and not await self._heard():
                why = "declared, and not sent" if self._declared else "not declared"
                self._report.find("change-untold", f"{', '.join(changed[:5])} changed; listChanged is {why}", "tools")

    async def _heard(self) -> bool:
        if not self._declared:
            return False
        try:
            async with asyncio.timeout(LATEST):
                return await self._told.wait()
        except TimeoutError:
            return False


def _changed(before: list[Tool], after: list[Tool]) -> list[str]:
    """Return the names of tools that came, went, or are defined otherwise."""
    old, new = {tool.name: tool for tool in before}, {tool.name: tool for tool in after}
    return [name for name in dict.fromkeys([*old, *new]) if old.get(name) != new.get(name)]
