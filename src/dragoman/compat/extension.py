"""Extensions of `mcp` 2.x: a bundle of tools, resources and methods of its own, under one identifier.

Promise: what an extension adds is served, and its tools can be wrapped. Limit: claims on results are not made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from dragoman.compat.exceptions import McpError
from dragoman.compat.types import MISSING_REQUIRED_CLIENT_CAPABILITY


@dataclass(frozen=True)
class ToolBinding:
    """A tool that an extension adds: the function, and what `tool()` takes by keyword."""

    fn: Callable[..., Any]
    name: str | None = None
    title: str | None = None
    description: str | None = None
    annotations: Any = None
    icons: Any = None
    meta: dict[str, Any] | None = None
    structured_output: bool | None = None


@dataclass(frozen=True)
class ResourceBinding:
    """A resource that an extension adds, made as an object of `resources`."""

    resource: Any


@dataclass(frozen=True)
class MethodBinding:
    """A request of an extension's own: its name, the model of its parameters, and who answers it."""

    method: str
    params_type: Any
    handler: Callable[..., Awaitable[Any]]
    protocol_versions: frozenset[str] = field(default_factory=frozenset[str])


class Extension:
    """The base of an extension; subclasses name it and override what they add."""

    identifier: str

    def settings(self) -> dict[str, Any]:
        """Return what the capability says beside its name."""
        return {}

    def tools(self) -> Sequence[ToolBinding]:
        """Return the tools to add."""
        return ()

    def resources(self) -> Sequence[ResourceBinding]:
        """Return the resources to add."""
        return ()

    def methods(self) -> Sequence[MethodBinding]:
        """Return the requests to answer."""
        return ()

    async def intercept_tool_call(self, params: Any, ctx: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        """Answer `tools/call`, by `await call_next(ctx)` or instead of it."""
        return await call_next(ctx)


def require_client_extension(ctx: Any, identifier: str) -> None:
    """Return if the client declares the extension. Raises McpError with the code for a missing capability if not."""
    declared: dict[str, Any] = ctx.session.client_capabilities.extensions or {}
    if identifier not in declared:
        data: dict[str, Any] = {"requiredCapabilities": {"extensions": {identifier: {}}}}
        raise McpError(MISSING_REQUIRED_CLIENT_CAPABILITY, f"the client does not declare {identifier}", data)
