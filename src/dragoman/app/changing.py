"""What can be changed about a tool, prompt or resource without touching its code: name, words, arguments, tags.

Promise: an argument that is fixed is not in the schema, and a call that gives it all the same is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec
from msgspec import UNSET, structs

from dragoman.app import lazily
from dragoman.app.registration import checked_name
from dragoman.errors import RegistrationError, RequestError
from dragoman.serving.nearest import nearest
from dragoman.wire.base import EMPTY, NULL, Opt
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.prompts import GetPrompt, Prompt, PromptArgument
from dragoman.wire.tools import CallTool, Tool

_arguments = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_encode = msgspec.json.Encoder().encode


class Altered(msgspec.Struct, frozen=True, kw_only=True):
    """What is different from how it was registered; what is left out stays.

    `hide` takes it away. `arguments` are fixed: clients neither see nor give them. `defaults` are what clients may
    leave out. `tags` are added. A name is given before any prefix; a resource keeps its URI.
    """

    name: str | None = None
    title: str | None = None
    description: str | None = None
    hide: bool = False
    arguments: Mapping[str, Any] = {}
    defaults: Mapping[str, Any] = {}
    tags: Sequence[str] = ()


NONE = Altered()
Changes = Mapping[str, Altered]


def check_change(change: Altered, definition: Any, kind: str) -> None:
    """Raise RegistrationError for arguments that there are not, and a name where a URI names it."""
    known = _names(definition)
    both = [*change.arguments, *change.defaults]
    name = getattr(definition, "name", "")
    if kind == "resource" and (both or change.name is not None):
        raise RegistrationError(f"a resource keeps its URI and has no arguments: the change of {name!r} has them")
    if strange := [one for one in both if one not in known]:
        raise RegistrationError(f"{kind} {name!r} has no argument {strange[0]!r}{nearest(strange[0], known)}")
    if change.name is not None:
        checked_name(kind, change.name, "")
    if twice := change.arguments.keys() & change.defaults.keys():
        raise RegistrationError(f"{min(twice)!r} of {kind} {name!r} is either fixed or has a default")
    try:
        _encode([change.arguments, change.defaults])
    except (TypeError, ValueError) as error:
        raise RegistrationError(f"arguments of {kind} {name!r} are no JSON: {error}") from None
    for one, value in {**change.arguments, **change.defaults}.items():
        if fault := _misfit(definition, one, value):
            raise RegistrationError(f"{value!r} is nothing for the argument {one!r} of {kind} {name!r}: {fault}")


def _misfit(definition: Any, name: str, value: Any) -> str:
    """Return why a value cannot be that argument, "" if it can, or nobody can tell."""
    if not isinstance(definition, Tool):
        return "" if isinstance(value, str) else "it is a text"
    schema: Mapping[str, Any] = definition.input_schema
    shared = {key: schema[key] for key in ("$defs", "definitions", "$schema") if key in schema}
    inner: Any = schema["properties"][name]
    try:
        own: Any = {**shared, **cast("Mapping[str, Any]", inner)} if isinstance(inner, Mapping) else inner
        validator = lazily.validator(own)
    except ValueError:
        return ""
    data = _encode(value)
    wrong = validator.violations(msgspec.json.decode(data), data)
    return f"expected {wrong[0].expected}" if wrong else ""


def _names(definition: Any) -> Sequence[str]:
    if isinstance(definition, Tool):
        return list(definition.input_schema.get("properties", {}))
    listed: Opt[list[PromptArgument]] = getattr(definition, "arguments", UNSET)
    return [] if listed is UNSET else [one.name for one in listed]


def changed(definition: Any, change: Altered) -> Any:
    """Return a definition as it is listed after a change."""
    if change is NONE:
        return definition
    words = {key: getattr(change, key) for key in ("name", "title", "description") if getattr(change, key) is not None}
    if isinstance(definition, Tool):
        words["input_schema"] = _schema(definition.input_schema, change)
    elif isinstance(definition, Prompt) and definition.arguments is not UNSET:
        words["arguments"] = [
            structs.replace(one, required=False) if one.name in change.defaults else one
            for one in definition.arguments
            if one.name not in change.arguments
        ]
    return structs.replace(definition, **words)


def _schema(schema: Any, change: Altered) -> Any:
    if not change.arguments and not change.defaults:
        return schema
    given: Mapping[str, Any] = schema.get("properties", {})
    properties = {name: inner for name, inner in given.items() if name not in change.arguments}
    for name, value in change.defaults.items():
        inner: Any = properties.get(name)
        properties[name] = {**cast("Mapping[str, Any]", inner if isinstance(inner, Mapping) else {}), "default": value}
    free = change.arguments.keys() | change.defaults.keys()
    required = [name for name in schema.get("required", ()) if name not in free]
    rest = {key: value for key, value in schema.items() if key not in ("properties", "required")}
    return {**rest, "properties": properties, **({"required": required} if required else {})}


def filled_in(params: CallTool | GetPrompt, change: Altered) -> Any:
    """Return the parameters of a call with fixed arguments and defaults.

    Raises RequestError for one that is given and fixed. What is no object is left to whoever has the tool.
    """
    if not change.arguments and not change.defaults:
        return params
    raw = params.arguments
    try:
        given = _arguments(EMPTY if memoryview(raw) == NULL else raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return params
    if fixed := [name for name in given if name in change.arguments]:
        raise RequestError(INVALID_PARAMS, f"{params.name[:100]!r} takes no argument {fixed[0][:100]!r}; leave it out")
    return structs.replace(params, arguments=msgspec.Raw(_encode({**change.defaults, **given, **change.arguments})))
