"""Tokens in HTTP: read from the Authorization header and from nowhere else, and asked for by challenges.

Source: RFC 6750, sections 2.1 and 3; RFC 9110, section 11; RFC 9728, sections 2, 3 and 5.1; RFC 9449, section 7.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

import msgspec

from dragoman.errors import LocalError, MalformedError
from dragoman.protocol.patterns import late_pattern

MAX_TOKEN = 16 * 1024  # bytes
WELL_KNOWN = "/.well-known/oauth-protected-resource"
_BEARER = late_pattern(rb"[Bb][Ee][Aa][Rr][Ee][Rr](?: +([A-Za-z0-9\-._~+/]+=*))?[ \t]*")
_SCHEME = late_pattern(rb"[Bb][Ee][Aa][Rr][Ee][Rr](?![!#$%&'*+\-.^_`|~0-9A-Za-z])")
_BOUND = late_pattern(rb"[Dd][Pp][Oo][Pp] +([A-Za-z0-9\-._~+/]+=*)")
_BOUND_SCHEME = late_pattern(rb"[Dd][Pp][Oo][Pp](?![!#$%&'*+\-.^_`|~0-9A-Za-z])")
_SCOPE = late_pattern(r"[\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749, section 3.3
_UNSAFE = late_pattern(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")


def read_bearer(authorization: bytes | None) -> str | None:
    """Return the token of an Authorization header, None if it has none or is of another scheme.

    Raises MalformedError for one that says Bearer and holds no token (RFC 6750, 3.1: invalid_request).
    """
    if authorization is None:
        return None
    value = authorization.strip(b" \t")
    if not _SCHEME.match(value):
        return None
    found = _BEARER.fullmatch(value)
    if found is None or found[1] is None or len(found[1]) > MAX_TOKEN:
        raise MalformedError(f"the Authorization header is not Bearer and a token of at most {MAX_TOKEN} bytes")
    return found[1].decode("ascii")


def read_bound(authorization: bytes | None) -> str | None:
    """Return the token of an Authorization header that says DPoP, None if it says something else.

    Raises MalformedError for one that holds no token (RFC 9449, section 7.1).
    """
    value = b"" if authorization is None else authorization.strip(b" \t")
    if not _BOUND_SCHEME.match(value):
        return None
    found = _BOUND.fullmatch(value)
    if found is None or len(found[1]) > MAX_TOKEN:
        raise MalformedError(f"the Authorization header is not DPoP and a token of at most {MAX_TOKEN} bytes")
    return found[1].decode("ascii")


def write_challenge(params: Mapping[str, str], scheme: str = "Bearer") -> str:
    """Return a challenge for WWW-Authenticate; empty values are left out.

    What a quoted string of RFC 6750 cannot hold is shown as `?`: no text of anybody's can end a header or a value.
    """
    pairs = [f'{name}="{_UNSAFE.sub("?", value)}"' for name, value in params.items() if value]
    return f"{scheme} {', '.join(pairs)}" if pairs else scheme


def checked_scopes(scopes: object, where: str) -> tuple[str, ...]:
    """Return scopes without repetition, in order. Raises LocalError for what is no scope (RFC 6749, 3.3)."""
    if isinstance(scopes, str) or not isinstance(scopes, Iterable):
        raise LocalError(f"{where}: scopes are a list of texts, not {scopes!r}")
    found: list[object] = list(scopes)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for scope in found:
        if not isinstance(scope, str) or not _SCOPE.fullmatch(scope):
            raise LocalError(f"{where}: {scope!r} is no scope; scopes have no spaces, quotes or backslashes")
        if scope == "offline_access":
            raise LocalError(
                f"{where}: offline_access is for clients to ask for, and nothing here can need it (AUTHRS-08)"
            )
    return tuple(dict.fromkeys(str(scope) for scope in found))


def checked_resource(url: str) -> str:
    """Return the canonical URI of a server's endpoint. Raises LocalError for what can be none (RFC 8707, section 2)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = urlsplit(""), None
    if parts.scheme not in ("https", "http") or not host or parts.fragment or parts.query or parts.username is not None:
        raise LocalError(f"url={url!r}: write the whole public URL of the endpoint, as in https://example.com/mcp")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def metadata_paths(resource: str) -> tuple[str, str]:
    """Return the paths at which the metadata of a resource lies: with its own path inserted, and at the root."""
    return WELL_KNOWN + urlsplit(resource).path, WELL_KNOWN


def metadata_url(resource: str) -> str:
    """Return the URL of the metadata of a resource (RFC 9728, section 3.1)."""
    parts = urlsplit(resource)
    return f"{parts.scheme}://{parts.netloc}{WELL_KNOWN}{parts.path}"


def write_metadata(
    resource: str, name: str, issuers: Iterable[str], scopes: Iterable[str], *, algorithms: Iterable[str], bound: bool
) -> bytes:
    """Return the metadata document of a protected resource (RFC 9728, section 2).

    `algorithms` are those of the proofs that are taken, and with `bound` no token is taken without.
    """
    document: dict[str, object] = {
        "resource": resource,
        "resource_name": name,
        "authorization_servers": list(issuers),
        "bearer_methods_supported": ["header"],
    }
    if listed := sorted(scopes):
        document["scopes_supported"] = listed
    if taken := list(algorithms):
        document["dpop_signing_alg_values_supported"] = taken
    if bound:
        document["dpop_bound_access_tokens_required"] = True
    return msgspec.json.encode(document)
