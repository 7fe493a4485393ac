"""Who may call a server written for another package: its own declarations, as verifiers of ours.

Promise: what is said here is served by Dragoman's gate, with metadata, challenges and scopes; what cannot be is None,
and such a server answers nobody over HTTP. Limit: tokens that are judged here; nothing that issues any.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from dragoman.app.registration import checked_auth
from dragoman.app.server import Server
from dragoman.auth.issuer_keys import joserfc
from dragoman.auth.jwt import ALGORITHMS, JWTAuth
from dragoman.compat.authorization import JWTVerifier, RemoteAuthProvider
from dragoman.errors import LocalError, TokenError
from dragoman.ports.service import Middleware
from dragoman.ports.verifier import Verifier
from dragoman.protocol.bearer import checked_resource, checked_scopes
from dragoman.protocol.identity import Identity

PATH = "/mcp"


class Judged:
    """A file's own verifier, with `verify_token`, as one of ours. Asked for each request, as there."""

    cache_seconds = 0.0

    def __init__(self, verifier: Any, issuer: str, scopes: Sequence[str], resource: str, *, exact: bool | None) -> None:
        self.issuer = issuer
        self.scopes = checked_scopes(scopes, "required_scopes")
        self.resource = resource
        self._verifier = verifier
        self._exact = exact  # True: a token says that it is for this server; None: it says nothing else; False: any

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say that it is for this one: there is no other."""
        return True

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose token it is. Raises TokenError."""
        found = await self._verifier.verify_token(token)
        if found is None:
            raise TokenError("it is not known here")
        said = getattr(found, "resource", None)
        if self._exact is not False and said is not None and str(said) != resource:
            raise TokenError("it is for another audience than this server")
        if self._exact and said is None:
            raise TokenError("it does not say for whom it is")
        claims: dict[str, Any] = dict(getattr(found, "claims", None) or {})
        client = str(found.client_id)
        subject = getattr(found, "subject", None) or claims.get("sub") or client
        if not subject:
            raise TokenError("it does not say who its subject is")
        expires = found.expires_at
        if expires is not None and expires <= time.time():
            raise TokenError("it has expired")
        return Identity(str(subject), self.issuer, client, frozenset(found.scopes), claims, expires)


class Jwts(JWTAuth):
    """A `JWTVerifier` of a file; `resource` is the server's public URL, "" if the file does not say it."""

    resource = ""


def verifiers(options: Mapping[str, Any]) -> list[Verifier] | None:
    """Return who judges tokens for a server with these options, None where that cannot be served.

    Raises LocalError for what is contradictory.
    """
    settings, verifier, auth = options.get("auth"), options.get("token_verifier"), options.get("auth")
    if (provider := options.get("auth_server_provider")) is not None:
        return _of_provider(provider, settings)
    if verifier is not None:
        return _of_settings(verifier, settings)
    if isinstance(auth, RemoteAuthProvider):
        return _judges(auth.token_verifier, auth.authorization_servers, _public(auth.base_url))
    if hasattr(auth, "verify_token"):
        return _judges(auth, [], _public(getattr(auth, "base_url", None)))
    return None


def apply(server: Server, options: Mapping[str, Any], refuse: Middleware) -> None:
    """Let a server that is made ask who calls it, as `options` declare; where that cannot be served, nobody may."""
    if all(one is None for one in options.values()) or server.auth:
        return
    if found := verifiers(options):
        server.auth = checked_auth(found)
        server.surface.guard()
    else:
        server.middleware(refuse)


def _of_provider(provider: Any, settings: Any) -> list[Verifier] | None:
    """Return the authorization server that a file brings itself, as verifier of its tokens."""
    if settings is None:
        raise LocalError("auth_server_provider needs auth=AuthSettings(...), which says at which address it issues")
    issuer, url = str(settings.issuer_url), settings.resource_server_url
    resource = checked_resource(str(url)) if url is not None else _public(issuer)
    # Loaded only here: it needs the HTTP of sites.
    made: Verifier = import_module("dragoman.compat.issuing").Issued(provider, settings, issuer, resource)
    return [made]


def _of_settings(verifier: Any, settings: Any) -> list[Verifier] | None:
    """Return the verifier of `mcp`: the settings say who issues, and what tokens have to hold."""
    if settings is None:
        return None
    url = getattr(settings, "resource_server_url", None)
    exact = getattr(settings, "validate_token_resource", None)
    scopes = getattr(settings, "required_scopes", None) or ()
    resource = "" if url is None else checked_resource(str(url))
    return [Judged(verifier, _issuer(settings.issuer_url), scopes, resource, exact=exact)]


def _judges(verifier: Any, servers: Sequence[str], resource: str) -> list[Verifier] | None:
    """Return the verifier of `fastmcp`, and, for metadata, where its tokens come from."""
    if not hasattr(verifier, "verify_token"):
        return None
    scopes = getattr(verifier, "required_scopes", None) or ()
    if not isinstance(verifier, JWTVerifier):
        issuer = _issuer(servers[0]) if servers else ""
        return [Judged(verifier, issuer, scopes, resource, exact=None)] if len(servers) <= 1 else None
    issuers = [verifier.issuer] if isinstance(verifier.issuer, str) else list(verifier.issuer or ())
    if not issuers or verifier.algorithm not in ALGORITHMS:
        return None  # anybody's token, or one that whoever checks it could have made
    made: list[Verifier] = []
    for issuer in issuers:
        one = Jwts(
            issuer, verifier.audience, scopes=scopes, algorithms=[verifier.algorithm],
            jwks_uri=verifier.jwks_uri, jwks=_keys(verifier.public_key),
        )  # fmt: skip
        one.resource = resource
        made.append(one)
    return made


def _keys(pem: Any) -> Mapping[str, Any] | None:
    """Return a public key in PEM as a JWK Set. Raises LocalError if it is none."""
    if pem is None:
        return None
    for kind in ("RSA", "EC", "OKP"):
        try:
            found = joserfc("jwk").import_key(pem, kind).as_dict(private=False)
            return {"keys": [{name: value for name, value in found.items() if name != "kid"}]}
        except LocalError:
            raise
        except Exception:  # the library's and OpenSSL's own, of many kinds: it is another kind of key
            continue
    raise LocalError("JWTVerifier: public_key is no public key in PEM")


def _public(base: Any) -> str:
    """Return the URL of the endpoint below a base address."""
    if base is None:
        return ""
    return checked_resource(f"{str(base).rstrip('/')}{PATH}")


def _issuer(url: Any) -> str:
    """Return an issuer as it was written; a URL object has a slash in the end that nobody wrote."""
    text = str(url)
    return text[:-1] if text.count("/") == 3 and text.endswith("/") else text
