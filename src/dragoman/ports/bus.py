"""Changes that are told outside of calls, and who listens.

A Topic is a notification's method and, for a resource, its URI.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

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


class Bus(Protocol):
    """Where changes are told."""

    def open(self, wants: Wants) -> Feed:
        """Return a feed of the topics for which `wants` is true. Raises RequestError if there are too many."""
        ...
