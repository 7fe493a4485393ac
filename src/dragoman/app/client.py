"""The client: one object for any server, whichever transport and era it speaks.

Results are values, errors are exceptions of `dragoman.errors`. Opens and closes from any task;
many calls may be under way at once.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, Unpack

from msgspec import UNSET, structs

from dragoman.app import lazily
from dragoman.app.call_options import CallOptions, wish_of
from dragoman.app.settings import ClientSettings, callbacks_of, check_settings
from dragoman.app.sync_client import SyncClient
from dragoman.app.target import Options, Target, way_to
from dragoman.calling.cache import Cache
from dragoman.calling.completing import completing
from dragoman.calling.connection import Connection
from dragoman.calling.fields import ToolFields, check_fields
from dragoman.calling.listening import Listening
from dragoman.calling.lists import whole_list
from dragoman.calling.promises import Promises
from dragoman.calling.resending import repeatable
from dragoman.calling.results import CallResult, ReadResult
from dragoman.calling.rounds import Unanswered, resumed, unanswered
from dragoman.calling.task_handle import TaskHandle
from dragoman.calling.tasked import Tasked
from dragoman.calling.terms import PLAIN, OnProgress, Terms, Wish
from dragoman.calling.views import View, view_of
from dragoman.calling.waits import Waited, Waits
from dragoman.errors import LocalError, PeerError, ToolError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.protocol.replies import InputWantedError
from dragoman.wire.base import Implementation
from dragoman.wire.jsonrpc import HEADER_MISMATCH
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.prompts import Completion, GetPromptResult, Prompt, PromptReference, ResourceReference
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.subscriptions import Filter
from dragoman.wire.tools import Tool

if TYPE_CHECKING:
    from dragoman.calling.skills import Skills

NO_ARGUMENTS: Mapping[str, Any] = {}
# The root is loaded before anything in it, and is above this floor: it is asked, not imported.
VERSION: str = getattr(sys.modules["dragoman"], "__version__", "0")


class Client:
    """A connection to one MCP server.

    `target` is a URL, a command as a list of words, a `Server` (called in
    memory), an entry of a client configuration file as a dict, or the path of
    a `.py` file or of a `.json` file, with `#name` for one of its servers.

    `headers` go with every HTTP request. `timeout` bounds opening and every
    request, the time of answering what it asks included, in seconds, None for no
    bound. `mode` is "auto" (find the newest era that both speak), "modern",
    "legacy" or a protocol version. Further settings, such as callbacks for what
    servers ask, are those of `ClientSettings`.

    Methods raise PeerError when the server answers with an error,
    AuthorizationError when it wants credentials, BusyError when it has too much
    to do for longer than was waited, UnreachableError,
    ClosedError or DeadlineError when no answer came, MalformedError when the
    answer is not MCP, LocalError for a mistake of the caller's, and what
    callbacks raise.
    """

    def __init__(
        self,
        target: Target,
        *,
        headers: Fields | None = None,
        timeout: float | None = 60.0,
        mode: str = "auto",
        options: Options | None = None,
        **settings: Unpack[ClientSettings],
    ) -> None:
        check_settings(settings)
        options = options or Options()
        check_fields(headers or NO_FIELDS)
        waits = Waits()
        if (auth := settings.get("auth", options.auth)) is not None:
            options = structs.replace(options, auth=Waited(auth, waits.paused))
        way = way_to(target, headers or NO_FIELDS, options)
        self._fields = ToolFields()
        self._repeatable: frozenset[str] = frozenset()
        self._promises = Promises(lazily.validator) if settings.get("check_results", True) else None
        callbacks = callbacks_of(settings, options.sampling)
        self._connection = Connection(
            way.dial,
            Terms(
                client=Implementation(name=settings.get("name", "dragoman"), version=VERSION),
                callbacks=callbacks,
                rounds=options.rounds,
                restarts=options.restarts,
                resends=options.resends,
                busy_resends=options.busy_resends,
                mode=mode,
                timeout=timeout,
                limit=asyncio.timeout if auth is None else waits.timeout,
                probe_seconds=options.probe_seconds,
                log_level=options.log_level or ("info" if settings.get("on_log") is not None else None),
                on_log=settings.get("on_log"),
                key=way.key,
                observer=lazily.observer(settings.get("telemetry", False)),
            ),
            Cache(stale=options.stale_seconds) if settings.get("cache", True) else None,
        )
        self._tasked = Tasked(
            self._connection, callbacks, lambda name, wire: self._told(name, wire, True), self.list_tools
        )

    @classmethod
    def sync(
        cls,
        target: Target,
        *,
        headers: Fields | None = None,
        timeout: float | None = 60.0,
        mode: str = "auto",
        options: Options | None = None,
        **settings: Unpack[ClientSettings],
    ) -> SyncClient:
        """Return the same client without asyncio, for `with Client.sync(target) as client:`.

        Takes what `Client` takes. Callbacks are called on threads of its own.
        """
        return SyncClient(cls(target, headers=headers, timeout=timeout, mode=mode, options=options, **settings))

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
        tools: list[Tool] = await whole_list(self._connection, "tools/list", "tools")
        self._repeatable = repeatable(tools)
        self._tasked.note(tools)
        if self._promises is not None:
            self._promises.note(tools, self._connection.changes.tool_lists)
        return self._fields.sift(tools) if self._routed else tools

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        raise_on_error: bool = True,
        **options: Unpack[CallOptions],
    ) -> CallResult:
        """Return what tool `name` gives for `arguments`; what it asks meanwhile is answered by the callbacks.

        `options` are `timeout`, in seconds, which replaces the client's own (when it is over, or when the calling
        task is cancelled, the server is told), `idle_timeout`, which bounds each time without an answer or progress,
        `on_progress`, called with each `Progress`, `on_task`, called with each `TaskStatus` of a task that the call
        became (it is followed to its end, for as long as that takes unless `timeout` is given), `repeatable`, which
        says whether the call may be sent again when its answer was lost (None: as the tool was listed), `headers` and
        `meta`.
        Raises ToolError, with `result`, when the tool says that it failed, unless `raise_on_error` is off;
        SchemaError when the result is not what the tool's output schema, as listed, promises; and what the class names.
        """
        given = NO_ARGUMENTS if arguments is None else arguments
        params = {"name": name, "arguments": given}
        wire = await self._call(name, given, params, wish_of(options) if options else PLAIN, self._tasked.call)
        return self._told(name, wire, raise_on_error)

    async def start_task(
        self, name: str, arguments: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> TaskHandle:
        """Return a handle of the task that a call of tool `name` becomes, to be waited for when you like.

        What the tool asks before it becomes one is answered by the callbacks. Takes and raises what `call_tool`
        does, and LocalError where the server, or the tool, has no tasks.
        """
        given = NO_ARGUMENTS if arguments is None else arguments
        params = {"name": name, "arguments": given}
        handle: TaskHandle = await self._call(name, given, params, wish_of(options), self._tasked.start)
        return handle

    def resume_task(self, saved: Mapping[str, Any]) -> TaskHandle:
        """Return a handle of a task again, from what `TaskHandle.saved()` gave, in this process or another."""
        return self._tasked.resumed(saved)

    async def begin_tool(
        self, name: str, arguments: Mapping[str, Any] | None = None, **options: Unpack[CallOptions]
    ) -> CallResult | Unanswered:
        """Return what tool `name` gives, or what it asks first: plain data, to go on with by `resume` when you like.

        Takes and raises what `call_tool` does. A handshake-era server cannot wait for that: there the callbacks answer.
        """
        given = NO_ARGUMENTS if arguments is None else arguments
        return await self._by_hand("tools/call", {"name": name, "arguments": given}, wish_of(options))

    async def resume(
        self, waiting: Unanswered, answers: Mapping[str, Any], **options: Unpack[CallOptions]
    ) -> CallResult | Unanswered:
        """Go on with a call that was left, in this process or another: `answers` has one for each of its questions.

        An answer is what a callback would return. Returns what the tool gives, or what it asks next. Raises
        LocalError for answers that do not fit, and what `call_tool` raises.
        """
        if waiting.method != "tools/call":
            raise LocalError(f"a call of a tool can be resumed, and this is {waiting.method[:100]!r}")
        return await self._by_hand(waiting.method, resumed(waiting, answers), wish_of(options))

    async def _by_hand(self, method: str, params: dict[str, Any], wish: Wish) -> CallResult | Unanswered:
        name = str(params.get("name", ""))
        try:
            wire = await self._call(
                name, params.get("arguments") or {}, params, structs.replace(wish, by_hand=True), self._tasked.call
            )
        except InputWantedError as wanted:
            return unanswered(method, params, wanted.asked)
        return self._told(name, wire, True)

    def _told(self, name: str, wire: Any, raise_on_error: bool) -> CallResult:
        result = CallResult(wire)
        if raise_on_error and wire.is_error is True:
            raise ToolError(result.text or f"the tool {name!r} failed and did not say why", result=result)
        if self._promises is not None and self._promises.schemas:
            self._promises.keep(name, result, self._connection.changes.tool_lists)
        return result

    def _call(
        self, name: str, given: Mapping[str, Any], params: dict[str, Any], wish: Wish, send: Any
    ) -> Awaitable[Any]:
        if self._promises is not None and self._promises.schemas:
            self._promises.ready(name, self._connection.changes.tool_lists)
        if wish.repeatable is None and name in self._repeatable:
            wish = structs.replace(wish, repeatable=True)
        if not self._routed:
            sent: Awaitable[Any] = send(params, wish)
            return sent
        return self._headed(name, given, params, wish, send)

    async def _headed(self, name: str, given: Mapping[str, Any], params: dict[str, Any], wish: Wish, send: Any) -> Any:
        fields = self._fields.of(name, given)
        try:
            return await send(params, wish.joined(fields))
        except PeerError as error:
            if error.code != HEADER_MISMATCH:
                raise
            # The tool's definition may have changed since it was listed (HTTP-39).
            if self._connection.cache is not None:
                self._connection.cache.forget("tools/list")
            await self.list_tools()
            renewed = self._fields.of(name, given)
            if renewed == fields:
                raise
            return await send(params, wish.joined(renewed))

    # --- resources ------------------------------------------------------------------------------------------

    async def list_resources(self) -> list[Resource]:
        """Return all resources that the server lists."""
        return await whole_list(self._connection, "resources/list", "resources")

    async def list_resource_templates(self) -> list[ResourceTemplate]:
        """Return all templates of resource addresses."""
        return await whole_list(self._connection, "resources/templates/list", "resource_templates")

    async def read(self, uri: str, *, timeout: float | None = None, headers: Fields = NO_FIELDS) -> ReadResult:
        """Return what the resource at `uri` holds."""
        wish = Wish(timeout=timeout, headers=headers)
        return ReadResult(await self._connection.kept("resources/read", {"uri": uri}, wish))

    # --- prompts --------------------------------------------------------------------------------------------

    async def list_prompts(self) -> list[Prompt]:
        """Return all prompts."""
        return await whole_list(self._connection, "prompts/list", "prompts")

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
        """Return suggestions for `argument` of a prompt or template, of which `value` is typed so far.

        `context` has the arguments that are chosen already. Raises LocalError for what is of another type.
        """
        result = await self._connection.request("completion/complete", completing(ref, argument, value, context))
        completion: Completion = result.completion
        return completion

    @property
    def skills(self) -> Skills:
        """The server's skills: `list()`, `get(uri)`, `read(skill, path)`, `directory(uri)`. Needs PyYAML."""
        return lazily.skills(self._connection)

    async def view(self, tool: Tool) -> View:
        """Return the page that belongs to a tool: its `uri`, its `html`, what it may reach. Raises LocalError."""
        return await view_of(self._connection, tool)

    # --- changes --------------------------------------------------------------------------------------------

    def listen(
        self, *, tools: bool = True, prompts: bool = True, resources: bool = True, uris: Sequence[str] = ()
    ) -> Listening:
        """Listen for changes of lists, and of the resources at `uris`: `async for change in client.listen():`.

        Each `Change` has a `kind` ("tools", "prompts", "resources" for the lists, "resource" for one at its `uri`);
        the same change comes once however often it happened since the last was taken. Ends when the server ends it
        or the client is closed. In `async with client.listen() as changes:` it has begun when the block does.
        Raises LocalError when the server tells of none of that, and TransportError when it broke for good.
        """
        wanted = Filter(
            tools_list_changed=True if tools else UNSET,
            prompts_list_changed=True if prompts else UNSET,
            resources_list_changed=True if resources else UNSET,
            resource_subscriptions=list(uris) or UNSET,
        )
        return Listening(self._connection, wanted)

    # --- the rest -------------------------------------------------------------------------------------------

    async def ping(self, *, timeout: float | None = None) -> None:
        """Return when the server has answered."""
        await self._connection.ping(Wish(timeout=timeout))

    async def roots_changed(self) -> None:
        """Tell the server that `roots` gives other folders now (a stateless one asks anew). Raises TransportError."""
        await self._connection.roots_changed()

    async def discover(self) -> ServerCapabilities:
        """Return what the server can do now, asked anew unless what it said still holds; the properties follow."""
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
