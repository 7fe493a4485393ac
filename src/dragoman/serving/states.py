"""The state of calls that ask: kept here under a random name, and the sealed name is what travels.

So nothing readable leaves the server. Replicas need one store and one key ring.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable

from dragoman.ports.store import Store
from dragoman.protocol.sealed import Ring, not_ours, seal, unseal

TTL = 900.0  # seconds in which the client may answer
STEP_TTL = 24 * 3600.0  # seconds for which a step is not run twice


class StoredStates:
    """States in a store. `clock` gives wall time in seconds, since replicas must agree on it."""

    def __init__(self, store: Store, ring: Ring, audience: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._ring = ring
        self._audience = audience.encode()
        self._clock = clock

    async def save(self, payload: bytes, binding: bytes) -> str:
        """Return a handle for `payload`, good only for `binding` and for 15 minutes."""
        name = secrets.token_bytes(16)
        await self._store.put(f"state:{name.hex()}", payload, TTL)
        return seal(self._ring, name, self._bound(binding), int(self._clock() + TTL))

    async def load(self, text: str, binding: bytes) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good."""
        name = unseal(self._ring, text, self._bound(binding), self._clock())
        payload = await self._store.get(f"state:{name.hex()}")
        if payload is None:
            raise not_ours()
        return payload

    async def claim(self, name: str) -> bytes | None:
        """Claim `name`; None if it is ours now, else what was recorded, empty if nothing was yet."""
        return await self._store.add(f"step:{name}", b"", STEP_TTL)

    async def record(self, name: str, result: bytes) -> None:
        """Record the result of what was claimed."""
        await self._store.put(f"step:{name}", result, STEP_TTL)

    async def release(self, name: str) -> None:
        """Give a claim back: what was claimed did not happen."""
        await self._store.delete(f"step:{name}")

    def fresh(self) -> str:
        """Return a text that was never used before."""
        return secrets.token_hex(16)

    def _bound(self, binding: bytes) -> bytes:
        return self._audience + b"\0" + binding
