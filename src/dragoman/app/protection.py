"""Who may call a server over HTTP: from its option `auth`, or settings, and its public URL to the gate in front of it.

Loaded with the HTTP endpoint of a server that has `auth`. Limit: tokens in the Authorization header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import msgspec

from dragoman.auth.gate import BearerGate, check_verifiers
from dragoman.auth.introspection import IntrospectionAuth
from dragoman.auth.jwt import USUAL, JWTAuth
from dragoman.auth.proofs import Proofs
from dragoman.auth.static_keys import KeyAuth
from dragoman.errors import LocalError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.verifier import Verifier
from dragoman.protocol.bearer import checked_resource
from dragoman.protocol.identity import Identity
from dragoman.transport.fetch import SafeFetcher
from dragoman.transport.site import SiteApp

if TYPE_CHECKING:
    from dragoman.app.server import Server


class HandedKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that was handed out, and what it allows."""

    key: str
    scopes: list[str] = []

    def __repr__(self) -> str:
        return "HandedKey(***)"


class AuthSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose tokens are taken, as a command line or a configuration file says it.

    `issuer` is one or several, whose tokens have to be for `audience` (the
    server's public URL, unless given) and to have all `scopes`. With
    `client_id` and `client_secret` the one issuer is asked about each token.
    `keys` has keys handed out by hand, by the name of who has them; a text is a
    key that allows `scopes` and no more. The rest is as in JWTAuth.
    """

    issuer: str | list[str] = []
    audience: str | list[str] = []
    scopes: list[str] = []
    implies: dict[str, list[str]] = {}
    algorithms: tuple[str, ...] = USUAL
    jwks_uri: str = ""
    client_id: str = ""
    client_secret: str = ""
    keys: dict[str, str | HandedKey] = {}

    def __repr__(self) -> str:
        return f"AuthSettings({', '.join(_listed(self.issuer)) or '***'})"


def verifiers(settings: AuthSettings) -> list[Verifier]:
    """Return who judges the tokens: what the option `auth` of a server takes. Raises LocalError for what cannot be."""
    issuers, audience = _listed(settings.issuer), _listed(settings.audience) or None
    given, implies = settings.scopes, settings.implies
    if (settings.client_id or settings.client_secret or settings.jwks_uri) and len(issuers) != 1:
        raise LocalError("auth: client_id, client_secret and jwks_uri are of one issuer: name that one")
    found: list[Verifier] = []
    if settings.client_id or settings.client_secret:
        who, secret = settings.client_id, settings.client_secret
        found.append(
            IntrospectionAuth(issuers[0], audience, client_id=who, client_secret=secret, scopes=given, implies=implies)
        )
    else:
        names, where = settings.algorithms, settings.jwks_uri or None
        found += [
            JWTAuth(issuer, audience, scopes=given, implies=implies, algorithms=names, jwks_uri=where)
            for issuer in issuers
        ]
    if settings.keys:
        held = {name: HandedKey(key=key) if isinstance(key, str) else key for name, key in settings.keys.items()}
        table = {each.key: Identity(name, scopes=frozenset([*each.scopes, *given])) for name, each in held.items()}
        if len(table) != len(held):
            raise LocalError("auth: two of the keys are the same; each is to be one caller's")
        found.append(KeyAuth(table, scopes=given, implies=implies))
    if not found:
        raise LocalError("auth: name an issuer, or keys; without, nobody could come in")
    check_verifiers(found)
    return found


def protect(server: Server, settings: AuthSettings) -> None:
    """Let a server that has no `auth` of its own take these tokens, and nobody without one. Raises LocalError."""
    if server.auth:
        raise LocalError("this server says itself whose tokens it takes (auth=): leave that out here, or there")
    server.auth = tuple(verifiers(settings))
    server.surface.guard()


def _listed(one_or_more: str | list[str]) -> list[str]:
    return [one_or_more] if isinstance(one_or_more, str) else list(one_or_more)


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
    resource = checked_resource(url) if url else ""
    proofs = Proofs(resource, server.storage, server.surface.face.states) if resource else None
    return BearerGate(server.name, resource, verifiers, server.surface.scopes.listed, dial, proofs=proofs)


def dial(base: str) -> Fetcher:
    """Return a fetcher for documents of the issuer at `base`, which the server's owner named."""
    return SafeFetcher(base)
