"""Changes that are told outside of calls, and who listens.

A Topic is a notification's method and, for a resource, its URI.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol, TypeAlias

from dragoman.protocol.identity import Identity

Topic: TypeAlias = tuple[str, str]
Wants: TypeAlias = Callable[[Topic], bool]


class Feed(Protocol):
    """What one listener hears. The same topic is told once, however often it came since the last time."""

    async def next(self) -> Topic | None:
        """Wait for the next topic; None when the feed has ended."""
        ...

    def end(self) -> None:
        """Let the listener hear what is waiting, and then the end."""
        ...

    def close(self) -> None:
        """Hear no more."""
        ...


def end_with(feed: Feed, identity: Identity | None) -> Callable[[], None]:
    """End `feed` when the token expires that it was opened with; what is returned takes that back.

    Its listener comes back with another, and is judged anew: nobody hears for longer than was allowed.
    """
    if identity is None or identity.expires_at is None:
        return _nothing
    seconds = max(0.0, identity.expires_at - time.time())
    return asyncio.get_running_loop().call_later(seconds, feed.end).cancel


def _nothing() -> None:
    """There is nothing to take back."""


class Bus(Protocol):
    """Where changes are told."""

    def open(self, wants: Wants) -> Feed:
        """Return a feed of the topics for which `wants` is true. Raises RequestError if there are too many."""
        ...
