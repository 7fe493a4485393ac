"""The state of calls that ask: sealed in the handle that travels if nobody can read it there, else kept here.

Kept means: in a store, under a random name, and the sealed name is what travels. So
nothing readable leaves the server. Replicas need one store, or one ring and privacy.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

from dragoman.ports.state import Sealer
from dragoman.ports.store import Store
from dragoman.protocol.sealed import not_ours

TTL = 900.0  # seconds in which the client may answer
STEP_TTL = 24 * 3600.0  # seconds for which a step is not run twice
RING_TTL = 10 * 365 * 24 * 3600.0  # seconds for which a secret of the store's own is kept
TRAVELS = 32 * 1024  # bytes of state that still travel; more stays in the store
SECRET = 32  # bytes of a secret that we make
_HERE, _THERE, _ALONE = b"\0", b"\1", b"\2"


class StoredStates:
    """States in handles and in a store.

    `sealer` makes the sealer of a ring; without `ring` the store's own secret
    is used, which whoever comes first makes. `clock` gives wall time in
    seconds, since replicas must agree on it.
    """

    def __init__(
        self,
        store: Store,
        ring: tuple[bytes | str, ...],
        sealer: Callable[[tuple[bytes | str, ...]], Sealer],
        audience: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._make = sealer
        self._sealer: Sealer | None = sealer(ring) if ring else None
        self._audience = audience.encode()
        self._clock = clock

    async def save(self, payload: bytes, binding: bytes) -> str:
        """Return a handle for `payload`, good only for `binding` and for 15 minutes."""
        sealer = await self._sealing()
        if sealer.private and len(payload) <= TRAVELS:
            sealed = _THERE + payload
        else:
            name = secrets.token_bytes(16)
            await self._store.put(f"state:{name.hex()}", payload, TTL)
            sealed = _HERE + name
        return sealer.seal(sealed, self._bound(binding), int(self._clock() + TTL))

    async def load(self, text: str, binding: bytes) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good."""
        sealer = await self._sealing()
        sealed = sealer.unseal(text, self._bound(binding), self._clock())
        if sealed[:1] == _THERE:
            return sealed[1:]
        if sealed[:1] != _HERE:
            raise not_ours()  # it is a cursor
        payload = await self._store.get(f"state:{sealed[1:].hex()}")
        if payload is None:
            raise not_ours()
        return payload

    async def seal(self, payload: bytes, binding: bytes, seconds: float) -> str:
        """Return a handle that holds `payload`, readable unless the sealer is private, for `binding`; none is kept."""
        sealer = await self._sealing()
        return sealer.seal(_ALONE + payload, self._bound(binding), int(self._clock() + seconds))

    async def unseal(self, text: str, binding: bytes) -> bytes:
        """Return what was sealed. Raises RequestError, always the same, if it is not good."""
        found = (await self._sealing()).unseal(text, self._bound(binding), self._clock())
        if found[:1] != _ALONE:
            raise not_ours()  # it is a state
        return found[1:]

    async def redeem(self, text: str) -> None:
        """Use a handle up. Raises the error of a handle that is not good if it was used up before (MRTR-08)."""
        name = hashlib.sha256(text.encode()).hexdigest()
        # Marks must outlive the handles; the clocks of replicas differ a little.
        if await self._store.add(f"used:{name}", b"", 2 * TTL) is not None:
            raise not_ours()

    async def claim(self, name: str) -> bytes | None:
        """Claim `name`; None if it is ours now, else what was recorded, empty if nothing was yet."""
        return await self._store.add(f"step:{name}", b"", STEP_TTL)

    async def record(self, name: str, result: bytes) -> None:
        """Record the result of what was claimed."""
        await self._store.put(f"step:{name}", result, STEP_TTL)

    async def release(self, name: str) -> None:
        """Give a claim back: what was claimed did not happen."""
        await self._store.delete(f"step:{name}")

    async def close(self) -> None:
        """Release what the store holds. What is kept stays."""
        await self._store.close()

    def fresh(self) -> str:
        """Return a text that was never used before."""
        return secrets.token_hex(16)

    def _bound(self, binding: bytes) -> bytes:
        return len(self._audience).to_bytes(4, "big") + self._audience + binding

    async def _sealing(self) -> Sealer:
        if self._sealer is None:
            made = secrets.token_bytes(SECRET)
            self._sealer = self._make((await self._store.add("ring", made, RING_TTL) or made,))
        return self._sealer
