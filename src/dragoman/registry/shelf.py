"""The entries of a private registry, read from a folder: one JSON file for each version of a server, and bundles.

A file is a `server.json`, or what a registry answers for one, with `_meta` for its status. Promise: what stands in a
file is given out as it stands there, unknown members too; a file with a fault is named, and none is served half.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict
from dragoman.registry.checking import check
from dragoman.registry.document import OFFICIAL, Listed, read_listed
from dragoman.registry.faults import EntryError
from dragoman.registry.untyped import is_table, table
from dragoman.registry.versions import latest, order

MAX_FILE = 1024 * 1024  # bytes of one entry
MAX_FILES = 100_000


class Kept(NamedTuple):
    """One entry: as it is given out, as it is understood, and when it changed (RFC 3339, UTC)."""

    out: dict[str, Any]
    listed: Listed
    changed: str

    @property
    def cursor(self) -> str:
        """Where it stands among all entries."""
        return f"{self.listed.server.name}:{self.listed.server.version}"


class Query(NamedTuple):
    """What is asked for. `version` "" for all, "latest" for the latest; `since` "" or an RFC 3339 time."""

    cursor: str = ""
    limit: int = 30
    search: str = ""
    since: str = ""
    version: str = ""
    deleted: bool = False


class Shelf:
    """All entries of a folder, by name and version."""

    def __init__(self, entries: Sequence[Kept]) -> None:
        by_name: dict[str, list[Kept]] = {}
        for one in entries:
            by_name.setdefault(one.listed.server.name, []).append(one)
        self._servers: dict[str, list[Kept]] = {}
        for name, several in sorted(by_name.items()):
            newest = latest(
                [one.listed for one in several if one.listed.official.status != "deleted"] or [several[0].listed]
            )
            self._servers[name] = sorted(
                (_marked(one, is_latest=one.listed is newest) for one in several),
                key=lambda one: (one.listed.official.published_at, order(one.listed.server.version)),
                reverse=True,
            )

    def __len__(self) -> int:
        return sum(map(len, self._servers.values()))

    def versions(self, name: str, *, deleted: bool = False) -> list[Kept]:
        """Return the versions of a server, the newest first; none if there is no such server."""
        found = self._servers.get(name, [])
        return [one for one in found if deleted or one.listed.official.status != "deleted"]

    def entry(self, name: str, version: str, *, deleted: bool = False) -> Kept | None:
        """Return one version; "latest" is the latest."""
        for one in self.versions(name, deleted=deleted):
            if version == one.listed.server.version or (version == "latest" and one.listed.official.is_latest):
                return one
        return None

    def page(self, query: Query) -> tuple[list[Kept], str]:
        """Return a page, and the cursor of the next, "" if there is none."""
        found = sorted(self._wanted(query), key=lambda one: one.cursor)
        if query.cursor:
            found = [one for one in found if one.cursor > query.cursor]
        page = found[: query.limit]
        return page, page[-1].cursor if len(found) > len(page) else ""

    def _wanted(self, query: Query) -> Iterator[Kept]:
        for name, several in self._servers.items():
            if query.search.lower() not in name.lower():
                continue
            for one in several:
                official = one.listed.official
                if official.status == "deleted" and not (query.deleted or query.since):
                    continue
                if query.version == "latest" and not official.is_latest:
                    continue
                if query.version not in ("", "latest", one.listed.server.version):
                    continue
                if not query.since or one.changed >= query.since:
                    yield one


def _marked(one: Kept, *, is_latest: bool) -> Kept:
    official = msgspec.structs.replace(one.listed.official, is_latest=is_latest)
    meta = {**one.out["_meta"], OFFICIAL: {**one.out["_meta"][OFFICIAL], "isLatest": is_latest}}
    return Kept({**one.out, "_meta": meta}, msgspec.structs.replace(one.listed, official=official), one.changed)


def moment(text: str) -> str:
    """Return an RFC 3339 time in UTC, so that two can be compared as texts. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError("a time needs its offset, Z for UTC")
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def files(folder: Path) -> list[Path]:
    """Return the files of entries below `folder`; hidden ones are left out. Raises EntryError for too many."""
    found = sorted(
        path
        for path in folder.rglob("*.json")
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if len(found) > MAX_FILES:
        raise EntryError(f"{folder} has more than {MAX_FILES} files; that is too many for one registry of files")
    return found


def load(folder: Path) -> Shelf:
    """Return the entries of a folder. Raises EntryError that names the file and its fault."""
    if not folder.is_dir():
        raise EntryError(f"{folder} is no folder")
    entries: dict[str, Kept] = {}
    for path in files(folder):
        one = _kept(path)
        if one.cursor in entries:
            raise EntryError(f"{path}: {one.cursor.replace(':', ' ', 1)} is in another file, too")
        entries[one.cursor] = one
    return Shelf(list(entries.values()))


def _kept(path: Path) -> Kept:
    try:
        data = path.read_bytes()
        written = path.stat().st_mtime
    except OSError as error:
        raise EntryError(f"{path} cannot be read: {error.strerror or error}") from None
    if len(data) > MAX_FILE:
        raise EntryError(f"{path} has more than {MAX_FILE} bytes")
    try:
        held: Any = read_strict(data, "it")
    except MalformedError as error:
        raise EntryError(f"{path} cannot be used: {error}") from None
    wrapped = is_table(table(held).get("server"))
    server: Any = held["server"] if wrapped else held
    if fatal := [one for one in check(msgspec.json.encode(server), official=False) if one.fatal]:
        raise EntryError(f"{path}: {fatal[0].at or 'the whole'}: {fatal[0].what}")
    meta = table(held.get("_meta")) if wrapped else {}
    when = datetime.fromtimestamp(written, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    own = {"status": "active", "publishedAt": when, "updatedAt": when, **table(meta.get(OFFICIAL))}
    try:
        changed = moment(str(own["updatedAt"]))
    except ValueError as error:
        raise EntryError(f"{path}: updatedAt: {error}") from None
    out = {"server": server, "_meta": {**meta, OFFICIAL: own}}
    try:
        return Kept(out, read_listed(out), changed)
    except EntryError as error:
        raise EntryError(f"{path}: {error}") from None
