"""Where tokens and registrations are kept between runs: in memory, a file or the system's keyring.

Keys are texts that name a server or an issuer; values are secrets, and appear in no message.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Wallet(Protocol):
    """Secrets by key. A wallet that cannot be read or written raises LocalError."""

    async def read(self, key: str) -> bytes | None:
        """Return the value, None if there is none."""
        ...

    async def write(self, key: str, value: bytes) -> None:
        """Set the value: wholly, or not at all."""
        ...

    async def remove(self, key: str) -> bool:
        """Remove the value; returns whether there was one."""
        ...

    def alone(self, key: str) -> AbstractAsyncContextManager[None]:
        """Return a block that one at a time may be in, of all processes that share the wallet."""
        ...
