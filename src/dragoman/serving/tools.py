"""Tools: registered once, called often.

A tool's failure is a result that the model reads, never a protocol error; only an
unknown name or a malformed request is one (TOOL-13, ERR-15).
Source: specification, server/tools.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, UnsetType, structs

from dragoman.errors import DoubtError, RegistrationError, RequestError, ToolError, VisitNeededError
from dragoman.late import late
from dragoman.protocol.exchange import Call, Headers, Prepared, Reply
from dragoman.protocol.headers import METHOD_HEADER, HeaderRule, SchemaFault, check_params, header_rules
from dragoman.serving.context import Context, ServerFace, redeem
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.faults import ArgumentFaults
from dragoman.serving.kernel import report
from dragoman.serving.listing import Listing, register
from dragoman.serving.nearest import nearest
from dragoman.serving.shapes import is_object
from dragoman.wire.base import EMPTY, NULL
from dragoman.wire.content import Content, EmbeddedResource, TextContent
from dragoman.wire.jsonrpc import HEADER_MISMATCH, INVALID_PARAMS
from dragoman.wire.tools import CallTool, CallToolResult, ListTools, ListToolsResult, Tool

if TYPE_CHECKING:
    from dragoman.protocol.limits import Limits
    from dragoman.serving import visits
    from dragoman.serving.gate import Gate
    from dragoman.serving.kept import Kept
    from dragoman.serving.signature import Plan
    from dragoman.serving.workers import Workers
else:
    visits = late("dragoman.serving.visits")

# What could make a text, cut, unfit for the schema that the whole of it fits.
_NARROWING = frozenset({"format", "pattern", "enum", "const", "maxLength", "allOf", "anyOf", "oneOf", "not"})
CUT = 2000  # characters of a text result that are still shown when the rest is behind a link


class TaskUse(msgspec.Struct, frozen=True):
    """That calls of a tool can be tasks.

    `detaches` says that the function calls `ctx.detach()` where it wants to be
    one, `safe` that it may run again after a run that was cut off.
    """

    required: bool
    detaches: bool
    safe: bool


class Registered:
    """A tool and all that was decided about it at registration."""

    __slots__ = (
        "definition",
        "function",
        "gate",
        "plan",
        "rules",
        "scopes",
        "single_use",
        "tags",
        "task",
        "timeout",
        "where",
    )

    def __init__(
        self,
        definition: Tool,
        plan: Plan,
        function: Callable[..., Any],
        timeout: float | None,
        *,
        single_use: bool = False,
        task: TaskUse | None = None,
    ) -> None:
        self.definition = definition
        self.plan = plan
        self.function = function
        self.timeout = timeout
        self.gate: Gate | None = None  # where calls wait, if not all may run at once
        self.single_use = single_use
        self.task = task
        self.where = plan.where
        self.scopes: frozenset[str] = frozenset()  # what a caller needs
        self.tags: frozenset[str] = frozenset()
        self.rules: tuple[HeaderRule, ...] = rules_of(definition, plan.where)


def rules_of(definition: Tool, where: str) -> tuple[HeaderRule, ...]:
    """Return which parameters HTTP headers repeat. Raises RegistrationError for a bad `x-mcp-header`."""
    try:
        return header_rules(definition.input_schema)
    except SchemaFault as fault:
        raise RegistrationError(f"tool {definition.name!r}: {fault}", where=where) from None


class Tools:
    """All tools of one server, and the handlers of `tools/list` and `tools/call`."""

    def __init__(self, limits: Limits, face: ServerFace, workers: Workers, kept: Kept) -> None:
        self._limits = limits
        self._face = face
        self._workers = workers
        self._kept = kept
        self.tasked = False  # whether a tool's calls can be tasks
        self.listing: Listing[Registered | Elsewhere] = Listing(limits.listed, lambda tool: tool.definition, _page)

    def add(self, tool: Registered) -> None:
        """Register a tool. Raises RegistrationError if the name is taken."""
        register(self.listing, tool.definition.name, tool, "tool")
        self.tasked = self.tasked or tool.task is not None

    def task_use(self, name: str) -> TaskUse | None:
        """Return how a tool uses tasks, None if it does not, or is not there."""
        tool = self.listing.entries.get(name)
        return tool.task if isinstance(tool, Registered) else None

    async def list(self, call: Call) -> Prepared:
        """Answer `tools/list`."""
        params: ListTools = call.params
        return self.listing.at(params.cursor)

    async def call(self, call: Call) -> Reply:
        """Answer `tools/call`. Raises RequestError if there is no such tool, or headers and body disagree."""
        params: CallTool = call.params
        tool = self.listing.entries.get(params.name)
        if tool is None:
            hint = nearest(params.name, self.listing.names())
            raise RequestError(INVALID_PARAMS, f"unknown tool {params.name[:100]!r}{hint}")
        raw = params.arguments
        # Where there are no headers, as on stdio, nothing repeats the body (HTTP-31).
        # Who repeats the method in a header repeats these, too; in memory, headers are just what the client was given.
        if tool.rules and METHOD_HEADER in call.headers and call.era.mirrors:
            check_headers(tool.rules, raw, call.headers)
        if isinstance(tool, Elsewhere):
            return await tool.answer(call)
        try:
            plan = tool.plan
            if tool.single_use:
                await redeem(call, self._face)
            try:
                arguments = plan.decode(raw)
            except ArgumentFaults:
                if memoryview(raw) != NULL:
                    raise
                arguments = plan.decode(EMPTY)
            if self._face.tasks is not None and call.task is None and (tool.task or params.task is not UNSET):
                begun: CallToolResult | None = await self._face.tasks.begin(call, tool)
                if begun is not None:
                    return begun
            if plan.context_parameter is not None:
                arguments = plan.place(arguments, self._context(call, plan))
            if tool.timeout is not None or tool.gate is not None:
                result = await self._timed(tool, arguments)
            elif plan.is_async:
                result = plan.encode(await tool.function(*arguments[0], **arguments[1]))
            else:
                result = await self._workers.run(_run, tool, arguments)
            size = _size(result)
        except (ToolError, ArgumentFaults) as error:
            if isinstance(error, VisitNeededError):
                visits.require(call, error)
            result = refusal(str(error))
            size = _size(result)
        except RequestError:
            raise
        except (Exception, SystemExit) as error:
            # sys.exit in a tool would end the server, and every other caller with it.
            return self._unexpected(tool, error)
        return result if size <= self._limits.result else await self._linked(tool, result, call)

    def _context(self, call: Call, plan: Plan) -> Context:
        return Context(call, self._face, None if plan.is_async else asyncio.get_running_loop())

    async def _timed(self, tool: Registered, arguments: tuple[Any, Any]) -> CallToolResult:
        if tool.gate is None:
            return await self._within(tool, arguments)
        # Time that is spent waiting is not the tool's.
        async with tool.gate.turn():
            return await self._within(tool, arguments)

    async def _within(self, tool: Registered, arguments: tuple[Any, Any]) -> CallToolResult:
        seconds = tool.timeout
        deadline = asyncio.timeout(seconds)
        try:
            async with deadline:
                if tool.plan.is_async:
                    return tool.plan.encode(await tool.function(*arguments[0], **arguments[1]))
                result: CallToolResult = await self._workers.run(_run, tool, arguments)
                return result
        except TimeoutError:
            if not deadline.expired():
                raise
            # A plain function cannot be stopped, but it can look at `ctx.cancelled`: its call is over now.
            raise ToolError(f"{tool.definition.name} took longer than {seconds:g} seconds and was stopped") from None

    def _unexpected(self, tool: Registered, error: BaseException) -> CallToolResult:
        error_id = report(f"tool {tool.definition.name}", error)
        if isinstance(error, DoubtError):
            # Who called has to look for the effect, so it is told.
            return refusal(f"{tool.definition.name} failed: {error}")
        return refusal(f"{tool.definition.name} failed; the server's log has the cause under id {error_id}")

    async def _linked(self, tool: Registered, result: CallToolResult, call: Call) -> CallToolResult:
        """Return a result that is too big as a link to pages of it (see `Limits.result`); a failure stays one."""
        text, kind = _whole(result)
        link = await self._kept.keep(f"{tool.definition.name} result", text, kind, call.caller.principal)
        note = f"The result is too large to show ({len(text):,} characters): read {link.uri}, {link.description}."
        short = structs.replace(result, content=[TextContent(text=note), link], structured_content=UNSET)
        schema = tool.definition.output_schema
        if schema is UNSET or result.is_error is True:
            return short
        if _is_text(schema) and result.structured_content is not UNSET:
            # Still what the schema promises: a text, cut.
            cut = f"{text[:CUT]} … [{note}]"
            return structs.replace(short, content=[TextContent(text=cut), link], structured_content={"result": cut})
        # Nothing short could be what the schema promises, so this must not pass for it (TOOL-09).
        return structs.replace(short, is_error=True)


def _run(tool: Registered, arguments: tuple[Any, Any]) -> CallToolResult:
    return tool.plan.encode(tool.function(*arguments[0], **arguments[1]))


def check_headers(rules: tuple[HeaderRule, ...], raw: msgspec.Raw, headers: Headers) -> None:
    """Raise RequestError for headers that should repeat arguments and do not."""
    try:
        arguments: Any = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # the plan says what is wrong, and where
    if not isinstance(arguments, Mapping):
        return
    stated = {name.decode("latin-1"): value.decode("latin-1").strip() for name, value in headers.items()}
    complaint = check_params(rules, arguments, stated)  # pyright: ignore[reportUnknownArgumentType]
    if complaint is not None:
        raise RequestError(HEADER_MISMATCH, complaint)


def refusal(message: str) -> CallToolResult:
    """Return the result of a tool that failed."""
    # Messages quote what failed: a file name, say, that is not all text. That must not make another failure.
    text = message if message.isascii() else message.encode(errors="replace").decode()
    return CallToolResult(content=[TextContent(text=text)], is_error=True)


def _page(tools: list[Any], cursor: Any) -> ListToolsResult:
    return ListToolsResult(tools=tools, next_cursor=cursor)


def _size(result: CallToolResult) -> int:
    """Return about how many bytes a result takes on the wire, its text or its structured content: as a rule the same.

    Raises UnicodeEncodeError for text that has no form on the wire.
    """
    size = 0
    for block in result.content:
        size += len(block.text) if type(block) is TextContent and block.text.isascii() else _block_size(block)
    structured = result.structured_content
    if structured is UNSET:
        return size
    data = memoryview(structured) if isinstance(structured, msgspec.Raw) else msgspec.json.encode(structured)
    return max(size, len(data))


def _block_size(block: Content) -> int:
    if isinstance(block, TextContent):
        return _bytes(block.text)
    if isinstance(block, EmbeddedResource):
        return _bytes(block.resource.text) + _bytes(block.resource.blob)
    return _bytes(getattr(block, "data", UNSET))


def _bytes(text: str | UnsetType) -> int:
    if text is UNSET:
        return 0
    return len(text) if text.isascii() else len(text.encode())


def _whole(result: CallToolResult) -> tuple[str, str]:
    """Return all that a result says as one text, and its MIME type."""
    content, structured = result.content, result.structured_content
    data = b"" if structured is UNSET else msgspec.json.encode(structured)
    if len(content) == 1 and isinstance(content[0], TextContent):
        text = content[0].text
        # As a rule the text says the same as the structured content; where it is a summary, the rest must not be lost.
        if len(text) * 2 >= len(data):
            return text, "application/json" if data and text[:1] in "{[" else "text/plain"
    if not content:
        return data.decode(), "application/json"
    both: Any = content if not data else {"content": content, "structuredContent": msgspec.Raw(data)}
    return msgspec.json.encode(both).decode(), "application/json"


def _is_text(schema: Any) -> bool:
    """Say whether `{"result": text}` fits an output schema, whatever the text."""
    properties = schema.get("properties")
    if not is_object(properties) or list(properties) != ["result"]:
        return False
    # Written by hand, it may want more than that one member.
    if _NARROWING & schema.keys() or not {"result"}.issuperset(schema.get("required", ())):
        return False
    inner: Any = properties["result"]
    return is_object(inner) and inner.get("type") == "string" and not _NARROWING & inner.keys()
