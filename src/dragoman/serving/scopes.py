"""Scopes: what a caller's token has to allow before a tool, prompt or resource is touched.

Judged outermost, so that no byte is sent before. Lists show everything unless `hides`; then what a caller may not use
is not there for it, and its lists are nobody else's. Installed with the first thing that needs a scope.
Source: specification, basic/authorization "Scope Challenge Handling"; server/utilities/caching "Security".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import UNSET, structs

from dragoman.errors import RequestError, ScopeError
from dragoman.ports.service import Handler
from dragoman.protocol.exchange import Call, Prepared, Reply
from dragoman.serving import prompts, resources, tools
from dragoman.serving.elsewhere import Elsewhere
from dragoman.serving.listing import Listing
from dragoman.serving.resources import not_found
from dragoman.wire.jsonrpc import INVALID_PARAMS
from dragoman.wire.prompts import ListPromptsResult, PromptReference
from dragoman.wire.resources import ListResourcesResult, ListTemplatesResult
from dragoman.wire.tools import ListToolsResult

NONE: frozenset[str] = frozenset()


class Scopes:
    """The middleware that holds the scopes of one server's registries. `hides` keeps what is refused from lists."""

    def __init__(
        self,
        tools: Listing[tools.Registered | Elsewhere],
        prompts: Listing[prompts.Registered | Elsewhere],
        resources: resources.Resources,
    ) -> None:
        self.hides = False
        self._tools = tools
        self._prompts = prompts
        self._resources = resources

    def listed(self) -> Iterator[str]:
        """Yield all scopes that something needs."""
        for listing in (self._tools, self._prompts, self._resources.fixed, self._resources.templates):
            for entry in listing:
                yield from entry.scopes

    async def __call__(self, call: Call, handler: Handler) -> Reply:
        """Answer a call whose caller may make it. Raises ScopeError with all that is needed otherwise."""
        caller = call.caller
        if caller.identity is None and not call.headers:
            # On stdio and in memory nobody is asked who they are: whoever is there started this (AUTHRS-11).
            return await handler(call)
        needed = self.needed(call)
        if not needed <= caller.scopes:
            raise self._unknown(call) if self.hides else ScopeError(needed)
        if not self.hides:
            return await handler(call)
        if self._is_unknown(call):
            # The registry's own words would name what is nearest, hidden or not.
            raise self._unknown(call)
        return self._shown(await handler(call), caller.scopes)

    def needed(self, call: Call) -> frozenset[str]:
        """Return all scopes that a call needs."""
        params = call.params
        match call.method:
            case "tools/call":
                return _of(self._tools.get(params.name))
            case "prompts/get":
                return _of(self._prompts.get(params.name))
            case "completion/complete":
                ref = params.ref
                if isinstance(ref, PromptReference):
                    return _of(self._prompts.get(ref.name))
                return _of(self._resources.templates.get(ref.uri) or self._resources.fixed.get(ref.uri))
            case "resources/read" | "resources/subscribe":
                return self._of_uri(params.uri)
            case "subscriptions/listen":
                uris = params.notifications.resource_subscriptions
                return NONE if uris is UNSET else NONE.union(*(self._of_uri(uri) for uri in uris[:1000]))
            case _:
                return NONE

    def _of_uri(self, uri: str) -> frozenset[str]:
        fixed = self._resources.fixed.get(uri)
        if fixed is not None:
            return fixed.scopes
        for family in self._resources.templates:
            if family.template is not None and family.template.match(uri) is not None:
                return family.scopes
        return NONE

    def _is_unknown(self, call: Call) -> bool:
        params = call.params
        if call.method == "tools/call":
            return params.name not in self._tools
        return call.method == "prompts/get" and params.name not in self._prompts

    def _unknown(self, call: Call) -> RequestError:
        """Return the error for what is not there."""
        params = call.params
        match call.method:
            case "tools/call":
                return RequestError(INVALID_PARAMS, f"unknown tool {params.name[:100]!r}")
            case "prompts/get":
                return RequestError(INVALID_PARAMS, f"unknown prompt {params.name[:100]!r}")
            case "resources/read" | "resources/subscribe":
                return not_found(params.uri)
            case _:
                return RequestError(INVALID_PARAMS, "there is nothing of that name")

    def _shown(self, reply: Reply, scopes: frozenset[str]) -> Reply:
        """Return a list without what `scopes` do not allow, to be kept for this caller only (CACHE-04)."""
        result: Any = reply.result if isinstance(reply, Prepared) else reply
        change: dict[str, Any]
        if isinstance(result, ListToolsResult):
            change = {"tools": [tool for tool in result.tools if _of(self._tools.get(tool.name)) <= scopes]}
        elif isinstance(result, ListPromptsResult):
            change = {"prompts": [item for item in result.prompts if _of(self._prompts.get(item.name)) <= scopes]}
        elif isinstance(result, ListResourcesResult):
            change = {"resources": [item for item in result.resources if self._of_uri(item.uri) <= scopes]}
        elif isinstance(result, ListTemplatesResult):
            families = self._resources.templates
            shown = [item for item in result.resource_templates if _of(families.get(item.uri_template)) <= scopes]
            change = {"resource_templates": shown}
        else:
            return reply
        shorter: Reply = structs.replace(result, cache_scope="private", **change)
        return shorter


def _of(entry: Any) -> frozenset[str]:
    """Return what a registered thing needs; nothing if there is no such thing."""
    scopes: frozenset[str] = NONE if entry is None else entry.scopes
    return scopes
