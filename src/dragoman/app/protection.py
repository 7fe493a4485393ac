"""Who may call a server over HTTP: from its option `auth` and its public URL to the gate in front of it.

Loaded with the HTTP endpoint of a server that has `auth`. Limit: bearer tokens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from dragoman.auth.gate import BearerGate
from dragoman.errors import LocalError
from dragoman.ports.fetch import Fetcher
from dragoman.protocol.bearer import checked_resource
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.site import SiteApp

if TYPE_CHECKING:
    from dragoman.app.server import Server


@runtime_checkable
class Hosted(Protocol):
    """A verifier that issues its tokens itself, at a site that is served beside the server."""

    @property
    def site(self) -> SiteApp:
        """Its endpoints."""
        ...

    def protects(self, resource: str, scopes: Callable[[], Iterable[str]]) -> None:
        """Give tokens for the server at `resource` from now on; `scopes` says what there is to grant."""
        ...


def site(server: Server) -> SiteApp | None:
    """Return what is to be served beside `server`, if anything. Raises LocalError for two."""
    found = [verifier.site for verifier in server.auth if isinstance(verifier, Hosted)]
    if len(found) > 1:
        raise LocalError("auth has two authorization servers; beside a server there is one at most")
    return found[0] if found else None


def gate(server: Server, url: str) -> BearerGate:
    """Return the gate of `server` at its public `url`. Raises LocalError if clients could not find out what to do."""
    verifiers = server.auth
    if not url and any(verifier.issuer for verifier in verifiers):
        raise LocalError(
            "a server with auth has to know its own public URL, which tokens are for: url='https://example.com/mcp', "
            "or --url"
        )
    for verifier in verifiers:
        if isinstance(verifier, Hosted):
            verifier.protects(url, server.surface.scopes.listed)
    return BearerGate(server.name, checked_resource(url) if url else "", verifiers, server.surface.scopes.listed, dial)


def dial(base: str) -> Fetcher:
    """Return a fetcher for documents of the issuer at `base`, which the server's owner named."""
    return SafeFetcher(base)
