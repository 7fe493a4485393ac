"""Server: functions in, an MCP server out.

One object serves every protocol era on stdio, over HTTP and in memory. It holds
registries and a kernel; transports are loaded when they are asked for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec
from msgspec import UNSET

from dragoman.app import lazily
from dragoman.app.lazily import NO_CHANGES
from dragoman.app.living import living
from dragoman.app.options import (
    AppOptions,
    HttpOptions,
    PromptOptions,
    ResourceOptions,
    ServerOptions,
    ToolOptions,
    check_options,
)
from dragoman.app.registration import (
    checked_auth,
    checked_hints,
    checked_icons,
    make_prompt,
    make_resource,
    make_tool,
    read_method,
)
from dragoman.app.surface import Surface
from dragoman.errors import RegistrationError
from dragoman.protocol.eras import Facts
from dragoman.protocol.limits import Limits
from dragoman.serving.lifecycle import CustomParams, custom
from dragoman.wire.base import Implementation
from dragoman.wire.methods import BARE, METHODS, Method
from dragoman.wire.notices import PROMPTS_CHANGED, RESOURCE_UPDATED, RESOURCES_CHANGED, TOOLS_CHANGED

if TYPE_CHECKING:
    from typing import Self, Unpack

    from dragoman.app.changing import Changes
    from dragoman.app.switching import Kind
    from dragoman.app.target import Options, Target
    from dragoman.ports.service import Middleware
    from dragoman.ports.state import States
    from dragoman.ports.store import Store
    from dragoman.serving.prompts import Completer
    from dragoman.serving.resources import Lister
    from dragoman.transport.asgi import Endpoint

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound="Completer")
Decorator = Callable[[F], F]


class Server:
    """An MCP server.

    `name` and `version` are what clients see. Register with the decorators
    `tool`, `resource` and `prompt`, then `run()`, or mount `asgi()`.

        server = Server("weather", version="1.0.0")

        @server.tool
        def forecast(city: str, days: int = 3) -> str:
            \"\"\"Forecast for a city.\"\"\"
    """

    def __init__(self, name: str, version: str = "0.1.0", **options: Unpack[ServerOptions]) -> None:
        if not name:
            raise RegistrationError("a server needs a name")
        check_options("a server", options, ServerOptions)
        self.name = name
        self.version = version
        self.limits = options.get("limits") or Limits()
        self.instructions = options.get("instructions")
        ttl_ms, scope = checked_hints(options, "")
        self.info = Implementation(
            name=name,
            version=version,
            title=options.get("title", UNSET),
            description=options.get("description", UNSET),
            website_url=options.get("website_url", UNSET),
            icons=checked_icons(options.get("icons"), ""),
        )
        facts = Facts.of(self.info, 0 if ttl_ms is UNSET else ttl_ms, "private" if scope is UNSET else scope)
        self._states: States | None = None
        self._secrets = tuple(options.get("secrets", ()))
        self._store = options.get("store", lazily.unnamed_store)
        self._storage: Store | None = None
        # What is offered: the registries, and the kernel in front of them. Compositions of servers build on it.
        self.surface = Surface(self.info, facts, self.limits, options, self.storage, self._asking_state)
        self.service = self.surface.kernel
        self.auth = checked_auth(options.get("auth"))
        if self.auth:
            self.surface.guard()
        self._begin(options)

    @classmethod
    def proxy(
        cls,
        target: Target,
        *,
        name: str = "proxy",
        headers: Mapping[str, str] | None = None,
        credentials: Any = None,
        timeout: float | None = None,
        options: Options | None = None,
        **own: Unpack[ServerOptions],
    ) -> Self:
        """Return a server that stands for `target`, whatever a `Client` can be pointed at: calls go on to it.

        Several, by name or as a client program's configuration, are mounted under their names. `credentials` prove to
        the server behind who asks, as a Client's `auth` does, for several by name; what callers bring never goes on.
        `timeout` bounds one call, in seconds. `own` are options of this server. Raises LocalError.
        """
        return lazily.proxy(cls, target, (name, headers, credentials, timeout, options), own)

    def _begin(self, options: ServerOptions) -> None:
        # What other processes have a part in; None where nobody else can reach the store.
        self.sharing = None if self._store == lazily.UNSHARED else lazily.sharing(self)
        self.service.on_start, self.service.on_stop = living(self, options, self._rest)
        if "secrets" in options or "store" in options:
            # What is wrong with them is said now, not at the first question.
            self._asking_state()
        self.surface.changed()

    async def _rest(self) -> None:
        if self._storage is not None:
            await self._storage.close()

    # --- registering ------------------------------------------------------------------------------------------

    @overload
    def tool(self, function: F, /) -> F: ...

    @overload
    def tool(self, name: str, /, **options: Unpack[ToolOptions]) -> Callable[[F], F]: ...

    @overload
    def tool(self, /, **options: Unpack[ToolOptions]) -> Callable[[F], F]: ...

    def tool(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a tool; use with or without parentheses.

        Its parameters become the input schema, its return annotation the output
        schema, its docstring the description. `async def` runs on the event
        loop, `def` in a worker thread. Raises RegistrationError for a name that
        is taken, and for a signature that has no schema.
        """
        return self._decorate(function, options, self.add_tool)

    @overload
    def prompt(self, function: F, /) -> F: ...

    @overload
    def prompt(self, name: str, /, **options: Unpack[PromptOptions]) -> Callable[[F], F]: ...

    @overload
    def prompt(self, /, **options: Unpack[PromptOptions]) -> Callable[[F], F]: ...

    def prompt(self, function: Any = None, /, **options: Any) -> Any:
        """Register a function as a prompt; use with or without parentheses.

        It returns a text (one message of the user), or a list of texts,
        `Message`s and content. Raises RegistrationError.
        """
        return self._decorate(function, options, self.add_prompt)

    def _decorate(self, function: Any, options: dict[str, Any], add: Callable[..., Any]) -> Any:
        if isinstance(function, str):
            options["name"], function = function, None
        if function is not None:
            add(function, **options)
            return function

        def decorate(decorated: F) -> F:
            add(decorated, **options)
            return decorated

        return decorate

    def resource(self, uri: str, /, **options: Unpack[ResourceOptions]) -> Callable[[F], F]:
        """Register a function that reads a resource, or a family of them if `uri` is an RFC 6570 template.

        The function's parameters are the template's variables. It returns text,
        bytes, JSON-able data or contents. Raises RegistrationError.
        """
        if not isinstance(uri, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise RegistrationError("a resource needs a URI: @server.resource('config://app')")

        def decorate(function: F) -> F:
            self.add_resource(function, uri, **options)
            return function

        return decorate

    def _guard(self, options: Mapping[str, Any]) -> None:
        if options.get("scopes"):
            self.surface.guard()

    def add_tool(self, function: Callable[..., Any], **options: Unpack[ToolOptions]) -> None:
        """Register a function as a tool, as `tool` does."""
        self.surface.tools.add(make_tool(function, options))
        self._guard(options)
        self.surface.changed(TOOLS_CHANGED)

    def add_resource(self, function: Callable[..., Any], uri: str, **options: Unpack[ResourceOptions]) -> None:
        """Register a function for a resource or template, as `resource` does."""
        self.surface.resources.add(make_resource(function, uri, options))
        self._guard(options)
        self.surface.changed(RESOURCES_CHANGED)

    def add_prompt(self, function: Callable[..., Any], **options: Unpack[PromptOptions]) -> None:
        """Register a function as a prompt, as `prompt` does."""
        self.surface.prompts.add(make_prompt(function, options))
        self._guard(options)
        self.surface.changed(PROMPTS_CHANGED)

    def add_resource_lister(self, lister: Lister) -> None:
        """Let an async function add to `resources/list` (see `serving.resources.Lister`)."""
        self.surface.resources.add_lister(lister)
        self.surface.changed(RESOURCES_CHANGED)

    def app(self, uri: str, /, **options: Unpack[AppOptions]) -> Callable[[F], F]:
        """Register a function as a tool whose results hosts show in the page at `uri`, a `ui://` address.

        `html` is that page, unless another tool has brought it. Raises RegistrationError.
        """
        return lazily.app(self, uri, options)

    def add_skills(self, folder: str | PathLike[str], *, prefix: str = "") -> None:
        """Serve a skill, or all those in a folder, as its files are now and later; `prefix` is a path before them.

        Raises RegistrationError for what is wrong with any of them.
        """
        lazily.add_skills(self, folder, prefix)

    def completion(self, reference: str, argument: str) -> Callable[[C], C]:
        """Register a function that suggests values for an argument of a prompt, or a template's variable.

        `reference` is the prompt's name or the template's text; it may also take the values chosen and the call.
        """

        def decorate(function: C) -> C:
            self.surface.completions.add(reference, argument, function)
            self.surface.changed()
            return function

        return decorate

    def method(self, name: str) -> Callable[[F], F]:
        """Register a function that answers a JSON-RPC method of the server's own, such as `com.example/echo`."""
        if name in METHODS:
            raise RegistrationError(f"{name} is the protocol's; it cannot be replaced, but middleware can wrap it")

        def decorate(function: F) -> F:
            method = Method(name, CustomParams, custom=True)
            method.decode = _decode_custom
            self.service.handle(
                name, custom(read_method(function), function, self.surface.workers, self.surface.face), method
            )
            return function

        return decorate

    def middleware(self, function: Middleware) -> Middleware:
        """Wrap every call in `async def function(call, handler)`; those registered first are outermost."""
        self.service.add_middleware(function)
        return function

    def add_extension(self, identifier: str, settings: dict[str, Any] | None = None) -> None:
        """Declare an extension, such as `com.example/search`, with its settings."""
        self.surface.add_extension(identifier, settings or {})

    def add_experimental(self, name: str, settings: dict[str, Any] | None = None) -> None:
        """Declare an experimental capability."""
        self.surface.add_experimental(name, settings or {})

    def mount(
        self,
        other: Server,
        prefix: str = "",
        *,
        tools: Changes = NO_CHANGES,
        prompts: Changes = NO_CHANGES,
        resources: Changes = NO_CHANGES,
    ) -> None:
        """Offer what `other` has, now and later, here too: `add` as `<prefix>_add`, `a://b` as `a://<prefix>/b`.

        What is different from `other`, the rest says by the names there. `other` starts and stops with this server.
        Raises RegistrationError for names that are taken, and for a server that has this one in itself.
        """
        lazily.mount(self, other, prefix, tools, prompts, resources)

    def change(
        self, *, tools: Changes = NO_CHANGES, prompts: Changes = NO_CHANGES, resources: Changes = NO_CHANGES
    ) -> None:
        """List what is registered here under these names as each `Altered` says. Raises RegistrationError."""
        lazily.alter(self.surface, tools, prompts, resources)

    def remove_tool(self, name: str) -> bool:
        """Remove a tool; returns whether there was one."""
        removed = self.surface.tools.listing.remove(name)
        self.surface.changed(TOOLS_CHANGED)
        return removed

    def remove_resource(self, uri: str) -> bool:
        """Remove a resource, or the template with this text; returns whether there was one."""
        removed = self.surface.resources.fixed.remove(uri) or self.surface.resources.templates.remove(uri)
        self.surface.changed(RESOURCES_CHANGED)
        return removed

    def remove_prompt(self, name: str) -> bool:
        """Remove a prompt; returns whether there was one."""
        removed = self.surface.prompts.listing.remove(name)
        self.surface.changed(PROMPTS_CHANGED)
        return removed

    def disable(self, *names: str, kind: Kind | None = None, tags: Collection[str] = ()) -> None:
        """Neither list nor answer what has these names (tools, prompts, resources by URI) until `enable`.

        Listeners are told. `kind` is "tool", "prompt" or "resource", to mean only those; with `tags`, so is what has
        one of them now. Raises LocalError for a name that nothing has.
        """
        lazily.switch(self.surface, names, kind, on=False, tags=tags)

    def enable(self, *names: str, kind: Kind | None = None, tags: Collection[str] = ()) -> None:
        """Undo `disable`; what comes back has its old place in the lists. Raises LocalError as `disable` does."""
        lazily.switch(self.surface, names, kind, on=True, tags=tags)

    # --- telling of changes: safe from any thread; what changes above is told by itself -------------------------

    def notify_tools_changed(self) -> None:
        """Tell clients that listen that the list of tools changed."""
        self.service.bus.tell(TOOLS_CHANGED)

    def notify_resources_changed(self) -> None:
        """Tell clients that listen that the list of resources changed."""
        self.service.bus.tell(RESOURCES_CHANGED)

    def notify_prompts_changed(self) -> None:
        """Tell clients that listen that the list of prompts changed."""
        self.service.bus.tell(PROMPTS_CHANGED)

    def notify_resource_updated(self, uri: str) -> None:
        """Tell clients that subscribed to `uri` that what it holds changed."""
        self.service.bus.tell(RESOURCE_UPDATED, uri)

    def _asking_state(self) -> States:
        if self._states is None:
            self._states = lazily.states(self.name, self._secrets, self.storage())
        return self._states

    def storage(self) -> Store:
        """Return where the server keeps what outlives a request (its option `store`), opened when it is first used."""
        if self._storage is None:
            self._storage = lazily.store(self._store)
        return self._storage

    # --- serving ----------------------------------------------------------------------------------------------

    def asgi(self, **options: Unpack[HttpOptions]) -> Endpoint:
        """Return the server as an ASGI application; mount it anywhere, it starts by itself."""
        return lazily.endpoint(self, options)

    @asynccontextmanager
    async def lifespan(self, app: Any = None) -> AsyncGenerator[None, None]:
        """Start and stop in order: pass as `lifespan=` to the application that mounts `asgi()`, if you want to."""
        await self.service.start()
        try:
            yield
        finally:
            await self.service.stop()

    def run(
        self, transport: str = "stdio", *, host: str = "127.0.0.1", port: int = 8000, **options: Unpack[HttpOptions]
    ) -> None:
        """Serve until told to stop: on stdin and stdout, or over "http" at `host` and `port`.

        Ctrl-C ends it without a traceback. Raises LocalError for an unknown transport, and for an address that is
        taken.
        """
        try:
            lazily.run(self, transport, host, port, options)
        except KeyboardInterrupt:
            pass


def _decode_custom(raw: bytes | msgspec.Raw) -> CustomParams:
    return CustomParams(meta=BARE.decode(raw).meta, raw=msgspec.Raw(bytes(raw)))
