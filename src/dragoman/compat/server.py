"""What stands for `FastMCP` (mcp 1.x) and `MCPServer` (mcp 2.x): their decorators over a Dragoman server.

Promise: what is registered here is registered there, under the same names. Limit: a setting that would restrict who may
call, and is not served, keeps the server from answering over HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from dragoman.app.server import Server
from dragoman.compat import guards, serving
from dragoman.compat.context import Context
from dragoman.compat.extension import Extension
from dragoman.compat.inject import CURRENT
from dragoman.compat.lowlevel import Handlers
from dragoman.compat.messages import Prompt
from dragoman.compat.models import Model
from dragoman.compat.refusal import unsupported_argument, unsupported_attribute
from dragoman.compat.registry import PromptEntry, Registry, ResourceEntry, ToolEntry
from dragoman.compat.routes import Routes
from dragoman.compat.security import DEFAULT_RESOURCE_SECURITY
from dragoman.compat.settings import Settings
from dragoman.compat.stage import note
from dragoman.compat.subscriptions import SubscriptionBus, follow, tell
from dragoman.compat.tool_table import ToolTable
from dragoman.compat.tools import Tool

F = TypeVar("F", bound=Callable[..., Any])

# What clients see of a server, under Dragoman's own names.
_SHOWN = ("title", "description", "instructions", "website_url", "version")
# What is kept in `settings`, and what is taken for the sake of the file.
_KEPT = frozenset(Settings.__fields__)
_TAKEN = frozenset({"cache_hints", "subscriptions", "request_state_security", "resource_security"})
_MADE_OF = ("icons", "tools", "resources", "extensions", "middleware")
_ACCEPTED = _KEPT | _TAKEN | frozenset((*_SHOWN, *serving.GUARDS, *_MADE_OF))


class Face:
    """What the two have in common."""

    title: ClassVar[str] = "FastMCP"
    context_type: ClassVar[type[Context]] = Context
    # How failures of tools are told, and whether those nobody foresaw keep their words to themselves.
    verb: ClassVar[str] = "Error executing"
    masks: bool = False
    # What happens to a name that is taken; see `Registry`.
    taken: str = "keep"
    tool_options: ClassVar[tuple[str, ...]] = (
        "title",
        "description",
        "annotations",
        "icons",
        "meta",
        "structured_output",
    )
    more: ClassVar[frozenset[str]] = frozenset()

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __init__(self, name: str | None = None, instructions: str | None = None, **options: Any) -> None:
        options["instructions"] = instructions
        for option in options:
            if option not in _ACCEPTED | self.more:
                raise unsupported_argument(self.title, option)
        self._options = options
        self.settings = Settings(**{key: value for key, value in options.items() if key in _KEPT})
        self.dependencies = list(self.settings.dependencies)
        declared = any(options.get(guard) is not None for guard in serving.GUARDS)
        served = guards.verifiers(options) if declared else None
        said = serving.shown(options, self)
        if served:
            said["auth"] = served
        self.native_server = Server(name or self.title, **said)
        self.registry = Registry(self, self.native_server, self.taken)
        self.state: Any = None
        self.states: dict[str, dict[str, Any]] = {}
        self._routes: list[Any] = []
        self._handlers: Handlers | None = None
        for verifier in served or ():
            site: Any = getattr(verifier, "site", None)
            if site is not None:
                setattr(verifier, "site", Routes(self._routes, site))  # noqa: B010
        if declared and not served:
            self.native_server.middleware(serving.refuse_http)
        for wrapper in options.get("middleware") or ():
            self.native_server.middleware(serving.wrapped(wrapper, self))
        self._bus: SubscriptionBus | None = options.get("subscriptions") or None
        if self._bus is not None:
            follow(self._bus, self.native_server)
        self._begin(options)
        note(self)

    def _begin(self, options: dict[str, Any]) -> None:
        for function in options.get("tools") or ():
            self.add_tool(function)
        for resource in options.get("resources") or ():
            self.add_resource(resource)
        for extension in options.get("extensions") or ():
            self._extend(extension)

    def _extend(self, extension: Extension) -> None:
        self.native_server.add_extension(extension.identifier, extension.settings())
        for bound in extension.tools():
            fields = {key: value for key, value in vars(bound).items() if key != "fn" and value is not None}
            self.add_tool(bound.fn, **fields)
        for added in extension.resources():
            self.add_resource(added.resource)
        for method in extension.methods():
            serving.add_method(self, method)
        if type(extension).intercept_tool_call is not Extension.intercept_tool_call:
            self.native_server.middleware(serving.intercepted(extension, self))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute(self.title, name)

    @property
    def native(self) -> Server:
        """The Dragoman server underneath, with everything that is registered."""
        if self._handlers is not None:
            self._handlers.apply()
        return self.native_server

    @property
    def name(self) -> str:
        """The server's name."""
        return self.native_server.name

    @property
    def instructions(self) -> str | None:
        """What models are told of the server."""
        return self.native_server.instructions

    @property
    def version(self) -> str:
        """The server's version."""
        return self.native_server.version

    @property
    def _mcp_server(self) -> Handlers:
        """The low-level server: handlers by method, for what the decorators do not cover."""
        if self._handlers is None:
            self._handlers = Handlers(self.native_server, self)
        return self._handlers

    _lowlevel_server = _mcp_server

    @property
    def _tool_manager(self) -> ToolTable:
        """The tools by name, for files that reach for them there."""
        return ToolTable(self.native_server)

    # --- registering ------------------------------------------------------------------------------------------

    def tool(self, function: Any = None, /, *given: Any, **options: Any) -> Any:
        """Register a function as a tool; use with or without parentheses, with its name first or by keyword."""
        options.update(zip(self.tool_options, given, strict=False))
        if callable(function):
            self.add_tool(function, **options)
            return function
        name = options.pop("name", None) or function

        def decorate(decorated: F) -> F:
            self.add_tool(decorated, name=name, **options)
            return decorated

        return decorate

    def add_tool(self, fn: Any, name: str | None = None, **options: Any) -> Any:
        """Register a function, or a `Tool` made of one, as a tool."""
        if isinstance(fn, Tool):
            name = name or fn.name
            fn, options = fn.fn, {**(fn.options or {}), **options}
        for option in options:
            if option not in self.tool_options:
                raise unsupported_argument(f"{self.title}.tool", option)
        return self.registry.add_tool(ToolEntry(fn, name, options))

    def remove_tool(self, name: str) -> None:
        """Remove a tool. Raises ToolError if there is none."""
        self.registry.remove_tool(name)

    def resource(self, uri: str, *, name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Register a function that reads a resource, or a family of them if `uri` has variables."""
        if not isinstance(uri, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise TypeError('a resource needs its URI: @mcp.resource("config://app")')
        security = options.pop("security", self._options.get("resource_security", self._security))

        def decorate(function: F) -> F:
            self.registry.add_resource(ResourceEntry(function, uri, {**options, "name": name}, security))
            return function

        return decorate

    @property
    def _security(self) -> Any:
        return None

    def add_resource(self, resource: Any) -> Any:
        """Register a resource made as an object."""
        fields = {key: getattr(resource, key) for key in ("name", "title", "description", "mime_type", "icons", "meta")}
        read = serving.reader(resource, fields.get("name"))
        self.registry.add_resource(ResourceEntry(read, str(resource.uri), fields, None))
        return resource

    def prompt(self, function: Any = None, /, *given: Any, **options: Any) -> Any:
        """Register a function as a prompt; use with or without parentheses, with its name first or by keyword."""
        options.update(zip(("title", "description", "icons"), given, strict=False))
        name = options.pop("name", None)
        if callable(function):
            self.registry.add_prompt(PromptEntry(function, name, options))
            return function

        def decorate(decorated: F) -> F:
            self.registry.add_prompt(PromptEntry(decorated, name or function, options))
            return decorated

        return decorate

    def add_prompt(self, prompt: Any) -> Any:
        """Register a prompt made with `Prompt.from_function`, or a function."""
        if isinstance(prompt, Prompt):
            options = {key: value for key, value in prompt if key not in ("fn", "name") and value is not None}
            self.registry.add_prompt(PromptEntry(prompt.fn, prompt.name, options))
        else:
            self.registry.add_prompt(PromptEntry(prompt, None, {}))
        return prompt

    def remove_prompt(self, name: str) -> None:
        """Remove a prompt. Raises ValueError if there is none."""
        self.registry.remove_prompt(name)

    def completion(self, function: Any = None) -> Any:
        """Register the function that completes arguments of prompts and variables of templates."""
        if function is None:
            return self.completion
        self.registry.complete_with(function)
        return function

    def custom_route(self, path: str, methods: list[str], name: str | None = None, **options: Any) -> Callable[[F], F]:
        """Register a function that answers another path over HTTP; needs Starlette, as the function does."""

        def decorate(function: F) -> F:
            self._routes.append((path, methods, name, function))
            surface = self.native_server.surface
            surface.beside = surface.beside or Routes(self._routes)
            return function

        return decorate

    async def publish(self, event: Any) -> None:
        """Tell of a change: over the file's own bus if it has one, so that other processes hear of it as well."""
        if self._bus is not None:
            await self._bus.publish(event)
        else:
            tell(self.native_server, event)

    # --- asking the server itself -----------------------------------------------------------------------------

    def get_context(self) -> Context:
        """Return the context of the call that runs. Raises LookupError outside of a call."""
        context: Context = CURRENT.get()
        return context

    async def list_tools(self) -> list[Model]:
        """Return the tools as models."""
        return await serving.listed(self, "tools/list", "tools")

    async def list_resources(self) -> list[Model]:
        """Return the resources as models."""
        return await serving.listed(self, "resources/list", "resources")

    async def list_resource_templates(self) -> list[Model]:
        """Return the resource templates as models."""
        return await serving.listed(self, "resources/templates/list", "resource_templates")

    async def list_prompts(self) -> list[Model]:
        """Return the prompts as models."""
        return await serving.listed(self, "prompts/list", "prompts")

    async def call_tool(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Return the result of a tool, called from here."""
        return await serving.asked(self, "tools/call", {"name": name, "arguments": arguments or {}})

    async def get_prompt(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        """Return a prompt, filled in."""
        return await serving.asked(self, "prompts/get", {"name": name, "arguments": arguments or {}})

    async def read_resource(self, uri: Any, context: Any = None) -> Any:
        """Return what a resource holds, a list of contents with `content` and `mime_type`."""
        return await serving.read(self, str(uri), context)

    # --- serving ----------------------------------------------------------------------------------------------

    def run(self, transport: str | None = None, *given: Any, **options: Any) -> None:
        """Serve until told to stop: "stdio", or streamable HTTP under its several names."""
        serving.run(self, transport or "stdio", options)

    async def run_stdio_async(self, **options: Any) -> None:
        """Serve on stdin and stdout from a running event loop."""
        await serving.run_async(self, "stdio", options)

    async def run_streamable_http_async(self, **options: Any) -> None:
        """Serve over HTTP from a running event loop."""
        await serving.run_async(self, "http", options)

    def streamable_http_app(self, **options: Any) -> serving.HttpApp:
        """Return the server as an ASGI application."""
        return serving.HttpApp(self, options, self._routes)

    def sse_app(self, mount_path: str | None = None, **options: Any) -> serving.HttpApp:
        """Return the server as an ASGI application that serves clients of 2024 too, at /sse and /messages."""
        return serving.HttpApp(self, {**options, "sse": True}, self._routes)

    async def run_sse_async(self, mount_path: str | None = None, **options: Any) -> None:
        """Serve over HTTP from a running event loop, clients of 2024 too."""
        await serving.run_async(self, "sse", options)

    @property
    def session_manager(self) -> serving.SessionManager:
        """What keeps the server's lifespan while the application that mounts it runs."""
        return serving.SessionManager(self)


class FastMCP(Face):
    """As `mcp.server.fastmcp.FastMCP`, 1.x."""

    def __init__(
        self,
        name: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name, instructions, website_url=website_url, icons=icons, **options)


class MCPServer(Face):
    """As `mcp.server.MCPServer`, 2.x."""

    title = "MCPServer"
    masks = True

    def __init__(
        self,
        name: str | None = None,
        title: str | None = None,
        description: str | None = None,
        instructions: str | None = None,
        website_url: str | None = None,
        icons: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(
            name,
            instructions,
            title=title,
            description=description,
            website_url=website_url,
            icons=icons,
            **options,
        )

    @property
    def _security(self) -> Any:
        return DEFAULT_RESOURCE_SECURITY

    @property
    def middleware(self) -> serving.Wrappers:
        """The middleware, to be appended to."""
        return serving.Wrappers(self)


__all__ = ["Face", "FastMCP", "MCPServer"]
