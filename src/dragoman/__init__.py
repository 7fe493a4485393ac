"""Dragoman: the whole Model Context Protocol in Python.

    from dragoman import Server
    server = Server("weather")

Names are loaded when they are first used: a server pays for no client, and the reverse.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dragoman.app.authserver import AuthorizationServer
    from dragoman.app.changing import Altered
    from dragoman.app.client import Client
    from dragoman.app.group import ClientGroup
    from dragoman.app.server import Server
    from dragoman.app.sync_client import SyncClient
    from dragoman.app.telemetry import Telemetry
    from dragoman.auth.grants import ClientCredentials, EnterpriseManaged, WorkloadIdentity
    from dragoman.auth.introspection import IntrospectionAuth
    from dragoman.auth.issuing.broker import Broker
    from dragoman.auth.issuing.enterprise import EnterpriseIssuer
    from dragoman.auth.issuing.passwords import Passwords
    from dragoman.auth.jwt import JWTAuth
    from dragoman.auth.oauth import OAuth
    from dragoman.auth.static_keys import KeyAuth
    from dragoman.calling.changes import Change
    from dragoman.calling.results import CallResult, ReadResult
    from dragoman.calling.rounds import Unanswered
    from dragoman.calling.views import View
    from dragoman.errors import (
        AuthorizationError,
        AuthorizationNeededError,
        BusyError,
        ClosedError,
        DeadlineError,
        DeclinedError,
        LocalError,
        MalformedError,
        McpError,
        ModelError,
        NotApprovedError,
        PeerError,
        RegistrationError,
        RequestError,
        SchemaError,
        ScopeError,
        SkillError,
        TokenError,
        ToolError,
        TransportError,
        UnreachableError,
        VersionError,
        Visit,
        VisitNeededError,
    )
    from dragoman.host.host import Host
    from dragoman.protocol.identity import Identity
    from dragoman.protocol.limits import Limits
    from dragoman.serving import questions as ask
    from dragoman.serving.context import Context
    from dragoman.serving.dependencies import Depends
    from dragoman.serving.endpoints import assistant, user
    from dragoman.serving.results import Audio, File, Image, ToolResult
    from dragoman.wire.apps import Csp
    from dragoman.wire.base import Annotations, Icon
    from dragoman.wire.content import AnyContents as ResourceContents
    from dragoman.wire.content import AudioContent, EmbeddedResource, ImageContent, ResourceLink, TextContent
    from dragoman.wire.prompts import PromptMessage
    from dragoman.wire.resources import Resource
    from dragoman.wire.skills import Skill
    from dragoman.wire.tools import Tool

__version__ = "0.1.0"

_HOMES = {
    "Altered": "app.changing",
    "Annotations": "wire.base",
    "Audio": "serving.results",
    "AudioContent": "wire.content",
    "AuthorizationError": "errors",
    "AuthorizationNeededError": "errors",
    "AuthorizationServer": "app.authserver",
    "Broker": "auth.issuing.broker",
    "BusyError": "errors",
    "CallResult": "calling.results",
    "Change": "calling.changes",
    "Client": "app.client",
    "ClientGroup": "app.group",
    "ClientCredentials": "auth.grants",
    "ClosedError": "errors",
    "Context": "serving.context",
    "Csp": "wire.apps",
    "DeadlineError": "errors",
    "DeclinedError": "errors",
    "Depends": "serving.dependencies",
    "EmbeddedResource": "wire.content",
    "EnterpriseIssuer": "auth.issuing.enterprise",
    "EnterpriseManaged": "auth.grants",
    "File": "serving.results",
    "Host": "host.host",
    "Icon": "wire.base",
    "Identity": "protocol.identity",
    "Image": "serving.results",
    "ImageContent": "wire.content",
    "IntrospectionAuth": "auth.introspection",
    "JWTAuth": "auth.jwt",
    "KeyAuth": "auth.static_keys",
    "Limits": "protocol.limits",
    "LocalError": "errors",
    "MalformedError": "errors",
    "NotApprovedError": "errors",
    "McpError": "errors",
    "ModelError": "errors",
    "OAuth": "auth.oauth",
    "Passwords": "auth.issuing.passwords",
    "PromptMessage": "wire.prompts",
    "PeerError": "errors",
    "ReadResult": "calling.results",
    "RegistrationError": "errors",
    "RequestError": "errors",
    "SchemaError": "errors",
    "ScopeError": "errors",
    "Resource": "wire.resources",
    "ResourceContents": "wire.content",
    "ResourceLink": "wire.content",
    "Server": "app.server",
    "Skill": "wire.skills",
    "SkillError": "errors",
    "SyncClient": "app.sync_client",
    "Telemetry": "app.telemetry",
    "TextContent": "wire.content",
    "TokenError": "errors",
    "Tool": "wire.tools",
    "ToolError": "errors",
    "ToolResult": "serving.results",
    "TransportError": "errors",
    "Unanswered": "calling.rounds",
    "UnreachableError": "errors",
    "VersionError": "errors",
    "View": "calling.views",
    "Visit": "errors",
    "VisitNeededError": "errors",
    "WorkloadIdentity": "auth.grants",
    "assistant": "serving.endpoints",
    "user": "serving.endpoints",
}
_RENAMED = {"ResourceContents": "AnyContents"}
_MODULES = {"ask": "serving.questions"}

__all__ = [
    "Altered",
    "Annotations",
    "Audio",
    "AudioContent",
    "AuthorizationError",
    "AuthorizationNeededError",
    "AuthorizationServer",
    "Broker",
    "BusyError",
    "CallResult",
    "Change",
    "Client",
    "ClientCredentials",
    "ClientGroup",
    "ClosedError",
    "Context",
    "Csp",
    "DeadlineError",
    "DeclinedError",
    "Depends",
    "EmbeddedResource",
    "EnterpriseIssuer",
    "EnterpriseManaged",
    "File",
    "Host",
    "Icon",
    "Identity",
    "Image",
    "ImageContent",
    "IntrospectionAuth",
    "JWTAuth",
    "KeyAuth",
    "Limits",
    "LocalError",
    "MalformedError",
    "McpError",
    "ModelError",
    "NotApprovedError",
    "OAuth",
    "Passwords",
    "PeerError",
    "PromptMessage",
    "ReadResult",
    "RegistrationError",
    "RequestError",
    "Resource",
    "ResourceContents",
    "ResourceLink",
    "SchemaError",
    "ScopeError",
    "Server",
    "Skill",
    "SkillError",
    "SyncClient",
    "Telemetry",
    "TextContent",
    "TokenError",
    "Tool",
    "ToolError",
    "ToolResult",
    "TransportError",
    "Unanswered",
    "UnreachableError",
    "VersionError",
    "View",
    "Visit",
    "VisitNeededError",
    "WorkloadIdentity",
    "__version__",
    "ask",
    "assistant",
    "user",
]


def __getattr__(name: str) -> Any:
    home = _MODULES.get(name)
    if home is not None:
        return import_module(f"dragoman.{home}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'dragoman' has no attribute {name!r}")
    value = getattr(import_module(f"dragoman.{home}"), _RENAMED.get(name, name))
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
