"""The skills of one server: their list, each of them, their files and directories, as the folders are now.

Every question about skills looks at the folders first, one look at a time; a watch looks in between, so that whoever
listens hears of changes. Limit: what is being written while it is read may be served half; the next look mends that.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from dragoman.errors import RegistrationError, RequestError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.listing import Listing, bad_cursor
from dragoman.serving.resources import Resources, not_found
from dragoman.serving.results import contents_of
from dragoman.serving.skill_folder import NAME, Parts, Snapshot, described, look, read_beneath
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.notices import RESOURCE_UPDATED, RESOURCES_CHANGED
from dragoman.wire.resources import ReadResourceResult
from dragoman.wire.skills import SCHEME, GetSkillResult, ListSkillsResult, ReadDirectoryResult, Skill

log = logging.getLogger("dragoman")
WATCH_SECONDS = 2.0  # between two looks of the watch


class Folder:
    """A folder, where its skills are in the namespace, and how it was at the last look."""

    def __init__(self, root: Path, prefix: Parts) -> None:
        self.root = root
        self.prefix = prefix
        self.now = Snapshot({}, {}, {}, {}, [])
        self.told: set[str] = set()  # faults that are in the log already

    def look(self) -> Snapshot:
        """Return how it is now; a folder that is gone has nothing."""
        try:
            return look(self.root, self.prefix, self.now.seen)
        except OSError as error:
            return Snapshot({}, {}, {}, {}, [f"{self.root} cannot be read: {error.strerror or error}"])


class Skills:
    """All skills of one server, and the handlers of their methods."""

    def __init__(self, page: int, resources: Resources, tell: Any) -> None:
        self._resources = resources
        self._tell = tell
        self._folders: list[Folder] = []
        self._skills: Listing[Skill] = Listing(page, lambda skill: skill, _page)
        self._files: dict[str, tuple[Folder, Parts]] = {}
        self._look = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        resources.beyond.append(self._beyond)

    def add(self, path: Path, prefix: str) -> None:
        """Serve the skills in a folder. Raises RegistrationError for what is wrong with any of them."""
        if not path.is_dir():
            raise RegistrationError(f"there is no folder {str(path)!r} to take skills from")
        parts = tuple(prefix.split("/")) if prefix else ()
        if not all(NAME.fullmatch(part) for part in parts):
            raise RegistrationError(
                f"a prefix of skills is words of a-z, 0-9 and hyphens with / between, not {prefix!r}"
            )
        folder = Folder(path.resolve(), parts)
        found = look(folder.root, folder.prefix, {})
        if found.faults:
            raise RegistrationError(found.faults[0])
        if not found.skills:
            raise RegistrationError(f"{path} has no skill: a folder with a SKILL.md in it, or folders that have")
        if taken := [uri for uri in found.files if uri in self._files or self._resources.fixed.holder(uri)]:
            raise RegistrationError(f"{taken[0]} is served already; give one of the two folders a prefix")
        self._folders.append(folder)
        self._take(folder, found)

    # --- the folders ------------------------------------------------------------------------------------------

    async def refresh(self) -> None:
        """Look at all folders, and tell of what has changed."""
        async with self._look:
            for folder in self._folders:
                self._note(folder, await asyncio.to_thread(folder.look))

    def _note(self, folder: Folder, found: Snapshot) -> None:
        for fault in set(found.faults) - folder.told:
            log.warning("skills: %s", fault)
        folder.told = set(found.faults)
        before = folder.now
        if found.seen == before.seen and found.files == before.files:
            return
        changed = self._take(folder, found)
        for uri in changed:
            self._tell(RESOURCE_UPDATED, uri)
        self._tell(RESOURCES_CHANGED, "")

    def _take(self, folder: Folder, found: Snapshot) -> list[str]:
        """Serve what was found instead of what there was, and return which files have changed."""
        before, folder.now = folder.now, found
        fixed = self._resources.fixed
        for uri in before.skills.keys() - found.skills.keys():
            self._skills.remove(uri)
            fixed.remove(uri)
        for uri in before.files.keys() - found.files.keys():
            self._files.pop(uri, None)
        for uri, parts in found.files.items():
            self._files.setdefault(uri, (folder, parts))
        for uri, skill in found.skills.items():
            if skill != before.skills.get(uri):
                self._skills.add(uri, skill)
                listed = described(uri, found, found.files[uri])
                fixed.add(uri, Elsewhere(listed, self._read, str(folder.root)))
        both = found.files.keys() & before.files.keys()
        return [uri for uri in both if found.seen[found.files[uri]] != before.seen[before.files[uri]]]

    async def start(self) -> None:
        """Begin to watch the folders. Safe to call again."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._watching())

    async def stop(self) -> None:
        """End the watch."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch

    async def _watching(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            await self.refresh()

    # --- the methods ------------------------------------------------------------------------------------------

    def handlers(self) -> dict[str, Handler]:
        """Return what answers the extension's methods."""
        return {"skills/list": self._list, "skills/get": self._get, "resources/directory/read": self._directory}

    async def _list(self, call: Call) -> Reply:
        await self.refresh()
        return self._skills.at(call.params.cursor)

    async def _get(self, call: Call) -> Reply:
        await self.refresh()
        skill = self._skills.get(call.params.uri)
        if skill is None:
            raise RequestError(INVALID_PARAMS, f"no skill has its SKILL.md at {call.params.uri[:500]}")
        return GetSkillResult(skill=skill)

    async def _directory(self, call: Call) -> Reply:
        await self.refresh()
        uri = call.params.uri
        found = [folder.now.directories[uri] for folder in self._folders if uri in folder.now.directories]
        if not found:
            raise RequestError(INVALID_PARAMS, f"{uri[:500]} is no directory of a skill", {"uri": uri[:2000]})
        if isinstance(call.params.cursor, str):
            raise bad_cursor()  # a directory comes in one piece
        inside = {one.uri: one for listed in found for one in listed}
        return ReadDirectoryResult(resources=list(inside.values()))

    async def _read(self, call: Call) -> Reply:
        """Answer `resources/read` for a file of a skill."""
        uri = call.params.uri
        if uri not in self._files:
            await self.refresh()  # it may be new
        place = self._files.get(uri)
        if place is None:
            raise not_found(uri)
        folder, parts = place
        try:
            data = await asyncio.to_thread(read_beneath, folder.root, parts)
        except OSError as error:
            # Gone, or no plain file any more, since the last look.
            raise not_found(uri, error.strerror or "it cannot be read") from None
        return ReadResourceResult(contents=[contents_of(data, uri, folder.now.seen[parts].kind)])

    async def _beyond(self, call: Call) -> Reply | None:
        return await self._read(call) if call.params.uri.startswith(SCHEME) else None


def _page(skills: list[Any], cursor: Any) -> ListSkillsResult:
    return ListSkillsResult(skills=skills, next_cursor=cursor)
