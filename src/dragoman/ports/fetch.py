"""Fetching from an address that a peer may have chosen: one port, and one implementation behind it.

Whoever needs a document of a peer's asks a Fetcher, so that the rules on addresses stand in one place.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from dragoman.ports.exchange import NO_FIELDS, Fields


class Fetched(msgspec.Struct, frozen=True):
    """What came back: header names are lower-case, `url` is where it came from."""

    status: int
    headers: Fields
    body: bytes
    url: str


class Fetcher(Protocol):
    """Reads documents from the network, and posts forms. Bounded in bytes, time and redirects."""

    async def get(self, url: str, headers: Fields = NO_FIELDS) -> Fetched:
        """Return the answer to a GET, whatever its status.

        Raises UnsafeAddressError for an address that may not be reached from here, before a byte is sent, and
        TransportError when nothing comes back in time or too much does.
        """
        ...

    async def post(self, url: str, body: bytes, headers: Fields = NO_FIELDS) -> Fetched:
        """Return the answer to a POST. Follows no redirect. Raises what `get` does."""
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
