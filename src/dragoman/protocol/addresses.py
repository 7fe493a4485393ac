"""Where an address leads: to the internet, to a private network, to this machine, or where no URL may go.

Whoever fetches what a peer named asks here first. `ipaddress.is_global` is not used: it takes several forms of IPv6
that carry an IPv4 address for public ones. Judges text only: names are resolved elsewhere.
Source: the IANA registries of special-purpose addresses (RFC 6890) and the RFCs named beside each network.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from urllib.parse import urlsplit

import msgspec

from dragoman.errors import UnsafeAddressError
from dragoman.protocol.patterns import late_pattern

MAX_URL = 2048  # characters
_PORTS = {"http": 80, "https": 443}
_PRINTABLE = late_pattern(r"[\x21-\x7e]+")
_AUTHORITY = late_pattern(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_NAME = late_pattern(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(?:\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*")
# What some readers take for a number: 127.1, 0x7f000001, 017700000001 and 2130706433 are one address to them.
_NUMERIC = late_pattern(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)")


class Reach(IntEnum):
    """How far an address is from here. Those above what is allowed are not reached."""

    PUBLIC = 0
    PRIVATE = 1
    LOOPBACK = 2
    NEVER = 3


class Place(msgspec.Struct, frozen=True):
    """Where a URL leads. `host` is a name in lower case or an address without brackets."""

    scheme: str
    host: str
    port: int
    is_address: bool


_PRIVATE_4 = [IPv4Network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")]
_NEVER_4 = [
    IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # "this network": on Linux, this machine
        "169.254.0.0/16",  # link-local, where clouds keep credentials
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation, as the next two of /24
        "192.88.99.0/24",  # relays of 6to4 (RFC 7526)
        "198.18.0.0/15",  # benchmarks (RFC 2544)
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
]
# Where clouds keep credentials within private networks: of Alibaba, and of AWS over IPv6.
_METADATA = frozenset({int(IPv4Address("100.100.100.200")), int(IPv6Address("fd00:ec2::254"))})
_LOOPBACK_4 = IPv4Network("127.0.0.0/8")
# Their low 32 bits are an IPv4 address, and that is where packets go.
_MAPPED = IPv6Network("::ffff:0:0/96")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052
_UNICAST = IPv6Network("2000::/3")  # all that is given out for the internet
_UNIQUE_LOCAL = IPv6Network("fc00::/7")
_NEVER_6 = [
    IPv6Network(net)
    for net in (
        "2001::/23",  # Teredo (RFC 4380), benchmarks, ORCHID and other assignments of the protocol
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4 (RFC 3056)
        "3fff::/20",  # documentation (RFC 9637)
    )
]
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})  # RFC 5214: then comes an IPv4 address


def reach_of(address: str) -> Reach:
    """Return where a numeric address leads; NEVER for text that is none, and for one with a zone."""
    try:
        found = IPv6Address(address) if ":" in address else IPv4Address(address)
    except ValueError:
        return Reach.NEVER
    if isinstance(found, IPv4Address):
        return _reach_4(found)
    return Reach.NEVER if found.scope_id is not None else _reach_6(found)


def _reach_4(address: IPv4Address) -> Reach:
    if address in _LOOPBACK_4:
        return Reach.LOOPBACK
    if any(address in net for net in _PRIVATE_4):
        return Reach.NEVER if int(address) in _METADATA else Reach.PRIVATE
    return Reach.NEVER if any(address in net for net in _NEVER_4) else Reach.PUBLIC


def _reach_6(address: IPv6Address) -> Reach:
    number = int(address)
    if number == 1:
        return Reach.LOOPBACK
    if address in _MAPPED:
        return _reach_4(IPv4Address(number & 0xFFFFFFFF))
    if address in _NAT64:
        # A translator leads to the internet, and never back into this machine or its networks.
        inner = _reach_4(IPv4Address(number & 0xFFFFFFFF))
        return inner if inner is Reach.PUBLIC else Reach.NEVER
    if ((number >> 32) & 0xFFFFFFFF) in _ISATAP:
        return Reach.NEVER
    if address in _UNIQUE_LOCAL:
        return Reach.NEVER if number in _METADATA else Reach.PRIVATE
    # Outside: link-local, site-local (fec0::/10), multicast, ::a.b.c.d, ::ffff:0:a.b.c.d, 64:ff9b:1::/48, and what
    # nobody has yet.
    if address not in _UNICAST or any(address in net for net in _NEVER_6):
        return Reach.NEVER
    return Reach.PUBLIC


def place_of(url: str) -> Place:
    """Return where `url` leads.

    Raises UnsafeAddressError for what is no absolute http or https URL, and for one that two readers may take for two
    places: with user names, backslashes, escapes or characters beyond ASCII in its host, or with an IPv4 address not
    written as four decimal numbers.
    """
    if len(url) > MAX_URL or not _PRINTABLE.fullmatch(url) or "\\" in url:
        raise UnsafeAddressError(
            f"a URL has at most {MAX_URL} characters, all of ASCII, and no spaces or backslashes", url=shown_url(url)
        )
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UnsafeAddressError(f"this is no URL ({error})", url=shown_url(url)) from None
    scheme, authority = parts.scheme.lower(), parts.netloc
    if scheme not in _PORTS:
        raise UnsafeAddressError("only http and https URLs are fetched", url=shown_url(url))
    if "@" in authority:
        raise UnsafeAddressError("a URL to fetch has no user name in it", url=shown_url(url))
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found[2] or 1) not in range(1, 65536):
        raise UnsafeAddressError("the URL has no host, or no port from 1 to 65535", url=shown_url(url))
    host, is_address = _host(found[1], url)
    return Place(scheme, host, int(found[2] or _PORTS[scheme]), is_address)


def _host(text: str, url: str) -> tuple[str, bool]:
    if text.startswith("["):
        try:
            return str(IPv6Address(text[1:-1])), True
        except ValueError:
            raise UnsafeAddressError("the URL's host is no IPv6 address", url=shown_url(url)) from None
    name = text.removesuffix(".").lower()
    if _NUMERIC.fullmatch(name):
        try:
            return str(IPv4Address(name)), True
        except ValueError:
            raise UnsafeAddressError(
                "an IPv4 address is written as four decimal numbers from 0 to 255", url=shown_url(url)
            ) from None
    if not _NAME.fullmatch(name) or len(name) > 253:
        raise UnsafeAddressError("the URL's host is no name: write names beyond ASCII as xn--", url=shown_url(url))
    return name, False


def allowed_from(url: str) -> Reach:
    """Return how near the documents of a server at `url`, which the user gave, may lie.

    PUBLIC unless the URL itself says more: an address of this machine or of a private network, or a name that nobody
    can own (localhost; single labels; .internal, .local and .home.arpa).  What a name resolves to says nothing: its
    owner could let it lead here for as long as that helps.  Raises UnsafeAddressError.
    """
    place = place_of(url)
    if place.is_address:
        reach = reach_of(place.host)
        return Reach.PUBLIC if reach is Reach.NEVER else reach
    if place.host == "localhost" or place.host.endswith(".localhost"):
        return Reach.LOOPBACK
    if "." not in place.host or place.host.endswith((".internal", ".local", ".home.arpa")):
        return Reach.PRIVATE
    return Reach.PUBLIC


def shown_url(url: str) -> str:
    """Return `url` for a message: cut short, and without user, query and fragment, which may hold secrets."""
    shown = url.partition("?")[0].partition("#")[0]
    scheme, slashes, rest = shown.partition("//")
    authority, slash, path = rest.partition("/")
    if "@" in authority:
        authority = authority.rpartition("@")[2]
    return ascii(f"{scheme}{slashes}{authority}{slash}{path}"[:200])[1:-1]
