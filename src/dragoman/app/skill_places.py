"""The skills of a server and of those mounted in it, in one list; each is asked after where it is.

Limit: what cannot be reached for the moment is left out of the list, with a word in the log.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import McpError, PeerError, RequestError
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.protocol.failures import unknown_method
from dragoman.serving.listing import bad_cursor
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.skills import EXTENSION, ListSkills, ListSkillsResult, Skill

if TYPE_CHECKING:
    from dragoman.app.surface import Surface

log = logging.getLogger("dragoman")
MOST = 10_000  # skills of one server that are listed
Answerer = Callable[[Call], Awaitable[Reply]]
Sources: TypeAlias = list[tuple[str, Answerer]]


class SkillPlaces:
    """The handlers of the extension's methods for a server that has others in itself."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def list(self, call: Call) -> ListSkillsResult:
        """Answer `skills/list`: our own, then those of each mounted server, in pages of ours."""
        sources = self._sources(call.method, "")
        if not sources:
            raise unknown_method(call.method)
        found: list[Skill] = []
        for where, source in sources:
            try:
                found += await _all(call, source)
            except McpError as error:
                log.warning("the skills of %s are not listed: %s", where, error)
        uris, cursor, size = [skill.uri for skill in found], call.params.cursor, self._surface.kernel.limits.listed
        if cursor is not UNSET and cursor not in uris:
            raise bad_cursor()
        start = 0 if cursor is UNSET else uris.index(cursor)
        rest = uris[start + size : start + size + 1]
        return ListSkillsResult(skills=found[start : start + size], next_cursor=rest[0] if rest else UNSET)

    async def answer(self, call: Call) -> Reply:
        """Answer what is asked about one skill, or a directory. Raises RequestError if nobody here has it."""
        sources = self._sources(call.method, call.params.uri)
        fault: RequestError | PeerError | None = None
        for _, source in sources:
            try:
                return await source(call)
            except (RequestError, PeerError) as error:
                if error.code != INVALID_PARAMS:
                    raise
                fault = fault or error
        raise fault or unknown_method(call.method)

    def _sources(self, method: str, uri: str) -> Sources:
        """Return who may have what is at `uri`, "" for anything."""
        surface = self._surface
        having = [mount for mount in surface.mounts if EXTENSION in mount.extensions]
        behind: Sources = [(one.other.name, one.passing) for one in having if not uri or one.there(uri) is not None]
        if surface.skills is None:
            return behind
        return [(surface.face.name, surface.skills.handlers()[method]), *behind]


async def _all(call: Call, source: Answerer) -> list[Skill]:
    inner, found = copy.copy(call), list[Skill]()
    inner.params = ListSkills(meta=call.params.meta)
    while len(found) < MOST:
        reply = await source(inner)
        said = reply.result if isinstance(reply, Prepared) else reply
        if isinstance(said, msgspec.Raw):
            page = msgspec.json.decode(said, type=ListSkillsResult)
        else:
            page = msgspec.convert(said, ListSkillsResult)
        found += page.skills
        if page.next_cursor is UNSET:
            break
        inner.params = structs.replace(inner.params, cursor=page.next_cursor)
    return found
