"""Names of `mcp.server.auth` that server files import to declare authorization.

Promise: a server that declares it answers nobody over HTTP, since these declarations are not served. Limit: that.
"""

from __future__ import annotations

from typing import Any

from dragoman.compat.models import Model


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
    """The base of what checks tokens."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token's contents, or None if it is not valid."""
        return None


class ClientRegistrationOptions(Model):
    """Whether clients may register themselves."""

    enabled: bool = False
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


def get_access_token() -> AccessToken | None:
    """Return None: over stdio nobody presents a token, and over HTTP such a server is not served."""
    return None
