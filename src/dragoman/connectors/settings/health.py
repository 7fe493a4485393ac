"""`dragoman serve --check`: whether each source answers, what it holds, and what the definitions cost a conversation.

Nothing is changed, and nothing waits for an index to be complete.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from dragoman.app.client import Client
from dragoman.app.server import Server
from dragoman.connectors.address import Address, make
from dragoman.connectors.envelope import CHARS_PER_TOKEN
from dragoman.connectors.source import ALL, Complaining, Source
from dragoman.errors import McpError

SHOWN = 10  # items that cannot be read, with their reasons


class Health(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one source is: `problem` is empty for one that answers, `ms` how long it took.

    `unreadable` has the first of its items that cannot be read, each with its reason; `unreadable_total` counts them.
    """

    uri: str
    kind: str
    items: int = 0
    progress: str = ""
    problem: str = ""
    ms: int = 0
    unreadable: list[str] = []
    unreadable_total: int = 0


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole check.  `tokens` is what the definitions and instructions cost, about, by tool."""

    server: str
    sources: list[Health]
    inactive: list[str]
    tokens: dict[str, int]

    @property
    def good(self) -> bool:
        """Whether everything answers and is active."""
        return not self.inactive and not any(source.problem for source in self.sources)


async def check(server: Server, sources: Iterable[Source], inactive: Mapping[str, str]) -> Report:
    """Start the server in memory, ask every source, and return how all are."""
    found = list(sources)
    async with Client(server) as client:
        tools = await client.list_tools()
        tokens = {tool.name: len(msgspec.json.encode(tool)) // CHARS_PER_TOKEN for tool in tools}
        tokens["instructions"] = len(client.instructions or "") // CHARS_PER_TOKEN
        healths = [await asyncio.to_thread(_health, source) for source in found]
    return Report(server=server.name, sources=healths, inactive=list(inactive.values()), tokens=tokens)


def _health(source: Source) -> Health:
    began = time.perf_counter()
    uri = make(source.scheme, source.name)
    problem, items, counted, described = "", 0, True, dict[str, object]()
    try:
        described = source.describe(ALL, Address(scheme=source.scheme, source=source.name))
        if isinstance(source, Complaining):
            problem = "; ".join(source.complaints())
        listing = source.items(ALL, "", "", 1)
        items, counted = listing.total, listing.counted
    except McpError as fault:
        problem = str(fault)
    except Exception as fault:
        problem = f"{type(fault).__name__}: it does not answer"
    progress = source.progress()
    words = progress.text() if progress.total or not progress.complete else ""
    if not counted:
        words = "or more: they are not counted"
    if closed := described.get("not_served"):
        words = "; ".join(filter(None, (words, f"not served: {closed}, and need --allow-write {source.name}")))
    ms = round((time.perf_counter() - began) * 1000)
    return Health(
        uri=uri, kind=source.about, items=items, progress=words, problem=problem, ms=ms, **_unreadable(described)
    )


def _unreadable(described: Mapping[str, Any]) -> dict[str, Any]:
    reasons = [str(reason) for reason in described.get("unreadable", ())]
    return {"unreadable": reasons[:SHOWN], "unreadable_total": described.get("unreadable_total", len(reasons))}
