"""Who is calling and what each side can do: `_meta`, capabilities, discover, initialize.

Source: specification, basic/index "_meta", server/discover; 2025-11-25 lifecycle.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import UNSET, field

from dragoman.wire.base import Implementation, LogLevel, Meta, Opt, ProgressToken, Wire

PREFIX = "io.modelcontextprotocol/"
SERVER_INFO = PREFIX + "serverInfo"
PROTOCOL_VERSION = PREFIX + "protocolVersion"
CLIENT_INFO = PREFIX + "clientInfo"
CLIENT_CAPABILITIES = PREFIX + "clientCapabilities"
LOG_LEVEL = PREFIX + "logLevel"
SUBSCRIPTION_ID = PREFIX + "subscriptionId"
TASKS = PREFIX + "tasks"  # the extension, see `wire.tasks`

Settings = dict[str, Any]


class Elicitation(Wire, frozen=True, kw_only=True):
    """Which forms of question a client shows; neither named means `form` (requirement ELIC-01)."""

    form: Opt[Settings] = UNSET
    url: Opt[Settings] = UNSET


class Sampling(Wire, frozen=True, kw_only=True):
    """What a client's sampling can do beyond plain text."""

    tools: Opt[Settings] = UNSET
    context: Opt[Settings] = UNSET


class ClientCapabilities(Wire, frozen=True, kw_only=True):
    """What a client can do; a member that is absent cannot be used."""

    elicitation: Opt[Elicitation] = UNSET
    sampling: Opt[Sampling] = UNSET
    roots: Opt[Settings] = UNSET
    tasks: Opt[Settings] = UNSET
    extensions: Opt[dict[str, Settings]] = UNSET
    experimental: Opt[dict[str, Settings]] = UNSET


class ListCapability(Wire, frozen=True, kw_only=True):
    """A list that the server has; `list_changed` when it tells of changes."""

    list_changed: Opt[bool] = UNSET


class ResourcesCapability(Wire, frozen=True, kw_only=True):
    """Resources; `subscribe` when changes of single resources are told."""

    list_changed: Opt[bool] = UNSET
    subscribe: Opt[bool] = UNSET


class ServerCapabilities(Wire, frozen=True, kw_only=True):
    """What a server can do: exactly what its handlers honour (requirement VER-16)."""

    tools: Opt[ListCapability] = UNSET
    resources: Opt[ResourcesCapability] = UNSET
    prompts: Opt[ListCapability] = UNSET
    completions: Opt[Settings] = UNSET
    logging: Opt[Settings] = UNSET
    tasks: Opt[Settings] = UNSET
    extensions: Opt[dict[str, Settings]] = UNSET
    experimental: Opt[dict[str, Settings]] = UNSET


class RequestMeta(Wire, frozen=True, kw_only=True):
    """The `_meta` of a request: the keys that rules are about.

    Unknown keys are ignored here, never refused (requirement META-13).
    """

    protocol_version: Opt[str] = field(name=PROTOCOL_VERSION, default=UNSET)
    client_info: Opt[Implementation] = field(name=CLIENT_INFO, default=UNSET)
    client_capabilities: Opt[ClientCapabilities] = field(name=CLIENT_CAPABILITIES, default=UNSET)
    # A string here, since an unknown level is a fault of its own (LOG-05), not of the whole `_meta`.
    log_level: Opt[str] = field(name=LOG_LEVEL, default=UNSET)
    progress_token: Opt[ProgressToken] = UNSET
    traceparent: Opt[str] = UNSET
    tracestate: Opt[str] = UNSET
    baggage: Opt[str] = UNSET


class Params(Wire, frozen=True, kw_only=True):
    """Parameters of any request: `_meta`, and for most methods more."""

    meta: Opt[RequestMeta] = field(name="_meta", default=UNSET)


class Result(Wire, frozen=True, kw_only=True):
    """A result. `result_type` is the era's to set; handlers leave it alone."""

    result_type: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class Cacheable(Result, frozen=True, kw_only=True):
    """A result that may be cached: `ttl_ms` milliseconds, by anyone or only by this caller (CACHE-01).

    What it does not say itself, the server says for all, where that is so `by_server`.
    """

    by_server: ClassVar[bool] = True

    ttl_ms: Opt[int] = UNSET
    cache_scope: Opt[str] = UNSET


class DiscoverResult(Cacheable, frozen=True, kw_only=True):
    """Answer to `server/discover`."""

    supported_versions: list[str]
    capabilities: ServerCapabilities
    instructions: Opt[str] = UNSET


class Initialize(Params, frozen=True, kw_only=True):
    """Parameters of the handshake's `initialize`."""

    protocol_version: str
    capabilities: ClientCapabilities
    client_info: Implementation


class InitializeResult(Result, frozen=True, kw_only=True):
    """Answer to `initialize`: the version that this session speaks from now on."""

    protocol_version: str
    capabilities: ServerCapabilities
    server_info: Implementation
    instructions: Opt[str] = UNSET


class SetLevel(Params, frozen=True, kw_only=True):
    """Parameters of the handshake era's `logging/setLevel`."""

    level: LogLevel
