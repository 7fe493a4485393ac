"""From a function and its options to something registered.

What is wrong is said here, with function, file and line, and not when a client
first calls.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from dragoman.app import lazily
from dragoman.app.options import PromptOptions, ResourceOptions, ToolOptions, check_options
from dragoman.errors import LocalError, RegistrationError
from dragoman.late import late
from dragoman.serving import tools
from dragoman.serving.context import Context
from dragoman.serving.dependencies import inject
from dragoman.serving.parameters import place
from dragoman.serving.signature import Plan, read_signature
from dragoman.wire.base import Icon
from dragoman.wire.tools import Tool, ToolAnnotations

if TYPE_CHECKING:
    from dragoman.ports.verifier import Verifier
    from dragoman.protocol import bearer, keys, schema, uri
    from dragoman.serving import endpoints, gate, prompts, resources
    from dragoman.wire import prompts as wire_prompts
    from dragoman.wire import resources as wire_resources
else:
    bearer, keys = late("dragoman.protocol.bearer"), late("dragoman.protocol.keys")
    schema, uri = late("dragoman.protocol.schema"), late("dragoman.protocol.uri")
    endpoints, gate = late("dragoman.serving.endpoints"), late("dragoman.serving.gate")
    prompts, resources = late("dragoman.serving.prompts"), late("dragoman.serving.resources")
    wire_prompts, wire_resources = late("dragoman.wire.prompts"), late("dragoman.wire.resources")

MAX_NAME = 128  # characters (TOOL-07)
_HINTS = {
    "read_only": "read_only_hint",
    "destructive": "destructive_hint",
    "idempotent": "idempotent_hint",
    "open_world": "open_world_hint",
}


def _or_unset(value: Any) -> Any:
    return UNSET if value is None or value == "" else value


def checked_name(kind: str, name: str, where: str) -> str:
    """Return a name. Raises RegistrationError for one that nothing can have."""
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise RegistrationError(f"a {kind}'s name has 1 to {MAX_NAME} printable characters, not {name!r}", where=where)
    if name == "<lambda>":
        raise RegistrationError(f"a lambda has no name: give the {kind} one with name=...", where=where)
    return name


def make_tool(function: Callable[..., Any], options: ToolOptions) -> tools.Registered:
    """Return the tool that `function` is. Raises RegistrationError."""
    check_options("a tool", options, ToolOptions, place(function))
    function = inject(function)
    declared = _declared(options)
    _checked_schema("output", declared, place(function))
    written = options.get("input_schema")
    _checked_schema("input", written, place(function))
    plan = read_signature(function, context_type=Context, output_schema=declared, written=bool(written))
    if written or declared:
        plan = lazily.checked(plan, written, declared or None)
    hints: dict[str, Any] = {_HINTS[key]: options[key] for key in _HINTS if key in options}  # type: ignore[literal-required]
    task = _task_use(function, options, plan)
    definition = Tool(
        name=checked_name("tool", options.get("name") or plan.name, plan.where),
        title=_or_unset(options.get("title")),
        description=_or_unset(options.get("description") or plan.description),
        input_schema=written or plan.input_schema,
        output_schema=_or_unset(plan.output_schema),
        annotations=ToolAnnotations(**hints) if hints else UNSET,
        icons=checked_icons(options.get("icons"), plan.where),
        execution=UNSET if task is None else {"taskSupport": "required" if task.required else "optional"},
        meta=_checked_meta(options.get("meta"), plan.where),
    )
    timeout = options.get("timeout")
    if timeout is not None and not timeout > 0:
        raise RegistrationError(f"timeout is in seconds and more than 0, not {timeout!r}", where=plan.where)
    if options.get("single_use") and plan.context_parameter is None:
        raise RegistrationError("single_use is for tools that ask, and this one takes no Context", where=plan.where)
    single_use = options.get("single_use", False)
    made = tools.Registered(definition, plan, function, timeout, single_use=single_use, task=task)
    made.gate = _gate(options, definition.name, plan.where)
    made.scopes, made.tags = _scopes(options, plan.where), _tags(options, plan.where)
    return made


def _tags(options: Mapping[str, Any], where: str) -> frozenset[str]:
    """Return the tags of a registered thing. Raises RegistrationError for one text, which is no set of them."""
    given = options.get("tags", ())
    if isinstance(given, str) or not all(isinstance(tag, str) and tag for tag in given):
        raise RegistrationError(f"tags are a set of texts, as in tags={{'admin'}}, not {given!r}", where=where)
    return frozenset(given)


def _gate(options: ToolOptions, name: str, where: str) -> gate.Gate | None:
    """Return where calls of a tool wait for their turn. Raises RegistrationError for a number that cannot be."""
    most = options.get("concurrency")
    if most is None:
        return None
    if not isinstance(most, int) or isinstance(most, bool) or most < 1:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise RegistrationError(f"concurrency is how many calls may run at once, 1 or more, not {most!r}", where=where)
    return gate.Gate(name, most)


def _scopes(options: Mapping[str, Any], where: str) -> frozenset[str]:
    """Return what a caller needs. Raises RegistrationError for what is no scope."""
    given = options.get("scopes", ())
    if given == ():
        return frozenset()
    try:
        return frozenset(bearer.checked_scopes(given, "scopes"))
    except LocalError as error:
        raise RegistrationError(str(error), where=where) from None


def _task_use(function: Callable[..., Any], options: ToolOptions, plan: Plan) -> tools.TaskUse | None:
    """Return how calls of a tool can be tasks, None if they cannot. Raises RegistrationError for another word."""
    wanted = options.get("task")
    if wanted not in (None, "optional", "required"):
        raise RegistrationError(f'task is "optional" or "required", not {wanted!r}', where=plan.where)
    # Read off the code, so that nobody has to say it twice. Hidden from us, as in a function that this one calls,
    # it makes the call a task at once, in which detach() does nothing.
    code = getattr(inspect.unwrap(function), "__code__", None)
    detaches = plan.context_parameter is not None and code is not None and "detach" in code.co_names
    if wanted is None and not detaches:
        return None
    safe = options.get("idempotent", False) or options.get("read_only", False)
    return tools.TaskUse(wanted == "required", detaches, safe)


def _declared(options: ToolOptions) -> Any:
    declared = options.get("output_schema")
    return None if declared is True else declared


def _listed(items: Any) -> Any:
    return list(items) if items else UNSET


def _checked_schema(what: str, written: Any, where: str) -> None:
    """Raise RegistrationError if there is a schema that was written by hand, and is none."""
    complaint = schema.complaint_about(written, of_object=what == "input") if written else None  # TOOL-04
    if complaint is not None:
        raise RegistrationError(f"the {what} schema: {complaint}", where=where)


def _checked_meta(meta: Any, where: str) -> Any:
    """Return `_meta`, UNSET for none. Raises RegistrationError for a key that is not of its form (META-07, META-08)."""
    for key in meta or ():
        complaint = keys.complaint_about(key)
        if complaint is not None:
            raise RegistrationError(f"the key {key!r} of meta: {complaint}", where=where)
    return _or_unset(meta)


def checked_icons(icons: Any, where: str) -> Any:
    """Return icons as a list, UNSET for none. Raises RegistrationError for a source that no client may show."""
    for icon in icons or ():
        if not isinstance(icon, Icon) or not icon.src.lower().startswith(("https://", "data:")):
            raise RegistrationError(f"an icon is an Icon whose src is an https: or data: URI: {icon}", where=where)
    return _listed(icons)


def checked_hints(options: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    """Return `ttl_ms` and `cache_scope`, UNSET for none. Raises RegistrationError for values that cannot be."""
    ttl, scope = options.get("ttl_ms", UNSET), options.get("cache_scope", UNSET)
    if ttl is not UNSET and not (isinstance(ttl, int) and ttl >= 0):
        raise RegistrationError(f"ttl_ms is a whole number of milliseconds, 0 or more, not {ttl!r}", where=where)
    if scope not in (UNSET, "public", "private"):
        raise RegistrationError(f'cache_scope is "public" or "private", not {scope!r}', where=where)
    return ttl, scope


def make_resource(function: Callable[..., Any], address: str, options: ResourceOptions) -> resources.Registered:
    """Return the resource that `function` serves, the template if `address` has variables. Raises RegistrationError."""
    where = place(function)
    check_options("a resource", options, ResourceOptions, where)
    function = inject(function)
    try:
        template = uri.Template.parse(address)
    except LocalError as error:
        raise RegistrationError(f"the resource template {address!r} does not parse: {error}", where=where) from None
    plan = endpoints.read_resource_signature(function, template.variables, context_type=Context)
    shared: dict[str, Any] = {
        "name": checked_name("resource", options.get("name") or plan.name, where),
        "title": _or_unset(options.get("title")),
        "description": _or_unset(options.get("description") or plan.description),
        "mime_type": _or_unset(options.get("mime_type")),
        "icons": checked_icons(options.get("icons"), where),
        "annotations": _or_unset(options.get("annotations")),
        "meta": _checked_meta(options.get("meta"), where),
    }
    hints = checked_hints(options, where)
    scopes, tags = _scopes(options, where), _tags(options, where)
    if scopes and hints[1] == "public":
        raise RegistrationError("what needs a scope cannot be kept for everybody: leave cache_scope out", where=where)
    if template.variables:
        made = resources.Registered(
            wire_resources.ResourceTemplate(uri_template=address, **shared), plan, function, hints
        )
        made.scopes, made.tags = scopes, tags
        return made
    complaint = uri.check_uri(address)
    if complaint is not None:
        raise RegistrationError(f"{address!r} is not a URI: {complaint}", where=where)
    definition = wire_resources.Resource(uri=address, size=_or_unset(options.get("size")), **shared)
    made = resources.Registered(definition, plan, function, hints)
    made.scopes, made.tags = scopes, tags
    return made


def make_prompt(function: Callable[..., Any], options: PromptOptions) -> prompts.Registered:
    """Return the prompt that `function` is. Raises RegistrationError."""
    check_options("a prompt", options, PromptOptions, place(function))
    function = inject(function)
    plan = endpoints.read_prompt_signature(function, context_type=Context)
    definition = wire_prompts.Prompt(
        name=checked_name("prompt", options.get("name") or plan.name, plan.where),
        title=_or_unset(options.get("title")),
        description=_or_unset(options.get("description") or plan.description),
        arguments=_listed(plan.arguments),
        icons=checked_icons(options.get("icons"), plan.where),
        meta=_checked_meta(options.get("meta"), plan.where),
    )
    made = prompts.Registered(definition, plan, function)
    made.scopes, made.tags = _scopes(options, plan.where), _tags(options, plan.where)
    return made


def read_method(function: Callable[..., Any]) -> Plan:
    """Return the plan of a function that answers a method of the server's own."""
    return read_signature(function, context_type=Context, output_schema=False)


def checked_auth(auth: object) -> tuple[Verifier, ...]:
    """Return the verifiers of the option `auth`. Raises LocalError for what is none."""
    given: Sequence[object] = list(auth) if isinstance(auth, list | tuple) else [] if auth is None else [auth]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    found: list[Verifier] = []
    for item in given:
        if not all(hasattr(item, name) for name in ("issuer", "scopes", "cache_seconds", "takes", "verify")):
            raise LocalError(f"auth={item!r} judges no tokens: give JWTAuth, IntrospectionAuth, KeyAuth or a Verifier")
        found.append(item)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    return tuple(found)
