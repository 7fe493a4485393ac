"""One tool of the host's own: reading a resource, so that a model can follow an address that a tool gave.

It is asked about like any other, as `SERVER/resources/read`. Limit: it reads from the server that is named and no
other, so an address of one server opens nothing at another without the user.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET

from dragoman.app.group import ClientGroup
from dragoman.calling.results import CallResult
from dragoman.host.economy import READING, Known, tokens
from dragoman.wire.content import EmbeddedResource
from dragoman.wire.tools import CallToolResult, Tool, ToolAnnotations

METHOD = "resources/read"  # what the tool is called where rules name it


def readable(group: ClientGroup, tools: Iterable[Known]) -> list[str]:
    """Return the names of the open servers that have resources, and no tool that takes an address."""
    taking = {one.server for one in tools if "uri" in (one.tool.input_schema.get("properties") or {})}
    return [
        name
        for name, member in group.servers.items()
        if name not in taking and member.state == "open" and member.client.server_capabilities.resources is not UNSET
    ]


def reader(server: str) -> Known:
    """Return reading from a server, as a tool of its."""
    tool = Tool(
        name=METHOD, input_schema=READING.schema, description="Read a resource of this server.",
        annotations=ToolAnnotations(read_only_hint=True),
    )  # fmt: skip
    return Known(server, tool, READING, tokens(READING))


async def read(group: ClientGroup, server: str, arguments: dict[str, Any]) -> CallResult:
    """Return what is at the address, as the result of a tool. Raises PeerError, TransportError."""
    found = await group.read(str(arguments["uri"]), server=server)
    return CallResult(CallToolResult(content=[EmbeddedResource(resource=part) for part in found.contents]))
