"""A set of servers as a file of its own: JSON with `mcpServers`, which `dragoman list FILE#NAME` reads as well.

Promise: what is exported and imported again is the same set; secrets are references, never values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from dragoman.configs import documents
from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnreadableError
from dragoman.configs.secrecy import Moved, without_secrets
from dragoman.configs.shapes import NEUTRAL
from dragoman.configs.tables import entry_of, table_of

OURS = "x-dragoman"  # what only one client knows, and whose it is


class Exported(NamedTuple):
    """A file's text, and by server the secrets that are not in it."""

    text: str
    moved: tuple[tuple[str, Moved], ...]


def export(entries: Iterable[Entry]) -> Exported:
    """Return `entries` as a file."""
    servers: dict[str, Any] = {}
    moved: list[tuple[str, Moved]] = []
    for entry in entries:
        safe, hidden = without_secrets(entry)
        moved += [(entry.name, one) for one in hidden]
        table = table_of(msgspec.structs.replace(safe, extra={}), NEUTRAL, "")
        if safe.extra:
            table[OURS] = {"client": safe.client, "extra": safe.extra}
        servers[entry.name] = table
    return Exported(json.dumps({"mcpServers": servers}, indent=2, ensure_ascii=False) + "\n", tuple(moved))


def load(data: bytes) -> list[Entry]:
    """Return the entries of an exported file, or of any with `mcpServers` or `servers`. Raises UnreadableError."""
    held = documents.load(data, "json")
    table = next((held[key] for key in ("mcpServers", "servers") if isinstance(held.get(key), dict)), None)
    if table is None:
        raise UnreadableError("the file has no table of servers: it needs one named mcpServers")
    return [_entry(name, one) for name, one in table.items()]


def _entry(name: str, table: Any) -> Entry:
    entry = entry_of(name, table, NEUTRAL, "")
    ours = entry.extra.get(OURS)
    rest = {key: value for key, value in entry.extra.items() if key != OURS}
    if not isinstance(ours, dict):
        return msgspec.structs.replace(entry, extra=rest)
    client, extra = documents.at(ours, ("client",)), documents.at(ours, ("extra",))
    if not isinstance(client, str) or not isinstance(extra, dict):
        raise UnreadableError(f"{OURS} of the server {name!r} needs client and extra")
    return msgspec.structs.replace(entry, extra=extra, client=client)


def chosen(entries: Sequence[Entry], names: Sequence[str]) -> list[Entry]:
    """Return the entries called `names`, all if there are none. Raises UnreadableError for a name that is missing."""
    known = {entry.name: entry for entry in entries}
    for name in names:
        if name not in known:
            raise UnreadableError(f"there is no server {name!r}; there is {', '.join(known) or 'none'}")
    return [known[name] for name in names] if names else list(entries)
