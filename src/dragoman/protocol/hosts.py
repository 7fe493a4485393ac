"""Which Host and Origin a server answers to: the defence against DNS rebinding and foreign web pages.

A page on the web can make a browser send requests to this machine under a name of the page's choosing, so every
request is judged by both headers.  Names are compared whole, never by their beginning.  Nothing is resolved here.
Source: specification, basic/transports/streamable-http, "Security & Endpoint"; RFC 9110, 7.2; RFC 6454.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from dragoman.errors import LocalError
from dragoman.protocol.proxies import Proxies

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
EXPOSED = b"Mcp-Session-Id, WWW-Authenticate, MCP-Protocol-Version, DPoP-Nonce"
# The asterisk is for `Mcp-Param-*`, whose names depend on the tools.  It covers neither Authorization nor, in older
# browsers, anything: hence the list before it.
REQUESTED = (
    b"Accept, Authorization, Content-Type, Last-Event-ID, MCP-Protocol-Version, Mcp-Session-Id, Mcp-Method, Mcp-Name, *"
)

_AUTHORITY = re.compile(r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([A-Za-z0-9_][A-Za-z0-9._\-]{0,252}))(?::([0-9]{0,5}))?")
_ORIGIN = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]{0,63})://(.{1,300})")
_PORTS = {"http": 80, "https": 443}
_REMEMBERED = 256


class Authority(NamedTuple):
    """A host name in lower case (IPv6 in brackets, in its shortest form), and its port, None if it named none."""

    name: str
    port: int | None


class Origin(NamedTuple):
    """Where a web page came from; `port` is None only for a scheme without a usual port, and in rules for any port."""

    scheme: str
    name: str
    port: int | None


def read_authority(text: str) -> Authority | None:
    """Return what a Host header says, or None if it is not a host name or address with, perhaps, a port.

    One dot at the end is dropped: it changes nothing about where a name leads.
    """
    found = _AUTHORITY.fullmatch(text)
    if found is None:
        return None
    address, name, port = found.groups()
    if port and int(port) > 65535:
        return None
    if address is not None:
        try:
            name = f"[{IPv6Address(address)}]"
        except ValueError:
            return None
    return Authority(name.lower().removesuffix("."), int(port) if port else None)


def read_origin(text: str) -> Origin | None:
    """Return what an Origin header says, or None for `null` and anything with more or less than scheme, host, port."""
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    authority = read_authority(found[2])
    if authority is None:
        return None
    scheme = found[1].lower()
    return Origin(scheme, authority.name, _PORTS.get(scheme) if authority.port is None else authority.port)


class HostPolicy:
    """The hosts and origins of one server.

    - `hosts`: names or addresses this server goes by, as `name` (any port), `name:port`, or `*` for all.
    - `origins`: web origins that may call it, besides its own, as `https://name`, `https://name:port`,
      `http://name:*` (any port), or `*` for all; they also get CORS headers.  `null` can't be allowed.
    - `addresses`: whether any IP address is taken for a host: rebinding needs a name.
    - `proxies`: whose word on where a request came from counts, None for nobody's.
    """

    proxies: Proxies | None = None

    def __init__(self, hosts: Iterable[str], origins: Iterable[str] = (), *, addresses: bool = False) -> None:
        """Raises LocalError for an entry that is not of these forms."""
        self._hosts: set[Authority] = set()
        self._origins: set[Origin] = set()
        self._any_host = self._any_origin = False
        self._addresses = addresses
        self._accepted: set[tuple[bytes | None, bytes | None]] = set()
        for entry in hosts:
            if entry == "*":
                self._any_host = True
            else:
                self._hosts.add(_host_rule(entry))
        for entry in origins:
            if entry == "*":
                self._any_origin = True
            else:
                self._origins.add(_origin_rule(entry))

    @classmethod
    def for_bind(cls, address: str, hosts: Iterable[str] = (), origins: Iterable[str] = ()) -> HostPolicy:
        """Return the policy for a server that listens on `address`, with further `hosts` and `origins`.

        On a loopback address that is localhost, 127.0.0.1 and [::1]; on all addresses these and every IP address; on
        any other just that one.
        """
        bare = address.strip("[]").lower()
        entry = f"[{bare}]" if ":" in bare else bare
        if bare in ("", "0.0.0.0", "::"):
            return cls([*LOOPBACK, *hosts], origins, addresses=True)
        if entry in LOOPBACK or bare.startswith("127."):
            return cls([entry, *LOOPBACK, *hosts], origins)
        return cls([entry, *hosts], origins)

    def refusal(self, host: bytes | None, origin: bytes | None) -> tuple[int, str] | None:
        """Return the HTTP status and the reason to refuse a request with these headers, or None to serve it.

        A missing or unreadable Host is 400, one that is not ours 421 (RFC 9110, 15.5.20), an Origin that is neither
        ours nor allowed 403.  A page served from this machine may call a server on this machine.
        """
        if (host, origin) in self._accepted:
            return None
        refused = self._judge(host, origin)
        if refused is None:
            # Any port is taken, so a stranger could fill this with one name.
            if len(self._accepted) >= _REMEMBERED:
                self._accepted.clear()
            self._accepted.add((host, origin))
        return refused

    def allows(self, origin: bytes) -> bool:
        """Return whether `origin` is one of `origins`; being the server's own is not enough."""
        found = read_origin(origin.decode("latin-1"))
        return found is not None and self._listed(found)

    def _judge(self, host: bytes | None, origin: bytes | None) -> tuple[int, str] | None:
        if host is None:
            return 400, "the Host header is missing"
        authority = read_authority(host.decode("latin-1"))
        if authority is None:
            return 400, f"the Host header {_shown(host)} is not a host name with, perhaps, a port"
        if not self._is_ours(authority):
            return 421, f"this server does not go by {_shown(host)}; if it should, add that to its allowed hosts"
        if origin is None:
            return None
        found = read_origin(origin.decode("latin-1"))
        if found is not None and (self._listed(found) or _same_place(authority, found)):
            return None
        return 403, f"web pages from {_shown(origin)} may not call this server; to let them, add it to allowed origins"

    def _is_ours(self, authority: Authority) -> bool:
        return (
            Authority(authority.name, None) in self._hosts
            or authority in self._hosts
            or self._any_host
            or (self._addresses and _is_address(authority.name))
        )

    def _listed(self, origin: Origin) -> bool:
        return self._any_origin or origin in self._origins or origin._replace(port=None) in self._origins


def cors_headers(origin: bytes, policy: HostPolicy) -> list[tuple[bytes, bytes]]:
    """Return the headers that let a page from `origin` read the answer, and send the request after a preflight.

    Empty unless the origin is one of the policy's `origins`.  No cookies: MCP uses none.
    Source: WHATWG Fetch 3.2 (CORS protocol).
    """
    if not policy.allows(origin):
        return []
    return [
        (b"access-control-allow-origin", origin),
        (b"access-control-expose-headers", EXPOSED),
        (b"access-control-allow-methods", b"POST, GET, DELETE, OPTIONS"),
        (b"access-control-allow-headers", REQUESTED),
        (b"access-control-max-age", b"600"),
        (b"vary", b"Origin"),
    ]


def _same_place(host: Authority, origin: Origin) -> bool:
    usual = _PORTS.get(origin.scheme)
    if usual is None:
        return False
    if host.name in LOOPBACK and origin.name in LOOPBACK:
        return True
    return host.name == origin.name and (usual if host.port is None else host.port) == origin.port


def _is_address(name: str) -> bool:
    if name.startswith("["):
        return True
    try:
        IPv4Address(name)
    except ValueError:
        return False
    return True


def _host_rule(entry: str) -> Authority:
    rule = read_authority(entry.removesuffix(":*"))
    if rule is None:
        raise LocalError(f"{entry!r} is no host to allow; write it as name, name:port, [address]:port or *")
    return rule


def _origin_rule(entry: str) -> Origin:
    rule = read_origin(entry.removesuffix(":*").removesuffix("/"))
    if rule is None:
        raise LocalError(f"{entry!r} is no origin to allow; write it as https://name, https://name:port or *")
    return rule._replace(port=None) if entry.endswith(":*") else rule


def _shown(value: bytes) -> str:
    return repr(value[:100].decode("latin-1"))
