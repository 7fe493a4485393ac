"""Read a function once: its parameters with their types, defaults and descriptions, where it stands, what it returns.

Annotations that are strings are resolved, also those that name classes local to the function that registers.
What cannot be served (`*args`, an unbound method, a name that does not exist) is refused with file and line.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any, Optional, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from dragoman.errors import RegistrationError
from dragoman.serving import pydantic_bridge as bridge
from dragoman.serving.codec import described, members
from dragoman.serving.docstrings import Docstring, parse
from dragoman.serving.shapes import is_class

MISSING = inspect.Parameter.empty
MAX_FRAMES = 30

Function: TypeAlias = Callable[..., Any]
Arguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


class Parameter(msgspec.Struct, frozen=True):
    """One parameter that the caller fills in; `default` is MISSING when it is required."""

    name: str
    annotation: Any
    default: Any
    description: str
    keyword_only: bool

    @property
    def required(self) -> bool:
        return self.default is MISSING


class Reading(msgspec.Struct, frozen=True):
    """A function, read. `context_index` is the place of the context among the positional ones, None by keyword."""

    name: str
    where: str
    is_async: bool
    parameters: tuple[Parameter, ...]
    context_parameter: str | None
    context_index: int | None
    returns: Any
    doc: Docstring
    takes_all: bool = False


def read(function: Function, context_type: type, *, written: bool = False) -> Reading:
    """Return what `function` takes and gives. Raises RegistrationError naming its file and line.

    `written` says that its arguments have a schema written by hand: then `**arguments` takes them all.
    """
    where = place(function)
    if not callable(function):
        raise RegistrationError(f"{function!r} is not a function", where=where)
    if inspect.isasyncgenfunction(_target(function)):
        reason = "an async generator has no one result; return a list, and tell how far it is with ctx.progress"
        raise RegistrationError(reason, where=where)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise RegistrationError(f"the signature cannot be read: {error}", where=where) from error
    hints = hints_of(function, context_type, where)
    doc = parse(inspect.getdoc(_target(function)))
    parameters: list[Parameter] = []
    context: tuple[str, int | None] | None = None
    takes_all = ""
    positional = 0
    for name, declared in signature.parameters.items():
        keyword_only = declared.kind is declared.KEYWORD_ONLY
        annotation = hints.get(name, Any)
        if written and declared.kind is declared.VAR_KEYWORD:
            takes_all = name
            continue
        _refuse_kinds(declared, name in hints, positional, where)
        if any(is_context(member, context_type) for member in members(annotation)):
            if context is not None:
                raise RegistrationError(f"both {context[0]} and {name} are the context; keep one", where=where)
            context = (name, None if keyword_only else positional)
            continue
        parameters.append(_parameter(name, annotation, declared.default, doc, keyword_only))
        positional += not keyword_only
    if takes_all and parameters:
        reason = f"both {parameters[0].name} and **{takes_all} take arguments; name them all, or take them all"
        raise RegistrationError(reason, where=where)
    context_name, context_index = context or (None, None)
    return Reading(
        name=str(getattr(_target(function), "__name__", type(function).__name__)),
        where=where,
        is_async=_is_async(function),
        parameters=tuple(parameters),
        context_parameter=context_name,
        context_index=context_index,
        returns=hints.get("return", MISSING),
        doc=doc,
        takes_all=bool(takes_all),
    )


def put_context(arguments: Arguments, name: str | None, index: int | None, context: Any) -> Arguments:
    """Return `arguments` with `context` at place `index`, or by `name`, or as they are when both are None."""
    args, kwargs = arguments
    if index is not None:
        return (*args[:index], context, *args[index:]), kwargs
    if name is not None:
        kwargs[name] = context
    return args, kwargs


def place(function: Any) -> str:
    """Return `file:line in name()` for error texts; less when the function has no source."""
    target = inspect.unwrap(_target(function))
    code = getattr(target, "__code__", None)
    name = getattr(target, "__qualname__", type(function).__qualname__).replace("<locals>.", "")
    return f"{code.co_filename}:{code.co_firstlineno} in {name}()" if code else f"in {name}"


def _target(function: Any) -> Any:
    """Return the plain function inside partials, methods and callable objects."""
    while type(function) is functools.partial:
        function = function.func
    inner = getattr(function, "__func__", None)  # of bound methods and static methods
    if inner is not None:
        return inner
    if not inspect.isroutine(function) and not inspect.isclass(function):
        call = getattr(function.__class__, "__call__", None)  # noqa: B004 - the method is wanted, not the answer
        return call if inspect.isfunction(call) else function
    return function


def _is_async(function: Any) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(_target(function)))


def is_context(annotation: Any, context_type: type) -> bool:
    """Say whether an annotation is that of the context."""
    kind = get_origin(annotation) or annotation
    return is_class(kind) and issubclass(kind, context_type)


def _refuse_kinds(declared: inspect.Parameter, annotated: bool, positional: int, where: str) -> None:
    if declared.kind in (declared.VAR_POSITIONAL, declared.VAR_KEYWORD):
        stars = "*" if declared.kind is declared.VAR_POSITIONAL else "**"
        raise RegistrationError(
            f"{stars}{declared.name} has no schema; name each parameter, or take one `dict[str, Any]`", where=where
        )
    if declared.name in ("self", "cls") and not annotated and positional == 0:
        raise RegistrationError(
            f"a method without its object (its first parameter is {declared.name}); register the bound method",
            where=where,
        )


def _parameter(name: str, annotation: Any, default: Any, doc: Docstring, keyword_only: bool) -> Parameter:
    if bridge.is_field(default):
        annotation, default = bridge.from_field(annotation, default, MISSING)
    elif default is MISSING:
        default = bridge.default_in(annotation, MISSING)
    # `days: int = None` is common, and its author means an optional.
    if default is None and not any(member in (None, type(None), Any, object) for member in members(annotation)):
        annotation = Optional[annotation]  # noqa: UP045 - made from a value
    description = _description(annotation) or doc.parameters.get(name, "")
    return Parameter(name, annotation, default, description, keyword_only)


def _description(annotation: Any) -> str:
    """Return the description in the metadata of an Annotated type: msgspec's, pydantic's, or a plain string."""
    if get_origin(annotation) is not Annotated:
        inner = get_args(annotation)
        # What an implicit optional wraps keeps its description.
        return _description(inner[0]) if len(inner) == 2 and inner[1] is type(None) else ""
    for item in annotation.__metadata__:
        meta = described(item)
        text = meta.description if meta else getattr(item, "description", None)
        if isinstance(text, str):
            return text
    return ""


def hints_of(function: Any, context_type: type, where: str) -> dict[str, Any]:
    """Return the resolved annotations, each with its metadata."""
    target = _target(function)
    try:
        return get_type_hints(target, localns=_closure(target), include_extras=True)
    except NameError:
        pass
    except Exception as error:
        raise RegistrationError(f"an annotation cannot be read: {error}", where=where) from error
    # A context that is imported for type checkers only is no reason to refuse.
    known = {context_type.__name__: context_type, **_callers(target)}
    try:
        return get_type_hints(target, localns=known, include_extras=True)
    except Exception as error:
        reason = f"an annotation cannot be read: {error}; define or import it where the program runs"
        raise RegistrationError(f"{reason}, not only under TYPE_CHECKING", where=where) from error


def _closure(target: Any) -> dict[str, Any]:
    """Return the variables that the function has captured."""
    inner = inspect.unwrap(target)
    names = getattr(getattr(inner, "__code__", None), "co_freevars", ())
    cells = getattr(inner, "__closure__", None) or ()
    return {name: cell.cell_contents for name, cell in zip(names, cells, strict=False) if _filled(cell)}


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _callers(target: Any) -> dict[str, Any]:
    """Return the local names of the functions that are being run in the function's own module.

    With postponed annotations a class that is local to the registering function is
    captured by nothing: only the frame that registers still knows it.
    """
    module = getattr(inspect.unwrap(target), "__globals__", None)
    found: dict[str, Any] = {}
    frame = inspect.currentframe()
    for _ in range(MAX_FRAMES):
        if frame is None:
            break
        if frame.f_globals is module:
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return {**found, **_closure(target)}
