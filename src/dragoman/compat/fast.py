"""What stands for `fastmcp.FastMCP`: decorators without parentheses, mounting, dependencies, and loose components.

Promise: what is mounted is served under its prefix. Limit: of one name there is one version, the last.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable
from typing import Any, ClassVar, TypeVar

from dragoman.app.server import Server
from dragoman.compat import context as contexts
from dragoman.compat.authorization import get_access_token
from dragoman.compat.components import Component, FunctionTool
from dragoman.compat.context import Context, FastContext
from dragoman.compat.mounted import Companion, FastMCPProvider, behind
from dragoman.compat.offering import Offering
from dragoman.compat.providers import FileSystemProvider
from dragoman.compat.refusal import unsupported_argument, unsupported_attribute
from dragoman.compat.registry import PromptEntry, ResourceEntry, ToolEntry
from dragoman.compat.resolve import (
    CurrentAccessToken,
    CurrentContext,
    CurrentHeaders,
    CurrentRequest,
    CurrentServer,
    Depends,
    Progress,
    TokenClaim,
)
from dragoman.compat.server import Face
from dragoman.compat.settings import settings as everywhere
from dragoman.compat.tools import Tool
from dragoman.compat.transforms import Namespace, Visibility

F = TypeVar("F", bound=Callable[..., Any])

CurrentFastMCP = CurrentServer


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
        middleware, transforms = options.pop("middleware", None) or (), options.pop("transforms", None) or ()
        self._mounted: list[tuple[FastMCP, str]] = []
        self._remote = False  # whether something is mounted that is not of this process
        providers = options.pop("providers", None) or ()
        tools = options.pop("tools", None) or ()
        self.taken = {"error": "error", "ignore": "keep"}.get(options.get("on_duplicate") or "", "replace")
        super().__init__(name, instructions, **options)
        masks = options.get("mask_error_details")
        self.masks = bool(everywhere.mask_error_details if masks is None else masks)
        self.visibility: dict[str, list[dict[str, Any]]] = {}
        self.offering = Offering(self)
        for tool in tools:
            self.add_tool(tool)
        for one in middleware:
            self.add_middleware(one)
        for provider in providers:
            self.add_provider(provider)
        for transform in transforms:
            self.add_transform(transform)

    @property
    def native(self) -> Server:
        """The Dragoman server underneath, with what is mounted."""
        mounted, self._mounted = self._mounted, []
        for server, prefix in mounted:
            inner = server.native  # what is mounted on it in turn
            if server.offering.used:
                self.offering.begin()
                self.offering.providers.append(FastMCPProvider(server, prefix))
                self.native_server.surface.companions.append(Companion(inner))
            elif server.remote:
                self.native_server.mount(inner, prefix)
                self._remote = True
            else:
                self.registry.take(server.registry, prefix)
        return super().native

    @property
    def remote(self) -> bool:
        """Whether something is mounted that is not of this process."""
        return self._remote

    @property
    def middleware(self) -> list[Any]:
        """The middleware, outermost first."""
        return self.offering.middleware

    def add_middleware(self, middleware: Any) -> None:
        """Put hooks around what clients ask; those added first are outermost."""
        self.offering.begin()
        self.offering.middleware.append(middleware)

    def add_transform(self, transform: Any) -> None:
        """Change what is offered; later transforms get what earlier ones made."""
        self.offering.begin()
        self.offering.transforms.append(transform)

    def enable(self, *, only: bool = False, **what: Any) -> FastMCP:
        """Show what fits: `names`, `keys`, `tags`, `components`, `version`; with `only`, nothing else."""
        if only:
            self.add_transform(Visibility(False, match_all=True))
        self.add_transform(Visibility(True, **what))
        return self

    def disable(self, **what: Any) -> FastMCP:
        """Neither list nor answer what fits."""
        self.add_transform(Visibility(False, **what))
        return self

    def mount(self, server: Any, namespace: str | None = None, *, prefix: str | None = None, **options: Any) -> None:
        """Serve another server's tools, resources and prompts too, under a prefix."""
        if isinstance(server, str):  # mount("prefix", server), as in earlier versions
            server, namespace = namespace, server
        if not isinstance(server, FastMCP):
            raise unsupported_argument(
                "FastMCP.mount", "server", "mount a FastMCP, or create_proxy(...) of its address"
            )
        if options.get("tool_names"):
            raise unsupported_argument("FastMCP.mount", "tool_names", "add a ToolTransform to what is mounted")
        self._mounted.append((server, namespace or prefix or ""))

    def add_provider(self, provider: Any, *, namespace: str = "") -> None:
        """Offer what comes from somewhere else: a folder of files, or a provider of the file's own."""
        if isinstance(provider, FileSystemProvider):
            provider.provide(self.registry)
            return
        if hasattr(provider, "attach"):
            if namespace:
                raise unsupported_argument(
                    "FastMCP.add_provider", "namespace", "pages and their tools keep their names"
                )
            provider.attach(self)
            return
        if not hasattr(provider, "list_tools"):
            raise unsupported_argument("FastMCP", "providers", "a provider is a Provider of fastmcp.server.providers")
        if hasattr(provider, "begin"):
            provider.begin(self.native_server)
        if namespace:
            provider.add_transform(Namespace(namespace))
        self.offering.begin()
        self.offering.providers.append(provider)

    def add_tool(self, fn: Any, name: str | None = None, **options: Any) -> Any:
        """Register a function, or offer a tool made as an object."""
        if isinstance(fn, FunctionTool):
            named = {
                "name": fn.name,
                "title": fn.title,
                "description": fn.description,
                "tags": fn.tags,
                "meta": fn.meta,
            }
            given = {**fn.options, **{key: value for key, value in named.items() if value}}
            super().add_tool(fn.fn, **{**given, **options, **({"name": name} if name else {})})
            return fn
        if isinstance(fn, Component):
            self.offering.begin()
            self.offering.local.more[fn.key] = fn
            return fn
        return super().add_tool(fn, name, **options)

    def stand_for(self, target: Any) -> None:
        """Serve what an address, a file or a configuration leads to."""
        self.native_server.mount(Server.proxy(target, name=f"{self.name} behind"))
        self._remote = True

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

    async def list_tools(self, *, run_middleware: bool = True) -> list[Any]:
        """Return the tools as objects, as clients are listed them."""
        _ = self.native
        return await self.offering.listed("tool", run_middleware=run_middleware)

    async def list_resources(self, *, run_middleware: bool = True) -> list[Any]:
        """Return the resources as objects."""
        _ = self.native
        return await self.offering.listed("resource", run_middleware=run_middleware)

    async def list_resource_templates(self, *, run_middleware: bool = True) -> list[Any]:
        """Return the resource templates as objects."""
        _ = self.native
        return await self.offering.listed("template", run_middleware=run_middleware)

    async def list_prompts(self, *, run_middleware: bool = True) -> list[Any]:
        """Return the prompts as objects."""
        _ = self.native
        return await self.offering.listed("prompt", run_middleware=run_middleware)

    async def get_tools(self) -> dict[str, Any]:
        """Return the tools by name."""
        return {tool.name: tool for tool in await self.list_tools()}

    async def get_tool(self, name: str, version: Any = None) -> Any:
        """Return one tool, None if there is none of that name."""
        _ = self.native
        return await self.offering.get("tool", name, version)

    async def get_resource(self, uri: Any, version: Any = None) -> Any:
        """Return one resource, None if there is none at that URI."""
        _ = self.native
        return await self.offering.get("resource", str(uri), version)

    async def get_resource_template(self, uri: Any, version: Any = None) -> Any:
        """Return the template that a URI is of, None if it is of none."""
        _ = self.native
        return await self.offering.get("template", str(uri), version)

    async def get_prompt(self, name: str, version: Any = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Return one prompt, None if there is none of that name."""
        _ = self.native
        return await self.offering.get("prompt", name, version)

    async def render_prompt(self, name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        """Return a prompt, filled in. Raises NotFoundError."""
        _ = self.native
        return await self.offering.render(name, arguments, run_middleware=options.get("run_middleware", True))

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None, **options: Any) -> Any:
        """Return the result of a tool, called from here. Raises ToolError if it fails."""
        _ = self.native
        return await self.offering.call_tool(name, arguments, run_middleware=options.get("run_middleware", True))

    async def read_resource(self, uri: Any, context: Any = None, **options: Any) -> Any:
        """Return what a resource holds: `contents`, each with `content` and `mime_type`."""
        _ = self.native
        return await self.offering.read(str(uri), run_middleware=options.get("run_middleware", True))

    @classmethod
    def from_openapi(cls, *given: Any, **options: Any) -> Any:
        """Refused: servers are not made of OpenAPI documents here."""
        raise unsupported_attribute("FastMCP", "from_openapi", "write a tool for each operation that is wanted")

    @classmethod
    def from_fastapi(cls, *given: Any, **options: Any) -> Any:
        """Refused: servers are not made of FastAPI applications here."""
        raise unsupported_attribute("FastMCP", "from_fastapi", "write a tool for each route that is wanted")

    @classmethod
    def as_proxy(cls, backend: Any, **options: Any) -> FastMCP:
        """Return a server that stands for another one, as `create_proxy` does."""
        return create_proxy(backend, **options)


def create_proxy(target: Any, name: str | None = None, **options: Any) -> FastMCP:
    """Return a server that stands for `target`: a server of this process, an address, a file, a configuration.

    Calls go on as `dragoman.Server.proxy` sends them. Raises LocalError for what cannot be connected to.
    """
    options.pop("mode", None)
    if isinstance(target, FastMCP):
        proxy = FastMCP(name or target.name, **options)
        proxy.mount(target)
        return proxy
    proxy = FastMCP(name or "FastMCPProxy", **options)
    proxy.stand_for(behind(target))
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


def get_server() -> FastMCP:
    """Return the server of the call that runs. Raises RuntimeError outside of a call."""
    server: FastMCP = contexts.current().fastmcp
    return server


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
    "CurrentAccessToken",
    "CurrentContext",
    "CurrentFastMCP",
    "CurrentHeaders",
    "CurrentRequest",
    "Depends",
    "FastMCP",
    "Progress",
    "TokenClaim",
    "Tool",
    "create_proxy",
    "get_access_token",
    "get_context",
    "get_http_headers",
    "get_http_request",
    "get_server",
    "lifespan",
    "prompt",
    "resource",
    "tool",
]
