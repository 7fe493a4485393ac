"""The group without asyncio: every call is handed to an event loop on a thread of its own.

See `ClientGroup` for what each method does and raises. Nothing is done here but handing over.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from dragoman.app.loop_thread import LoopThread

if TYPE_CHECKING:
    from typing import Unpack

    from dragoman.app.call_options import CallOptions
    from dragoman.app.group import ClientGroup, GroupResource, GroupTemplate
    from dragoman.app.member import GroupChange, Member
    from dragoman.calling.results import CallResult, ReadResult
    from dragoman.wire.prompts import GetPromptResult, Prompt
    from dragoman.wire.tools import Tool


class SyncClientGroup:
    """A `ClientGroup` whose methods wait for their result: `with ClientGroup.sync(servers) as group:`."""

    def __init__(self, group: ClientGroup) -> None:
        self._group = group
        self._thread = LoopThread("group")

    def __enter__(self) -> Self:
        self._thread.open(self._group.open, self._group.close)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all clients. Safe to call twice."""
        self._thread.close(self._group.close)

    @property
    def servers(self) -> dict[str, Member]:
        """State and error of each server; their clients belong to the group's own thread."""
        return self._group.servers

    def tools(self) -> list[Tool]:
        """Return the tools of all servers that are open."""
        return self._thread.run(self._group.tools())

    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        raise_on_error: bool = True,
        **options: Unpack[CallOptions],
    ) -> CallResult:
        """Return what the tool gives that `tools` names so."""
        return self._thread.run(self._group.call_tool(name, arguments, raise_on_error=raise_on_error, **options))

    def prompts(self) -> list[Prompt]:
        """Return the prompts of all servers that are open."""
        return self._thread.run(self._group.prompts())

    def prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> GetPromptResult:
        """Return the prompt that `prompts` names so, filled in."""
        return self._thread.run(self._group.prompt(name, arguments, timeout=timeout))

    def resources(self) -> list[GroupResource]:
        """Return the resources of all servers that are open, each with its server."""
        return self._thread.run(self._group.resources())

    def resource_templates(self) -> list[GroupTemplate]:
        """Return the templates of addresses of all servers that are open, each with its server."""
        return self._thread.run(self._group.resource_templates())

    def read(self, uri: str, *, server: str = "", timeout: float | None = None) -> ReadResult:
        """Return what the resource at `uri` of `server` holds."""
        return self._thread.run(self._group.read(uri, server=server, timeout=timeout))

    def listen(
        self,
        *,
        tools: bool = True,
        prompts: bool = True,
        resources: bool = True,
        uris: Mapping[str, Sequence[str]] | None = None,
    ) -> Iterator[GroupChange]:
        """Listen for changes at all servers: `for change in group.listen():`."""
        changes = self._group.listen(tools=tools, prompts=prompts, resources=resources, uris=uris)
        try:
            while (change := self._thread.run(_next(changes))) is not None:
                yield change
        finally:
            if self._thread.running:
                self._thread.run(changes.aclose())


async def _next(changes: AsyncGenerator[GroupChange]) -> GroupChange | None:
    return await anext(changes, None)
