"""Proxies whose word counts: from which address a request came, as those that its owner named say.

Nobody's word counts unless the owner named them: without, a caller is who is connected. Read from the right, since
whatever stands further left was written by whoever asked. Limit: it says who shares a bound, never who may come in.
Source: RFC 7239, section 8.1; the field X-Forwarded-For as proxies write it.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from dragoman.errors import LocalError

MOST = 32  # hops that are looked at


class Proxies:
    """The trusted ones, by address or network, as in `10.0.0.0/8`."""

    def __init__(self, trusted: Iterable[str]) -> None:
        """Raises LocalError for what is no address and no network."""
        self._networks: list[IPv4Network | IPv6Network] = []
        for text in trusted:
            try:
                self._networks.append(ip_network(text, strict=False))
            except ValueError:
                raise LocalError(
                    f"trusted_proxies: {text[:60]!r} is no address and no network, as in 10.0.0.5 or 10.0.0.0/8"
                ) from None

    def caller(self, address: str, forwarded: bytes | None) -> str:
        """Return where a request that came from `address` came from first, as far as trusted proxies say."""
        found = address
        for hop in reversed((forwarded or b"").decode("latin-1").split(",")[-MOST:]):
            if not self._trusts(found):
                return found
            told = _address(hop.strip())
            if told is None:
                return found
            found = str(told)
        return found

    def _trusts(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    # Some write the port, too, and IPv6 addresses in brackets.
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return (found.ipv4_mapped or found) if isinstance(found, IPv6Address) else found
