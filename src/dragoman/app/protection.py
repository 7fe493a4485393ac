"""Who may call a server over HTTP: from its option `auth` and its public URL to the gate in front of it.

Loaded with the HTTP endpoint of a server that has `auth`. Limit: bearer tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dragoman.auth.gate import BearerGate
from dragoman.errors import LocalError
from dragoman.ports.fetch import Fetcher
from dragoman.protocol.bearer import checked_resource
from dragoman.transport.fetch import SafeFetcher

if TYPE_CHECKING:
    from dragoman.app.server import Server


def gate(server: Server, url: str) -> BearerGate:
    """Return the gate of `server` at its public `url`. Raises LocalError if clients could not find out what to do."""
    verifiers = server.auth
    if not url and any(verifier.issuer for verifier in verifiers):
        raise LocalError(
            "a server with auth has to know its own public URL, which tokens are for: url='https://example.com/mcp', "
            "or --url"
        )
    return BearerGate(server.name, checked_resource(url) if url else "", verifiers, server.surface.scopes.listed, dial)


def dial(base: str) -> Fetcher:
    """Return a fetcher for documents of the issuer at `base`, which the server's owner named."""
    return SafeFetcher(base)
