"""Cursors of lists, for callers who said who they are: good for that caller and that list, and for nobody else.

Outermost of all, so that registries, listers and servers behind go on with cursors of their own. One that is somebody
else's is answered as one that never was. Callers without a name cost nothing and get cursors as they are.
Source: specification, server/utilities/pagination; threats 3 and 16.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import RequestError
from dragoman.ports.service import Handler
from dragoman.ports.state import States
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.protocol.forwarding import Forwarded, member_in, with_members
from dragoman.serving.listing import bad_cursor

# tasks/list is not among them: its cursors are ids of the caller's own tasks.
PAGED = frozenset(
    {
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "skills/list",
        "resources/directory/read",
    }
)
SECONDS = 24 * 3600.0  # for which a page can be asked for


class Cursors:
    """The middleware that binds cursors to callers. `states` gives what seals."""

    def __init__(self, states: Callable[[], States]) -> None:
        self._states = states

    async def __call__(self, call: Call, handler: Handler) -> Reply:
        """Answer a call, its cursor opened and the next one sealed. Raises RequestError for one that is not good."""
        principal = call.caller.principal
        if not principal or call.method not in PAGED:
            return await handler(call)
        binding = msgspec.json.encode(["cursor", call.method, principal])
        given = await self._given(call, binding)
        reply = await handler(call)
        result: Any = reply.result if isinstance(reply, Prepared) else reply
        forwarded = isinstance(result, msgspec.Raw)
        following = member_in(result, "nextCursor") if forwarded else getattr(result, "next_cursor", None)
        if not given and not isinstance(following, str):
            return reply
        # All pages of a list are for one caller then, and no cache gives them to others (CACHE-03).
        change: dict[str, Any] = {"cache_scope": "private"}
        if isinstance(following, str):
            change["next_cursor"] = await self._states().seal(following.encode(), binding, SECONDS)
        if not forwarded:
            bound: Reply = structs.replace(result, **change)
            return bound
        named = {"cacheScope": "private"} if member_in(result, "cacheScope") is not None else {}
        if "next_cursor" in change:
            named["nextCursor"] = change["next_cursor"]
        return with_members(result, named)

    async def _given(self, call: Call, binding: bytes) -> bool:
        """Open the cursor of a call; returns whether it has one. Raises RequestError."""
        params = call.params
        if isinstance(params, Forwarded):
            cursor = member_in(params.raw, "cursor")
            if cursor is None:
                return False
            raw = with_members(params.raw, {"cursor": await self._opened(cursor, binding)})
            call.params = structs.replace(params, raw=raw)
        elif params.cursor is UNSET:
            return False
        else:
            call.params = structs.replace(params, cursor=await self._opened(params.cursor, binding))
        return True

    async def _opened(self, cursor: object, binding: bytes) -> str:
        try:
            return (await self._states().unseal(cursor if isinstance(cursor, str) else "", binding)).decode()
        except RequestError:
            raise bad_cursor() from None
