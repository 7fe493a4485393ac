"""Tools made of tools: other names and texts, arguments renamed, filled in or hidden, a function in between.

Promise: an argument that is hidden cannot be sent. Limit: an argument's new type is listed, and checked by whoever
has the tool in the end.
"""

from __future__ import annotations

import contextvars
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dragoman.compat.components import Tool, function_tool
from dragoman.compat.exceptions import ToolError
from dragoman.compat.inject import call
from dragoman.compat.models import Model


class _NotSet:
    """Nothing was said."""

    def __repr__(self) -> str:
        return "NotSet"

    def __bool__(self) -> bool:
        return False


NotSet = _NotSet()
_FORWARDING: contextvars.ContextVar[TransformedTool] = contextvars.ContextVar("dragoman_compat_forwarding")
_REST: contextvars.ContextVar[Mapping[str, Any]] = contextvars.ContextVar("dragoman_compat_rest")


class ArgTransform:
    """What happens to one argument. Raises ValueError for what cannot be."""

    def __init__(
        self,
        name: Any = NotSet,
        description: Any = NotSet,
        default: Any = NotSet,
        default_factory: Any = NotSet,
        type: Any = NotSet,
        hide: bool = False,
        required: Any = NotSet,
        examples: Any = NotSet,
    ) -> None:  # fmt: skip
        if default is not NotSet and default_factory is not NotSet:
            raise ValueError("an argument has a default or a default_factory, not both")
        if default_factory is not NotSet and not hide:
            raise ValueError("default_factory is for arguments that are hidden: clients are told of defaults")
        if required is True and (hide or default is not NotSet):
            raise ValueError("an argument that is required is neither hidden nor has it a default")
        if required is False:
            raise ValueError("an argument is made optional by a default")
        self.name, self.description, self.type, self.examples = name, description, type, examples
        self.default, self.default_factory, self.hide, self.required = default, default_factory, hide, required

    def shown(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return the schema of the argument as it is then."""
        made = dict(schema)
        if self.type is not NotSet:
            kept: dict[str, Any] = {key: made[key] for key in ("description", "default", "examples") if key in made}
            made = {**msgspec.json.schema(self.type), **kept}
        for key in ("description", "default", "examples"):
            value = getattr(self, key)
            if value is not NotSet:
                made[key] = value
        if self.required is True:
            made.pop("default", None)
        return {key: value for key, value in made.items() if not (key == "description" and value is None)}


_SAME = ArgTransform()


class ArgTransformConfig(Model):
    """What happens to one argument, as configuration says it."""

    name: str | None = None
    description: str | None = None
    default: Any = None
    hide: bool = False
    required: Any = None
    examples: Any = None

    def to_arg_transform(self) -> ArgTransform:
        """Return the change that this says."""
        return ArgTransform(**{key: value for key, value in self.__dict__.items() if value is not None})


class TransformedTool(Tool):
    """A tool in front of another."""

    parent_tool: Any = None
    fn: Any = None
    transform_args: Any = None

    @classmethod
    def from_tool(
        cls,
        tool: Any,
        name: str | None = None,
        *,
        transform_fn: Callable[..., Any] | None = None,
        transform_args: Mapping[str, ArgTransform] | None = None,
        **changes: Any,
    ) -> TransformedTool:
        """Return a tool in front of `tool`, or of a function. Raises ValueError for an argument that it has not."""
        parent: Any = tool if isinstance(tool, Tool) else function_tool(tool, None, {})
        changed = dict(transform_args or {})
        has: dict[str, Any] = parent.parameters.get("properties", {})
        if strange := [one for one in changed if one not in has]:
            raise ValueError(f"{parent.name} has no argument {strange[0]!r} to transform; it has {', '.join(has)}")
        own = None if transform_fn is None else function_tool(_without_rest(transform_fn), None, {})
        fields = {
            key: getattr(parent, key)
            for key in ("name", "title", "description", "icons", "tags", "meta", "version", "annotations", "auth")
        }
        fields["output_schema"] = parent.output_schema
        if own is not None:
            fields["description"] = own.description or parent.description
            fields["output_schema"] = own.output_schema or parent.output_schema
        fields.update({key: value for key, value in changes.items() if value is not NotSet})
        if changes.get("tags") is None:
            fields["tags"] = parent.tags
        if fields["output_schema"] is False:
            fields["output_schema"] = None
        made = cls(
            **{**fields, "name": name or parent.name},
            parameters=_parameters(parent.parameters, changed),
            parent_tool=parent,
            fn=own,
            transform_args=changed,
        )
        if own is not None:
            made.parameters = _merged(made.parameters, own.parameters, rest=_takes_rest(transform_fn))
        return made

    def mapped(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parent's arguments. Raises ToolError for one that there is not."""
        changes: dict[str, ArgTransform] = self.transform_args
        names = {one.name or name: name for name, one in changes.items() if not one.hide}
        gone = changes.keys() - names.keys()
        has = self.parent_tool.parameters.get("properties", {})
        given: dict[str, Any] = {}
        for name, value in arguments.items():
            known = names.get(name, name)
            if known not in has or (name in gone and name not in names):
                raise ToolError(f"{self.name} has no argument {name!r}; it has {', '.join(self._names())}")
            given[known] = value
        for name, one in changes.items():
            if name not in given:
                if one.default is not NotSet:
                    given[name] = one.default
                elif one.default_factory is not NotSet:
                    given[name] = one.default_factory()
        return given

    def _names(self) -> list[str]:
        return list(self.parameters.get("properties", {}))

    async def run(self, arguments: dict[str, Any]) -> Any:
        """Return what the function in between gives, else the parent. Raises ToolError."""
        allowed = self._names()
        if strange := [name for name in arguments if name not in allowed]:
            raise ToolError(f"{self.name} has no argument {strange[0]!r}; it has {', '.join(allowed)}")
        if lacking := [name for name in self.parameters.get("required", ()) if name not in arguments]:
            raise ToolError(f"{self.name} needs the argument {lacking[0]!r}")
        if self.fn is None:
            return await self.parent_tool.run(self.mapped(arguments))
        own = self.fn.parameters.get("properties", {})
        forwarding = _FORWARDING.set(self)
        rest = _REST.set({name: value for name, value in arguments.items() if name not in own})
        try:
            return await self.fn.run({name: value for name, value in arguments.items() if name in own})
        finally:
            _REST.reset(rest)
            _FORWARDING.reset(forwarding)


async def forward(**arguments: Any) -> Any:
    """Call the tool behind, from a `transform_fn`, with arguments as they are called now."""
    tool = _forwarding()
    return await tool.parent_tool.run(tool.mapped(arguments))


async def forward_raw(**arguments: Any) -> Any:
    """Call the tool behind, from a `transform_fn`, with arguments as they are called there."""
    return await _forwarding().parent_tool.run(arguments)


def _forwarding() -> TransformedTool:
    try:
        return _FORWARDING.get()
    except LookupError:
        raise RuntimeError("forward() is for functions that are a tool's transform_fn, while they run") from None


def _takes_rest(function: Any) -> bool:
    return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values())


def _without_rest(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose `**kwargs` are filled in with what `_REST` has."""
    if not _takes_rest(function):
        return function

    async def outer(**given: Any) -> Any:
        return await call(function, {**given, **_REST.get()})

    functools.update_wrapper(outer, function)
    signature = inspect.signature(function)
    kept = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
    outer.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
    return outer


def _parameters(schema: Mapping[str, Any], changes: Mapping[str, ArgTransform]) -> dict[str, Any]:
    """Return an input schema after changes. Raises ValueError for what is hidden, needed, and has no default."""
    required, properties = set(schema.get("required", ())), dict[str, Any]()
    needed: list[str] = []
    for name, part in schema.get("properties", {}).items():
        change = changes.get(name, _SAME)
        has_default = change.default is not NotSet or change.default_factory is not NotSet
        if change.hide:
            if name in required and not has_default:
                raise ValueError(f"the argument {name!r} is needed: hide it with a default")
            continue
        shown = change.name or name
        if shown in properties:
            raise ValueError(f"two arguments would be called {shown!r}")
        properties[shown] = change.shown(part)
        if change.required is True or (name in required and not has_default):
            needed.append(shown)
    made = {key: value for key, value in schema.items() if key not in ("properties", "required")}
    return {**made, "properties": properties, **({"required": needed} if needed else {})}


def _merged(theirs: Mapping[str, Any], own: Mapping[str, Any], *, rest: bool) -> dict[str, Any]:
    """Return the schema of a function in between: its own arguments and, if it takes the rest, those behind it."""
    if not rest:
        return dict(own)
    properties = {**theirs.get("properties", {}), **own.get("properties", {})}
    needed = {*own.get("required", ())}
    needed |= {name for name in theirs.get("required", ()) if name not in own.get("properties", {})}
    definitions = {**theirs.get("$defs", {}), **own.get("$defs", {})}
    made = {**own, "properties": properties, "required": sorted(needed)}
    return {**made, "$defs": definitions} if definitions else made


class ToolTransformConfig(Model):
    """What happens to one tool, as configuration says it."""

    name: str | None = None
    version: Any = None
    title: str | None = None
    description: str | None = None
    tags: Any = None
    meta: Any = None
    enabled: bool = True
    arguments: dict[str, ArgTransformConfig] = {}  # noqa: RUF012 - copied for each value

    def apply(self, tool: Tool) -> TransformedTool:
        """Return the tool as this says."""
        said = {key: getattr(self, key) for key in ("version", "title", "description", "tags", "meta")}
        changes = {name: ArgTransformConfig.model_validate(one) for name, one in self.arguments.items()}
        made = TransformedTool.from_tool(
            tool,
            self.name,
            transform_args={name: one.to_arg_transform() for name, one in changes.items()},
            **{key: value for key, value in said.items() if value},
        )
        made.enabled = self.enabled and tool.enabled
        return made
