"""The client: one object for any server, whichever transport and era it speaks.

Results are values, errors are exceptions of `dragoman.errors`. Opens and closes from any task;
many calls may be under way at once.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, Self, TypedDict

from dragoman.app.sync_client import SyncClient
from dragoman.app.target import Options, Target, way_to
from dragoman.calling.connection import Connection
from dragoman.calling.fields import ToolFields, check_fields
from dragoman.calling.pages import all_pages
from dragoman.calling.results import CallResult, ReadResult
from dragoman.calling.terms import OnLog, OnProgress, Terms, Wish
from dragoman.errors import PeerError, ToolError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.protocol.dress import NO_META
from dragoman.wire.base import Implementation
from dragoman.wire.jsonrpc import HEADER_MISMATCH
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.prompts import Completion, GetPromptResult, Prompt, PromptReference, ResourceReference
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.tools import Tool

NO_ARGUMENTS: Mapping[str, Any] = {}
# The root is loaded before anything in it, and is above this floor: it is asked, not imported.
VERSION: str = getattr(sys.modules["dragoman"], "__version__", "0")


class CallOptions(TypedDict, total=False):
    """What `call_tool` takes beside name and arguments."""

    timeout: float | None
    headers: Fields
    on_progress: OnProgress | None
    meta: Mapping[str, Any] | None
    raise_on_error: bool


class Client:
    """A connection to one MCP server.

    `target` is a URL, a command as a list of words, a `Server` (called in
    memory), an entry of a client configuration file as a dict, or the path of
    a `.py` file or of a `.json` file, with `#name` for one of its servers.

    `headers` go with every HTTP request. `timeout` bounds opening and every
    request, in seconds, None for no bound. `mode` is "auto" (find the
    newest era that both speak), "modern", "legacy" or a protocol version.
    `on_log` gets the server's log messages, from `options.log_level` on.

    Methods raise PeerError when the server answers with an error,
    AuthorizationError when it wants credentials, UnreachableError,
    ClosedError or DeadlineError when no answer came, MalformedError when the
    answer is not MCP, and LocalError for a mistake of the caller's.
    """

    def __init__(
        self,
        target: Target,
        *,
        headers: Fields | None = None,
        timeout: float | None = 60.0,
        mode: str = "auto",
        name: str = "dragoman",
        on_log: OnLog | None = None,
        options: Options | None = None,
    ) -> None:
        options = options or Options()
        check_fields(headers or NO_FIELDS)
        way = way_to(target, headers or NO_FIELDS, options)
        self._fields = ToolFields()
        self._connection = Connection(
            way.dial,
            Terms(
                client=Implementation(name=name, version=VERSION),
                mode=mode,
                timeout=timeout,
                probe_seconds=options.probe_seconds,
                log_level=options.log_level or ("info" if on_log is not None else None),
                on_log=on_log,
                key=way.key,
            ),
        )

    @classmethod
    def sync(
        cls,
        target: Target,
        *,
        headers: Fields | None = None,
        timeout: float | None = 60.0,
        mode: str = "auto",
        name: str = "dragoman",
        on_log: OnLog | None = None,
        options: Options | None = None,
    ) -> SyncClient:
        """Return the same client without asyncio, for `with Client.sync(target) as client:`.

        Takes what `Client` takes. Callbacks are called on a thread of its own.
        """
        return SyncClient(
            cls(target, headers=headers, timeout=timeout, mode=mode, name=name, on_log=on_log, options=options)
        )

    async def __aenter__(self) -> Self:
        await self._connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def open(self) -> None:
        """Connect and agree on an era; `async with` does so by itself."""
        await self._connection.open()

    async def close(self) -> None:
        """Disconnect; calls under way raise ClosedError. Safe to call twice, and from any task."""
        await self._connection.close()

    # --- what the server said of itself ---------------------------------------------------------------------

    @property
    def version(self) -> str:
        """The protocol version that is spoken."""
        return self._connection.greeting.dress.era.version

    @property
    def server_info(self) -> Implementation | None:
        """Name and version of the server, as it says itself; None if it did not."""
        return self._connection.greeting.server

    @property
    def server_capabilities(self) -> ServerCapabilities:
        """What the server can do."""
        return self._connection.greeting.capabilities

    @property
    def instructions(self) -> str | None:
        """How the server wants to be used, if it said so."""
        return self._connection.greeting.instructions

    # --- tools ----------------------------------------------------------------------------------------------

    async def list_tools(self) -> list[Tool]:
        """Return all tools. Over HTTP, one whose `x-mcp-header` rules are invalid is left out and logged (HTTP-30)."""
        tools: list[Tool] = await self._list("tools/list", "tools")
        return self._fields.sift(tools) if self._routed else tools

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        headers: Fields = NO_FIELDS,
        on_progress: OnProgress | None = None,
        meta: Mapping[str, Any] | None = None,
        raise_on_error: bool = True,
    ) -> CallResult:
        """Return what tool `name` gives for `arguments`.

        `timeout` in seconds replaces the client's own; when it is over, or when the calling task is cancelled, the
        server is told. `on_progress` is called with each `Progress`. Raises ToolError, with `result`, when the tool
        says that it failed, unless `raise_on_error` is off, and what the class names.
        """
        given = NO_ARGUMENTS if arguments is None else arguments
        params = {"name": name, "arguments": given}
        wish = Wish(timeout=timeout, headers=headers, meta=meta or NO_META, on_progress=on_progress)
        result = CallResult(await self._call(name, given, params, wish))
        if result.is_error and raise_on_error:
            raise ToolError(result.text or f"the tool {name!r} failed and did not say why", result=result)
        return result

    async def _call(self, name: str, given: Mapping[str, Any], params: dict[str, Any], wish: Wish) -> Any:
        if not self._routed:
            return await self._connection.request("tools/call", params, wish)
        fields = self._fields.of(name, given)
        try:
            return await self._connection.request("tools/call", params, wish.joined(fields))
        except PeerError as error:
            if error.code != HEADER_MISMATCH:
                raise
            # The tool's definition may have changed since it was listed (HTTP-39).
            await self.list_tools()
            renewed = self._fields.of(name, given)
            if renewed == fields:
                raise
            return await self._connection.request("tools/call", params, wish.joined(renewed))

    # --- resources ------------------------------------------------------------------------------------------

    async def list_resources(self) -> list[Resource]:
        """Return all resources that the server lists."""
        return await self._list("resources/list", "resources")

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """Return all templates of resource addresses."""
        return await self._list("resources/templates/list", "resource_templates")

    async def read(self, uri: str, *, timeout: float | None = None, headers: Fields = NO_FIELDS) -> ReadResult:
        """Return what the resource at `uri` holds."""
        wish = Wish(timeout=timeout, headers=headers)
        return ReadResult(await self._connection.request("resources/read", {"uri": uri}, wish))

    # --- prompts --------------------------------------------------------------------------------------------

    async def list_prompts(self) -> list[Prompt]:
        """Return all prompts."""
        return await self._list("prompts/list", "prompts")

    async def prompt(
        self, name: str, arguments: Mapping[str, str] | None = None, *, timeout: float | None = None
    ) -> GetPromptResult:
        """Return prompt `name`, filled in: its `messages` and `description`."""
        params = {"name": name, "arguments": arguments or {}}
        result: GetPromptResult = await self._connection.request("prompts/get", params, Wish(timeout=timeout))
        return result

    async def complete(
        self,
        ref: PromptReference | ResourceReference,
        argument: str,
        value: str,
        context: Mapping[str, str] | None = None,
    ) -> Completion:
        """Return suggestions for `argument` of a prompt or template, of which `value` is typed so far."""
        params: dict[str, Any] = {"ref": ref, "argument": {"name": argument, "value": value}}
        if context:
            params["context"] = {"arguments": context}
        result = await self._connection.request("completion/complete", params)
        completion: Completion = result.completion
        return completion

    # --- the rest -------------------------------------------------------------------------------------------

    async def ping(self, *, timeout: float | None = None) -> None:
        """Return when the server has answered."""
        await self._connection.ping(Wish(timeout=timeout))

    async def discover(self) -> ServerCapabilities:
        """Ask the server anew what it can do, and return that; the properties follow."""
        return (await self._connection.discover()).capabilities

    async def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: float | None = None,
        headers: Fields = NO_FIELDS,
        on_progress: OnProgress | None = None,
    ) -> dict[str, Any]:
        """Return the result of any method, one of the server's own perhaps, as plain values."""
        wish = Wish(timeout=timeout, headers=headers, on_progress=on_progress)
        return await self._connection.custom(method, params or {}, wish)

    @property
    def _routed(self) -> bool:
        return self._connection.over_http and self._connection.greeting.dress.routed

    async def _list(self, method: str, field: str) -> list[Any]:
        return await all_pages(lambda params: self._connection.request(method, params), field)
