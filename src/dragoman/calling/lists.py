"""Lists as a whole: all pages, kept together for as long as the shortest of their times says.

Never a list put together from two states: a page that cannot be had any more makes it begin anew (CACHE-10).
"""

from __future__ import annotations

import time
from typing import Any

from dragoman.calling.answers import READERS
from dragoman.calling.cache import Pages, key_of
from dragoman.calling.connection import Connection
from dragoman.calling.pages import all_pages
from dragoman.errors import TransportError
from dragoman.ports.exchange import NO_FIELDS


async def whole_list(connection: Connection, method: str, field: str) -> list[Any]:
    """Return all items of a list, from what is kept if that holds. Raises as `Connection.request` does."""
    key = key_of(method, "", NO_FIELDS)
    if (pages := connection.find(key)) is not None:
        return _items(method, pages, field)
    fetched: list[tuple[Any, Any]] = []
    now, changes = time.monotonic(), 0 if connection.cache is None else connection.cache.changes

    async def fetch(params: dict[str, Any]) -> Any:
        if not params:
            fetched.clear()  # it begins, perhaps anew
        fetched.append(await connection.page(method, params))
        return fetched[-1][0]

    try:
        items = await all_pages(fetch, field)
    except TransportError:
        if (pages := connection.find(key, stale=True)) is None:
            raise
        return _items(method, pages, field)
    connection.keep(key, fetched, now, changes)
    return items


def _items(method: str, pages: Pages, field: str) -> list[Any]:
    return [item for page in pages for item in getattr(READERS[method].read(page, method), field)]
