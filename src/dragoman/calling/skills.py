"""A server's skills, for a client: their list, each of them, and their files, checked against what was promised.

Promise: a file comes out only if its size, its digest and, for a SKILL.md, its front matter are what the entry says; no
file is fetched before it is asked for. Limit: that a server keeps its word says nothing about whether to trust it.
"""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
from typing import Any, TypeAlias
from urllib.parse import quote

from msgspec import UNSET

from dragoman.calling.connection import Connection
from dragoman.calling.lists import whole_list
from dragoman.calling.pages import all_pages
from dragoman.calling.results import ReadResult
from dragoman.errors import LocalError, SkillError
from dragoman.protocol.front_matter import read_front_matter, same
from dragoman.wire.resources import Resource
from dragoman.wire.skills import EXTENSION, MANIFEST, MAX_BYTES, MAX_FILES, Skill, SkillFile

_END = "/" + MANIFEST
Inside: TypeAlias = list[Resource]


class Skills:
    """The skills of the server that a client is connected to."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> list[Skill]:
        """Return the skills that the server lists; it may have others. Raises as `Client.list_tools` does."""
        self._settings()
        return await whole_list(self._connection, "skills/list", "skills")

    async def get(self, uri: str) -> Skill:
        """Return the skill whose SKILL.md is at `uri`, listed or not, as it is now. Raises PeerError if it is none."""
        self._settings()
        skill: Skill = (await self._connection.request("skills/get", {"uri": uri})).skill
        if skill.uri != uri:
            raise SkillError(f"the server gave the skill {skill.uri[:200]!r}", uri=uri)
        return skill

    async def read(self, skill: Skill, path: str = MANIFEST, *, unverified: bool = False) -> ReadResult:
        """Return a file of `skill`: its SKILL.md, or the one at `path`, as its text refers to it.

        Raises SkillError, and gives nothing, if the file is not in the entry, or not what that says: after a change
        get the skill anew, and have it approved anew. A skill whose files are made as they are read has no digests;
        it is refused unless `unverified` allows it, and then its front matter is checked all the same.
        """
        check_entry(skill)
        uri = resolve(skill, path)
        promised = _promised(skill, uri, unverified)
        result = ReadResult(await self._connection.request("resources/read", {"uri": uri}))
        if len(result.contents) != 1 or result.contents[0].uri != uri:
            raise SkillError("the server gave something else than this one file", uri=uri)
        data = result.data
        if promised is not None:
            if promised.size != len(data):
                raise SkillError(f"it has {len(data)} bytes, and its entry says {promised.size}", uri=uri)
            if f"sha256:{hashlib.sha256(data).hexdigest()}" != promised.digest:
                raise SkillError("its digest is not the one of its entry", uri=uri)
        if uri == skill.uri:
            # PyYAML takes up to a second for what is written to take long.
            await asyncio.to_thread(_check_front_matter, skill, data)
        return result

    async def directory(self, uri: str) -> Inside:
        """Return what is directly in a directory of a skill. Raises LocalError if the server cannot tell."""
        if self._settings().get("directoryRead") is not True:
            raise LocalError("the server lists no directories; the entries of its skills name all files")

        async def fetch(params: dict[str, Any]) -> Any:
            return await self._connection.request("resources/directory/read", {"uri": uri, **params})

        return await all_pages(fetch, "resources")

    def _settings(self) -> dict[str, Any]:
        extensions = self._connection.greeting.capabilities.extensions
        if extensions is UNSET or EXTENSION not in extensions:
            raise LocalError(f"the server has no skills: it does not declare {EXTENSION}")
        return extensions[EXTENSION]


def resolve(skill: Skill, path: str) -> str:
    """Return the URI of a file, by the URI itself or by its path in the skill. Raises SkillError for one outside."""
    root = skill.uri.removesuffix(MANIFEST)
    if path.startswith(root):
        return path
    clean = posixpath.normpath(path)
    if not path or clean.startswith(("/", "..")) or "\\" in path or "\0" in path or "://" in path:
        raise SkillError(f"{path[:200]!r} is not in the skill", uri=skill.uri)
    uri = root + quote(clean, safe="/-._~!$&'()*+,;=:@%")
    listed = skill.resources if isinstance(skill.resources, list) else ()
    # A name with a percent sign of its own is written with %25; what is listed decides how it was meant.
    exact = root + quote(clean, safe="/-._~!$&'()*+,;=:@")
    return exact if any(file.uri == exact for file in listed) else uri


def check_entry(skill: Skill) -> None:
    """Raise SkillError for an entry that contradicts itself, or is too large (SEP-2640, "Resources")."""
    if not skill.uri.endswith(_END) or not skill.name or skill.uri.split("/")[-2] != skill.name:
        raise SkillError(f"its name is {skill.name[:100]!r}, and its address says another", uri=skill.uri)
    if skill.resources is UNSET:
        raise SkillError("its entry says nothing of its files", uri=skill.uri)
    if not isinstance(skill.resources, list):
        return
    root, seen = skill.uri.removesuffix(MANIFEST), set[str]()
    total = 0
    for file in skill.resources:
        # A name that climbs out of the folder would be read elsewhere by whoever takes it for a path.
        inside = file.uri.startswith(root) and not {".", "..", ""} & set(file.uri.removeprefix(root).split("/"))
        if not inside or file.uri in seen:
            raise SkillError(
                f"its entry lists {file.uri[:200]!r}, which is outside of it or there twice", uri=skill.uri
            )
        if file.size is UNSET:
            raise SkillError(f"its entry gives no size for {file.uri[:200]!r}", uri=skill.uri)
        seen.add(file.uri)
        total += file.size
    if skill.uri not in seen:
        raise SkillError("its entry does not list its own SKILL.md", uri=skill.uri)
    if len(seen) > MAX_FILES or total > MAX_BYTES:
        raise SkillError(f"it is larger than {MAX_FILES} files or {MAX_BYTES} bytes", uri=skill.uri)


def _promised(skill: Skill, uri: str, unverified: bool) -> SkillFile | None:
    if not isinstance(skill.resources, list):
        if not unverified:
            raise SkillError(
                "the server gives no digests for this skill; unverified=True reads it all the same", uri=uri
            )
        return None
    for file in skill.resources:
        if file.uri == uri:
            return file
    raise SkillError("its entry does not list this file", uri=uri)


def _check_front_matter(skill: Skill, data: bytes) -> None:
    try:
        front = read_front_matter(data)
    except ValueError as error:
        raise SkillError(str(error), uri=skill.uri) from None
    if same(front, skill.frontmatter):
        return
    both = front.keys() | skill.frontmatter.keys()
    strange = sorted(key for key in both if not same(front.get(key, UNSET), skill.frontmatter.get(key, UNSET)))
    raise SkillError(f"its front matter is not the one of its entry: {', '.join(strange)[:200]}", uri=skill.uri)
