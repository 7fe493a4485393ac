"""What a server of another package registers, kept so that it can be registered again under another name.

Promise: a name that is taken follows the rule of the package: the first stays, or the last wins.
Limit: what a mounted server registers once the file has been loaded is not seen.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec
from msgspec import UNSET

from dragoman.app.options import PromptOptions, ResourceOptions, ToolOptions
from dragoman.app.server import Server
from dragoman.compat import blame, results
from dragoman.compat.authorization import scopes_of
from dragoman.compat.exceptions import ResourceNotFoundError, ToolError
from dragoman.compat.inject import CURRENT, Dressing, Parts, dress, output_type
from dragoman.compat.messages import PromptResult
from dragoman.compat.models import Model, to_wire
from dragoman.compat.pages import UI_MIME_TYPE, said
from dragoman.compat.refusal import unsupported_argument
from dragoman.compat.resources import ResourceContent, ResourceResult
from dragoman.compat.types import (
    Completion,
    CompletionArgument,
    CompletionContext,
    PromptReference,
    ResourceTemplateReference,
)
from dragoman.errors import RegistrationError
from dragoman.protocol.uri import Template
from dragoman.wire.base import Annotations, Icon
from dragoman.wire.content import AnyContents, BlobContents, TextContents
from dragoman.wire.resources import ReadResourceResult

log = logging.getLogger("dragoman.compat")

Options: TypeAlias = Mapping[str, Any]
EMPTY = inspect.Signature.empty
# fastmcp's `{path*}` takes slashes in; RFC 6570 writes that `{+path}`.
_WILD = re.compile(r"\{(\w+)\*\}")

_HINTS = {
    "read_only_hint": "read_only",
    "destructive_hint": "destructive",
    "idempotent_hint": "idempotent",
    "open_world_hint": "open_world",
}
# What can be said of a resource or prompt and is passed on, and what has no use here and is taken.
_SAID = ("name", "title", "description", "mime_type")
_UNUSED = frozenset(
    {"tags", "version", "enabled", "task", "run_in_thread", "exclude_args", "annotations", "structured_output"}
)


class ToolEntry(NamedTuple):
    """A function to register as a tool."""

    function: Callable[..., Any]
    name: str | None
    options: Options


class ResourceEntry(NamedTuple):
    """A function to register as a resource or template; `security` says what its variables may not hold."""

    function: Callable[..., Any]
    uri: str
    options: Options
    security: Any


class PromptEntry(NamedTuple):
    """A function to register as a prompt."""

    function: Callable[..., Any]
    name: str | None
    options: Options


class Registry:
    """The tools, resources and prompts of one server, by name or URI.

    `taken` says what happens to a name that is taken: the first is kept
    ("keep"), the last replaces it ("replace"), or it is an error ("error").
    """

    def __init__(self, face: Any, native: Server, taken: str = "keep") -> None:
        self.face = face
        self.native = native
        self.taken = taken
        self.tools: dict[str, ToolEntry] = {}
        self.resources: dict[str, ResourceEntry] = {}
        self.prompts: dict[str, PromptEntry] = {}
        self._completer: Callable[..., Any] | None = None
        self._references: list[tuple[str, str, bool]] = []

    def _begin(self, native: Any) -> Any:
        return self.face.context_type(native, self.face)

    def _free(self, kind: str, key: str, taken: Mapping[str, Any]) -> bool:
        """Say whether `key` may be registered now; what had it before has been removed then."""
        if key not in taken:
            return True
        if self.taken == "error":
            raise RegistrationError(f"there is a {kind} {key!r} already, and on_duplicate is 'error'")
        replaces = self.taken == "replace"
        log.warning("%s %r is registered twice; the first is %s", kind, key, "replaced" if replaces else "kept")
        if replaces:
            remove = {"tool": self.native.remove_tool, "resource": self.native.remove_resource}
            remove.get(kind, self.native.remove_prompt)(key)
        return replaces

    # --- tools ------------------------------------------------------------------------------------------------

    def add_tool(self, entry: ToolEntry) -> Any:
        """Register a tool. Raises RegistrationError for a signature that has no schema."""
        options = entry.options
        refuse(options, f"{self.face.title}.tool")
        name = entry.name or _own_name(entry.function)
        if options.get("enabled") is False:
            return entry.function
        if not self._free("tool", name, self.tools):
            return entry.function
        parts = Parts(entry.function, hidden=tuple(options.get("exclude_args") or ()))
        shown = _tool_options(name, options)
        finish, returns = _finish(parts.returns, options)
        dressing = Dressing(self._begin, finish, blame.of_tool(self.face, name), returns)
        with blame.placed(entry.function):
            try:
                self.native.add_tool(dress(parts, dressing), **shown)
            except RegistrationError:
                # An output that has no schema is given without one, unless the author insists.
                if returns is EMPTY or options.get("structured_output"):
                    raise
                plain = Dressing(self._begin, results.unstructured, dressing.blame)
                self.native.add_tool(dress(parts, plain), **shown)
        self.tools[name] = entry
        return entry.function

    def remove_tool(self, name: str) -> None:
        """Remove a tool. Raises ToolError if there is none."""
        if self.tools.pop(name, None) is None:
            raise ToolError(f"there is no tool {name!r}")
        self.native.remove_tool(name)

    # --- resources --------------------------------------------------------------------------------------------

    def add_resource(self, entry: ResourceEntry) -> None:
        """Register a resource or a template. Raises RegistrationError."""
        refuse(entry.options, f"{self.face.title}.resource")
        if entry.options.get("enabled") is False or not self._free("resource", entry.uri, self.resources):
            return
        uri = _WILD.sub(r"{+\1}", entry.uri)
        variables = Template.parse(uri).variables
        parts = Parts(entry.function, hidden=_left_out(entry.function, variables))
        dressing = Dressing(
            self._begin, _contents, blame.of_resource(self.face, entry.uri), check=_guard(entry.security, entry.uri)
        )
        shown = {key: entry.options[key] for key in _SAID if entry.options.get(key)}
        if uri.startswith("ui://"):
            shown.setdefault("mime_type", UI_MIME_TYPE)
        notes = entry.options.get("annotations")
        if notes is not None:
            shown["annotations"] = to_wire(Model(**dict(notes)), Annotations)
        given = cast(ResourceOptions, {**shown, **_shared(entry.options)})
        with blame.placed(entry.function):
            self.native.add_resource(dress(parts, dressing), uri, **given)
        self.resources[entry.uri] = entry
        for variable in variables:
            self._can_complete(uri, variable, False)

    # --- prompts ----------------------------------------------------------------------------------------------

    def add_prompt(self, entry: PromptEntry) -> None:
        """Register a prompt. Raises RegistrationError."""
        refuse(entry.options, f"{self.face.title}.prompt")
        name = entry.name or _own_name(entry.function)
        if entry.options.get("enabled") is False or not self._free("prompt", name, self.prompts):
            return
        parts = Parts(entry.function)
        dressing = Dressing(self._begin, _messages, blame.of_prompt(self.face, name))
        shown = {key: entry.options[key] for key in ("title", "description") if entry.options.get(key)}
        given = cast(PromptOptions, {"name": name, **shown, **_shared(entry.options)})
        with blame.placed(entry.function):
            self.native.add_prompt(dress(parts, dressing), **given)
        self.prompts[name] = entry
        for parameter in parts.parameters:
            self._can_complete(name, parameter.name, True)

    def remove_prompt(self, name: str) -> None:
        """Remove a prompt. Raises ValueError if there is none."""
        if self.prompts.pop(name, None) is None:
            raise ValueError(f"there is no prompt {name!r}")
        self.native.remove_prompt(name)

    # --- completion -------------------------------------------------------------------------------------------

    def complete_with(self, completer: Callable[..., Any]) -> None:
        """Let one function complete everything that is registered, now and later."""
        self._completer = completer
        for reference in self._references:
            self._complete(*reference)

    def _can_complete(self, reference: str, argument: str, is_prompt: bool) -> None:
        self._references.append((reference, argument, is_prompt))
        if self._completer is not None:
            self._complete(reference, argument, is_prompt)

    def _complete(self, reference: str, argument: str, is_prompt: bool) -> None:
        completer = self._completer
        ref: Any = PromptReference(name=reference) if is_prompt else ResourceTemplateReference(uri=reference)

        async def complete(typed: str, chosen: Mapping[str, str]) -> list[str]:
            assert completer is not None
            context = CompletionContext(arguments=dict(chosen)) if chosen else None
            found = completer(ref, CompletionArgument(name=argument, value=typed), context)
            found = await found if inspect.isawaitable(found) else found
            if found is None:
                return []
            return list(found.values if isinstance(found, Completion) else found)

        self.native.completion(reference, argument)(complete)

    # --- mounting ---------------------------------------------------------------------------------------------

    def take(self, other: Registry, prefix: str) -> None:
        """Register what another server has, under `prefix`: `prefix_tool`, `scheme://prefix/...`."""
        for name, tool in other.tools.items():
            self.add_tool(tool._replace(name=f"{prefix}_{name}" if prefix else name))
        for uri, resource in other.resources.items():
            self.add_resource(resource._replace(uri=prefixed(uri, prefix)))
        for name, prompt in other.prompts.items():
            self.add_prompt(prompt._replace(name=f"{prefix}_{name}" if prefix else name))


def _left_out(function: Callable[..., Any], variables: Collection[str]) -> tuple[str, ...]:
    """Return the parameters that a URI need not have: those with a default of their own."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.default is not p.empty and p.name not in variables)


def _own_name(function: Any) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def prefixed(uri: str, prefix: str) -> str:
    """Return `uri` with `prefix` as the first step after its scheme."""
    scheme, colon, rest = uri.partition("://")
    return f"{scheme}://{prefix}/{rest}" if prefix and colon else uri


def refuse(options: Options, function: str) -> None:
    """Raise UnsupportedArgumentError for an option that would be unsafe to leave out."""
    auth = options.get("auth")
    if auth is not None and auth is not False and scopes_of(auth) is None:
        raise unsupported_argument(function, "auth", "use require_scopes(...), or put an authorizing proxy in front")


def _shared(options: Options) -> dict[str, Any]:
    shared: dict[str, Any] = {}
    if options.get("icons"):
        shared["icons"] = [to_wire(icon, Icon) for icon in options["icons"]]
    if options.get("auth"):
        shared["scopes"] = scopes_of(options["auth"])
    meta = dict(options.get("meta") or {})
    if options.get("tags"):
        meta["tags"] = sorted(options["tags"])
    if options.get("app"):
        meta["ui"] = {**meta.get("ui", {}), **said(options["app"])}
    if meta:
        shared["meta"] = meta
    return shared


def _tool_options(name: str, options: Options) -> ToolOptions:
    shown: dict[str, Any] = {"name": name, **_shared(options)}
    for key in ("title", "description", "timeout"):
        if options.get(key):
            shown[key] = options[key]
    notes: Any = options.get("annotations") or {}
    hints: dict[str, Any] = {
        results.snake(key): value for key, value in (notes if isinstance(notes, Model) else notes.items())
    }
    shown.update({ours: hints[theirs] for theirs, ours in _HINTS.items() if hints.get(theirs) is not None})
    if hints.get("title") and "title" not in shown:
        shown["title"] = hints["title"]
    if isinstance(options.get("output_schema"), dict):
        shown["output_schema"] = options["output_schema"]
    elif options.get("structured_output") is False or options.get("output_schema", UNSET) in (None, False):
        shown["output_schema"] = False
    return cast(ToolOptions, shown)


def _finish(returns: Any, options: Options) -> tuple[Callable[[Any], Any], Any]:
    """Return how a tool's value is finished, and the annotation that its output schema is made of."""
    if options.get("structured_output") is False:
        return results.unstructured, EMPTY
    if returns is EMPTY:
        return results.by_looks, EMPTY
    shown = output_type(returns)
    if shown is EMPTY:
        return results.unstructured, EMPTY
    if shown is not returns and isinstance(shown, type) and isinstance(returns, type):
        # An ordinary class with annotations: its attributes are read into a struct of the same fields.
        def filled(value: Any) -> Any:
            struct: Any = shown
            return results.tool_result(value) or msgspec.convert(value, struct, from_attributes=True)

        return filled, shown
    return lambda value: results.tool_result(value) or value, shown


def _messages(value: Any) -> Any:
    if isinstance(value, PromptResult):
        return results.messages(value.messages)
    return results.messages(value)


def _contents(value: Any) -> Any:
    """Return what a resource's function returned as Dragoman takes it."""
    if isinstance(value, ResourceContent):
        value = ResourceResult([value])
    if isinstance(value, ResourceResult):
        uri = CURRENT.get().call.params.uri
        return ReadResourceResult(contents=[part for piece in value.contents for part in _piece(piece, uri)])
    if isinstance(value, Model):
        wire: Any = TextContents if hasattr(value, "text") else BlobContents
        return to_wire(value, wire) if hasattr(value, "uri") else results.plain(value)
    if isinstance(value, str | bytes | TextContents | BlobContents | AnyContents | ReadResourceResult) or value is None:
        return value
    return results.plain(value)


def _piece(piece: ResourceContent, uri: str) -> list[AnyContents]:
    kind = piece.mime_type or UNSET
    if isinstance(piece.content, bytes):
        return [AnyContents(uri=uri, blob=msgspec.to_builtins(piece.content), mime_type=kind, meta=piece.meta or UNSET)]
    return [AnyContents(uri=uri, text=results.text_of(piece.content), mime_type=kind, meta=piece.meta or UNSET)]


def _guard(security: Any, uri: str) -> Callable[[Mapping[str, Any]], None]:
    def check(arguments: Mapping[str, Any]) -> None:
        name = None if security is None else security.fault(dict(arguments))
        if name is not None:
            raise ResourceNotFoundError(f"{name} of {uri} holds what this server does not allow in a path")

    return check
