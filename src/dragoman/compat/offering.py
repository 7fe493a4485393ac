"""What a `fastmcp` server offers, where it is more than what is registered: through providers, transforms, middleware.

Put in front of the server by the first of these; a server without them has nothing of it.
Promise: what a transform hides or renames cannot be had past it. Limit: notices from clients have no hooks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from dragoman.compat import blame, results, running
from dragoman.compat.calls import params_of
from dragoman.compat.exceptions import NotFoundError
from dragoman.compat.ground import offer
from dragoman.compat.handlers import METHOD_TYPES, params_for
from dragoman.compat.inject import CURRENT
from dragoman.compat.middleware import MiddlewareContext, chained
from dragoman.compat.models import Model
from dragoman.compat.providers import LocalProvider
from dragoman.compat.resources import ResourceResult
from dragoman.compat.transforms import LISTS, LOOKUPS, Visibility, is_enabled, listed, looked_up
from dragoman.errors import ToolError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Reply
from dragoman.serving.kept import SCHEME
from dragoman.serving.listing import bad_cursor, read_cursor, write_cursor
from dragoman.serving.resources import not_found
from dragoman.serving.shapes import is_object
from dragoman.serving.tools import refusal
from dragoman.wire.prompts import ListPromptsResult
from dragoman.wire.resources import ListResourcesResult, ListTemplatesResult
from dragoman.wire.tools import ListToolsResult

# Of each method that lists: the kind, and Dragoman's own result with its member.
_LISTS: dict[str, tuple[str, Any, str]] = {
    "tools/list": ("tool", ListToolsResult, "tools"),
    "resources/list": ("resource", ListResourcesResult, "resources"),
    "resources/templates/list": ("template", ListTemplatesResult, "resource_templates"),
    "prompts/list": ("prompt", ListPromptsResult, "prompts"),
}
_METHODS = {kind: method for method, (kind, _, _) in _LISTS.items()}


class Offering:
    """The way from what is registered to what clients get."""

    def __init__(self, face: Any) -> None:
        self._face = face
        self.local = LocalProvider(face.registry)
        self.providers: list[Any] = []
        self.transforms: list[Any] = []
        self.middleware: list[Any] = []
        self._in_front = False

    @property
    def used(self) -> bool:
        """Whether it changes anything."""
        return self._in_front

    def begin(self) -> None:
        """Put it in front of the server. Safe to call again."""
        if not self._in_front:
            self._in_front = True
            offer(self._face.native_server)
            self._face.native_server.middleware(self._through)

    # --- what there is ----------------------------------------------------------------------------------------

    def _rules(self) -> list[Any]:
        context = CURRENT.get(None)
        rules: list[dict[str, Any]] = [] if context is None else context.visibility()
        return [*self.transforms, *(Visibility(**rule) for rule in rules)]

    async def found(self, kind: str) -> list[Any]:
        """Return what there is of a kind, after all transforms, without middleware."""
        with running.entered(self._face):
            every: dict[str, Any] = {}
            for source in (self.local, *self.providers):
                for one in await _sourced(source, kind):
                    every.setdefault(one.key, one)
            return [one for one in await listed(self._rules(), kind, list(every.values())) if is_enabled(one)]

    async def get(self, kind: str, address: str, version: Any = None) -> Any:
        """Return what has a name or URI, after all transforms; None if nothing that is visible has it."""

        async def innermost(name: str, *, version: Any = None) -> Any:
            for source in (self.local, *self.providers):
                if (one := await _one_of(source, kind, name, version)) is not None:
                    return one
            return None

        with running.entered(self._face):
            one = await looked_up(self._rules(), kind, address, version, innermost)
        return one if one is not None and is_enabled(one) else None

    # --- what is asked, with middleware -----------------------------------------------------------------------

    async def _asked(self, method: str, message: Any, last: Callable[[Any], Awaitable[Any]], run: bool = True) -> Any:
        with running.entered(self._face) as context:
            asked = MiddlewareContext(message, fastmcp_context=context, method=method)
            return await chained(self.middleware if run else (), asked, last)

    async def listed(self, kind: str, *, run_middleware: bool = True) -> list[Any]:
        """Return what clients would be listed."""

        async def last(context: Any) -> Any:
            return await self.found(kind)

        method = _METHODS[kind]
        return list(await self._asked(method, Model(method=method, params=None), last, run_middleware))

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, *, run_middleware: bool = True
    ) -> Any:
        """Return what a tool gives. Raises NotFoundError, and ToolError if it fails."""

        async def last(context: Any) -> Any:
            tool = await self.get("tool", context.message.name)
            if tool is None:
                raise NotFoundError(f"Unknown tool: {context.message.name[:100]!r}")
            return _tool_result(await tool.run(dict(context.message.arguments or {})))

        message = METHOD_TYPES["tools/call"][0](name=name, arguments=arguments or {})
        return await self._asked("tools/call", message, last, run_middleware)

    async def read(self, uri: str, *, run_middleware: bool = True) -> Any:
        """Return what a resource holds. Raises RequestError if there is none."""

        async def last(context: Any) -> Any:
            asked = str(context.message.uri)
            resource: Any = await self.get("resource", asked)
            if resource is not None:
                return _resource_result(await resource.read())
            template: Any = await self.get("template", asked)
            if template is None or (values := template.matches(asked)) is None:
                return await self._beyond(asked)
            return _resource_result(await template.read(values))

        message = METHOD_TYPES["resources/read"][0](uri=uri)
        return await self._asked("resources/read", message, last, run_middleware)

    async def _beyond(self, uri: str) -> Any:
        """Return what is in no list: pages of large results, files of skills. Raises RequestError for the rest."""
        resources = self._face.native_server.surface.resources
        known = uri in resources.fixed or any(one.template.match(uri) is not None for one in resources.templates)
        if known or not (resources.beyond or uri.startswith(SCHEME)):
            raise not_found(uri)
        return await running.read_resource(resources.read, uri)

    async def render(self, name: str, arguments: dict[str, Any] | None = None, *, run_middleware: bool = True) -> Any:
        """Return a prompt, filled in. Raises NotFoundError."""

        async def last(context: Any) -> Any:
            prompt = await self.get("prompt", context.message.name)
            if prompt is None:
                raise NotFoundError(f"Unknown prompt: {context.message.name[:100]!r}")
            return await prompt.render(context.message.arguments)

        message = METHOD_TYPES["prompts/get"][0](name=name, arguments=arguments or {})
        return await self._asked("prompts/get", message, last, run_middleware)

    # --- in front of the server -------------------------------------------------------------------------------

    async def _through(self, call: Call, handler: Handler) -> Reply:
        with running.entered(self._face, call):
            method = call.method
            if method in _LISTS:
                return await self._list(call)
            if method == "tools/call":
                return await self._tool(call)
            if method == "resources/read":
                uri = call.params.uri
                with blame.told(blame.of_resource(self._face, uri)):
                    reply: Reply = running.read_reply(await self.read(uri), uri)
                return reply
            if method == "prompts/get":
                params = params_for(METHOD_TYPES[method][0], call)
                with blame.told(blame.of_prompt(self._face, params.name)):
                    prompt: Reply = running.prompt_reply(
                        await self.render(params.name, params.arguments), results.messages
                    )
                return prompt

            async def last(context: Any) -> Any:
                return await handler(call)

            if method == "subscriptions/listen":
                return await handler(call)
            other: Reply = await self._asked(method, Model(method=method, **params_of(call)), last)
            return other

    async def _list(self, call: Call) -> Reply:
        kind, result, member = _LISTS[call.method]
        size, cursor = self._face.native_server.limits.listed, call.params.cursor
        start = 0 if cursor is UNSET else _number(cursor)
        every = await self.listed(kind)
        if start and start >= len(every):
            raise bad_cursor()
        more = write_cursor(str(start + size)) if start + size < len(every) else UNSET
        shown = [one.listed() for one in every[start : start + size]]
        reply: Reply = result(**{member: shown}, next_cursor=more)
        return reply

    async def _tool(self, call: Call) -> Reply:
        name = call.params.name
        try:
            raw = call.params.arguments
            arguments: Any = msgspec.json.decode(raw) if raw else {}
            if arguments is not None and not is_object(arguments):
                raise ToolError("arguments have to be an object")
            with blame.told(blame.of_tool(self._face, name)):
                return running.tool_reply(await self.call_tool(name, arguments))
        except ToolError as error:
            return refusal(str(error))


def _tool_result(value: Any) -> Any:
    """Return what a tool gave as a ToolResult, whatever its `run` returns."""
    if isinstance(value, results.ToolResult):
        return value
    content = getattr(value, "content", None)
    if isinstance(value, Model) and content is not None:
        return results.ToolResult(content, getattr(value, "structured_content", None), is_error=value.is_error)
    return results.ToolResult(content="" if value is None else value)


def _resource_result(value: Any) -> Any:
    return ResourceResult(value) if isinstance(value, str | bytes) else value


def _number(cursor: str) -> int:
    text = read_cursor(cursor)
    if not text.isdecimal() or len(text) > 9:
        raise bad_cursor()
    return int(text)


async def _sourced(source: Any, kind: str) -> Sequence[Any]:
    found: Sequence[Any] = await getattr(source, LISTS[kind])()
    return found


async def _one_of(source: Any, kind: str, name: str, version: Any) -> Any:
    return await getattr(source, LOOKUPS[kind])(name)
