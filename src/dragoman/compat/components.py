"""Tools, resources and prompts as `fastmcp` hands them to middleware, transforms and providers: objects that can run.

Promise: what is listed of one is what its fields say, changed or not. Limit: it runs within a call of its server.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, ClassVar, Self, TypeAlias

import msgspec

from dragoman.app.altering import Behind
from dragoman.app.options import ToolOptions
from dragoman.app.registration import make_tool
from dragoman.app.surface import Surface
from dragoman.compat import running
from dragoman.compat.inject import CURRENT
from dragoman.compat.models import Model
from dragoman.compat.registry import Registry, ToolEntry
from dragoman.compat.results import plain
from dragoman.compat.types import PromptArgument, ToolAnnotations
from dragoman.protocol.uri import Template as UriTemplate
from dragoman.serving.shapes import is_list
from dragoman.serving.tools import Registered
from dragoman.wire.prompts import Prompt as WirePrompt
from dragoman.wire.resources import Resource as WireResource
from dragoman.wire.resources import ResourceTemplate as WireTemplate
from dragoman.wire.tools import Tool as WireTool

# What of a thing is listed: fields, and their names on the wire.
Shown: TypeAlias = tuple[tuple[str, str], ...]


class Component(Model):
    """What the kinds have in common. `tags` are a set; `meta` is what `_meta` holds."""

    kind: ClassVar[str] = ""
    shown: ClassVar[Shown] = ()
    wire: ClassVar[type[msgspec.Struct]] = WireTool

    name: str
    version: Any = None
    title: str | None = None
    description: str | None = None
    icons: Any = None
    tags: Any = None
    meta: Any = None
    enabled: bool = True
    auth: Any = None

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.tags = set(self.tags or ())
        if self.version is not None:
            self.version = str(self.version)

    @property
    def address(self) -> str:
        """What calls name it by."""
        return self.name

    @property
    def key(self) -> str:
        """What tells it from all others: kind, address and version."""
        return f"{self.kind}:{self.address}@{self.version or ''}"

    def copy(self) -> Self:
        """Return a copy."""
        return self.model_copy()

    def listed(self) -> Any:
        """Return what clients see, as Dragoman's own type. Raises ValueError for what does not fit the protocol."""
        members = {wire: _shown(self.__dict__.get(field)) for field, wire in self.shown}
        meta: dict[str, Any] = {**({"tags": sorted(self.tags)} if self.tags else {}), **(self.meta or {})}
        members["_meta"] = plain(meta) or None
        return msgspec.convert({name: value for name, value in members.items() if value is not None}, self.wire)


def _shown(value: Any) -> Any:
    """Return what a field says, as data; what a model leaves open is left out."""
    if is_list(value):
        return [_shown(item) for item in value]
    return value.model_dump(exclude_none=True) if isinstance(value, Model) else plain(value)


_SHARED = (("name", "name"), ("title", "title"), ("description", "description"), ("icons", "icons"))
_MEDIA = (("mime_type", "mimeType"), ("annotations", "annotations"))


class Tool(Component):
    """As `fastmcp.tools.Tool`; a class of the file's own has a `run` of its own."""

    kind: ClassVar[str] = "tool"
    shown: ClassVar[Shown] = (
        *_SHARED,
        ("parameters", "inputSchema"),
        ("output_schema", "outputSchema"),
        ("annotations", "annotations"),
        ("execution", "execution"),
    )

    parameters: Any = None
    output_schema: Any = None
    annotations: ToolAnnotations | None = None
    execution: Any = None
    timeout: float | None = None

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.parameters = self.parameters or {"type": "object", "properties": {}}

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Return the tool's result for arguments."""
        raise NotImplementedError(f"{type(self).__name__} has no run()")

    @classmethod
    def from_function(cls, fn: Callable[..., Any], name: str | None = None, **options: Any) -> FunctionTool:
        """Return the tool that `fn` makes, under `name` or the function's own."""
        return function_tool(fn, name, options)

    def to_mcp_tool(self, **overrides: Any) -> Any:
        """Return it as it is listed."""
        shown = msgspec.to_builtins(self.listed())
        return Model(**{**shown, **overrides})

    @classmethod
    def from_tool(cls, tool: Any, name: str | None = None, **changes: Any) -> Any:
        """Return another tool in front of `tool`, or of a function (see `TransformedTool.from_tool`)."""
        transformed: Any = import_module("dragoman.compat.transformed")
        return transformed.TransformedTool.from_tool(tool, name, **changes)


class FunctionTool(Tool):
    """A tool made of a function, which runs wherever it is offered."""

    fn: Any = None
    options: Any = None
    made: Any = None  # the function, ready to be called

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Return the function's result, as a ToolResult. Raises what the function is told to have raised."""
        context = CURRENT.get()
        aside = self.__dict__.get("aside")
        surface: Surface = context.fastmcp.native_server.surface
        if aside is None or aside[0] is not surface:
            tools = Behind(surface).tools
            tools.listing.add(self.name, self.made)
            aside = self.__dict__["aside"] = (surface, tools)
        return await running.run_tool(aside[1].call, self.name, arguments)

    def model_copy(self, *, update: Any = None, deep: bool = False) -> Self:
        """Return a copy with the fields in `update` replaced."""
        kept = {key: value for key, value in self.__dict__.items() if key != "aside"}
        given: dict[str, Any] = {**kept, **(update or {})}
        made: Registered = given["made"]
        if given["name"] != made.definition.name:
            definition = msgspec.structs.replace(made.definition, name=given["name"])
            given["made"] = Registered(definition, made.plan, made.function, made.timeout)
        return type(self)(**given)


class _Whoever:
    """The server of the call that runs: what a function is made a tool for before any server has it."""

    title = "Tool"
    verb = "Error calling"

    @property
    def masks(self) -> bool:
        """Whether failures that nobody foresaw keep their words to themselves."""
        return bool(CURRENT.get().fastmcp.masks)

    def context_type(self, native: Any, face: Any) -> Any:
        """Return the context of the call that runs."""
        return CURRENT.get()


class _Maker:
    """Takes the place of a server's registration: keeps what is registered."""

    def __init__(self) -> None:
        self.made: Registered | None = None

    def add_tool(self, function: Callable[..., Any], **options: Any) -> None:
        """Keep the tool that a function makes."""
        given: ToolOptions = options  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
        self.made = make_tool(function, given)


def function_tool(fn: Callable[..., Any], name: str | None, options: dict[str, Any]) -> FunctionTool:
    """Return a function as a tool. Raises RegistrationError for a signature that has no schema."""
    maker: Any = _Maker()
    given = {key: value for key, value in options.items() if value is not None}
    Registry(_Whoever(), maker).add_tool(ToolEntry(fn, name, given))
    made: Registered = maker.made
    shown = msgspec.to_builtins(made.definition)
    return FunctionTool(
        name=made.definition.name,
        title=shown.get("title"),
        description=shown.get("description"),
        parameters=shown["inputSchema"],
        output_schema=shown.get("outputSchema"),
        annotations=shown.get("annotations"),
        icons=shown.get("icons"),
        tags=options.get("tags"),
        meta=options.get("meta"),
        version=options.get("version"),
        fn=fn,
        options=given,
        made=made,
    )


class Resource(Component):
    """As `fastmcp.resources.Resource`, where it is listed."""

    kind: ClassVar[str] = "resource"
    shown: ClassVar[Shown] = (*_SHARED, *_MEDIA, ("uri", "uri"), ("size", "size"))
    wire: ClassVar[type[msgspec.Struct]] = WireResource

    uri: Any = None
    mime_type: str | None = None
    annotations: Any = None
    size: int | None = None

    @property
    def address(self) -> str:
        """Its URI."""
        return str(self.uri)

    async def read(self) -> Any:
        """Return what it holds."""
        raise NotImplementedError(f"{type(self).__name__} has no read()")


class ResourceTemplate(Component):
    """As `fastmcp.resources.ResourceTemplate`: resources by a pattern of URIs."""

    kind: ClassVar[str] = "template"
    shown: ClassVar[Shown] = (*_SHARED, *_MEDIA, ("uri_template", "uriTemplate"))
    wire: ClassVar[type[msgspec.Struct]] = WireTemplate

    uri_template: Any = None
    mime_type: str | None = None
    annotations: Any = None
    parameters: Any = None

    @property
    def address(self) -> str:
        """Its pattern."""
        return str(self.uri_template)

    def matches(self, uri: str) -> dict[str, Any] | None:
        """Return the variables of a URI that it is for, None if it is not."""
        found = UriTemplate.parse(self.address).match(uri)
        return None if found is None else dict(found)

    async def read(self, arguments: dict[str, Any]) -> Any:
        """Return what the resource with these variables holds."""
        raise NotImplementedError(f"{type(self).__name__} has no read()")


class Prompt(Component):
    """As `fastmcp.prompts.Prompt`, where it is listed."""

    kind: ClassVar[str] = "prompt"
    shown: ClassVar[Shown] = (*_SHARED, ("arguments", "arguments"))
    wire: ClassVar[type[msgspec.Struct]] = WirePrompt

    arguments: list[PromptArgument] | None = None

    async def render(self, arguments: dict[str, Any] | None = None) -> Any:
        """Return the prompt, filled in."""
        raise NotImplementedError(f"{type(self).__name__} has no render()")


class VersionSpec:
    """Which versions are meant: from `gte` on, before `lt`, or just `eq`."""

    def __init__(self, gte: str | None = None, lt: str | None = None, eq: str | None = None) -> None:
        self.gte, self.lt, self.eq = gte, lt, eq

    def matches(self, version: str | None, *, match_none: bool = True) -> bool:
        """Say whether a version is meant; what has none is if `match_none`."""
        if version is None:
            return match_none
        if self.eq is not None:
            return version == self.eq
        number = version_key(version)
        after = self.gte is None or version_key(self.gte) <= number
        return after and (self.lt is None or number < version_key(self.lt))


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """Return what versions are ordered by: numbers as numbers, the rest as text and before them."""
    parts = version.removeprefix("v").replace("-", ".").split(".")
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)
