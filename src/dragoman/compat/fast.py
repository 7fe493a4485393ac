"""What stands for `fastmcp.FastMCP`: decorators without parentheses, mounting, dependencies, and loose components.

Promise: what is mounted is served under its prefix. Limit: proxies, providers, transforms and versions are refused.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, ClassVar, TypeVar

from dragoman.app.server import Server
from dragoman.compat import context as contexts
from dragoman.compat.authorization import get_access_token
from dragoman.compat.context import Context, FastContext
from dragoman.compat.providers import FileSystemProvider
from dragoman.compat.refusal import unsupported_argument, unsupported_attribute
from dragoman.compat.registry import PromptEntry, ResourceEntry, ToolEntry
from dragoman.compat.resolve import CurrentContext, CurrentHeaders, CurrentServer, Depends, Progress
from dragoman.compat.server import Face
from dragoman.compat.tools import Tool

F = TypeVar("F", bound=Callable[..., Any])

CurrentFastMCP = CurrentServer

_INSTEAD = {
    "transforms": "register the tools as they shall be seen",
}


class FastMCP(Face):
    """As `fastmcp.FastMCP`."""

    context_type: ClassVar[type[Context]] = FastContext
    verb: ClassVar[str] = "Error calling"
    taken: str = "replace"
    tool_options: ClassVar[tuple[str, ...]] = (
        *Face.tool_options,
        "version",
        "tags",
        "output_schema",
        "exclude_args",
        "task",
        "timeout",
        "auth",
        "app",
        "enabled",
        "run_in_thread",
        "serializer",
    )
    more: ClassVar[frozenset[str]] = frozenset(
        {
            "on_duplicate",
            "on_duplicate_tools",
            "on_duplicate_resources",
            "on_duplicate_prompts",
            "mask_error_details",
            "dereference_schemas",
            "strict_input_validation",
            "list_page_size",
            "cache_ttl",
            "cache_scope",
            "tasks",
            "session_state_store",
            "client_log_level",
            "experimental_capabilities",
            "include_fastmcp_meta",
        }
    )

    def __init__(self, name: str | None = None, instructions: str | None = None, **options: Any) -> None:
        for option, instead in _INSTEAD.items():
            if options.pop(option, None):
                raise unsupported_argument("FastMCP", option, instead)
        if options.get("middleware"):
            raise unsupported_argument("FastMCP", "middleware", "dragoman.Server has middleware of its own")
        self._mounted: list[tuple[FastMCP, str]] = []
        providers = options.pop("providers", None) or ()
        self.taken = {"error": "error", "ignore": "keep"}.get(options.get("on_duplicate") or "", "replace")
        super().__init__(name, instructions, **options)
        self.masks = bool(options.get("mask_error_details"))
        for provider in providers:
            self.add_provider(provider)

    @property
    def native(self) -> Server:
        """The Dragoman server underneath, with what is mounted."""
        mounted, self._mounted = self._mounted, []
        for server, prefix in mounted:
            _ = server.native  # what is mounted on it in turn
            self.registry.take(server.registry, prefix)
        return super().native

    def mount(self, server: Any, namespace: str | None = None, *, prefix: str | None = None, **options: Any) -> None:
        """Serve another server's tools, resources and prompts too, under a prefix."""
        if isinstance(server, str):  # mount("prefix", server), as in earlier versions
            server, namespace = namespace, server
        if not isinstance(server, FastMCP):
            raise unsupported_argument("FastMCP.mount", "server", "mount a FastMCP of the same process")
        self._mounted.append((server, namespace or prefix or ""))

    def add_provider(self, provider: Any, **options: Any) -> None:
        """Register what a folder of files marks."""
        if not isinstance(provider, FileSystemProvider):
            raise unsupported_argument("FastMCP", "providers", "register tools, resources and prompts with decorators")
        provider.provide(self.registry)

    async def import_server(self, server: Any, prefix: str | None = None, **options: Any) -> None:
        """Take over another server's tools, resources and prompts, under a prefix."""
        self.mount(server, prefix, **options)
        _ = self.native

    def custom_route(self, path: str, methods: Any = None, name: str | None = None, **options: Any) -> Any:
        """Register a function that answers another path over HTTP."""
        return super().custom_route(path, methods or ["GET"], name, **options)

    def http_app(self, path: str | None = None, **options: Any) -> Any:
        """Return the server as an ASGI application."""
        return self.streamable_http_app(path=path, **options)

    async def run_async(self, transport: str | None = None, **options: Any) -> None:
        """Serve from a running event loop."""
        ways = {None: self.run_stdio_async, "stdio": self.run_stdio_async, "sse": self.run_sse_async}
        await ways.get(transport, self.run_streamable_http_async)(**options)

    async def run_http_async(self, **options: Any) -> None:
        """Serve over HTTP from a running event loop."""
        await self.run_streamable_http_async(**options)

    async def get_tools(self) -> dict[str, Any]:
        """Return the tools by name."""
        return {tool.name: tool for tool in await self.list_tools()}

    async def get_tool(self, name: str) -> Any:
        """Return one tool, None if there is none of that name."""
        return (await self.get_tools()).get(name)

    @classmethod
    def from_openapi(cls, *given: Any, **options: Any) -> Any:
        """Refused: servers are not made of OpenAPI documents here."""
        raise unsupported_attribute("FastMCP", "from_openapi", "write a tool for each operation that is wanted")

    @classmethod
    def from_fastapi(cls, *given: Any, **options: Any) -> Any:
        """Refused: servers are not made of FastAPI applications here."""
        raise unsupported_attribute("FastMCP", "from_fastapi", "write a tool for each route that is wanted")

    @classmethod
    def as_proxy(cls, *given: Any, **options: Any) -> Any:
        """Refused: proxies are not made here."""
        raise unsupported_attribute("FastMCP", "as_proxy", "point clients at the other server")


def create_proxy(target: Any, name: str | None = None, **options: Any) -> FastMCP:
    """Return a server that serves what `target`, a server of this process, serves; others are refused."""
    if not isinstance(target, FastMCP):
        raise unsupported_argument("create_proxy", "target", "point clients at the other server")
    proxy = FastMCP(name or target.name, **options)
    proxy.mount(target)
    return proxy


def tool(name: Any = None, **options: Any) -> Any:
    """Mark a function as a tool, for a server to pick up; it stays a function."""
    return _marked(ToolEntry, name, options)


def prompt(name: Any = None, **options: Any) -> Any:
    """Mark a function as a prompt, for a server to pick up; it stays a function."""
    return _marked(PromptEntry, name, options)


def resource(uri: str, **options: Any) -> Any:
    """Mark a function as a resource, for a server to pick up; it stays a function."""

    def decorate(function: F) -> F:
        function.__dragoman__ = ResourceEntry(function, uri, options, None)  # type: ignore[attr-defined]
        return function

    return decorate


def _marked(kind: Any, name: Any, options: dict[str, Any]) -> Any:
    def decorate(function: F) -> F:
        function.__dragoman__ = kind(function, None if callable(name) else name, options)  # type: ignore[attr-defined]
        return function

    return decorate(name) if callable(name) else decorate


def lifespan(function: Callable[[Any], AsyncGenerator[Any]]) -> Callable[[Any], Any]:
    """Make a lifespan of an async generator."""
    return contextlib.asynccontextmanager(function)


def get_context() -> Context:
    """Return the context of the call that runs. Raises RuntimeError outside of a call."""
    return contexts.current()


def get_http_headers(**options: Any) -> dict[str, str]:
    """Return the HTTP headers of the call that runs, names in lower case; none on stdio."""
    return dict(contexts.current().headers)


def get_http_request() -> Any:
    """Return what is known of the HTTP request. Raises RuntimeError on stdio."""
    request = contexts.current().request_context.request
    if request is None:
        raise RuntimeError("this call did not come over HTTP")
    return request


__all__ = [
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "Depends",
    "FastMCP",
    "Progress",
    "Tool",
    "create_proxy",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
    "lifespan",
    "prompt",
    "resource",
    "tool",
]
