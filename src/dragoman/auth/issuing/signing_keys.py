"""The keys that tokens are signed with: made when there are none, changed every month, shared over the store.

Older keys stay shown until nothing that they signed can be alive. What is kept is sealed where the owner gave secrets;
without, it is as safe as the store, whose file is the owner's alone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any

import msgspec

from dragoman.auth.issuer_keys import joserfc
from dragoman.errors import LocalError, RequestError
from dragoman.ports.state import Sealer
from dragoman.ports.store import Put, Store

ALGORITHM = "ES256"
ROTATE = 30 * 24 * 3600.0  # seconds that a key signs
SHOWN = ROTATE + 2 * 24 * 3600.0  # seconds that it is shown: longer than any token lives after
LOOK = 60.0  # seconds between two looks at what other processes made
_BINDING = b"signing keys of an authorization server"
_FOREVER = 50 * 365 * 24 * 3600


class Kept(msgspec.Struct, frozen=True):
    """One key: when it was made, in seconds since 1970, and the whole of it as a JWK."""

    made: float
    jwk: dict[str, Any]

    def __repr__(self) -> str:
        return f"Kept({self.made}, ***)"


class SigningKeys:
    """Signs claims. `key` is where the store has them."""

    def __init__(self, store: Store, key: str, sealer: Sealer | None, clock: Callable[[], float] = time.time) -> None:
        """Raises LocalError without joserfc."""
        joserfc("jwt")
        self._store = store
        self._key = key
        self._sealer = sealer
        self._clock = clock
        self._kept: list[Kept] = []
        self._looked = float("-inf")

    async def sign(self, claims: dict[str, Any]) -> str:
        """Return an access token that says `claims` (RFC 9068, section 2)."""
        newest = (await self._ready())[0].jwk
        key = joserfc("jwk").import_key({**newest})
        head = {"typ": "at+jwt", "alg": ALGORITHM, "kid": newest["kid"]}
        return str(joserfc("jwt").encode(head, claims, key, algorithms=[ALGORITHM]))

    async def public(self) -> dict[str, Any]:
        """Return the JWK Set to show: never a private member."""
        self._looked = float("-inf")  # another process may have signed with a key that is new to this one
        shown = ("kty", "crv", "x", "y", "kid", "alg", "use")
        now, keys = self._clock(), await self._ready()
        return {"keys": [{name: one.jwk[name] for name in shown} for one in keys if now - one.made < SHOWN]}

    async def _ready(self) -> list[Kept]:
        now = self._clock()
        if self._kept and now - self._looked < LOOK and now - self._kept[0].made < ROTATE:
            return self._kept
        for _ in range(10):
            there = await self._store.get(self._key)
            kept = [] if there is None else self._read(there)
            if kept and now - kept[0].made < ROTATE:
                self._kept, self._looked = kept, now
                return kept
            made = [Kept(now, _new_key()), *(old for old in kept if now - old.made < SHOWN)]
            # Of two processes that find none, one makes it, and the other takes that.
            await self._store.commit([Put(self._key, self._written(made), _FOREVER)], {self._key: there})
        raise LocalError("the signing keys change too fast: is the clock of this machine right?")

    def _read(self, data: bytes) -> list[Kept]:
        try:
            if self._sealer is not None:
                data = self._sealer.unseal(data.decode(), _BINDING, self._clock())
            return msgspec.json.decode(data, type=list[Kept])
        except (RequestError, msgspec.MsgspecError, UnicodeDecodeError):
            raise LocalError(
                "the signing keys in the store cannot be read: they were kept under other secrets; give those too"
            ) from None

    def _written(self, keys: list[Kept]) -> bytes:
        data = msgspec.json.encode(keys)
        if self._sealer is None:
            return data
        return self._sealer.seal(data, _BINDING, int(self._clock()) + _FOREVER).encode()


def _new_key() -> dict[str, Any]:
    made = joserfc("jwk").ECKey.generate_key("P-256").as_dict(private=True)
    return {**made, "kid": secrets.token_urlsafe(12), "alg": ALGORITHM, "use": "sig"}
