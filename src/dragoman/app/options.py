"""What can be said about a server, a tool, a resource or a prompt when it is made.

Kept as typed dictionaries, so that the decorators take them by keyword and editors
know them, without functions of fifteen parameters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dragoman.errors import RegistrationError
from dragoman.serving.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from contextlib import AbstractAsyncContextManager
    from os import PathLike
    from typing import TypedDict

    from dragoman.app.telemetry import Telemetry
    from dragoman.ports.service import Middleware
    from dragoman.ports.store import Store
    from dragoman.ports.verifier import Verifier
    from dragoman.protocol.limits import Limits
    from dragoman.wire.apps import Csp, Permission
    from dragoman.wire.base import Annotations, Icon, Meta
else:

    class TypedDict(dict[str, Any]):
        """A dictionary that knows which keys it may have: typing's compiles each annotation, at every start."""

        def __init_subclass__(cls, total: bool = True) -> None:
            inherited = [base.__annotations__ for base in cls.__bases__ if base is not TypedDict]
            cls.__annotations__ = {
                key: kind for each in (*inherited, cls.__annotations__) for key, kind in each.items()
            }


EngineName = Literal["auto", "store", "queue"]


class ServerOptions(TypedDict, total=False):
    """Options of `Server`.

    `title`, `description`, `instructions`, `website_url` and `icons` are shown
    to users and models. `lifespan` is an async context manager function, called with the
    server; what it yields is `ctx.state`. `ttl_ms` and `cache_scope` ("public"
    or "private") say for how many milliseconds, and by whom, lists may be kept.
    `secrets` seal what clients carry between the runs
    of a call that asks: newest first, at least 16 bytes each, the same on all
    replicas; without them the store's own, which whoever comes first makes.
    `store` is where that is kept which outlives a request: "memory:" (this
    process, the default), "sqlite:///PATH" (this machine; a path from the root
    has a fourth slash), "redis://HOST/0" or "postgresql://HOST/DATABASE" (any
    machine), or a `ports.store.Store`. `engine` is what runs tasks: "store", "queue" (procrastinate,
    in a PostgreSQL store), or "auto", the queue where there can be one. `telemetry` True makes an
    OpenTelemetry span of each call, in the caller's trace; a `Telemetry` says
    where spans and metrics go.
    `auth` says whose tokens are taken over HTTP: JWTAuth, IntrospectionAuth,
    KeyAuth, several of them, or verifiers of your own. `hide_unscoped` keeps
    what a caller lacks the scopes for out of its lists.
    """

    title: str
    description: str
    instructions: str
    website_url: str
    icons: Sequence[Icon]
    limits: Limits
    middleware: Sequence[Middleware]
    lifespan: Callable[[Any], AbstractAsyncContextManager[Any]]
    ttl_ms: int
    cache_scope: str
    secrets: Sequence[bytes | str]
    store: str | Store
    engine: EngineName
    auth: Verifier | Sequence[Verifier]
    hide_unscoped: bool
    telemetry: bool | Telemetry


class ToolOptions(TypedDict, total=False):
    """Options of `server.tool`.

    `read_only`, `destructive`, `idempotent` and `open_world` are hints for the
    client. `timeout` is in seconds, `concurrency` how many calls run at once:
    others wait for their turn. `tags` are for `server.disable(tags=...)`. `single_use` lets every answer of the
    user be used once: a request that is sent again with the same answer is
    refused, and not answered again. `task` lets calls go on after they were
    answered: "optional" for clients that know tasks, "required" for nobody
    else; a function that calls `ctx.detach()` becomes a task there. `output_schema` replaces the schema of the
    return annotation, and results are checked against it; False means none.
    `input_schema` replaces that of the parameters, and arguments are checked
    against it; the function may take them all as `**arguments`. `scopes` are what a caller's token has
    to allow.
    """

    name: str
    title: str
    description: str
    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool
    timeout: float
    concurrency: int
    single_use: bool
    scopes: Sequence[str]
    tags: Collection[str]
    task: Literal["optional", "required"]
    icons: Sequence[Icon]
    meta: Meta
    output_schema: dict[str, Any] | bool
    input_schema: dict[str, Any]


class AppOptions(ToolOptions, total=False):
    """Options of `server.app`: those of a tool, and of its page.

    `html` is the page: a text, the path of a file, read anew each time, or a
    function that gives a text, called as one of a resource is. `visibility` says
    who may call the tool: "model", "app" (the page itself), by default both.
    `csp` says which origins the page may use (none, unless said), `permissions`
    what else it needs of "camera", "microphone", "geolocation" and
    "clipboardWrite"; `domain` is an origin of the host's for it, and
    `prefers_border` whether it wants a frame. `listed` False keeps the page out
    of the list of resources.
    """

    html: str | PathLike[str] | Callable[..., Any]
    visibility: Sequence[Literal["model", "app"]]
    csp: Csp
    permissions: Sequence[Permission]
    domain: str
    prefers_border: bool
    listed: bool


class ResourceOptions(TypedDict, total=False):
    """Options of `server.resource`.

    `size` is in bytes, for fixed resources only. `ttl_ms` and `cache_scope`
    ("public" or "private") say for how many milliseconds, and by whom, what is
    read may be kept. `scopes` are what a caller's token has to allow.
    """

    name: str
    title: str
    description: str
    mime_type: str
    size: int
    icons: Sequence[Icon]
    annotations: Annotations
    meta: Meta
    scopes: Sequence[str]
    tags: Collection[str]
    ttl_ms: int
    cache_scope: str


class PromptOptions(TypedDict, total=False):
    """Options of `server.prompt`. `scopes` are what a caller's token has to allow."""

    name: str
    title: str
    description: str
    icons: Sequence[Icon]
    meta: Meta
    scopes: Sequence[str]
    tags: Collection[str]


class HttpOptions(TypedDict, total=False):
    """Options of the HTTP endpoint.

    `path` is where it lies. Requests must name one of `allowed_hosts`, or a
    loopback name if there are none, in Host; web pages may only come from
    `allowed_origins`, for which CORS headers are sent. `sessions` False keeps
    no sessions of handshake-era clients. `sse` serves clients of the transport
    of 2024-11-05 too, at /sse and /messages; it needs one process.
    `url` is the public URL of the endpoint, proxies and all, of a server with
    `auth`: what its tokens are for. Its host is one of the allowed hosts.
    `trusted_proxies` are addresses or networks of proxies whose X-Forwarded-For
    says who calls, where callers are told apart by address (`Limits.calls`).
    """

    path: str
    url: str
    allowed_hosts: Sequence[str]
    allowed_origins: Sequence[str]
    sessions: bool
    sse: bool
    trusted_proxies: Sequence[str]


def check_options(what: str, given: Iterable[str], known: type, where: str = "") -> None:
    """Raise RegistrationError if `given` names none of the options `known`: silence would hide the slip."""
    names = known.__annotations__
    for name in given:
        if name not in names:
            raise RegistrationError(f"{what} takes no option {name!r}{nearest(name, names)}", where=where)
