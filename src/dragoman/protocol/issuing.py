"""What an authorization server is sent: descriptions of clients and requests for codes, judged without any I/O.

A description is read whole or refused; a request is answered at its redirect address only after that address was found
to be the client's own.
Source: specification, basic/authorization; RFC 7591, section 2; OAuth 2.1 draft 13, sections 2.3 and 4.1; RFC 8707.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

import msgspec

from dragoman.protocol.code_flow import challenge_of
from dragoman.protocol.discovery import is_loopback

REDIRECTS = 20
NAME = 100  # characters
METHODS = ("none", "client_secret_basic", "client_secret_post")
OWN_RIGHT = "client_credentials"
ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,200}")
_URI = re.compile(r"[\x21-\x7e]{1,2000}")


class Denied(Exception):
    """A request of a client's is answered with an error: its code, and words for the client's developer."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """What a client says of itself (RFC 7591, section 2), `secret` being a digest of what it was given."""

    client_id: str = ""
    client_name: str = ""
    redirect_uris: tuple[str, ...] = ()
    token_endpoint_auth_method: str = "none"
    grant_types: tuple[str, ...] = ("authorization_code", "refresh_token")
    response_types: tuple[str, ...] = ("code",)
    scope: str = ""
    secret: str = ""

    @property
    def is_program(self) -> bool:
        """Whether it asks in its own right, and never for a user."""
        return self.grant_types == (OWN_RIGHT,)

    @property
    def only_local(self) -> bool:
        """Whether every redirect address is on the user's machine, where any program could be listening."""
        return all(is_loopback(urlsplit(uri).hostname or "") for uri in self.redirect_uris)


def read_client(document: object, *, method: str = "none", owned: bool = False) -> Applicant:
    """Return the client that a document describes; `method` is what it uses if it does not say.

    One that is `owned`, written down by the owner of the server, may be a program
    without users.  Raises Denied with `invalid_redirect_uri` or `invalid_client_metadata`.
    """
    if isinstance(document, dict):
        stated: dict[str, Any] = {**document, "secret": ""}  # pyright: ignore[reportUnknownVariableType]
        stated.setdefault("token_endpoint_auth_method", method)
        document = stated
    try:
        client = msgspec.convert(document, Applicant)
    except msgspec.ValidationError as error:
        raise Denied("invalid_client_metadata", f"the description of the client is wrong: {error}") from None
    if owned and client.is_program:
        return msgspec.structs.replace(client, client_name=plain_name(client.client_name))
    if not 0 < len(client.redirect_uris) <= REDIRECTS:
        raise Denied("invalid_redirect_uri", f"a client has 1 to {REDIRECTS} redirect_uris")
    for uri in client.redirect_uris:
        check_redirect_uri(uri)
    if client.token_endpoint_auth_method not in METHODS:
        raise Denied("invalid_client_metadata", f"token_endpoint_auth_method is one of {', '.join(METHODS)} here")
    if "authorization_code" not in client.grant_types or "code" not in client.response_types:
        raise Denied("invalid_client_metadata", "the authorization code grant is the only way here to a first token")
    return msgspec.structs.replace(client, client_name=plain_name(client.client_name))


def plain_name(text: str) -> str:
    """Return a name as it can be shown: one line, nothing that turns the direction of what stands beside it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[:NAME]


def check_redirect_uri(uri: str) -> None:
    """Raise Denied unless an address may be given codes: https, or http on the user's own machine (AUTHAS-05)."""
    parts = _split(uri)
    fine = parts is not None and not parts.fragment and "#" not in uri and parts.username is None and "\\" not in uri
    if parts is None or not fine or not parts.hostname or "*" in parts.netloc:
        raise Denied("invalid_redirect_uri", "a redirect address is a whole URL without user, fragment and wildcards")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise Denied("invalid_redirect_uri", "a redirect address is https, or http on 127.0.0.1, [::1] or localhost")


def _split(uri: str) -> SplitResult | None:
    if not _URI.fullmatch(uri):
        return None
    try:
        parts = urlsplit(uri)
        return parts if parts.port != 0 else None
    except ValueError:
        return None


def same_redirect(uri: str, registered: str) -> bool:
    """Say whether `uri` is the registered address, letter by letter; on the user's machine its port may differ.

    Programs there take whatever port is free (RFC 8252, section 7.3).
    """
    if uri == registered:
        return True
    theirs, ours = _split(uri), _split(registered)
    if theirs is None or ours is None or ours.scheme != "http" or not is_loopback(ours.hostname or ""):
        return False
    host = ours.netloc.removesuffix(f":{ours.port}")
    return theirs.port is not None and uri == f"http://{host}:{theirs.port}{registered.partition(ours.netloc)[2]}"


class Asked(msgspec.Struct, frozen=True):
    """A request for a code that can be granted: what the user is asked, and what the code will be bound to."""

    client_id: str
    redirect_uri: str
    challenge: str
    resource: str
    scopes: tuple[str, ...]
    state: str = ""


def redirect_of(query: Mapping[str, str], client: Applicant) -> str:
    """Return where to answer. Raises Denied if that is not the client's: then nothing is sent anywhere."""
    uri = query.get("redirect_uri", "")
    if not any(same_redirect(uri, registered) for registered in client.redirect_uris):
        raise Denied("invalid_request", "the redirect address is not one that this client registered")
    return uri


def read_request(query: Mapping[str, str], client: Applicant, resources: Mapping[str, frozenset[str]]) -> Asked:
    """Return what is asked for; `resources` has the scopes of each server that tokens are given for.

    Call `redirect_of` first.  Raises Denied, to be told at the redirect address.
    """
    if query.get("response_type") != "code":
        raise Denied("unsupported_response_type", "response_type is code here")
    if query.get("code_challenge_method", "") != "S256":
        raise Denied("invalid_request", "PKCE is needed: code_challenge_method is S256 here, and nothing else")
    challenge = query.get("code_challenge", "")
    if not _CHALLENGE.fullmatch(challenge):
        raise Denied("invalid_request", "code_challenge is the base64url of a SHA-256 digest: 43 characters")
    resource = query.get("resource", "")
    if resource not in resources:
        raise Denied("invalid_target", "resource names the server that the token is for, as its metadata does")
    scopes = tuple(dict.fromkeys(query.get("scope", "").split()))
    known = resources[resource]
    if strange := [scope for scope in scopes if not _SCOPE.fullmatch(scope) or scope not in known]:
        raise Denied("invalid_scope", f"no such scope here: {''.join(c for c in strange[0][:60] if c.isalnum())}")
    if "none" in query.get("prompt", "").split():
        raise Denied("consent_required", "nothing is granted here without asking the user")
    state = query.get("state", "")
    if len(state) > 2000:
        raise Denied("invalid_request", "state has 2000 characters at most")
    return Asked(client.client_id, query["redirect_uri"], challenge, resource, scopes, state)


def read_own(
    form: Mapping[str, str], client: Applicant, resources: Mapping[str, frozenset[str]]
) -> tuple[str, tuple[str, ...]]:
    """Return for which server, and with which scopes, a program asks for a token in its own right.

    It gets what the owner wrote down for it, or the part of that which it asks for.  Raises Denied (OAuth 2.1, 4.2).
    """
    if not client.is_program:
        raise Denied("unauthorized_client", "this client asks for users: its grant is authorization_code")
    resource = form.get("resource", "")
    if resource not in resources:
        raise Denied("invalid_target", "resource names the server that the token is for, as its metadata does")
    return resource, read_granted(form, resource, tuple(client.scope.split()), resources)


def read_granted(
    form: Mapping[str, str], resource: str, granted: tuple[str, ...], resources: Mapping[str, frozenset[str]]
) -> tuple[str, ...]:
    """Return which of the scopes that were `granted` for a server a token gets: all it has, or those asked for.

    Raises Denied for another server or more scopes.
    """
    if resource not in resources or form.get("resource", resource) != resource:
        raise Denied("invalid_target", "the grant is for another server than the token, or for one that is not here")
    there = [scope for scope in granted if scope in resources[resource]]
    asked = form["scope"].split() if form.get("scope") else there
    if not set(asked) <= set(there):
        raise Denied("invalid_scope", "fewer scopes were granted to this client")
    return tuple(dict.fromkeys(asked))


def answer_url(redirect_uri: str, issuer: str, state: str, **fields: str) -> str:
    """Return where the browser goes with the answer, which names its issuer (RFC 9207; AUTHAS-04)."""
    answer = {**fields, **({"state": state} if state else {}), "iss": issuer}
    return f"{redirect_uri}{'&' if urlsplit(redirect_uri).query else '?'}{urlencode(answer)}"


def proves(verifier: str, challenge: str) -> bool:
    """Say whether a verifier is the one that the challenge was made of (RFC 7636, section 4.6)."""
    return _VERIFIER.fullmatch(verifier) is not None and challenge_of(verifier) == challenge
