"""What stands for `mcp.server.lowlevel.Server`: handlers by method, as decorators (1.x) or as `on_...` arguments (2.x).

Promise: a handler gets the request and gives the result of its method; arguments and results of a 1.x server are
checked against the schemas that it lists. Limit: `run(...)` takes no streams but Dragoman's own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeAlias

from dragoman.app.server import Server as NativeServer
from dragoman.compat import guards, serving, types
from dragoman.compat.ground import capabilities_of, declare
from dragoman.compat.handlers import (
    METHOD_TYPES,
    ReadResourceContents,
    ServerRequestContext,
    called,
    contents_of,
    entry,
    list_of,
    no_resources,
    no_templates,
    own_method,
)
from dragoman.compat.inject import CURRENT
from dragoman.compat.models import Model
from dragoman.compat.refusal import unsupported_argument, unsupported_attribute
from dragoman.compat.settings import Settings
from dragoman.compat.stage import note
from dragoman.compat.subscriptions import ListenHandler, follow
from dragoman.compat.urls import Uri
from dragoman.ports.service import Handler
from dragoman.wire.lifecycle import ServerCapabilities
from dragoman.wire.methods import METHODS

CallNext: TypeAlias = Callable[[Any], Awaitable[Any]]
HandlerResult: TypeAlias = Any

# The arguments of 2.x and the method that each answers.
_ON: dict[str, str] = {
    "on_list_tools": "tools/list",
    "on_call_tool": "tools/call",
    "on_list_resources": "resources/list",
    "on_list_resource_templates": "resources/templates/list",
    "on_read_resource": "resources/read",
    "on_list_prompts": "prompts/list",
    "on_get_prompt": "prompts/get",
    "on_completion": "completion/complete",
    "on_set_logging_level": "logging/setLevel",
    "on_subscribe_resource": "resources/subscribe",
    "on_unsubscribe_resource": "resources/unsubscribe",
}
# Arguments for what Dragoman does by itself.
_OWN = frozenset(
    {"on_ping", "on_progress", "on_roots_list_changed", "on_subscriptions_listen", "get_tool_input_schema"}
)
_SAID = frozenset(
    {"version", "title", "description", "instructions", "website_url", "icons", "lifespan", "cache_hints"}
)


class ServerMiddleware:
    """The type of `async def middleware(ctx, call_next)`, for annotations."""

    def __class_getitem__(cls, item: Any) -> Any:
        return cls


class NotificationOptions:
    """Which lists tell of changes; Dragoman declares what it does, so this is taken and not used."""

    def __init__(
        self, prompts_changed: bool = False, resources_changed: bool = False, tools_changed: bool = False
    ) -> None:
        self.prompts_changed = prompts_changed
        self.resources_changed = resources_changed
        self.tools_changed = tools_changed


class InitializationOptions(Model):
    """What a server says of itself when it runs; the server object's own name and version are what clients see."""

    server_name: str
    server_version: str
    capabilities: Any = None
    title: str | None = None
    description: str | None = None
    instructions: str | None = None
    website_url: str | None = None
    icons: Any = None


class Handlers:
    """Handlers by method, on a Dragoman server. `face` is what a handler's context calls the server."""

    def __init__(self, native: NativeServer, face: Any) -> None:
        self.native_server = native
        self.face = face
        self._added: dict[str, Handler] = {}

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise unsupported_attribute("Server", name)

    @property
    def name(self) -> str:
        """The server's name."""
        return self.native_server.name

    @property
    def request_context(self) -> ServerRequestContext:
        """The request that is being answered. Raises LookupError outside of one."""
        found = CURRENT.get()
        if isinstance(found, ServerRequestContext):
            return found
        return ServerRequestContext(found.call, self.native_server, found.native.state)

    @property
    def state(self) -> Any:
        """What the server's lifespan yielded."""
        return self.face.state

    async def tools_listed(self) -> list[Any]:
        """Return the tools that the server lists now, as models."""
        return await serving.listed(self, "tools/list", "tools")

    @property
    def native(self) -> NativeServer:
        """The Dragoman server underneath."""
        return self.native_server

    def add(self, method: str, handler: Handler) -> None:
        """Let a handler of Dragoman's own shape answer a method, and declare what it answers."""
        self._added[method] = handler
        self.apply()
        if method.startswith("resources/"):
            for listing, empty in (("resources/list", no_resources), ("resources/templates/list", no_templates)):
                if listing not in self.native_server.service.methods:
                    self.native_server.service.handle(listing, empty)
        # What was put straight into the kernel is declared as well.
        declare(self.native_server)
        self.apply()

    def apply(self) -> None:
        """Put the handlers in again: what is registered since may have taken their place."""
        for method, handler in self._added.items():
            self.native_server.service.handle(method, handler, None if method in METHODS else own_method(method))

    def add_request_handler(self, method: str, params_type: Any, handler: Callable[..., Any], **options: Any) -> None:
        """Let `handler(ctx, params)` answer a method."""
        self.add(method, entry(self, params_type, handler))

    # --- decorators of 1.x ------------------------------------------------------------------------------------

    def list_tools(self) -> Any:
        """Register the function that lists tools."""
        return self._lists("tools/list", "tools", types.ListToolsRequest, types.ListToolsResult)

    def list_resources(self) -> Any:
        """Register the function that lists resources."""
        return self._lists("resources/list", "resources", types.ListResourcesRequest, types.ListResourcesResult)

    def list_resource_templates(self) -> Any:
        """Register the function that lists resource templates."""
        request, result = types.ListResourceTemplatesRequest, types.ListResourceTemplatesResult
        return self._lists("resources/templates/list", "resource_templates", request, result)

    def list_prompts(self) -> Any:
        """Register the function that lists prompts."""
        return self._lists("prompts/list", "prompts", types.ListPromptsRequest, types.ListPromptsResult)

    def _lists(self, method: str, member: str, request: type[Model], result: type[Model]) -> Any:
        return self._on(method, lambda function: list_of(function, member, request, result))

    def call_tool(self, *, validate_input: bool = True) -> Any:
        """Register the function that calls tools, by name and arguments."""
        return self._on("tools/call", lambda function: called(self, function, validate_input))

    def read_resource(self) -> Any:
        """Register the function that reads resources, by URI."""

        def shape(function: Callable[..., Any]) -> Any:
            async def read(ctx: Any, params: Any) -> Any:
                return contents_of(await function(Uri.of(params.uri)), params.uri)

            return read

        return self._on("resources/read", shape)

    def get_prompt(self) -> Any:
        """Register the function that fills in prompts, by name and arguments."""
        return self._on("prompts/get", lambda function: lambda ctx, params: function(params.name, params.arguments))

    def completion(self) -> Any:
        """Register the function that completes arguments."""

        def shape(function: Callable[..., Any]) -> Any:
            async def complete(ctx: Any, params: Any) -> Any:
                found = await function(params.ref, params.argument, params.context)
                return types.CompleteResult(completion=found or types.Completion(values=[]))

            return complete

        return self._on("completion/complete", shape)

    def set_logging_level(self) -> Any:
        """Register the function that hears of the level that a client wants to log from."""
        return self._hears("logging/setLevel", lambda params: params.level)

    def subscribe_resource(self) -> Any:
        """Register the function that hears of a subscription."""
        return self._hears("resources/subscribe", lambda params: Uri.of(params.uri))

    def unsubscribe_resource(self) -> Any:
        """Register the function that hears of the end of a subscription."""
        return self._hears("resources/unsubscribe", lambda params: Uri.of(params.uri))

    def progress_notification(self) -> Any:
        """Accept a function for progress that clients report; nobody calls it."""

        def keep(function: Any) -> Any:
            return function

        return keep

    def _hears(self, method: str, pick: Callable[[Any], Any]) -> Any:
        def shape(function: Callable[..., Any]) -> Any:
            async def hear(ctx: Any, params: Any) -> Any:
                await function(pick(params))
                return types.EmptyResult()

            return hear

        return self._on(method, shape)

    def _on(self, method: str, shape: Callable[[Callable[..., Any]], Callable[[Any, Any], Any]]) -> Any:
        def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
            self.add(method, entry(self, METHOD_TYPES[method][0], shape(function)))
            return function

        return decorate


class Server(Handlers):
    """As `mcp.server.lowlevel.Server`, 1.x and 2.x."""

    title: ClassVar[str] = "Server"

    def __class_getitem__(cls, item: Any) -> Any:
        return cls

    def __init__(self, name: str, version: str | None = None, instructions: str | None = None, **options: Any) -> None:
        for option in options:
            if option not in _ON and option not in _OWN | _SAID:
                raise unsupported_argument("Server", option)
        said = {**options, "version": version, "instructions": instructions}
        self._state: Any = None
        super().__init__(NativeServer(name or "server", **serving.shown(said, self)), self)
        self.settings = Settings()
        for option, method in _ON.items():
            if options.get(option) is not None:
                self.add_request_handler(method, METHOD_TYPES[method][0], options[option])
        if isinstance(listening := options.get("on_subscriptions_listen"), ListenHandler):
            follow(listening.bus, self.native_server)
        note(self)

    @property
    def state(self) -> Any:
        """What the server's lifespan yielded."""
        return self._state

    @state.setter
    def state(self, value: Any) -> None:
        self._state = value

    @property
    def version(self) -> str:
        """The server's version."""
        return self.native_server.version

    @property
    def instructions(self) -> str | None:
        """What models are told of the server."""
        return self.native_server.instructions

    @property
    def middleware(self) -> serving.Wrappers:
        """The middleware, to be appended to."""
        return serving.Wrappers(self)

    def get_capabilities(self, *given: Any, **options: Any) -> ServerCapabilities:
        """Return what the server declares."""
        return capabilities_of(self.native_server)

    def create_initialization_options(self, *given: Any, **options: Any) -> InitializationOptions:
        """Return what to hand to `run`."""
        return InitializationOptions(server_name=self.name, server_version=self.version)

    async def run(self, read_stream: Any = None, write_stream: Any = None, *given: Any, **options: Any) -> None:
        """Serve over stdio: the streams that `stdio_server()` gives mean that."""
        if read_stream != "stdio":
            raise unsupported_argument("Server.run", "read_stream", "use the streams of stdio_server()")
        await serving.run_async(self, "stdio", {})

    def streamable_http_app(self, **options: Any) -> serving.HttpApp:
        """Return the server as an ASGI application."""
        guards.apply(
            self.native_server, {name: options.pop(name, None) for name in serving.GUARDS}, serving.refuse_http
        )
        return serving.HttpApp(self, options, [])

    @property
    def session_manager(self) -> serving.SessionManager:
        """What keeps the server's lifespan while the application that mounts it runs."""
        return serving.SessionManager(self)


__all__ = [
    "CallNext",
    "HandlerResult",
    "InitializationOptions",
    "NotificationOptions",
    "ReadResourceContents",
    "Server",
]
