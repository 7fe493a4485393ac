"""What proves to a server who asks: header fields for each request, and what to do when they are refused.

The HTTP client asks for both and knows nothing else of it: no token, no grant, no browser.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, TypeAlias

from dragoman.ports.exchange import Fields
from dragoman.ports.fetch import Fetcher

# Gives a fetcher for what is named by a server at that URL, which the user gave: its reach follows from the URL.
Fetchers: TypeAlias = Callable[[str], Fetcher]
# Makes a block in which a user is waited for, so that limits on calls stand still.
Waiting: TypeAlias = Callable[[], AbstractContextManager[None]]


class Credentials(Protocol):
    """Credentials for one server. Many requests may be under way at a time."""

    async def fields(self, method: str, url: str) -> Fields:
        """Return the header fields that prove a request; none if there is nothing to prove it with yet.

        Raises AuthorizationError when what there was has run out and cannot be had anew.
        """
        ...

    def heard(self, status: int, headers: Fields, sent: Fields) -> bool:
        """Take note of the head of an answer to a request that had `sent`; returns whether `renew` may help."""
        ...

    async def renew(self, status: int, headers: Fields, sent: Fields) -> None:
        """Get better credentials after a refusal; the request is then sent again, a bounded number of times.

        Raises AuthorizationError if that cannot be.
        """
        ...

    async def close(self) -> None:
        """Release connections."""
        ...
