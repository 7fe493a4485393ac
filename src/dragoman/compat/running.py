"""Running what a server offers from within one of its calls, and what comes back, as the values of `fastmcp`.

Promise: what is not a tool's result, such as a task that began, comes back as it is. Limit: needs a context.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Generator
from typing import Any

import msgspec
from msgspec import UNSET, structs

from dragoman.compat import inject
from dragoman.compat.handlers import models_of
from dragoman.compat.messages import PromptResult
from dragoman.compat.resources import ResourceContent, ResourceResult
from dragoman.compat.results import ToolResult, block, plain, tool_result
from dragoman.errors import ScopeError, ToolError
from dragoman.ports.service import Handler
from dragoman.protocol.eras import MODERN
from dragoman.protocol.exchange import Call, Caller, Prepared, Reply
from dragoman.protocol.headers import METHOD_HEADER
from dragoman.serving.context import Context as NativeContext
from dragoman.serving.shapes import is_list
from dragoman.wire import prompts, tools
from dragoman.wire.content import AnyContents
from dragoman.wire.lifecycle import ClientCapabilities, RequestMeta
from dragoman.wire.methods import METHODS
from dragoman.wire.resources import ReadResourceResult


class Whole(ToolResult):
    """An answer to `tools/call` that is no result: a question, or a task."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(content=[])
        self.reply = reply


@contextlib.contextmanager
def entered(face: Any, call: Call | None = None) -> Generator[Any]:
    """While entered, the context of the call is that of `face`; without a call, one of the server's own is made."""
    outer = inject.CURRENT.get(None)
    if call is None and outer is not None:
        if outer.fastmcp is face:
            yield outer
            return
        call = outer.call
    if call is None:
        caller = Caller(MODERN.version, ClientCapabilities())
        call = Call("tools/call", METHODS["tools/call"].decode(b'{"name":""}'), 0, MODERN, caller, RequestMeta())
    context = face.context_type(NativeContext(call, face.native_server.surface.face), face)
    before = inject.CURRENT.set(context)
    try:
        yield context
    finally:
        inject.CURRENT.reset(before)


def check_scopes(entry: Any) -> None:
    """Raise ScopeError unless the caller may use what is registered, whatever it is called on the way to it."""
    call: Call = inject.CURRENT.get().call
    asked = call.caller.identity is not None or bool(call.headers)
    if asked and entry is not None and not entry.scopes <= call.caller.scopes:
        raise ScopeError(entry.scopes)


def _inner(method: str, changes: dict[str, Any]) -> Call:
    """Return a call within the one that runs. Headers that repeat its arguments are not for it."""
    outer: Call = inject.CURRENT.get().call
    call = copy.copy(outer)
    if call.method == method:
        call.params = structs.replace(outer.params, **changes)
    else:
        call.method = method
        call.params = METHODS[method].decode(msgspec.json.encode(changes))
    if METHOD_HEADER in call.headers:
        call.headers = {name: value for name, value in call.headers.items() if name != METHOD_HEADER}
    return call


async def _reply(answer: Handler, call: Call) -> Any:
    try:
        reply = await answer(call)
    finally:
        call.over = True
    return reply.result if isinstance(reply, Prepared) else reply


async def run_tool(answer: Handler, name: str, arguments: dict[str, Any]) -> ToolResult:
    """Return what a tool gives. Raises what its function raised, if that is a ToolError, else one around it."""
    changes: dict[str, Any] = {"name": name, "arguments": msgspec.Raw(msgspec.json.encode(plain(arguments)))}
    if inject.RAISED.get() is not None:
        changes["task"] = UNSET  # a tool that calls another wants its result
    raised: list[Exception] = []
    before = inject.RAISED.set(raised)
    try:
        reply = await _reply(answer, _inner("tools/call", changes))
    finally:
        inject.RAISED.reset(before)
    shown = msgspec.json.decode(msgspec.json.encode(reply))
    if "content" not in shown:
        return Whole(reply)
    if raised and shown.get("isError"):
        text = "".join(part.get("text", "") for part in shown["content"])
        raise raised[-1] if isinstance(raised[-1], ToolError) else ToolError(text) from raised[-1]
    model = models_of("tools/call", reply)
    found = ToolResult(content=[], meta=model.meta, is_error=model.is_error)
    found.content, found.structured_content = model.content, shown.get("structuredContent")
    return found


def tool_reply(value: Any) -> Reply:
    """Return what middleware made of a tool's result as Dragoman's own."""
    if isinstance(value, Whole):
        return value.reply
    return tool_result(value) or tools.CallToolResult(content=[block(value)])


async def read_resource(answer: Handler, uri: str) -> Any:
    """Return what a resource holds, as a ResourceResult."""
    reply = await _reply(answer, _inner("resources/read", {"uri": uri}))
    shown = msgspec.json.decode(msgspec.json.encode(reply))
    if "contents" not in shown:
        return reply
    return ResourceResult([_piece(part) for part in shown["contents"]])


def _piece(part: dict[str, Any]) -> ResourceContent:
    held = part["text"] if "text" in part else msgspec.convert(part["blob"], bytes)
    return ResourceContent(held, part.get("mimeType"), part.get("_meta"))


def read_reply(value: Any, uri: str) -> Any:
    """Return what a resource holds as Dragoman's own result, under the URI that was asked for."""
    if isinstance(value, str | bytes):
        value = ResourceResult(value)
    if not isinstance(value, ResourceResult):
        return value
    return ReadResourceResult(contents=[_wire_piece(part, uri) for part in value.contents])


def _wire_piece(part: ResourceContent, uri: str) -> AnyContents:
    held, kind, meta = part.content, part.mime_type or UNSET, part.meta or UNSET
    if isinstance(held, bytes):
        return AnyContents(uri=uri, blob=msgspec.to_builtins(held), mime_type=kind, meta=meta)
    text = held if isinstance(held, str) else msgspec.json.encode(plain(held)).decode()
    return AnyContents(uri=uri, text=text, mime_type=kind, meta=meta)


async def render_prompt(answer: Handler, name: str, arguments: dict[str, Any] | None) -> Any:
    """Return a prompt, filled in, as a PromptResult."""
    raw = msgspec.Raw(msgspec.json.encode(plain(arguments or {})))
    reply = await _reply(answer, _inner("prompts/get", {"name": name, "arguments": raw}))
    shown = msgspec.json.decode(msgspec.json.encode(reply))
    if "messages" not in shown:
        return reply
    model = models_of("prompts/get", reply)
    return PromptResult(list(model.messages), model.description)


def prompt_reply(value: Any, made: Any) -> Any:
    """Return a prompt as Dragoman's own result; `made` makes messages of what a function may return."""
    if not isinstance(value, PromptResult | str) and not is_list(value):
        return value
    messages: Any = value.messages if isinstance(value, PromptResult) else value
    description = value.description if isinstance(value, PromptResult) else None
    return prompts.GetPromptResult(messages=made(messages), description=description or UNSET)
