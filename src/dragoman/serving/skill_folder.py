"""A folder of skills, read into a snapshot: which skills there are, and the digest of every file of theirs.

Promise: nothing outside the folder is ever read; links are passed over, and every name on the way is opened without
following one. Limit: names that begin with a dot are no part of a skill.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from dragoman.protocol.front_matter import read_front_matter
from dragoman.serving.results import sniff, type_of_name
from dragoman.wire.resources import Resource
from dragoman.wire.skills import DIRECTORY, MANIFEST, MAX_BYTES, MAX_FILES, SCHEME, Skill, SkillFile

MAX_SKILLS = 1000
MAX_ENTRIES = 20_000  # files and folders that one look takes in
MAX_LEVELS = 16
# Agent Skills specification, "name": 1 to 64 of a-z, 0-9 and single hyphens between them.
NAME = re.compile(r"(?!.*--)[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
MAX_DESCRIPTION = 1024
_SAFE = "-._~!$&'()*+,;=:@"  # RFC 3986, pchar
_DIRS = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW")

Parts = tuple[str, ...]
Stamp = tuple[int, int, int, int]


class Seen(NamedTuple):
    """A file as it was read: while `stamp` stays, so does the rest. `front` is that of a manifest."""

    stamp: Stamp
    digest: str
    size: int
    kind: str
    front: dict[str, Any] | str | None  # a text says why there is none


class Snapshot(NamedTuple):
    """A folder at one moment: skills and files by URI, what is in each directory, and what cannot be served."""

    skills: dict[str, Skill]
    files: dict[str, Parts]
    directories: dict[str, list[Resource]]
    seen: dict[Parts, Seen]
    faults: list[str]


def look(root: Path, prefix: Parts, known: Mapping[Parts, Seen]) -> Snapshot:
    """Return what is in the folder now. Files whose stamps are `known` are not read again. Raises OSError."""
    faults: list[str] = []
    folders: list[Parts] = []
    found: dict[Parts, os.stat_result] = dict(_walk(root, (), [MAX_ENTRIES], faults, folders))
    base = prefix + ((root.name,) if (MANIFEST,) in found else ())
    homes = sorted({parts[:-1] for parts in found if parts[-1] == MANIFEST})
    if len(homes) > MAX_SKILLS:
        faults.append(f"{root} has more than {MAX_SKILLS} skills; the rest is left out")
        homes = homes[:MAX_SKILLS]
    seen: dict[Parts, Seen] = {}
    made = Snapshot({}, {}, {}, seen, faults)
    for home in homes:
        _add(made, root, base, home, {p: s for p, s in found.items() if p[: len(home)] == home}, known)
    _list_directories(made, base, folders)
    return made


def _walk(
    root: Path, at: Parts, budget: list[int], faults: list[str], folders: list[Parts]
) -> Iterator[tuple[Parts, os.stat_result]]:
    with os.scandir(root.joinpath(*at)) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        budget[0] -= 1
        if budget[0] < 0:
            if budget[0] == -1:
                faults.append(f"{root} has more than {MAX_ENTRIES} files and folders; the rest is left out")
            return
        parts = (*at, entry.name)
        if entry.is_symlink():
            faults.append(f"{root.joinpath(*parts)} is a link, and links are not served; put the file there itself")
        elif entry.is_dir(follow_symlinks=False):
            if len(parts) > MAX_LEVELS:
                faults.append(f"{root.joinpath(*parts)} is more than {MAX_LEVELS} levels deep")
            else:
                folders.append(parts)
                yield from _walk(root, parts, budget, faults, folders)
        elif entry.is_file(follow_symlinks=False):
            yield parts, entry.stat(follow_symlinks=False)


def _add(
    made: Snapshot,
    root: Path,
    base: Parts,
    home: Parts,
    inside: dict[Parts, os.stat_result],
    known: Mapping[Parts, Seen],
) -> None:
    """Add the skill at `home`, or say why it is none."""
    place = root.joinpath(*home)
    total = sum(status.st_size for status in inside.values())
    if len(inside) > MAX_FILES or total > MAX_BYTES:
        made.faults.append(f"{place} has {len(inside)} files of {total} bytes: a skill has {MAX_FILES} of {MAX_BYTES}")
        return
    files: list[SkillFile] = []
    for parts, status in inside.items():
        try:
            file = made.seen[parts] = made.seen.get(parts) or _seen(root, parts, status, known)
        except OSError as error:
            made.faults.append(f"{root.joinpath(*parts)} cannot be read: {error.strerror or error}")
            return
        files.append(SkillFile(uri=uri_of(base + parts), digest=file.digest, size=file.size))
    front = made.seen[(*home, MANIFEST)].front
    name = (base + home)[-1] if base + home else ""
    fault = front if isinstance(front, str) else _fault(front or {}, name)
    if fault is not None or not isinstance(front, dict):
        made.faults.append(f"{place / MANIFEST}: {fault}")
        return
    uri = uri_of((*base, *home, MANIFEST))
    made.skills[uri] = Skill(uri=uri, frontmatter=front, resources=files)
    made.files.update({uri_of(base + parts): parts for parts in inside})


def _seen(root: Path, parts: Parts, status: os.stat_result, known: Mapping[Parts, Seen]) -> Seen:
    stamp = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino)
    before = known.get(parts)
    if before is not None and before.stamp == stamp:
        return before
    data = read_beneath(root, parts)
    front: dict[str, Any] | str | None = None
    if parts[-1] == MANIFEST:
        try:
            front = read_front_matter(data)
        except ValueError as error:
            front = str(error)
    return Seen(stamp, digest_of(data), len(data), type_of_name(parts[-1]) or _kind(data), front)


def _kind(data: bytes) -> str:
    try:
        data.decode()
    except UnicodeDecodeError:
        return sniff(data) or "application/octet-stream"
    return "text/plain" if b"\0" not in data else "application/octet-stream"


def _fault(front: dict[str, Any], folder: str) -> str | None:
    """Return what is wrong with a skill's front matter, None if nothing is. Source: Agent Skills, "Frontmatter"."""
    name, description = front.get("name"), front.get("description")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"its name has 1 to 64 of a-z, 0-9 and single hyphens between them, not {str(name)[:100]!r}"
    if name != folder:
        return f"its name is {name!r} and its folder's {folder[:100]!r}; they have to be the same"
    if not isinstance(description, str) or not 0 < len(description) <= MAX_DESCRIPTION:
        return f"its description is a text of 1 to {MAX_DESCRIPTION} characters"
    return None


def _list_directories(made: Snapshot, base: Parts, folders: list[Parts]) -> None:
    """Fill in what is directly in each directory of the skills; one may be empty."""
    children: dict[Parts, dict[str, Resource]] = {}
    for uri, parts in made.files.items():
        whole = base + parts
        children.setdefault(whole[:-1], {})[whole[-1]] = described(uri, made, parts)
        for depth in range(len(whole) - 1, 1, -1):
            here = whole[:depth]
            folder = Resource(uri=uri_of(here), name=here[-1], mime_type=DIRECTORY)
            children.setdefault(here[:-1], {})[here[-1]] = folder
    homes = {made.files[uri][:-1] for uri in made.skills}
    for parts in folders:
        if any(parts[:depth] in homes for depth in range(len(parts))):
            whole = base + parts
            children.setdefault(whole, {})
            folder = Resource(uri=uri_of(whole), name=whole[-1], mime_type=DIRECTORY)
            children.setdefault(whole[:-1], {})[whole[-1]] = folder
    for here, inside in children.items():
        made.directories[uri_of(here)] = [inside[name] for name in sorted(inside)]


def described(uri: str, made: Snapshot, parts: Parts) -> Resource:
    """Return a file as a resource; a manifest has the name and the description of its skill."""
    skill = made.skills.get(uri)
    seen = made.seen[parts]
    if skill is not None:
        return Resource(uri=uri, name=skill.name, description=skill.description, mime_type=seen.kind, size=seen.size)
    return Resource(uri=uri, name=parts[-1], mime_type=seen.kind, size=seen.size)


def uri_of(parts: Parts) -> str:
    """Return the URI of a file or directory in the namespace of skills."""
    return SCHEME + "/".join(quote(part, safe=_SAFE) for part in parts)


def digest_of(data: bytes) -> str:
    """Return the digest of a file's bytes, as entries have it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def read_beneath(root: Path, parts: Parts) -> bytes:
    """Return the bytes of a regular file in the folder. Raises OSError, for links on the way as well."""
    descriptor = _open(root, parts) if _DIRS else _open_checked(root, parts)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{root.joinpath(*parts)} is no regular file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(f"{root.joinpath(*parts)} has more than {MAX_BYTES} bytes")
    return data


def _open(root: Path, parts: Parts) -> int:
    # NONBLOCK, so that a pipe put in a file's place is refused and not waited for.
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    for number, part in enumerate(parts, 1):
        kind = os.O_NONBLOCK if number == len(parts) else os.O_DIRECTORY
        try:
            below = os.open(part, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | kind, dir_fd=at)
        finally:
            os.close(at)
        at = below
    return at


def _open_checked(root: Path, parts: Parts) -> int:
    path = root.joinpath(*parts)
    if path.resolve() != root.resolve().joinpath(*parts):
        raise OSError(f"{path} is reached by a link")
    return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
