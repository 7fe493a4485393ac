"""Where the metadata of a protected server and of its authorization server is, and which of it may be believed.

Issuers are compared as they stand: a client that made two spellings equal could be led to another server.
Source: specification, basic/authorization/authorization-server-discovery; RFC 9728, section 3; RFC 8414, section 3.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from dragoman.errors import AuthorizationError
from dragoman.protocol.authorization import ServerMetadata
from dragoman.protocol.bearer import WELL_KNOWN as RESOURCE

_PORTS = {"http": 80, "https": 443}
SERVER = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"


def origin_of(url: str) -> str:
    """Return scheme, host and port of `url`, as in `https://example.com:8443`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def canonical(url: str) -> str:
    """Return the URI that names the server at `url` where no metadata says it: no fragment, no bare slash."""
    parts = urlsplit(url)
    host = parts.netloc.lower()
    query = f"?{parts.query}" if parts.query else ""
    path = "" if parts.path == "/" and not query else parts.path
    return f"{parts.scheme.lower()}://{host}{path}{query}"


def resource_urls(server: str) -> list[str]:
    """Return where the metadata of the server at that URL may be, best first (AUTHC-01)."""
    parts = urlsplit(server)
    origin = origin_of(server)
    path = parts.path.rstrip("/")
    query = f"?{parts.query}" if parts.query else ""
    inserted = f"{origin}{RESOURCE}{path}{query}"
    return list(dict.fromkeys([inserted, f"{origin}{RESOURCE}"]))


def server_urls(issuer: str) -> list[str]:
    """Return where the metadata of an issuer may be, best first (AUTHC-04)."""
    parts = urlsplit(issuer)
    origin, path = origin_of(issuer), parts.path.rstrip("/")
    if not path:
        return [f"{origin}{SERVER}", f"{origin}{OPENID}"]
    return [f"{origin}{SERVER}{path}", f"{origin}{OPENID}{path}", f"{origin}{path}{OPENID}"]


def same_issuer(stated: str, expected: str) -> bool:
    """Say whether two issuers are the same text (AUTHC-05, AUTHC-17): nothing is normalised."""
    return stated == expected


def check_resource(resource: str, server: str) -> None:
    """Raise AuthorizationError unless `resource` names the server at that URL, or a part of its origin above it.

    A token for it could be asked for on behalf of another server otherwise (AUTHC-03; RFC 9728, section 3.3).
    """
    try:
        named, ours = urlsplit(resource), urlsplit(server)
        fits = _place(named) == _place(ours) and not named.fragment and not named.username
    except ValueError:
        fits = False
    else:
        above = named.path.rstrip("/")
        fits = fits and (ours.path.rstrip("/") == above or ours.path.startswith(f"{above}/"))
        fits = fits and (not named.query or named.query == ours.query)
    if not fits:
        raise AuthorizationError(
            f"the metadata of {shown(server)} is for another resource, {resource[:200]!r}: no token is asked for it"
        )


def _place(parts: SplitResult) -> tuple[str, str | None, int | None]:
    scheme = parts.scheme.lower()
    return scheme, parts.hostname, parts.port or _PORTS.get(scheme)


def shown(url: str) -> str:
    """Return `url` for messages: without query, fragment and user, which may hold secrets."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "a URL that cannot be read"
    return f"{parts.scheme}://{host}{parts.path}"[:300]


def check_endpoint(url: str, what: str) -> None:
    """Raise AuthorizationError unless `url` is https, or http on this machine (security-considerations, AUTHC-27)."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", None
    if parts is None or not host or parts.username is not None:
        raise AuthorizationError(f"the {what} is no address that can be used")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise AuthorizationError(
            f"the {what} {shown(url)} is not https; it would carry secrets in the open, so nothing was sent there"
        )
    if any(ord(character) <= 32 or ord(character) == 127 for character in url):
        raise AuthorizationError(f"the {what} has characters that no address has")


def is_loopback(host: str) -> bool:
    """Say whether a host name is this machine's own."""
    if host in ("localhost", "localhost."):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def default_server(server: str) -> ServerMetadata:
    """Return what holds for a server that publishes nothing: fixed paths at its origin (LEG-27)."""
    origin = origin_of(server)
    return ServerMetadata(
        issuer=origin,
        authorization_endpoint=f"{origin}/authorize",
        token_endpoint=f"{origin}/token",
        registration_endpoint=f"{origin}/register",
        code_challenge_methods_supported=("S256",),
    )
