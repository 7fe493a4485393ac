"""Transforms of `fastmcp` that put other tools before what there is: prompts and resources as tools.

Promise: what such a tool reaches is what its caller could ask for by itself. Limit: for servers, not for providers.
"""

from __future__ import annotations

import base64
import contextvars
import json
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec

from dragoman.compat.components import Tool, function_tool
from dragoman.compat.inject import CURRENT
from dragoman.compat.results import plain
from dragoman.compat.transforms import Lookup, Transform


def about(text: str) -> Any:
    """Return what describes an argument."""
    return msgspec.Meta(description=text)


class Added(Transform):
    """Some tools more."""

    def __init__(self) -> None:
        self._added: list[Tool] = []

    async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return the tools, and those of this transform."""
        return [*tools, *self._added]

    async def get_tool(self, name: str, call_next: Lookup, *, version: Any = None) -> Any:
        """Return a tool of this transform, else whatever there is."""
        own = next((tool for tool in self._added if tool.name == name), None)
        return own if own is not None else await call_next(name, version=version)


def _checked(name: str, server: Any) -> None:
    if not hasattr(server, "render_prompt"):
        raise TypeError(f"{name} is for a FastMCP server, not for a {type(server).__name__}")


class PromptsAsTools(Added):
    """The tools `list_prompts` and `get_prompt`."""

    def __init__(self, provider: Any) -> None:
        _checked("PromptsAsTools", provider)
        super().__init__()
        self._added = [function_tool(list_prompts, None, {}), function_tool(get_prompt, None, {})]


async def list_prompts() -> str:
    """List the prompts, as JSON: name, description and arguments of each."""
    found = [
        {
            "name": prompt.name,
            "description": prompt.description,
            "arguments": [
                {"name": one.name, "description": one.description, "required": one.required}
                for one in prompt.arguments or ()
            ],
        }
        for prompt in await CURRENT.get().fastmcp.list_prompts()
    ]
    return json.dumps(found, indent=2)


async def get_prompt(
    name: Annotated[str, about("The prompt's name")],
    arguments: Annotated[dict[str, Any] | None, about("Its arguments")] = None,
) -> str:
    """Fill in a prompt: its messages, as JSON."""
    result = await CURRENT.get().fastmcp.render_prompt(name, arguments or {})
    shown = [{"role": one.role, "content": _content(one.content)} for one in result.messages]
    return json.dumps({"messages": shown}, indent=2)


def _content(content: Any) -> Any:
    text = getattr(content, "text", None) if getattr(content, "type", "text") == "text" else None
    return text if text is not None else content if isinstance(content, str) else plain(content)


class ResourcesAsTools(Added):
    """The tools `list_resources` and `read_resource`."""

    def __init__(self, provider: Any) -> None:
        _checked("ResourcesAsTools", provider)
        super().__init__()
        only = {"annotations": {"readOnlyHint": True}}
        self._added = [function_tool(list_resources, None, only), function_tool(read_resource, None, only)]


async def list_resources() -> str:
    """List the resources, and the templates of resources, as JSON."""
    server = CURRENT.get().fastmcp
    found: list[dict[str, Any]] = [
        {"uri": one.address, "name": one.name, "description": one.description, "mime_type": one.mime_type}
        for one in await server.list_resources()
    ]
    found += [
        {"uri_template": one.address, "name": one.name, "description": one.description}
        for one in await server.list_resource_templates()
    ]
    return json.dumps(found, indent=2)


async def read_resource(uri: Annotated[str, about("Its URI; of a template, with the variables filled in")]) -> str:
    """Read a resource: text as it is, anything else in Base64, several pieces as JSON."""
    result = await CURRENT.get().fastmcp.read_resource(uri)
    pieces = [(_text(one.content), one.mime_type) for one in result.contents]
    if len(pieces) == 1:
        return pieces[0][0]
    return json.dumps([{"content": text, "mime_type": kind} for text, kind in pieces])


def _text(content: Any) -> str:
    return base64.b64encode(content).decode() if isinstance(content, bytes) else str(content)


class CatalogTransform(Transform):
    """The base of what stands in place of all tools: override `transform_tools`; `get_tool_catalog` has them all."""

    def __init__(self) -> None:
        self._past: contextvars.ContextVar[bool] = contextvars.ContextVar("dragoman_compat_past", default=False)

    async def list_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return what stands in their place, unless all of them are asked for."""
        return tools if self._past.get() else await self.transform_tools(tools)

    async def transform_tools(self, tools: Sequence[Any]) -> Sequence[Any]:
        """Return what stands in place of the tools."""
        return tools

    async def get_tool_catalog(self, ctx: Any, *, run_middleware: bool = True) -> Sequence[Any]:
        """Return all tools that the caller could see without this transform."""
        before = self._past.set(True)
        try:
            found: Sequence[Any] = await ctx.fastmcp.list_tools(run_middleware=run_middleware)
        finally:
            self._past.reset(before)
        return found
