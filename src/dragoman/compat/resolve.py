"""Parameters that a server computes or asks for: `Resolve(...)`, `Depends(...)` and what they may return.

Promise: a resolver sees the same arguments and context as the function, and its own resolvers are solved first.
Limit: questions are put one after the other.
"""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from dragoman.compat.authorization import get_access_token
from dragoman.compat.elicitation import AcceptedElicitation, CancelledElicitation, ElicitationResult
from dragoman.compat.exceptions import ToolError
from dragoman.compat.inject import Dependency, Parts, call


class Elicit:
    """A resolver's way to say: ask the user, with a form for `schema`."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls

    def __init__(self, message: str, schema: Any = None) -> None:
        self.message = message
        self.schema = schema


class Sample:
    """A resolver's way to say: let the client's model answer `messages`."""

    def __init__(self, messages: list[Any], max_tokens: int = 1000, **options: Any) -> None:
        self.messages = messages
        self.max_tokens = max_tokens
        self.options = options


class ListRoots:
    """A resolver's way to say: ask for the folders that the client works in."""


class Resolve(Dependency):
    """A parameter whose value `resolver` returns, or asks for."""

    def __init__(self, resolver: Callable[..., Any], *, outcome: bool = False) -> None:
        self.resolver = resolver
        self._outcome = outcome  # the parameter wants to know how the question ended, not only the answer
        self._parts: Parts | None = None

    def of(self, annotation: Any) -> Resolve:
        """Return this dependency for a parameter annotated `ElicitationResult[...]` or with the answer's own type."""
        outcome = any(extra is ElicitationResult for extra in getattr(annotation, "__metadata__", ()))
        return Resolve(self.resolver, outcome=outcome)

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return what the resolver returns, or the answer to the question that it returns."""
        parts = self._parts = self._parts or Parts(self.resolver)
        given = {p.name: known[p.name] for p in parts.parameters if p.name in known}
        value = await call(self.resolver, await parts.solved(context, given, stack, known))
        if isinstance(value, Elicit):
            result = await context.elicit(value.message, value.schema)
            return result if self._outcome else _data(result)
        if isinstance(value, Sample):
            return await context.session.create_message(value.messages, value.max_tokens, **value.options)
        if isinstance(value, ListRoots):
            return await context.session.list_roots()
        return AcceptedElicitation(data=value) if self._outcome else value


def _data(result: Any) -> Any:
    if isinstance(result, AcceptedElicitation):
        return result.data
    word = "cancelled" if isinstance(result, CancelledElicitation) else "declined"
    raise ToolError(f"the user {word} the question")


class Depends(Dependency):
    """A parameter whose value a function returns, or a context manager yields for the length of the call."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the function's value; what it opens is closed when the call ends."""
        parts = Parts(self.function)
        arguments = await parts.solved(context, {}, stack)
        function = self.function
        if inspect.isasyncgenfunction(function):
            return await stack.enter_async_context(contextlib.asynccontextmanager(function)(**arguments))
        if inspect.isgeneratorfunction(function):
            return stack.enter_context(contextlib.contextmanager(function)(**arguments))
        value = await call(function, arguments)
        if hasattr(value, "__aenter__"):
            return await stack.enter_async_context(value)
        return stack.enter_context(value) if hasattr(value, "__enter__") else value


class CurrentContext(Dependency):
    """A parameter that is the call's context."""

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the context."""
        return context


class CurrentServer(Dependency):
    """A parameter that is the server."""

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the server."""
        return context.fastmcp


class CurrentHeaders(Dependency):
    """A parameter that is the HTTP headers of the call, names in lower case."""

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the headers."""
        return dict(context.headers)


class CurrentAccessToken(Dependency):
    """A parameter that is what is known of the caller. The call fails where nobody was asked who they are."""

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the caller's token, without its text."""
        token = get_access_token()
        if token is None:
            raise ToolError("nobody was asked who they are: this is for servers with auth=..., over HTTP")
        return token


class TokenClaim(Dependency):
    """A parameter that is what the caller's token says under a name. The call fails where it says nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return the claim."""
        token = get_access_token()
        claims = {} if token is None else token.claims or {}
        if self.name not in claims:
            raise ToolError(f"the caller's token says nothing of {self.name!r}")
        return claims[self.name]


class CurrentRequest(Dependency):
    """A parameter that is what is known of the HTTP request."""

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return it. Raises RuntimeError on stdio."""
        request = context.request_context.request
        if request is None:
            raise RuntimeError("this call did not come over HTTP")
        return request


class Progress(Dependency):
    """A parameter to report progress with: `set_total`, `increment`, `set_message`."""

    def __init__(self) -> None:
        self.context: Any = None
        self.current = 0.0
        self.total: float | None = None
        self.message: str | None = None

    async def solve(self, context: Any, known: Mapping[str, Any], stack: contextlib.AsyncExitStack) -> Any:
        """Return a counter of this call's own."""
        fresh = Progress()
        fresh.context = context
        return fresh

    async def set_total(self, total: float) -> None:
        """Say how much there is to do."""
        self.total = total

    async def increment(self, amount: float = 1) -> None:
        """Say that `amount` more is done."""
        self.current += amount
        await self.context.report_progress(self.current, self.total, self.message)

    async def set_message(self, message: str | None) -> None:
        """Say what is being done."""
        self.message = message
        await self.context.report_progress(self.current, self.total, message)
