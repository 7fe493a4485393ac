"""What stands for `fastmcp.server.middleware`: hooks around whatever a client asks, from general to special.

Promise: hooks are called as there, outermost first: `on_message`, `on_request`, then that of the method.
Limit: notices that clients send have no hooks.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Self, TypeAlias

Next: TypeAlias = Callable[[Any], Awaitable[Any]]
# The hook of each method that has one.
HOOKS = {
    "tools/list": "on_list_tools",
    "tools/call": "on_call_tool",
    "resources/list": "on_list_resources",
    "resources/templates/list": "on_list_resource_templates",
    "resources/read": "on_read_resource",
    "prompts/list": "on_list_prompts",
    "prompts/get": "on_get_prompt",
    "initialize": "on_initialize",
    "server/discover": "on_discover",
}


class CallNext:
    """What `call_next` is; only for annotations."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls


class MiddlewareContext:
    """What is asked: `message` has its parameters, `fastmcp_context` the context of the call."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls

    def __init__(self, message: Any, *, fastmcp_context: Any = None, method: str | None = None, **more: Any) -> None:
        self.message = message
        self.fastmcp_context = fastmcp_context
        self.method = method
        self.source = more.get("source", "client")
        self.type = more.get("type", "request")
        self.timestamp = more.get("timestamp") or datetime.now(UTC)

    def copy(self, **changes: Any) -> Self:
        """Return a copy with some of it replaced."""
        return type(self)(**{**vars(self), **changes})

    def __repr__(self) -> str:
        return f"MiddlewareContext(method={self.method!r}, message={self.message!r})"


class Middleware:
    """Override the hooks that are wanted; each gets the context and what to call next."""

    async def __call__(self, context: MiddlewareContext, call_next: Next) -> Any:
        """Return what this one makes of a message: all its hooks, around `call_next`."""
        names = ["on_message", f"on_{context.type}", HOOKS.get(context.method or "", "")]
        for hook in [getattr(self, name) for name in reversed(names) if name]:
            call_next = _around(hook, call_next)
        return await call_next(context)

    async def on_message(self, context: Any, call_next: Any) -> Any:
        """Called for everything."""
        return await call_next(context)

    async def on_request(self, context: Any, call_next: Any) -> Any:
        """Called for requests."""
        return await call_next(context)

    async def on_notification(self, context: Any, call_next: Any) -> Any:
        """Called for notices."""
        return await call_next(context)

    async def on_initialize(self, context: Any, call_next: Any) -> Any:
        """Called for `initialize`."""
        return await call_next(context)

    async def on_discover(self, context: Any, call_next: Any) -> Any:
        """Called for `server/discover`."""
        return await call_next(context)

    async def on_call_tool(self, context: Any, call_next: Any) -> Any:
        """Called for calls of tools; gives a ToolResult."""
        return await call_next(context)

    async def on_read_resource(self, context: Any, call_next: Any) -> Any:
        """Called for reads of resources; gives a ResourceResult."""
        return await call_next(context)

    async def on_get_prompt(self, context: Any, call_next: Any) -> Any:
        """Called for prompts; gives a PromptResult."""
        return await call_next(context)

    async def on_list_tools(self, context: Any, call_next: Any) -> Any:
        """Called for lists of tools; gives Tool objects."""
        return await call_next(context)

    async def on_list_resources(self, context: Any, call_next: Any) -> Any:
        """Called for lists of resources; gives Resource objects."""
        return await call_next(context)

    async def on_list_resource_templates(self, context: Any, call_next: Any) -> Any:
        """Called for lists of templates; gives ResourceTemplate objects."""
        return await call_next(context)

    async def on_list_prompts(self, context: Any, call_next: Any) -> Any:
        """Called for lists of prompts; gives Prompt objects."""
        return await call_next(context)


def _around(hook: Callable[[Any, Next], Any], call_next: Next) -> Next:
    async def call(context: Any) -> Any:
        return await hook(context, call_next)

    return call


async def chained(middleware: Sequence[Any], context: MiddlewareContext, last: Next) -> Any:
    """Return what `last` gives, with middleware around it; those added first are outermost."""
    for one in reversed(middleware):
        last = _around(one, last)
    found = last(context)
    return await found if inspect.isawaitable(found) else found
