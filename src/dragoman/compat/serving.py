"""How a server of another package starts, is asked, and is wrapped, in terms of the Dragoman server underneath.

Promise: `run` under a loader only says what to run. Limit: HTTP options that Dragoman does not have do nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, cast

import msgspec

from dragoman.app.options import HttpOptions, ServerOptions
from dragoman.compat.handlers import ServerRequestContext, entry, models_of, wire_of
from dragoman.compat.models import Model, to_wire
from dragoman.compat.refusal import CompatError
from dragoman.compat.stage import capture
from dragoman.compat.types import CallToolRequestParams
from dragoman.errors import RequestError
from dragoman.ports.service import Handler, Middleware
from dragoman.protocol.eras import MODERN
from dragoman.protocol.exchange import Call, Caller, Prepared, Reply
from dragoman.wire.base import Icon
from dragoman.wire.jsonrpc import INVALID_PARAMS, INVALID_REQUEST
from dragoman.wire.lifecycle import ClientCapabilities, RequestMeta
from dragoman.wire.methods import METHODS

_SHOWN = ("title", "description", "instructions", "website_url", "version")
# Declarations of who may call.
GUARDS = ("auth", "token_verifier", "auth_server_provider")
_HTTP = ("http", "streamable-http", "streamable_http", "sse")


def shown(options: dict[str, Any], face: Any) -> ServerOptions:
    """Return what clients see of a server, and its lifespan, under Dragoman's own names."""
    said: dict[str, Any] = {key: str(options[key]) for key in _SHOWN if options.get(key)}
    if options.get("icons"):
        said["icons"] = [to_wire(icon, Icon) for icon in options["icons"]]
    lifespan = options.get("lifespan")
    if lifespan is not None:

        def enter(native: Any) -> AbstractAsyncContextManager[Any]:
            return entered(lifespan, face)

        said["lifespan"] = enter
    return cast(ServerOptions, said)


def run(face: Any, transport: str, options: dict[str, Any]) -> None:
    """Serve until told to stop. Raises CompatError for a transport that does not exist."""
    capture(face)
    if transport == "stdio":
        face.native.run("stdio")
    elif transport in _HTTP:
        # Newer clients are served at the usual path all the same.
        host, port, http = address(face, {**options, "sse": transport == "sse"})
        face.native.run("http", host=host, port=port, **http)
    else:
        raise CompatError(f"unknown transport {transport!r}; it is 'stdio' or 'streamable-http'")


async def run_async(face: Any, transport: str, options: dict[str, Any]) -> None:
    """Serve from a running event loop, in a thread with a loop of its own."""
    capture(face)
    await asyncio.to_thread(run, face, transport, options)


def address(face: Any, options: dict[str, Any]) -> tuple[str, int, HttpOptions]:
    """Return host, port and HTTP options, of the call to `run` or of the server's settings."""
    settings = face.settings
    host = options.get("host") or settings.host
    port = options.get("port") or settings.port
    return host, int(port), http_options(face, options)


def http_options(face: Any, options: dict[str, Any]) -> HttpOptions:
    """Return Dragoman's HTTP options for those of another package."""
    settings = face.settings
    path = options.get("streamable_http_path") or options.get("path") or settings.streamable_http_path
    stateless = options.get("stateless_http", settings.stateless_http)
    http = HttpOptions(path=path, sessions=not stateless, sse=bool(options.get("sse")))
    security = options.get("transport_security", settings.transport_security)
    if security is not None and security.enable_dns_rebinding_protection:
        http["allowed_hosts"] = [host.removesuffix(":*") for host in security.allowed_hosts]
        http["allowed_origins"] = [origin for origin in security.allowed_origins if "*" not in origin]
    return http


class HttpApp:
    """A server as an ASGI application; it starts by itself, and `lifespan` starts and stops it in order."""

    def __init__(self, face: Any, options: dict[str, Any], routes: list[Any]) -> None:
        self.server = face
        self._routes = routes
        self._endpoint: Any = None
        self._around: list[tuple[Any, dict[str, Any]]] = []
        self._options = options
        self.state = Model()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._endpoint is None:
            self._endpoint = self._make()
        await self._endpoint(scope, receive, send)

    def add_middleware(self, middleware: Any, **options: Any) -> None:
        """Put ASGI middleware around the application, as Starlette does: what is added last is outermost."""
        self._around.append((middleware, options))

    def _make(self) -> Any:
        application = self._bare()
        for middleware, options in self._around:
            application = middleware(application, **options)
        return application

    def _bare(self) -> Any:
        endpoint: Any = self.server.native.asgi(**http_options(self.server, self._options))
        if not self._routes:
            return endpoint
        # Routes of the file's own are Starlette's, which the file has imported to write them.
        applications: Any = importlib.import_module("starlette.applications")
        routing: Any = importlib.import_module("starlette.routing")
        routes = [routing.Route(path, function, methods=methods) for path, methods, _, function in self._routes]
        return applications.Starlette(routes=[*routes, routing.Mount("/", app=endpoint)], lifespan=self.lifespan)

    @contextlib.asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncGenerator[None]:
        """Start and stop the server in order."""
        async with self.server.native.lifespan(app):
            yield


class SessionManager:
    """Keeps a server's lifespan, as `server.session_manager.run()`."""

    def __init__(self, face: Any) -> None:
        self._face = face

    def run(self) -> AbstractAsyncContextManager[None]:
        """Start the server on entry, stop it on exit."""
        manager: AbstractAsyncContextManager[None] = self._face.native.lifespan()
        return manager

    async def handle_request(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one HTTP request."""
        await self._face.streamable_http_app()(scope, receive, send)


@contextlib.asynccontextmanager
async def entered(lifespan: Callable[[Any], Any], face: Any) -> AsyncGenerator[Any]:
    """Enter a server's own lifespan, written as a context manager or as a bare generator."""
    manager: Any = lifespan(face)
    if inspect.isasyncgen(manager):
        manager = contextlib.asynccontextmanager(lifespan)(face)
    async with manager as state:
        face.state = state
        yield state


async def refuse_http(call: Call, handler: Handler) -> Reply:
    """The middleware of a server that declares who may call: nobody may, where callers could be anybody."""
    if call.headers:
        reason = (
            "this server declares authorization of a kind that dragoman does not serve over HTTP: use stdio, or a "
            "verifier of tokens (docs/compat.md)"
        )
        raise RequestError(INVALID_REQUEST, reason)
    return await handler(call)


def wrapped(wrapper: Callable[..., Any], face: Any) -> Middleware:
    """Return Dragoman's middleware for one of `mcp` 2.x: `async def wrapper(ctx, call_next)`."""

    async def middleware(call: Call, handler: Handler) -> Reply:
        async def call_next(context: Any) -> Any:
            return models_of(call.method, await handler(call))

        return wire_of(
            call.method, await wrapper(ServerRequestContext(call, face.native_server, face.state), call_next)
        )

    return middleware


class Wrappers:
    """The list of middleware of a server, to be appended to."""

    def __init__(self, face: Any) -> None:
        self._face = face

    def append(self, wrapper: Callable[..., Any]) -> None:
        """Wrap every call in `async def wrapper(ctx, call_next)`."""
        self._face.native.middleware(wrapped(wrapper, self._face))


def intercepted(extension: Any, face: Any) -> Middleware:
    """Return the middleware that lets an extension answer `tools/call`."""

    async def middleware(call: Call, handler: Handler) -> Reply:
        if call.method != "tools/call":
            return await handler(call)

        async def call_next(context: Any) -> Any:
            return models_of(call.method, await handler(call))

        context = ServerRequestContext(call, face.native_server, face.state)
        result = await extension.intercept_tool_call(CallToolRequestParams(**context.params), context, call_next)
        return wire_of(call.method, result)

    return middleware


def add_method(face: Any, bound: Any) -> None:
    """Let an extension answer a method of its own."""
    handlers = face._mcp_server
    handlers.add(bound.method, entry(handlers, bound.params_type, bound.handler))


def reader(resource: Any, name: str | None) -> Callable[[], Any]:
    """Return a function that reads a resource made as an object."""

    async def read() -> Any:
        return await resource.read()

    read.__name__ = name or str(resource.uri)
    read.__doc__ = resource.description
    return read


# --- asking from the inside ------------------------------------------------------------------------------------


async def _reply(face: Any, method: str, params: dict[str, Any], context: Any = None) -> Any:
    """Return the plain result of a method, called from here, within the call of `context` if there is one."""
    service = face.native.service
    if method not in service.methods:
        return None
    if context is None:
        caller = Caller(MODERN.version, ClientCapabilities())
        call = Call(method, None, 0, MODERN, caller, RequestMeta())
    else:
        outer = context.call
        call = Call(method, None, outer.id, outer.era, outer.caller, outer.meta)
        call.door, call.headers = outer.door, outer.headers
    call.params = METHODS[method].decode(msgspec.json.encode(params))
    reply = await service.reply(call)
    return reply.result if isinstance(reply, Prepared) else reply


async def listed(face: Any, method: str, member: str) -> list[Any]:
    """Return everything that a method lists, as models."""
    found = await _reply(face, method, {})
    return [] if found is None else list(getattr(models_of(method, found), member))


async def asked(face: Any, method: str, params: dict[str, Any]) -> Any:
    """Return the result of a method as a model. Raises RequestError as the method does."""
    found = await _reply(face, method, params)
    if found is None:
        raise RequestError(INVALID_PARAMS, f"{face.name} has nothing registered for {method}")
    return models_of(method, found)


class Contents(list[Any]):
    """What a resource holds: a list of contents, that also answers to `contents`."""

    @property
    def contents(self) -> list[Any]:
        """The list itself."""
        return self


async def read(face: Any, uri: str, context: Any) -> Contents:
    """Return what a resource holds. Raises RequestError if there is no such resource."""
    found = await _reply(face, "resources/read", {"uri": uri}, context)
    if found is None:
        raise RequestError(INVALID_PARAMS, f"resource not found: {uri}", {"uri": uri})
    return Contents(_content(part) for part in found.contents)


def _content(part: Any) -> Model:
    kind = None if part.mime_type is msgspec.UNSET else part.mime_type
    if part.text is not msgspec.UNSET:
        return Model(content=part.text, text=part.text, mime_type=kind)
    return Model(content=msgspec.convert(part.blob, bytes), blob=part.blob, mime_type=kind)
