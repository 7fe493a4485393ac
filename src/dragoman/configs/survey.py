"""What is on this machine: which clients, which of their files, which servers in them. Reads, and changes nothing.

Promise: a file that cannot be read is told of and stands in nobody's way.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

from dragoman.configs import documents
from dragoman.configs.clients import CLIENTS, HERE, Client, Place, Scope
from dragoman.configs.documents import ABSENT
from dragoman.configs.entry import Entry
from dragoman.configs.faults import UnreadableError
from dragoman.configs.jsonc import Key
from dragoman.configs.launch import unwrapped
from dragoman.configs.machine import Machine
from dragoman.configs.tables import entry_of
from dragoman.errors import LocalError

MAX_MATCHES = 100  # files that a place with `*` may stand for


class Spot(NamedTuple):
    """A place on a machine: one file, and where in it the servers are."""

    client: Client
    place: Place
    path: Path
    key: tuple[Key, ...]

    def read(self) -> bytes:
        """Return the file's bytes, none if there is no file. Raises UnreadableError."""
        try:
            with self.path.open("rb") as file:
                return file.read(documents.MAX_BYTES + 1)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise UnreadableError(f"it cannot be read: {error.strerror or error}") from None


class Found(NamedTuple):
    """What a file holds: entries, and what about it could not be read."""

    spot: Spot
    exists: bool
    entries: tuple[Entry, ...]
    faults: tuple[str, ...]


class Seen(NamedTuple):
    """A client on this machine."""

    client: Client
    installed: bool
    files: tuple[Found, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return the servers of all files of the user's and the project's, the first of a name counting."""
        named: dict[str, Entry] = {}
        for file in self.files:
            for entry in file.entries:
                named.setdefault(entry.name, entry)
        return tuple(named.values())


def spots(client: Client, machine: Machine, scope: Scope | None = None) -> list[Spot]:
    """Return the files that may hold a client's servers on this machine, the likeliest first."""
    found: list[Spot] = []
    for place in client.places:
        if machine.system not in place.systems or (scope and place.scope != scope):
            continue
        key = tuple(machine.project.as_posix() if part == HERE else part for part in place.key)
        found += [Spot(client, place, path, key) for path in _paths(place.path, machine)]
    return found


def _paths(text: str, machine: Machine) -> Iterator[Path]:
    word, _, below = text[1:].partition("}")
    folder = machine.folder(word)
    below = below.lstrip("/")
    if folder is None:
        return
    if "*" not in below:
        yield folder / below
    elif folder.is_dir():
        yield from sorted(folder.glob(below))[:MAX_MATCHES]


def installed(client: Client, machine: Machine) -> bool:
    """Say whether there is a sign of the client: a folder or file of its own, or its program."""
    if client.program and machine.program(client.program):
        return True
    if any(path.exists() for trace in client.traces for path in _paths(trace, machine)):
        return True
    return any(spot.path.exists() for spot in spots(client, machine, "user"))


def look(spot: Spot) -> Found:
    """Return what a file holds. Never raises: what is wrong with it is in `faults`."""
    try:
        data = spot.read()
        if not data and not spot.path.exists():
            return Found(spot, False, (), ())
        held = documents.load(data, spot.place.format)
    except LocalError as error:
        return Found(spot, True, (), (str(error),))
    if spot.place.wants and documents.at(held, spot.place.wants) is ABSENT:
        return Found(spot, False, (), ())
    entries: list[Entry] = []
    faults: list[str] = []
    for name, table in _tables(documents.at(held, spot.key), spot, faults):
        if spot.place.format == "yaml" and isinstance(table, dict) and _no_server(cast("dict[str, Any]", table)):
            continue
        try:
            entries.append(unwrapped(entry_of(name, table, spot.place.shape, spot.client.id)))
        except UnreadableError as error:
            faults.append(str(error))
    return Found(spot, True, tuple(entries), tuple(faults))


def _no_server(table: dict[str, Any]) -> bool:
    """Goose keeps what is built into it among its servers."""
    return table.get("type") in ("builtin", "platform", "frontend", "inline_python")


def _tables(held: object, spot: Spot, faults: list[str]) -> Iterator[tuple[str, Any]]:
    if held is ABSENT or held is None:
        return
    if spot.place.listed and isinstance(held, list):
        for number, table in enumerate(cast("list[object]", held)):
            name: Any = cast("dict[str, Any]", table).get("name") if isinstance(table, dict) else None
            yield (name if isinstance(name, str) else f"#{number + 1}"), table
    elif isinstance(held, dict):
        yield from cast("dict[str, Any]", held).items()
    else:
        faults.append(f"{'.'.join(map(str, spot.key))} is no table of servers")


def see(client: Client, machine: Machine) -> Seen:
    """Return what is known of a client here; a file that two versions of a format may claim is read as one of them."""
    files: list[Found] = []
    seen: set[tuple[Path, tuple[Key, ...]]] = set()
    newer: set[Path] = set()
    for spot in spots(client, machine):
        # The home folder may be the project as well.
        if spot.path in newer or (spot.path, spot.key) in seen:
            continue
        seen.add((spot.path, spot.key))
        found = look(spot)
        if found.exists and spot.place.wants:
            newer.add(spot.path)
        files.append(found)
    return Seen(client, installed(client, machine), tuple(files))


def survey(machine: Machine) -> list[Seen]:
    """Return every client that is installed or has files here."""
    everything = [see(client, machine) for client in CLIENTS]
    return [seen for seen in everything if seen.installed or any(file.exists for file in seen.files)]


def target_spot(client: Client, machine: Machine, scope: Scope = "user") -> Spot:
    """Return the file that a client's servers are written to: the first certain one that is there, else the first.

    Raises UnreadableError if the client has no place of that scope.
    """
    several = spots(client, machine, scope)
    if not several:
        raise UnreadableError(f"{client.title} has no configuration of a {scope} here")
    existing = [found.spot for found in map(look, several) if found.exists]
    certain = [spot for spot in (*existing, *several) if spot.place.certain and not _unmet(spot)]
    return (certain or existing or several)[0]


def _unmet(spot: Spot) -> bool:
    return bool(spot.place.wants) and not look(spot).exists
