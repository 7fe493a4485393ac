"""What stands for `server._tool_manager`, which files reach for to list a schema of their own.

Promise: a schema that is put there is listed. Limit: calls are still judged by the signature, as there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import structs

from dragoman.app.server import Server
from dragoman.compat.refusal import unsupported_attribute
from dragoman.wire.notices import TOOLS_CHANGED


class _Tool:
    """A tool that is registered: `parameters` may be set."""

    def __init__(self, server: Server, name: str) -> None:
        self._server = server
        self.name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute("Tool", name)

    @property
    def parameters(self) -> dict[str, Any]:
        """The schema of its arguments, as it is listed."""
        entry: Any = self._server.surface.tools.listing.holder(self.name)
        schema: dict[str, Any] = entry.definition.input_schema
        return schema

    @parameters.setter
    def parameters(self, schema: dict[str, Any]) -> None:
        listing = self._server.surface.tools.listing
        entry: Any = listing.holder(self.name)
        entry.definition = structs.replace(entry.definition, input_schema=schema)
        listing.add(self.name, entry)
        self._server.surface.changed(TOOLS_CHANGED)


class _Tools(Mapping[str, _Tool]):
    def __init__(self, server: Server) -> None:
        self._server = server

    def __getitem__(self, name: str) -> _Tool:
        if self._server.surface.tools.listing.holder(name) is None:
            raise KeyError(name)
        return _Tool(self._server, name)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._server.surface.tools.listing.all_names()))

    def __len__(self) -> int:
        return len(list(self._server.surface.tools.listing.all_names()))


class ToolTable:
    """The tools of a server, by name."""

    def __init__(self, server: Server) -> None:
        self._tools = _Tools(server)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute("_tool_manager", name)

    def get_tool(self, name: str) -> Any:
        """Return a tool, None if there is none of that name."""
        return self._tools.get(name)

    def list_tools(self) -> list[Any]:
        """Return all tools."""
        return list(self._tools.values())
