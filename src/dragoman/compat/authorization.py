"""Names of `mcp.server.auth` and `fastmcp.server.auth` with which server files say who may call.

Promise: a server that says it is served over HTTP by Dragoman's own gate, or not at all. Limit: what issues tokens
itself (providers of logins, proxies of identity providers) is named only, and its servers answer nobody over HTTP.
"""

from __future__ import annotations

from typing import Any

from dragoman.compat.inject import CURRENT
from dragoman.compat.models import Model
from dragoman.serving.shapes import is_list


class AccessToken(Model):
    """A token that a verifier has accepted."""

    token: str
    client_id: str
    scopes: list[str] = []  # noqa: RUF012 - copied for each value
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None
    claims: dict[str, Any] | None = None


class TokenVerifier:
    """The base of what checks tokens; a file's own class says how."""

    def __init__(self, base_url: Any = None, required_scopes: list[str] | None = None, **named: Any) -> None:
        self.base_url = base_url
        self.required_scopes = required_scopes or []

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token's contents, or None if it is not valid."""
        return None


class JWTVerifier(TokenVerifier):
    """As `fastmcp.server.auth.providers.jwt.JWTVerifier`: judged as `dragoman.JWTAuth` judges."""

    def __init__(
        self, *, public_key: Any = None, jwks_uri: str | None = None, issuer: Any = None, audience: Any = None,
        algorithm: str | None = None, **named: Any,
    ) -> None:  # fmt: skip
        super().__init__(**named)
        self.public_key = public_key
        self.jwks_uri = jwks_uri
        self.issuer = issuer
        self.audience = audience
        self.algorithm = algorithm or "RS256"


class StaticTokenVerifier(TokenVerifier):
    """As `fastmcp.server.auth.providers.jwt.StaticTokenVerifier`: a table of tokens, for development."""

    def __init__(self, tokens: dict[str, dict[str, Any]], required_scopes: list[str] | None = None) -> None:
        super().__init__(required_scopes=required_scopes)
        self.tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the table says of a token."""
        found = self.tokens.get(token)
        if found is None:
            return None
        claims = {str(name): value for name, value in found.items()}
        return AccessToken(
            token=token,
            client_id=str(found.get("client_id", "")),
            scopes=list(found.get("scopes") or ()),
            expires_at=found.get("expires_at"),
            subject=found.get("sub"),
            claims=claims,
        )


class RemoteAuthProvider:
    """As `fastmcp.server.auth.RemoteAuthProvider`: a verifier, and where its tokens come from."""

    def __init__(
        self, token_verifier: Any = None, authorization_servers: Any = (), base_url: Any = None, **named: Any
    ) -> None:
        self.token_verifier = token_verifier
        self.authorization_servers = [str(server) for server in authorization_servers]
        self.base_url = base_url

    def get_routes(self, *given: Any, **named: Any) -> list[Any]:
        """Return no routes: the metadata is served by the gate."""
        return []

    get_well_known_routes = get_routes


class ClientRegistrationOptions(Model):
    """Whether clients may register themselves."""

    enabled: bool = False
    client_secret_expiry_seconds: int | None = None
    valid_scopes: list[str] | None = None
    default_scopes: list[str] | None = None


class RevocationOptions(Model):
    """Whether tokens may be revoked."""

    enabled: bool = False


class AuthSettings(Model):
    """Who issues tokens for this server, and what they must hold."""

    issuer_url: Any
    resource_server_url: Any = None
    required_scopes: list[str] | None = None
    validate_token_resource: bool | None = None
    identity_assertion_enabled: bool = False
    client_registration_options: Any = None
    revocation_options: Any = None
    service_documentation_url: Any = None


class Declared:
    """A provider of authorization that a file names; the server that gets it answers over stdio only."""

    def __init__(self, *given: Any, **named: Any) -> None:
        self.declared = named

    def get_well_known_routes(self, *given: Any, **named: Any) -> list[Any]:
        """Return no routes: over HTTP such a server is not served."""
        return []

    get_routes = get_well_known_routes


class Required:
    """What `require_scopes` gives: callers over HTTP have to have all of these scopes."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes

    def __call__(self, context: Any) -> bool:
        """Say whether the caller of the call that runs has them."""
        token = get_access_token()
        return token is not None and set(self.scopes) <= set(token.scopes)


def require_scopes(*scopes: str) -> Required:
    """Return what lets in only callers with these scopes: for `auth=` of a tool, resource or prompt."""
    return Required(scopes)


def scopes_of(auth: Any) -> list[str] | None:
    """Return the scopes that `auth=` of a tool asks for, None if it asks for anything else as well."""
    checks: list[Any] = auth if is_list(auth) else [auth]
    if not all(isinstance(check, Required) for check in checks):
        return None
    return [scope for check in checks for scope in check.scopes]


def get_access_token() -> AccessToken | None:
    """Return what is known of the caller; None over stdio, where nobody presents a token.

    Its `token` is empty: a token that came in goes nowhere, so that no function can pass it on.
    """
    context = CURRENT.get(None)
    identity = None if context is None else context.call.caller.identity
    if identity is None:
        return None
    return AccessToken(
        token="",
        client_id=identity.client_id,
        scopes=sorted(identity.scopes),
        expires_at=None if identity.expires_at is None else int(identity.expires_at),
        subject=identity.subject,
        claims=dict(identity.claims),
    )
