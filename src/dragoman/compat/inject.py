"""Functions written for other packages, dressed so that Dragoman's own registration understands them.

The dressed function shows only what a caller sends; context and dependencies are filled in.
Promise: the user's function is called with just what it declared. Limit: its annotations must be resolvable.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import types
import typing
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple

import msgspec

from dragoman.compat.inputs import answered, may_ask
from dragoman.compat.media import Audio, File, Image
from dragoman.compat.messages import Message
from dragoman.compat.models import Model
from dragoman.compat.refusal import CompatError
from dragoman.compat.results import ToolResult
from dragoman.serving.context import Context as NativeContext

# The context of the call that runs: `get_context()` takes no argument, so it has to be found without one.
CURRENT: contextvars.ContextVar[Any] = contextvars.ContextVar("dragoman_compat_context")

# What functions raise in the call that runs, before it is told as a result; None where nobody asks.
RAISED: contextvars.ContextVar[list[Exception] | None] = contextvars.ContextVar("dragoman_compat_raised", default=None)

_CALL = "dragoman_call"
_UNIONS = (typing.Union, types.UnionType)


class Context:
    """The base of what stands for other packages' `Context`; how parameters that ask for one are found."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls


class Dependency:
    """A parameter that is computed, not sent: `solve` gets the call's context and the arguments known so far."""

    def of(self, annotation: Any) -> Dependency:
        """Return the dependency as a parameter annotated so wants it."""
        return self

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the parameter's value."""
        raise NotImplementedError


class Parts:
    """A function taken apart: what callers send, where the context goes, what is computed."""

    def __init__(self, function: Callable[..., Any], *, hidden: tuple[str, ...] = ()) -> None:
        self.function = function
        hints = hints_of(function)
        self.returns = hints.get("return", inspect.Signature.empty)
        self.contexts: list[str] = []
        self.dependencies: dict[str, Dependency] = {}
        self.parameters: list[inspect.Parameter] = []
        for parameter in inspect.signature(function).parameters.values():
            annotation = hints.get(parameter.name, parameter.annotation)
            if wants_context(annotation):
                self.contexts.append(parameter.name)
            elif (found := dependency(annotation, parameter.default)) is not None:
                self.dependencies[parameter.name] = found
            elif parameter.name not in hidden:
                self.parameters.append(_plain_parameter(parameter, annotation))

    def arguments(self, context: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return what to call the function with, dependencies aside."""
        return {**given, **dict.fromkeys(self.contexts, context)}

    async def solved(
        self,
        context: Any,
        given: Mapping[str, Any],
        stack: contextlib.AsyncExitStack,
        outer: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return what to call the function with, dependencies included; those see what `outer` holds as well."""
        known = self.arguments(context, given)
        for name, wanted in self.dependencies.items():
            known[name] = await wanted.solve(context, {**(outer or {}), **known}, stack)
        return known


class Dressing(NamedTuple):
    """What is put around a function.

    `begin` makes the context that the user's function sees, `finish` turns what
    it returns into what Dragoman takes, `blame` maps what it raises to what
    callers may see, None to let it pass, `check` may refuse arguments by
    raising. `returns` is the annotation shown.
    """

    begin: Callable[[NativeContext], Any]
    finish: Callable[[Any], Any]
    blame: Callable[[Exception], Exception | None]
    returns: Any = inspect.Signature.empty
    check: Callable[[Mapping[str, Any]], None] = lambda arguments: None


def dress(parts: Parts, dressing: Dressing) -> Callable[..., Any]:
    """Return a function that Dragoman can register in place of the one in `parts`."""
    asking = inspect.Parameter(_CALL, inspect.Parameter.KEYWORD_ONLY, annotation=NativeContext)
    shown = inspect.Signature(
        sorted([*parts.parameters, asking], key=lambda parameter: parameter.kind),
        return_annotation=dressing.returns,
    )
    function, finish = parts.function, dressing.finish

    async def run(context: Any, arguments: Mapping[str, Any]) -> Any:
        async with contextlib.AsyncExitStack() as stack:
            return await call(function, await parts.solved(context, arguments, stack))

    async def rerun(*given: Any, **named: Any) -> Any:
        with _opened(dressing, shown.bind(*given, **named)) as (context, arguments):

            async def once(responses: dict[str, Any] | None, state: str | None) -> Any:
                context.resume(responses, state)
                return await run(context, arguments)

            return finish(await answered(context.call, context.server, once))

    async def awaited(*given: Any, **named: Any) -> Any:
        with _opened(dressing, shown.bind(*given, **named)) as (context, arguments):
            return finish(await run(context, arguments))

    def called(*given: Any, **named: Any) -> Any:
        with _opened(dressing, shown.bind(*given, **named)) as (context, arguments):
            return finish(function(**parts.arguments(context, arguments)))

    if may_ask(parts.returns):
        return _show(rerun, function, shown)
    return _show(awaited if _is_async(function) or parts.dependencies else called, function, shown)


@contextlib.contextmanager
def _opened(dressing: Dressing, bound: inspect.BoundArguments) -> Generator[tuple[Any, dict[str, Any]]]:
    """Begin a call: its context, and the arguments that were sent. What it raises is told as `blame` says."""
    bound.apply_defaults()
    context = dressing.begin(bound.arguments.pop(_CALL))
    # Taken back at the end: a tool may read a resource of its own server, within the same task.
    before = CURRENT.set(context)
    try:
        dressing.check(bound.arguments)
        yield context, bound.arguments
    except Exception as error:
        if (noted := RAISED.get()) is not None:
            noted.append(error)
        if (told := dressing.blame(error)) is None:
            raise
        raise told from error
    finally:
        CURRENT.reset(before)


async def call(function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
    """Call a function of either kind: an `async def` is awaited, a plain one runs in a worker thread."""
    if _is_async(function):
        return await function(**arguments)
    value = await asyncio.to_thread(function, **arguments)
    return await value if inspect.isawaitable(value) else value


def _is_async(function: Any) -> bool:
    while isinstance(function, functools.partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(getattr(function, "__call__", None))  # noqa: B004


def _show(dressed: Any, function: Any, signature: inspect.Signature) -> Callable[..., Any]:
    dressed.__name__ = getattr(function, "__name__", type(function).__name__)
    dressed.__qualname__ = getattr(function, "__qualname__", dressed.__name__)
    dressed.__doc__ = inspect.getdoc(function)
    dressed.__module__ = getattr(function, "__module__", None)
    dressed.__signature__ = signature
    dressed.__annotations__ = {
        name: parameter.annotation
        for name, parameter in signature.parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    if signature.return_annotation is not inspect.Signature.empty:
        dressed.__annotations__["return"] = signature.return_annotation
    return dressed  # type: ignore[no-any-return]


def hints_of(function: Any) -> dict[str, Any]:
    """Return the resolved annotations of a function. Raises CompatError naming one that cannot be resolved."""
    target = inspect.unwrap(function) if inspect.isfunction(function) else getattr(function, "__func__", function)
    while isinstance(target, functools.partial):
        target = target.func
    if not (inspect.isroutine(target) or inspect.isclass(target)):
        target = type(target).__call__
    local: dict[str, Any] = {}
    with contextlib.suppress(TypeError, ValueError):
        local = dict(inspect.getclosurevars(target).nonlocals)
    try:
        return typing.get_type_hints(target, localns={**_callers(target), **local}, include_extras=True)
    except NameError as fault:
        where = getattr(target, "__qualname__", repr(target))
        raise CompatError(f"an annotation of {where} cannot be resolved: {fault}; define the name before it") from fault
    except TypeError:
        return dict(getattr(target, "__annotations__", {}))


def _callers(target: Any) -> dict[str, Any]:
    """Return the local names of the functions of the same file that are being run.

    With postponed annotations a class that is local to the function that
    registers is held by nothing else.
    """
    home = getattr(target, "__globals__", None)
    found: dict[str, Any] = {}
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_globals is home and frame.f_locals is not frame.f_globals:
            found = {**frame.f_locals, **found}
        frame = frame.f_back
    return found


def wants_context(annotation: Any) -> bool:
    """Say whether a parameter so annotated asks for the context: `Context`, `Context[...]`, `Context | None`."""
    if isinstance(annotation, type):
        return issubclass(annotation, Context)
    if typing.get_origin(annotation) in (*_UNIONS, typing.Annotated):
        return any(wants_context(option) for option in typing.get_args(annotation))
    return False


def dependency(annotation: Any, default: Any) -> Dependency | None:
    """Return the dependency that a parameter declares in its annotation or as its default, or None."""
    if isinstance(default, Dependency):
        return default.of(annotation)
    extras = annotation.__metadata__ if typing.get_origin(annotation) is typing.Annotated else ()
    return next((extra.of(annotation) for extra in extras if isinstance(extra, Dependency)), None)


def _plain_parameter(parameter: inspect.Parameter, annotation: Any) -> inspect.Parameter:
    """Return the parameter with its annotation resolved, to be given by keyword."""
    variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.replace(annotation=annotation, kind=parameter.kind if variable else inspect.Parameter.KEYWORD_ONLY)


def output_type(annotation: Any) -> Any:
    """Return the annotation under which Dragoman makes an output schema; empty when there is none to make.

    `Annotated[CallToolResult, Model]` promises Model; content, media and whole results promise nothing. What a
    function that may ask returns in the end is what it promises.
    """
    if typing.get_origin(annotation) in _UNIONS and may_ask(annotation):
        rest = tuple(option for option in typing.get_args(annotation) if not may_ask(option))
        annotation = typing.Union[rest] if rest else inspect.Signature.empty  # noqa: UP007 - made of values
    if typing.get_origin(annotation) is typing.Annotated:
        base, *extras = typing.get_args(annotation)
        if _is_special(base):
            return extras[0] if extras and isinstance(extras[0], type) else inspect.Signature.empty
        return annotation
    if _is_special(annotation):
        return inspect.Signature.empty
    if isinstance(annotation, type) and _is_plain_class(annotation):
        return _struct_of(annotation)
    return annotation


def _is_special(annotation: Any) -> bool:
    if isinstance(annotation, type):
        return issubclass(annotation, Model | Image | Audio | File | ToolResult | Message)
    return any(_is_special(option) for option in typing.get_args(annotation))


def _is_plain_class(annotation: type) -> bool:
    """Say whether a class is neither builtin nor one of the kinds that declare their fields."""
    return (
        annotation.__module__ not in ("builtins", "typing", "datetime", "decimal", "uuid", "pathlib", "collections")
        and type(annotation) is type
        and not hasattr(annotation, "__dataclass_fields__")
        and not hasattr(annotation, "__attrs_attrs__")
        and not issubclass(annotation, dict | tuple | str | int | float | list)
    )


def _struct_of(annotation: type) -> Any:
    """Return a struct with the annotated attributes of an ordinary class; empty when it has none."""
    try:
        hints = typing.get_type_hints(annotation)
    except (NameError, TypeError):
        hints = {}
    if not hints:
        return inspect.Signature.empty
    return msgspec.defstruct(annotation.__name__, list(hints.items()), namespace={"__doc__": annotation.__doc__})
