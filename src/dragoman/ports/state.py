"""What a call that asks needs of whoever keeps its state between runs."""

from __future__ import annotations

from typing import Protocol


class Sealer(Protocol):
    """Makes handles that only we can make, and, if it is `private`, only we can read."""

    @property
    def private(self) -> bool:
        """Whether what is sealed cannot be read by others."""
        ...

    def seal(self, payload: bytes, binding: bytes, expires: int) -> str:
        """Return a handle that holds `payload`, good for `binding` until `expires` (seconds)."""
        ...

    def unseal(self, text: str, binding: bytes, now: float) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good here and now."""
        ...


class States(Protocol):
    """State that travels through the client, sealed, and claims on steps."""

    async def save(self, payload: bytes, binding: bytes) -> str:
        """Return a handle for `payload`, good only for `binding` and for a while."""
        ...

    async def load(self, text: str, binding: bytes) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good."""
        ...

    async def seal(self, payload: bytes, binding: bytes, seconds: float) -> str:
        """Return a handle that holds `payload`, which may be readable, good only for `binding`; nothing is kept."""
        ...

    async def unseal(self, text: str, binding: bytes) -> bytes:
        """Return what was sealed. Raises RequestError, always the same, if it is not good."""
        ...

    async def redeem(self, text: str) -> None:
        """Use a handle up. Raises the error of a handle that is not good if it was used up before."""
        ...

    async def claim(self, name: str) -> bytes | None:
        """Claim `name`; None if it is ours now, else what was recorded, empty if nothing was yet."""
        ...

    async def record(self, name: str, result: bytes) -> None:
        """Record the result of what was claimed."""
        ...

    async def release(self, name: str) -> None:
        """Give a claim back: what was claimed did not happen."""
        ...

    async def close(self) -> None:
        """Release files and threads. What is kept stays; it may be used again afterwards."""
        ...

    def fresh(self) -> str:
        """Return a text that was never used before."""
        ...
