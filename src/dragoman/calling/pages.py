"""Lists in pages, followed to the end and no further.

Only a missing cursor is the end (PAGE-03); a cursor that comes twice would never end, and is a fault (PAGE-05).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import UNSET

from dragoman.errors import MalformedError, PeerError
from dragoman.wire.jsonrpc import INVALID_PARAMS

MAX_PAGES = 1000
"""Pages of one list that are followed."""

Fetch = Callable[[dict[str, Any]], Awaitable[Any]]


async def all_pages(fetch: Fetch, field: str) -> list[Any]:
    """Return the items under `field` of every page that `fetch(params)` gives.

    A cursor that the server no longer takes makes it begin anew, once, without
    what it has (CACHE-10). Raises MalformedError when a cursor repeats or there
    are more than 1,000 pages.
    """
    try:
        return await _follow(fetch, field)
    except _CursorError:
        pass
    try:
        return await _follow(fetch, field)
    except _CursorError as again:
        raise again.error from None


class _CursorError(Exception):
    """A page that is not the first was refused."""

    def __init__(self, error: PeerError) -> None:
        self.error = error


async def _follow(fetch: Fetch, field: str) -> list[Any]:
    items: list[Any] = []
    params: dict[str, Any] = {}
    seen: set[str] = set()
    for _ in range(MAX_PAGES):
        try:
            page = await fetch(params)
        except PeerError as error:
            if error.code != INVALID_PARAMS or not params:
                raise
            raise _CursorError(error) from None
        items += getattr(page, field)
        cursor = page.next_cursor
        if cursor is UNSET:
            return items
        if cursor in seen:
            raise MalformedError(f"the list of {field} leads back to the cursor {cursor[:100]!r} and would never end")
        seen.add(cursor)
        params = {"cursor": cursor}
    raise MalformedError(f"the list of {field} has more than {MAX_PAGES} pages")
