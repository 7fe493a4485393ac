"""The authorization code flow without its browser and sockets: what is asked, and whether what came back answers it.

An answer is judged in one order: is it ours (`state`), is it theirs (`iss`), what does it say. Nothing of an answer
that fails the first two is used or shown.
Source: OAuth 2.1 draft 13, section 4.1; RFC 7636; RFC 9207, section 2.4; specification, basic/authorization.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

from dragoman.errors import AuthorizationError
from dragoman.protocol.authorization import ServerMetadata
from dragoman.protocol.discovery import is_loopback, same_issuer, shown

OFFLINE = "offline_access"
Scopes = tuple[str, ...] | None


class CodeRequest(msgspec.Struct, frozen=True):
    """One authorization request under way: everything that its answer is judged by (AUTHC-15). Holds a secret."""

    issuer: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: Scopes
    state: str
    verifier: str

    def __repr__(self) -> str:
        return f"CodeRequest({self.issuer!r}, ***)"


def check_pkce(server: ServerMetadata) -> None:
    """Raise AuthorizationError unless the server says that it protects codes by PKCE with S256 (AUTHC-10)."""
    if "S256" not in server.code_challenge_methods_supported:
        raise AuthorizationError(
            f"{shown(server.issuer)} does not say that it supports PKCE with S256 (code_challenge_methods_supported): "
            "without it a stolen code would be enough, so no login was begun"
        )


def text_of(data: bytes) -> str:
    """Return bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return text_of(hashlib.sha256(verifier.encode("ascii")).digest())


def authorization_url(server: ServerMetadata, request: CodeRequest) -> str:
    """Return the page that the user has to visit."""
    fields = {
        "response_type": "code",
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
        "state": request.state,
        "code_challenge": challenge_of(request.verifier),
        "code_challenge_method": "S256",
        "resource": request.resource,
    }
    if request.scopes is not None:
        fields["scope"] = " ".join(request.scopes)
        if OFFLINE in request.scopes:
            fields["prompt"] = "consent"  # OpenID Connect Core, section 11: without it the scope is ignored
    joint = "&" if urlsplit(server.authorization_endpoint).query else "?"
    return f"{server.authorization_endpoint}{joint}{urlencode(fields)}"


def read_redirect(url: str) -> dict[str, str]:
    """Return the parameters of the URL that the browser was sent to. Raises AuthorizationError if one stands twice."""
    try:
        found = parse_qs(urlsplit(url).query, keep_blank_values=True, strict_parsing=False, max_num_fields=50)
    except ValueError:
        raise AuthorizationError("the answer of the authorization server cannot be read") from None
    if any(len(values) > 1 for values in found.values()):
        raise AuthorizationError("the answer of the authorization server has a parameter twice; it was not used")
    return {name: values[0] for name, values in found.items()}


def code_of(answer: Mapping[str, str], request: CodeRequest, server: ServerMetadata) -> str:
    """Return the code in the answer to `request`.

    Raises AuthorizationError for an answer to another request, or from another
    server (AUTHC-16, AUTHC-18), without a word of what it says, and for an error.
    """
    if not hmac.compare_digest(answer.get("state", "").encode(), request.state.encode()):
        raise AuthorizationError("the answer belongs to another login (its state is not ours); it was not used")
    stated = answer.get("iss")
    if stated is None and server.authorization_response_iss_parameter_supported:
        raise AuthorizationError(
            f"the answer does not say who sent it, though {shown(request.issuer)} promises that (iss); it was not used"
        )
    if stated is not None and not same_issuer(stated, request.issuer):
        raise AuthorizationError(f"the answer comes from another server than {shown(request.issuer)}; it was not used")
    if error := answer.get("error"):
        said = f": {_plain(answer['error_description'])}" if answer.get("error_description") else ""
        raise AuthorizationError(f"{shown(request.issuer)} refused the login ({_plain(error)}{said})")
    code = answer.get("code", "")
    if not code:
        raise AuthorizationError(f"the answer of {shown(request.issuer)} has neither a code nor an error")
    return code


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def chosen_scopes(challenged: Scopes, listed: Scopes, held: Iterable[str] = ()) -> Scopes:
    """Return the scopes to ask for: those of the challenge, else all that the resource lists, else None (AUTHC-12).

    What was asked for before comes along, so that nothing is lost (AUTHC-14).
    """
    wanted = challenged if challenged is not None else listed
    before = tuple(held)
    if wanted is None:
        return before or None
    return tuple(dict.fromkeys((*before, *wanted))) or None


def with_offline(scopes: Scopes, server: ServerMetadata) -> Scopes:
    """Return `scopes` with what asks for a refresh token, where the server has that (AUTHC-24)."""
    if scopes is None or OFFLINE not in server.scopes_supported or OFFLINE in scopes:
        return scopes
    return (*scopes, OFFLINE)


def application_type(redirect_uri: str) -> str:
    """Return what a client with that redirect address is: "native" on the user's machine, else "web" (AUTHC-09)."""
    parts = urlsplit(redirect_uri)
    return "web" if parts.scheme == "https" and not is_loopback(parts.hostname or "") else "native"


def check_redirect(redirect_uri: str) -> None:
    """Raise AuthorizationError unless an address may take a code: https, or this machine (security-considerations)."""
    parts = urlsplit(redirect_uri)
    fine = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))
    if not fine or parts.fragment:
        raise AuthorizationError(f"the redirect address {shown(redirect_uri)} is neither https nor on this machine")
