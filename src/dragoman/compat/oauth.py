"""Models of `mcp.shared.auth` and `mcp.server.auth.provider`: what a file's own authorization server takes and gives.

Promise: documents have the names of OAuth, `redirect_uris` and not `redirectUris`. Limit: values are not checked here.
"""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from dragoman.compat.authorization import AccessToken
from dragoman.compat.models import Model

JWT_BEARER_GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class _Document(Model):
    """A document of OAuth's."""

    def model_dump(self, *, by_alias: bool = True, exclude_none: bool = False, **options: Any) -> dict[str, Any]:
        """Return plain data; OAuth's names are Python's."""
        return super().model_dump(by_alias=False, exclude_none=exclude_none)


class OAuthToken(_Document):
    """What the token endpoint gives."""

    access_token: str
    token_type: str = "Bearer"
    expires_in: int | None = None
    scope: str | None = None
    refresh_token: str | None = None

    def __repr__(self) -> str:
        return "OAuthToken(***)"


class AuthorizationCodeResult(_Document):
    """What comes back with a code."""

    code: str
    state: str | None = None
    iss: str | None = None


class InvalidScopeError(Exception):
    """A client asks for a scope that is not its."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRedirectUriError(Exception):
    """A client names an address that is not its."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class OAuthClientMetadata(_Document):
    """What a client says of itself (RFC 7591, section 2)."""

    redirect_uris: Any = None
    token_endpoint_auth_method: str | None = None
    grant_types: Any = ("authorization_code", "refresh_token")
    response_types: Any = ("code",)
    scope: str | None = None
    client_name: str | None = None
    client_uri: Any = None
    logo_uri: Any = None
    contacts: Any = None
    tos_uri: Any = None
    policy_uri: Any = None
    jwks_uri: Any = None
    jwks: Any = None
    software_id: str | None = None
    software_version: str | None = None
    application_type: str | None = None

    def validate_scope(self, requested_scope: str | None) -> list[str] | None:
        """Return the scopes that are asked for. Raises InvalidScopeError for one that is not the client's."""
        if requested_scope is None:
            return None
        asked = requested_scope.split()
        allowed = (self.scope or "").split()
        if strange := [one for one in asked if one not in allowed]:
            raise InvalidScopeError(f"the client was not registered with the scope {strange[0]}")
        return asked

    def validate_redirect_uri(self, redirect_uri: Any) -> Any:
        """Return where to answer. Raises InvalidRedirectUriError if that is not the client's."""
        own = [str(one) for one in self.redirect_uris or ()]
        if redirect_uri is None:
            if len(own) == 1:
                return own[0]
            raise InvalidRedirectUriError("redirect_uri is needed where a client has not just one")
        if str(redirect_uri) not in own:
            raise InvalidRedirectUriError("the redirect address is not one that this client registered")
        return redirect_uri


class OAuthClientInformationFull(OAuthClientMetadata):
    """A client, with what it was given."""

    client_id: str | None = None
    client_secret: str | None = None
    client_id_issued_at: int | None = None
    client_secret_expires_at: int | None = None
    issuer: str | None = None

    def __repr__(self) -> str:
        return f"OAuthClientInformationFull(client_id={self.client_id!r})"


class OAuthMetadata(_Document):
    """What an authorization server says of itself (RFC 8414)."""

    issuer: Any
    authorization_endpoint: Any
    token_endpoint: Any
    registration_endpoint: Any = None
    revocation_endpoint: Any = None
    introspection_endpoint: Any = None
    scopes_supported: Any = None
    response_types_supported: Any = ("code",)
    grant_types_supported: Any = None
    token_endpoint_auth_methods_supported: Any = None
    code_challenge_methods_supported: Any = None


class ProtectedResourceMetadata(_Document):
    """What a server says of who issues tokens for it (RFC 9728)."""

    resource: Any
    authorization_servers: Any
    scopes_supported: Any = None
    bearer_methods_supported: Any = ("header",)
    resource_name: str | None = None
    resource_documentation: Any = None


class AuthorizationParams(Model):
    """What a client asks the user for."""

    state: str | None = None
    scopes: list[str] | None = None
    code_challenge: str = ""
    redirect_uri: Any = None
    redirect_uri_provided_explicitly: bool = True
    resource: str | None = None


class IdentityAssertionParams(Model):
    """The grant of an identity provider that a client brings."""

    assertion: str
    scopes: list[str] | None = None
    resource: str | None = None


class AuthorizationCode(Model):
    """A code, and what it was given for."""

    code: str
    scopes: list[str]
    expires_at: float
    client_id: str
    code_challenge: str
    redirect_uri: Any
    redirect_uri_provided_explicitly: bool
    resource: str | None = None
    subject: str | None = None


class RefreshToken(Model):
    """A refresh token, and what it was given for."""

    token: str
    client_id: str
    scopes: list[str]
    expires_at: int | None = None
    resource: str | None = None
    subject: str | None = None


class _OAuthError(Exception):
    def __init__(self, error: str, error_description: str | None = None) -> None:
        super().__init__(error_description or error)
        self.error = error
        self.error_description = error_description


class RegistrationError(_OAuthError):
    """A client cannot be registered."""


class AuthorizeError(_OAuthError):
    """A user cannot be asked."""


class TokenError(_OAuthError):
    """A token cannot be given."""


class OAuthAuthorizationServerProvider:
    """The base of a file's own authorization server: where it keeps clients, codes and tokens."""

    def __class_getitem__(cls, item: Any) -> type:
        return cls


class ProviderTokenVerifier:
    """Judges tokens by who issued them."""

    def __init__(self, provider: Any) -> None:
        self.provider = provider

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token's contents, or None if it is not valid."""
        found: AccessToken | None = await self.provider.load_access_token(token)
        return found


def construct_redirect_uri(redirect_uri_base: str, **params: str | None) -> str:
    """Return an address with parameters added to it."""
    parts = urlsplit(redirect_uri_base)
    added = urlencode({name: value for name, value in params.items() if value is not None})
    return urlunsplit(parts._replace(query="&".join(part for part in (parts.query, added) if part)))


def resource_url_from_server_url(url: Any) -> str:
    """Return a server's URL as tokens name it: scheme and host in lower case, without a fragment (RFC 8707)."""
    parts = urlsplit(str(url))
    return urlunsplit(parts._replace(scheme=parts.scheme.lower(), netloc=parts.netloc.lower(), fragment=""))


def check_resource_allowed(requested_resource: str, configured_resource: str) -> bool:
    """Say whether what is asked for is the configured server, or below it."""
    asked, own = urlsplit(requested_resource), urlsplit(configured_resource)
    if (asked.scheme.lower(), asked.netloc.lower()) != (own.scheme.lower(), own.netloc.lower()):
        return False
    return f"{asked.path.rstrip('/')}/".startswith(f"{own.path.rstrip('/')}/")


def calculate_token_expiry(expires_in: int | str | None) -> float | None:
    """Return when a token ends, in seconds since 1970."""
    return None if expires_in is None else time.time() + int(expires_in)
