"""Between Dragoman's handlers, which take a Call, and those of other packages, which take models.

Promise: models in, models out, and the wire's own types on Dragoman's side. Limit: what a handler raises is told as its
package tells it: a tool's failure with its words, anything else as an internal error with an id.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman import errors
from dragoman.app.server import Server
from dragoman.compat import results, types
from dragoman.compat.calls import params_of
from dragoman.compat.checks import Checks
from dragoman.compat.context import RequestContext
from dragoman.compat.exceptions import UrlElicitationRequiredError
from dragoman.compat.inject import CURRENT
from dragoman.compat.inputs import answered
from dragoman.compat.models import Model
from dragoman.compat.session import ServerSession
from dragoman.errors import RequestError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.serving.lifecycle import CustomParams
from dragoman.serving.shapes import is_object, is_sequence
from dragoman.wire.content import AnyContents
from dragoman.wire.jsonrpc import INTERNAL_ERROR, INVALID_PARAMS
from dragoman.wire.methods import BARE, METHODS, Method
from dragoman.wire.resources import ListResourcesResult, ListTemplatesResult, ReadResourceResult

log = logging.getLogger("dragoman.compat")

# Of each method, the model of its parameters and that of its result.
METHOD_TYPES: dict[str, tuple[type[Model], type[Model]]] = {
    "tools/list": (types.PaginatedRequestParams, types.ListToolsResult),
    "tools/call": (types.CallToolRequestParams, types.CallToolResult),
    "resources/list": (types.PaginatedRequestParams, types.ListResourcesResult),
    "resources/templates/list": (types.PaginatedRequestParams, types.ListResourceTemplatesResult),
    "resources/read": (types.ReadResourceRequestParams, types.ReadResourceResult),
    "resources/subscribe": (types.SubscribeRequestParams, types.EmptyResult),
    "resources/unsubscribe": (types.UnsubscribeRequestParams, types.EmptyResult),
    "prompts/list": (types.PaginatedRequestParams, types.ListPromptsResult),
    "prompts/get": (types.GetPromptRequestParams, types.GetPromptResult),
    "completion/complete": (types.CompleteRequestParams, types.CompleteResult),
    "logging/setLevel": (types.SetLevelRequestParams, types.EmptyResult),
}


class ReadResourceContents:
    """One piece of what a resource holds: text or bytes."""

    def __init__(self, content: str | bytes, mime_type: str | None = None, meta: dict[str, Any] | None = None) -> None:
        self.content = content
        self.mime_type = mime_type
        self.meta = meta


class ServerRequestContext(RequestContext):
    """The request that a handler answers, as 2.x hands it over and 1.x has it in `server.request_context`."""

    def __init__(self, call: Call, native: Server, state: Any) -> None:
        super().__init__(call, ServerSession(call, native), state)


def entry(server: Any, params_type: Any, handler: Callable[[Any, Any], Any]) -> Handler:
    """Return Dragoman's handler for `handler(ctx, params)`."""

    async def answer(call: Call) -> Reply:
        context = ServerRequestContext(call, server.native_server, server.state)
        # Taken back at the end: a handler may ask its own server, within the same task.
        before = CURRENT.set(context)
        try:
            params = params_for(params_type, call)

            async def once(responses: dict[str, Any] | None, state: str | None) -> Any:
                if "request_state" in getattr(params, "__fields__", ()):
                    params.input_responses, params.request_state = responses, state
                found = handler(context, params)
                return await found if inspect.isawaitable(found) else found

            return wire_of(call.method, await answered(call, server.native_server, once))
        except errors.LocalError as error:
            raise RequestError(INTERNAL_ERROR, str(error)) from error
        except errors.McpError:
            raise
        except Exception as error:
            # The packages tell the client what the handler said; so does this, and the log has all of it.
            log.error("%s", call.method, exc_info=error)
            raise RequestError(INTERNAL_ERROR, str(error) or type(error).__name__) from error
        finally:
            CURRENT.reset(before)

    return answer


def own_method(name: str) -> Method:
    """Return the description of a method that is the server's own: its parameters stay as they came."""
    method = Method(name, CustomParams, custom=True)
    method.decode = _keep
    return method


def _keep(raw: Any) -> CustomParams:
    return CustomParams(meta=BARE.decode(raw).meta, raw=msgspec.Raw(bytes(raw)))


async def no_templates(call: Call) -> Reply:
    """Answer `resources/templates/list` for a server that has resources and says nothing of templates."""
    return ListTemplatesResult(resource_templates=[])


async def no_resources(call: Call) -> Reply:
    """Answer `resources/list` for a server that reads resources and lists none."""
    return ListResourcesResult(resources=[])


def params_for(params_type: Any, call: Call) -> Any:
    """Return the parameters of a call as a model. Raises RequestError if they do not fit it."""
    plain = params_of(call)
    plain.pop("inputResponses", None)
    try:
        return params_type(**plain)
    except (TypeError, ValueError) as fault:
        raise RequestError(INVALID_PARAMS, f"invalid parameters for {call.method}: {fault}") from None


def models_of(method: str, reply: Any) -> Any:
    """Return a reply as the model of the method's result."""
    if isinstance(reply, Model) or method not in METHOD_TYPES:
        return reply
    found = reply.result if isinstance(reply, Prepared) else reply
    return METHOD_TYPES[method][1](**msgspec.json.decode(msgspec.json.encode(found)))


def wire_of(method: str, result: Any) -> Reply:
    """Return what a handler gave as Dragoman's wire type. Raises ValueError if it is not the method's result."""
    if isinstance(result, types.CallToolResult):
        found = results.tool_result(result)
        assert found is not None
        return found
    if isinstance(result, Model):
        shown = result.model_dump(exclude_none=True)
        if method not in METHODS or isinstance(result, types.EmptyResult):
            return shown
        try:
            reply: Reply = msgspec.convert(shown, METHODS[method].result)
        except msgspec.ValidationError as fault:
            raise ValueError(f"{type(result).__name__} does not fit {method}: {fault}") from fault
        return reply
    if hasattr(result, "model_dump"):
        plain: dict[str, Any] = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        return plain
    return {} if result is None else result


def list_of(function: Callable[..., Any], member: str, request: type[Model], result: type[Model]) -> Any:
    """Return a handler for a function that lists: without arguments, or with the request, for one page."""
    takes_request = any(True for _ in inspect.signature(function).parameters)

    async def listing(ctx: Any, params: Any) -> Any:
        found = await (function(request(params=params)) if takes_request else function())
        return result(**{member: list(found)}) if is_sequence(found) else found

    return listing


def called(server: Any, function: Callable[..., Any], validate: bool) -> Any:
    """Return a handler for a function that calls tools: it gives content, a dictionary, both, or a whole result."""

    checks = Checks()

    async def call(ctx: Any, params: Any) -> Any:
        arguments: dict[str, Any] = params.arguments or {}
        tool = await _listed(server, params.name)
        if validate and tool is not None and (fault := checks.fault_of(tool.input_schema, arguments)):
            return _failed(f"Input validation error: {fault}")
        try:
            given = await function(params.name, arguments)
            result = _result(given)
            # A whole result is the author's own word, there as here.
            if tool is None or not tool.output_schema or result is given:
                return result
            if result.structured_content is None:
                return _failed("Output validation error: outputSchema defined but no structured output returned")
            fault = checks.fault_of(tool.output_schema, result.structured_content)
            return _failed(f"Output validation error: {fault}") if fault else result
        except (UrlElicitationRequiredError, errors.RequestError):
            raise
        except Exception as error:
            log.error("tool %s", params.name, exc_info=error)
            return _failed(str(error))

    return call


async def _listed(server: Any, name: str) -> Any:
    """Return a tool as the server lists it now, or None."""
    return next((tool for tool in await server.tools_listed() if tool.name == name), None)


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], is_error=True)


def _result(value: Any) -> Any:
    if isinstance(value, Model) and not isinstance(value, types.TextContent):
        return value
    structured: Any = None
    if is_sequence(value) and isinstance(value, tuple) and len(value) == 2:
        value, structured = value
    elif is_object(value):
        value, structured = [results.text_of(value)], value
    blocks = results.unstructured(list(value)).content if value is not None else []
    return results.whole(blocks, structured)


def contents_of(value: Any, uri: str) -> Any:
    """Return what a 1.x handler read: text, bytes, or pieces of either."""
    if isinstance(value, Model):
        return value
    pieces = [value] if isinstance(value, str | bytes | ReadResourceContents) else list(value)
    return ReadResourceResult(contents=[_piece(piece, uri) for piece in pieces])


def _piece(piece: Any, uri: str) -> AnyContents:
    if not isinstance(piece, ReadResourceContents):
        piece = ReadResourceContents(piece)
    if isinstance(piece.content, str):
        return AnyContents(uri=uri, text=piece.content, mime_type=piece.mime_type or "text/plain")
    kind = piece.mime_type or "application/octet-stream"
    return AnyContents(uri=uri, blob=msgspec.to_builtins(piece.content), mime_type=kind)


__all__ = ["METHOD_TYPES", "UNSET", "ReadResourceContents", "ServerRequestContext", "called", "entry"]
