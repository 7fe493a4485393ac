"""A private registry over HTTP: API v0.1 from a folder, for reading, with the bundles that lie there.

Looks at the folder again when a file in it changed. Limit: who may read it is up to what stands before it.
Source: MCP registry, OpenAPI document of API v0.1.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from dragoman.ports.site import Page, Visitor
from dragoman.registry import shelf
from dragoman.registry.bundle import MAX_BUNDLE
from dragoman.registry.faults import EntryError
from dragoman.registry.shelf import Kept, Query, Shelf

log = logging.getLogger("dragoman")
MAX_LIMIT = 100
SECONDS = 1.0  # between two looks at the folder
API, FILES = "/v0.1/", "/files/"
JSON = "application/json"
_ONE = re.compile(r"/v0\.1/servers/(?P<name>[^/]+/[^/]+)/versions(?:/(?P<version>[^/]+))?")


class RegistrySite:
    """The registry of a folder. Raises EntryError when made of a folder with faults."""

    def __init__(self, folder: Path, origin: str) -> None:
        self._folder = folder
        self._origin = origin
        self._shelf = shelf.load(folder)
        self._mark = _mark(folder)
        self._looked = monotonic()

    @property
    def origin(self) -> str:
        """Scheme, host and port under which the site is reached."""
        return self._origin

    @property
    def shelf(self) -> Shelf:
        """What is served now."""
        return self._shelf

    def takes(self, path: str) -> bool:
        """Say whether a path is one of the site's."""
        return path.startswith((API, FILES)) or path == "/"

    def is_open(self, path: str) -> bool:
        """Say that web pages of others may read all of it."""
        return True

    async def answer(self, visitor: Visitor) -> Page:
        """Return the answer to a request."""
        if visitor.method != "GET":
            return _error(501, "Publishing is not supported by this registry: its entries are files")
        if visitor.path.startswith(FILES):
            return await asyncio.to_thread(self._file, visitor.path.removeprefix(FILES))
        await self._look()
        if visitor.path == "/":
            return Page(200, _PAGE.format(len(self._shelf)).encode(), "text/plain; charset=utf-8")
        if visitor.path == "/v0.1/servers":
            return self._list(visitor)
        found = _ONE.fullmatch(visitor.path)
        if found is None:
            return _error(404, "nothing here: see /v0.1/servers")
        deleted = visitor.query.get("include_deleted") == "true"
        if found["version"] is None:
            several = self._shelf.versions(found["name"], deleted=deleted)
            return _listing(several, "") if several else _error(404, "Server not found")
        one = self._shelf.entry(found["name"], found["version"], deleted=deleted)
        return Page(200, msgspec.json.encode(one.out), JSON) if one else _error(404, "Server not found")

    def _list(self, visitor: Visitor) -> Page:
        asked = visitor.query
        try:
            limit = int(asked.get("limit", "30"))
            since = shelf.moment(asked["updated_since"]) if asked.get("updated_since") else ""
        except ValueError as error:
            return _error(400, f"limit is a number, updated_since an RFC 3339 time: {error}")
        if limit < 1:
            return _error(400, "limit is at least 1")
        query = Query(
            asked.get("cursor", ""), min(limit, MAX_LIMIT), asked.get("search", ""), since, asked.get("version", ""),
            asked.get("include_deleted") == "true",
        )  # fmt: skip
        return _listing(*self._shelf.page(query))

    def _file(self, name: str) -> Page:
        """Return a bundle. Nothing else of the folder is given out, and nothing outside of it."""
        parts = name.split("/")
        path = self._folder.joinpath(*parts)
        if not name.endswith(".mcpb") or any(part.startswith(".") or not part or "\\" in part for part in parts):
            return _error(404, "nothing here")
        try:
            real = path.resolve(strict=True)
            if not real.is_relative_to(self._folder.resolve()) or real.stat().st_size > MAX_BUNDLE:
                return _error(404, "nothing here")
            return Page(200, real.read_bytes(), "application/zip")
        except OSError:
            return _error(404, "nothing here")

    async def _look(self) -> None:
        """Read the folder again if it changed; a folder with faults changes nothing."""
        if monotonic() - self._looked < SECONDS:
            return
        self._looked = monotonic()
        try:
            mark = await asyncio.to_thread(_mark, self._folder)
            if mark != self._mark:
                self._shelf = await asyncio.to_thread(shelf.load, self._folder)
                self._mark = mark
        except (EntryError, OSError) as error:
            log.warning("the registry stays as it was: %s", error)


_PAGE = "This is an MCP registry with {} entries. Its API: /v0.1/servers\n"


def _mark(folder: Path) -> Sequence[Any]:
    return [(path, stat.st_mtime_ns, stat.st_size) for path in shelf.files(folder) for stat in [path.stat()]]


def _listing(several: Sequence[Kept], following: str) -> Page:
    meta = {"count": len(several), **({"nextCursor": following} if following else {})}
    return Page(200, msgspec.json.encode({"servers": [one.out for one in several], "metadata": meta}), JSON)


def _error(status: int, words: str) -> Page:
    return Page(status, msgspec.json.encode({"error": words}), JSON)
