"""What is kept between calls: values with a time to live, and claims that only one can make.

Every backend passes one contract suite. Keys are texts, values bytes, times seconds.
"""

from __future__ import annotations

from typing import Protocol


class Store(Protocol):
    """Values by key. Each call is atomic."""

    async def get(self, key: str) -> bytes | None:
        """Return the value, None if there is none or its time is over."""
        ...

    async def put(self, key: str, value: bytes, ttl: float) -> None:
        """Set the value for `ttl` seconds."""
        ...

    async def add(self, key: str, value: bytes, ttl: float) -> bytes | None:
        """Set the value if the key is free and return None; else return the value that is there."""
        ...

    async def delete(self, key: str) -> None:
        """Remove the value, if there is one."""
        ...

    async def close(self) -> None:
        """Release files and threads. What is kept stays; the next call opens it again."""
        ...
