"""The documents of OAuth that a client reads: metadata of resources and authorization servers, tokens, registrations.

Only the members that are used have a type here; others may hold what they like. A document is read whole or refused.
Source: RFC 9728, section 2; RFC 8414, section 2; RFC 6749, section 5; RFC 7591, section 3.2.1.
"""

from __future__ import annotations

import math
import re
from typing import TypeVar

import msgspec

from dragoman.errors import MalformedError
from dragoman.protocol.strict import read_strict

T = TypeVar("T")
MAX_TOKEN = 64 * 1024  # characters
# What may follow the scheme in an Authorization field; a line break in a token would be a field of the server's choice.
_TOKEN = re.compile(r"[\x21-\x7e]+")


class ResourceMetadata(msgspec.Struct, frozen=True):
    """What a protected server says of itself (RFC 9728)."""

    resource: str
    authorization_servers: tuple[str, ...] = ()
    scopes_supported: tuple[str, ...] | None = None
    dpop_bound_access_tokens_required: bool = False


class ServerMetadata(msgspec.Struct, frozen=True):
    """What an authorization server says of itself (RFC 8414, and OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    registration_endpoint: str = ""
    revocation_endpoint: str = ""
    scopes_supported: tuple[str, ...] = ()
    code_challenge_methods_supported: tuple[str, ...] = ()
    token_endpoint_auth_methods_supported: tuple[str, ...] | None = None
    token_endpoint_auth_signing_alg_values_supported: tuple[str, ...] = ()
    dpop_signing_alg_values_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False
    client_id_metadata_document_supported: bool = False


class TokenAnswer(msgspec.Struct, frozen=True):
    """What a token endpoint gives. Never shown: it is made of secrets."""

    access_token: str
    token_type: str
    expires_in: float | None = None
    refresh_token: str = ""
    scope: str | None = None
    issued_token_type: str = ""

    def __repr__(self) -> str:
        return f"TokenAnswer({self.token_type[:20]!r}, ***)"


class Refused(msgspec.Struct, frozen=True):
    """The error of a token or registration endpoint (RFC 6749, section 5.2)."""

    error: str
    error_description: str = ""


class Registration(msgspec.Struct, frozen=True):
    """What an authorization server registered (RFC 7591); `client_secret_expires_at` is in seconds, 0 for never."""

    client_id: str
    client_secret: str = ""
    client_secret_expires_at: float = 0
    token_endpoint_auth_method: str = ""

    def __repr__(self) -> str:
        return f"Registration({self.client_id!r}, ***)"


def read_document(body: bytes, kind: type[T], what: str) -> T:
    """Return `body` as a `kind`. Raises MalformedError that names `what` and the member at fault, never a value."""
    found = read_strict(body, what)
    try:
        # expires_in comes as text from some servers.
        return msgspec.convert(found, kind, strict=False)
    except msgspec.ValidationError as error:
        raise MalformedError(f"{what} is not as it has to be: {error}") from None


def read_token(body: bytes, what: str) -> TokenAnswer:
    """Return the answer of a token endpoint. Raises MalformedError if it cannot be used."""
    answer = read_document(body, TokenAnswer, what)
    for token in (answer.access_token, answer.refresh_token):
        if len(token) > MAX_TOKEN or (token and not _TOKEN.fullmatch(token)):
            raise MalformedError(f"{what} has a token that cannot be sent: too long, or of strange characters")
    if not answer.access_token:
        raise MalformedError(f"{what} has an empty access_token")
    if answer.expires_in is not None and not math.isfinite(answer.expires_in):
        raise MalformedError(f"{what} has an expires_in that is no number of seconds")  # as text, it could be "nan"
    return answer
