"""Asking a registry: API v0.1, page by page, over the one safe fetcher.

Promise: answers are bounded in bytes, depth and pages; an entry that cannot be read is counted, and hides no other.
Source: MCP registry, OpenAPI document of API v0.1; "MCP Registry Aggregators".
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from dragoman.errors import MalformedError, TransportError
from dragoman.ports.fetch import Fetcher
from dragoman.protocol.addresses import shown_url
from dragoman.protocol.strict import read_strict
from dragoman.registry.document import Listed, read_listed
from dragoman.registry.faults import EntryError
from dragoman.registry.sources import Source
from dragoman.registry.untyped import is_row, is_table, row, table
from dragoman.registry.versions import latest
from dragoman.transport.fetch import SafeFetcher

MAX_ANSWER = 4 * 1024 * 1024  # bytes
MAX_PAGES = 100
PER_PAGE = 100
SECONDS = 20.0


class Found(NamedTuple):
    """Entries, and how many more came that cannot be read."""

    entries: list[Listed]
    unreadable: int


class Registry:
    """One registry. Use it as an async context manager, or close it."""

    def __init__(self, source: Source, fetcher: Fetcher | None = None, *, seconds: float = SECONDS) -> None:
        """Raises UnsafeAddressError for a URL that is none."""
        self.source = source
        self._base = source.url.rstrip("/")
        self._fetcher = fetcher or SafeFetcher(self._base, max_bytes=MAX_ANSWER, seconds=seconds)

    async def __aenter__(self) -> Registry:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Release connections."""
        await self._fetcher.close()

    async def search(self, words: str, most: int = 30) -> Found:
        """Return the latest versions whose name, title or description has all words, at most `most`.

        One of the words has to be in the name. Raises EntryError, and what the fetcher raises.
        """
        wanted = words.lower().split()
        found: dict[str, Listed] = {}
        unreadable = 0
        # Registries look for one text, in names only: each word is asked for, since any may be the one in the name.
        for word in wanted or [""]:
            query = {"version": "latest", "search": word} if word else {"version": "latest"}
            async for page in self._pages(query):
                found |= {one.server.name: one for one in page.entries if _has(one, wanted)}
                unreadable += page.unreadable
                if len(found) >= most:
                    return Found(list(found.values())[:most], unreadable)
        return Found(list(found.values()), unreadable)

    async def changed_since(self, moment: str) -> Found:
        """Return all entries that changed since `moment`, an RFC 3339 time; deleted ones, too."""
        found = Found([], 0)
        async for page in self._pages({"updated_since": moment}):
            found = Found(found.entries + page.entries, found.unreadable + page.unreadable)
        return found

    async def versions(self, name: str) -> list[Listed]:
        """Return all versions of a server, the deleted too; none if the registry does not know it."""
        answer = await self._ask(f"/v0.1/servers/{quote(name, safe='')}/versions", {"include_deleted": "true"})
        return [] if answer is None else _page(answer).entries

    async def entry(self, name: str, version: str = "") -> Listed | None:
        """Return one version of a server; None if the registry does not know it.

        Without a version the latest that is not deleted; a deleted one only if all are.
        """
        path = f"/v0.1/servers/{quote(name, safe='')}/versions/{quote(version or 'latest', safe='')}"
        answer = await self._ask(path, {"include_deleted": "true"} if version else {})
        if answer is None and not version:
            every = await self.versions(name)
            return latest([one for one in every if one.official.status != "deleted"] or every) if every else None
        if answer is None:
            return None
        found = read_listed(answer)
        if found.server.name != name or (version and found.server.version != version):
            raise EntryError(f"{self.source.name} was asked for {name} {version} and answers with another server")
        return found

    async def _pages(self, query: Mapping[str, str]) -> AsyncIterator[Found]:
        cursor, seen = "", set[str]()
        for _ in range(MAX_PAGES):
            asked = {**query, "limit": str(PER_PAGE), **({"cursor": cursor} if cursor else {})}
            answer = await self._ask("/v0.1/servers", asked)
            if answer is None:
                raise EntryError(f"{shown_url(self._base)} is no MCP registry: it has no /v0.1/servers")
            yield _page(answer)
            cursor = _text(table(answer.get("metadata")).get("nextCursor"))
            if not cursor:
                return
            if cursor in seen:
                raise EntryError(f"{self.source.name} sends the same page again and again")
            seen.add(cursor)

    async def _ask(self, path: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        """Return an answer's object; None for 404."""
        url = f"{self._base}{path}?{urlencode(query)}"
        fetched = await self._fetcher.get(url)
        if fetched.status == 404:
            return None
        if fetched.status != 200:
            raise TransportError(f"{shown_url(url)} answers with status {fetched.status}")
        try:
            held = read_strict(fetched.body, "its answer")
        except MalformedError as error:
            raise EntryError(f"{shown_url(self._base)} is no MCP registry: {error}") from None
        if not is_table(held):
            raise EntryError(f"{shown_url(self._base)} is no MCP registry: it does not answer with a JSON object")
        return table(held)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _page(answer: Mapping[str, Any]) -> Found:
    servers = answer.get("servers")
    if not is_row(servers):
        raise EntryError("this is no MCP registry: its answer has no list of servers")
    found: list[Listed] = []
    unreadable = 0
    for one in row(servers):
        try:
            found.append(read_listed(one))
        except EntryError:
            unreadable += 1
    return Found(found, unreadable)


def _has(one: Listed, words: list[str]) -> bool:
    text = f"{one.server.name} {one.server.title} {one.server.description}".lower()
    return one.official.status != "deleted" and all(word in text for word in words)
