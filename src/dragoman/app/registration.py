"""From a function and its options to something registered.

What is wrong is said here, with function, file and line, and not when a client
first calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import UNSET

from dragoman.app.options import PromptOptions, ResourceOptions, ToolOptions, check_options
from dragoman.errors import LocalError, RegistrationError
from dragoman.protocol.uri import Template, check_uri
from dragoman.serving import prompts, resources, tools
from dragoman.serving.context import Context
from dragoman.serving.endpoints import read_prompt_signature, read_resource_signature
from dragoman.serving.parameters import place
from dragoman.serving.signature import Plan, read_signature
from dragoman.wire.prompts import Prompt
from dragoman.wire.resources import Resource, ResourceTemplate
from dragoman.wire.tools import Tool, ToolAnnotations

MAX_NAME = 128  # characters (TOOL-07)
_HINTS = {
    "read_only": "read_only_hint",
    "destructive": "destructive_hint",
    "idempotent": "idempotent_hint",
    "open_world": "open_world_hint",
}


def _or_unset(value: Any) -> Any:
    return UNSET if value is None or value == "" else value


def _checked_name(kind: str, name: str, where: str) -> str:
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise RegistrationError(f"a {kind}'s name has 1 to {MAX_NAME} printable characters, not {name!r}", where=where)
    if name == "<lambda>":
        raise RegistrationError(f"a lambda has no name: give the {kind} one with name=...", where=where)
    return name


def make_tool(function: Callable[..., Any], options: ToolOptions) -> tools.Registered:
    """Return the tool that `function` is. Raises RegistrationError."""
    check_options("a tool", options, ToolOptions, place(function))
    plan = read_signature(function, context_type=Context, output_schema=_declared(options))
    hints: dict[str, Any] = {_HINTS[key]: options[key] for key in _HINTS if key in options}  # type: ignore[literal-required]
    definition = Tool(
        name=_checked_name("tool", options.get("name") or plan.name, plan.where),
        title=_or_unset(options.get("title")),
        description=_or_unset(options.get("description") or plan.description),
        input_schema=options.get("input_schema") or plan.input_schema,
        output_schema=_or_unset(plan.output_schema),
        annotations=ToolAnnotations(**hints) if hints else UNSET,
        icons=_listed(options.get("icons")),
        meta=_or_unset(options.get("meta")),
    )
    timeout = options.get("timeout")
    if timeout is not None and not timeout > 0:
        raise RegistrationError(f"timeout is in seconds and more than 0, not {timeout!r}", where=plan.where)
    if options.get("single_use") and plan.context_parameter is None:
        raise RegistrationError("single_use is for tools that ask, and this one takes no Context", where=plan.where)
    return tools.Registered(definition, plan, function, timeout, single_use=options.get("single_use", False))


def _declared(options: ToolOptions) -> Any:
    declared = options.get("output_schema")
    return None if declared is True else declared


def _listed(items: Any) -> Any:
    return list(items) if items else UNSET


def make_resource(function: Callable[..., Any], uri: str, options: ResourceOptions) -> resources.Registered:
    """Return the resource, or the template if `uri` has variables, that `function` serves. Raises RegistrationError."""
    where = place(function)
    check_options("a resource", options, ResourceOptions, where)
    try:
        template = Template.parse(uri)
    except LocalError as error:
        raise RegistrationError(f"the resource template {uri!r} does not parse: {error}", where=where) from None
    plan = read_resource_signature(function, template.variables, context_type=Context)
    shared: dict[str, Any] = {
        "name": _checked_name("resource", options.get("name") or plan.name, where),
        "title": _or_unset(options.get("title")),
        "description": _or_unset(options.get("description") or plan.description),
        "mime_type": _or_unset(options.get("mime_type")),
        "icons": _listed(options.get("icons")),
        "annotations": _or_unset(options.get("annotations")),
        "meta": _or_unset(options.get("meta")),
    }
    if template.variables:
        return resources.Registered(ResourceTemplate(uri_template=uri, **shared), plan, function)
    complaint = check_uri(uri)
    if complaint is not None:
        raise RegistrationError(f"{uri!r} is not a URI: {complaint}", where=where)
    return resources.Registered(Resource(uri=uri, size=_or_unset(options.get("size")), **shared), plan, function)


def make_prompt(function: Callable[..., Any], options: PromptOptions) -> prompts.Registered:
    """Return the prompt that `function` is. Raises RegistrationError."""
    check_options("a prompt", options, PromptOptions, place(function))
    plan = read_prompt_signature(function, context_type=Context)
    definition = Prompt(
        name=_checked_name("prompt", options.get("name") or plan.name, plan.where),
        title=_or_unset(options.get("title")),
        description=_or_unset(options.get("description") or plan.description),
        arguments=_listed(plan.arguments),
        icons=_listed(options.get("icons")),
        meta=_or_unset(options.get("meta")),
    )
    return prompts.Registered(definition, plan, function)


def read_method(function: Callable[..., Any]) -> Plan:
    """Return the plan of a function that answers a method of the server's own."""
    return read_signature(function, context_type=Context, output_schema=False)
