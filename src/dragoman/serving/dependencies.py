"""Dependencies: what a function needs of its server for one call, made before it and released after.

    def tool(query: str, db: Annotated[Connection, Depends(connect)]) -> list[str]: ...

A provider runs once a call, however many ask for it; what it opened is closed in reverse order, whatever
happened. Clients see nothing of it. Limit: a plain provider runs where the function does, on its thread or loop.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any, Literal, TypeAlias, get_args, get_origin

import msgspec

from dragoman.errors import RegistrationError
from dragoman.serving.context import Context
from dragoman.serving.parameters import hints_of, is_context, place
from dragoman.serving.shapes import is_class

HIDDEN = "dragoman_context"  # the context of a function that asks for none but has providers that run on the loop
MOST = 100  # providers of one function, those of its providers included
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
Provider: TypeAlias = Callable[..., Any]
Steps: TypeAlias = Generator[Awaitable[Any], Any, list[Any]]
Kind: TypeAlias = Literal["value", "awaited", "entered", "entered async"]


class Depends:
    """Marks a parameter that `provider` fills in: as its default, or in `Annotated[...]`.

    The provider is a function or coroutine function that returns the value, or a
    generator, plain or async, that yields it once and cleans up after. It may
    take a `Context` and depend on others itself.
    """

    __slots__ = ("provider",)

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def __repr__(self) -> str:
        return f"Depends({getattr(self.provider, '__name__', self.provider)!r})"


class Node(msgspec.Struct, frozen=True):
    """One provider of a function: how it is called, and what with; `needs` are places in the list of nodes."""

    provider: Provider
    kind: Kind
    needs: dict[str, int]
    context: str | None


def inject(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function` without the parameters that providers fill in; itself if there are none.

    Raises RegistrationError for a provider that cannot be called, or needs itself.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return function  # what is wrong with it is said where it is read
    if not _mentions(function, signature):
        return function
    where = place(function)
    hints = hints_of(function, Context, where)
    nodes: list[Node] = []
    known: dict[Any, int] = {}
    filled = {
        name: _node(provider, nodes, known, (), where)
        for name, declared in signature.parameters.items()
        if (provider := _provider(hints.get(name), declared.default)) is not None
    }
    if not filled:
        return function
    visible = [declared for name, declared in signature.parameters.items() if name not in filled]
    if any(declared.kind is declared.POSITIONAL_ONLY for declared in signature.parameters.values()):
        raise RegistrationError("a function with dependencies takes no parameters by place only (/)", where=where)
    context = next((one.name for one in visible if is_context(hints.get(one.name), Context)), None)
    return _wrapped(function, nodes, filled, visible, context)


def _mentions(function: Any, signature: inspect.Signature) -> bool:
    if any(isinstance(declared.default, Depends) for declared in signature.parameters.values()):
        return True
    return any("Depends" in str(declared.annotation) for declared in signature.parameters.values())


def _provider(annotation: Any, default: Any) -> Provider | None:
    if isinstance(default, Depends):
        return default.provider
    if get_origin(annotation) is Annotated:
        found = [item.provider for item in get_args(annotation)[1:] if isinstance(item, Depends)]
        return found[-1] if found else None
    return None


def _node(provider: Provider, nodes: list[Node], known: dict[Any, int], above: tuple[Any, ...], where: str) -> int:
    """Return the place of a provider among the nodes, after those that it needs."""
    if provider in known:
        return known[provider]
    named = getattr(provider, "__qualname__", repr(provider))
    if provider in above:
        raise RegistrationError(f"the dependency {named} needs itself", where=where)
    if not callable(provider) or len(nodes) >= MOST:
        reason = f"{named} cannot be called" if not callable(provider) else f"more than {MOST} dependencies"
        raise RegistrationError(reason, where=where)
    try:
        signature = inspect.signature(provider)
        hints = {} if is_class(provider) else hints_of(provider, Context, where)
    except (TypeError, ValueError):
        signature, hints = inspect.Signature(), {}
    needs: dict[str, int] = {}
    context: str | None = None
    for name, declared in signature.parameters.items():
        inner = _provider(hints.get(name), declared.default)
        if inner is not None:
            needs[name] = _node(inner, nodes, known, (*above, provider), where)
        elif is_context(hints.get(name), Context):
            context = name
        elif declared.default is declared.empty and declared.kind not in (
            declared.VAR_POSITIONAL,
            declared.VAR_KEYWORD,
        ):
            reason = f"the dependency {named} takes {name!r}, which nobody gives: a default, Depends(...) or a Context"
            raise RegistrationError(reason, where=where)
    made, kind = _called(provider)
    nodes.append(Node(made, kind, needs, context))
    known[provider] = len(nodes) - 1
    return known[provider]


def _called(provider: Provider) -> tuple[Provider, Kind]:
    if inspect.isasyncgenfunction(provider):
        return asynccontextmanager(provider), "entered async"
    if inspect.isgeneratorfunction(provider):
        return contextmanager(provider), "entered"
    inner = inspect.unwrap(provider)
    if inner is not provider and inspect.isasyncgenfunction(inner):
        return provider, "entered async"
    if inner is not provider and inspect.isgeneratorfunction(inner):
        return provider, "entered"
    return provider, "awaited" if inspect.iscoroutinefunction(inner) else "value"


def _wrapped(
    function: Callable[..., Any],
    nodes: Sequence[Node],
    filled: dict[str, int],
    visible: list[inspect.Parameter],
    context: str | None,
) -> Callable[..., Any]:
    names = [one.name for one in visible if one.kind is one.POSITIONAL_OR_KEYWORD]
    hidden = context is None
    if hidden:
        visible = [*visible, inspect.Parameter(HIDDEN, inspect.Parameter.KEYWORD_ONLY, annotation=Context)]

    def arguments(args: tuple[Any, ...], given: dict[str, Any]) -> Context:
        """Put all arguments into `given`, by name, and return the context."""
        given.update(zip(names, args, strict=False))
        found: Context = given.pop(HIDDEN) if context is None else given[context]
        return found

    async def call(*args: Any, **given: Any) -> Any:
        async with _Opened(nodes, arguments(args, given)) as values:
            return await function(**given, **{name: values[at] for name, at in filled.items()})

    def call_here(*args: Any, **given: Any) -> Any:
        with _Opened(nodes, arguments(args, given)) as values:
            return function(**given, **{name: values[at] for name, at in filled.items()})

    is_async = inspect.iscoroutinefunction(inspect.unwrap(function))
    wrapped: Any = functools.wraps(function)(call if is_async else call_here)
    wrapped.__signature__ = inspect.signature(function).replace(parameters=visible)
    wrapped.__annotations__ = {**getattr(function, "__annotations__", {}), **({HIDDEN: Context} if hidden else {})}
    return wrapped  # type: ignore[no-any-return]


class _Opened:
    """The providers of one call: entered in order, left in reverse; by a coroutine, or by a thread with a loop.

    What is done is written once, as generators that yield what the event loop has to do.
    """

    def __init__(self, nodes: Sequence[Node], context: Context) -> None:
        self._nodes = nodes
        self._context = context
        self._open: list[tuple[Any, bool]] = []

    async def __aenter__(self) -> list[Any]:
        try:
            return await _drive(self._enter())
        except BaseException as error:
            await _drive(self._leave(error))
            raise

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        await _drive(self._leave(error))

    def __enter__(self) -> list[Any]:
        try:
            return self._drive_here(self._enter())
        except BaseException as error:
            self._drive_here(self._leave(error))
            raise

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        self._drive_here(self._leave(error))

    def _enter(self) -> Steps:
        values: list[Any] = []
        for node in self._nodes:
            given = {name: values[at] for name, at in node.needs.items()}
            if node.context is not None:
                given[node.context] = self._context
            made = node.provider(**given)
            if node.kind == "awaited":
                values.append((yield made))
            elif node.kind == "value":
                values.append(made)
            else:
                is_async = node.kind == "entered async"
                values.append((yield made.__aenter__()) if is_async else made.__enter__())
                self._open.append((made, is_async))
        return values

    def _leave(self, error: BaseException | None) -> Steps:
        """Leave all that was entered, whatever fails of it; raise the first failure if there was no error before."""
        first: BaseException | None = None
        told = (None, None, None) if error is None else (type(error), error, error.__traceback__)
        while self._open:
            manager, is_async = self._open.pop()
            try:
                # None may swallow the error: the function gave no result.
                if is_async:
                    yield manager.__aexit__(*told)
                else:
                    manager.__exit__(*told)
            except BaseException as failed:
                first = first or failed
        if first is not None and error is None:
            raise first
        return []

    def _drive_here(self, steps: Steps) -> list[Any]:
        try:
            step = next(steps)
            while True:
                try:
                    done = self._context.on_loop(step)
                except BaseException as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(done)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


async def _drive(steps: Steps) -> list[Any]:
    try:
        step = next(steps)
        while True:
            try:
                done = await step
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]
