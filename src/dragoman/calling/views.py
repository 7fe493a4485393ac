"""The page that belongs to a tool, for a client that is a host: what to show, and what it may reach.

Limit: it fetches and reads; the sandbox is the host's.
Source: extension io.modelcontextprotocol/ui, 2026-01-26.
"""

from __future__ import annotations

from typing import NamedTuple

from msgspec import UNSET

from dragoman.calling.connection import Connection
from dragoman.calling.results import ReadResult
from dragoman.errors import LocalError, MalformedError
from dragoman.wire.apps import MIME_TYPE, SCHEME, Page, page_of
from dragoman.wire.tools import Tool


class View(NamedTuple):
    """A tool's page: its address, its HTML, and what the server says of it. Nothing of it is to be trusted."""

    uri: str
    html: str
    page: Page


async def view_of(connection: Connection, tool: Tool) -> View:
    """Return the page of a tool. Raises LocalError for a tool without one, MalformedError for what is no page."""
    link = tool.ui
    if link is None or link.resource_uri is UNSET:
        raise LocalError(f"the tool {tool.name!r} has no page")
    uri = link.resource_uri
    if not uri.startswith(SCHEME):
        raise MalformedError(f"the page of {tool.name!r} is at {uri[:200]!r}, which is no {SCHEME} address")
    result = ReadResult(await connection.kept("resources/read", {"uri": uri}))
    kind = (result.mime_type or "").replace(" ", "").lower()
    if len(result.contents) != 1 or kind != MIME_TYPE:
        raise MalformedError(f"{uri[:200]} is {kind or 'of no type'} and not {MIME_TYPE}")
    try:
        html = result.data.decode()
    except UnicodeDecodeError:
        raise MalformedError(f"{uri[:200]} is not UTF-8") from None
    return View(uri, html, page_of(result.contents[0].meta))
