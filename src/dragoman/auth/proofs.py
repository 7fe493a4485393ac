"""Tokens that are bound to a key: that whoever sends one holds the key, and sent this proof once.

A proof is marked as used in the server's store when all else about it is right: the refused leave nothing there.
Nonces are sealed times: any replica makes and knows them, and none are kept.
Source: RFC 9449, sections 4.3, 7.1, 9 and 11.1; RFC 7638.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

import msgspec

from dragoman.auth.issuer_keys import public_key
from dragoman.auth.jwt import signed
from dragoman.errors import RequestError, TokenError
from dragoman.ports.state import States
from dragoman.ports.store import Store
from dragoman.protocol.claims import read_object
from dragoman.protocol.proofs import WINDOW, Shown, check_proof, read_proof, thumbprint

NONCE_SECONDS = 300.0


class NonceNeededError(TokenError):
    """The proof has to hold a nonce of this server; here is one."""

    def __init__(self, nonce: str) -> None:
        super().__init__("its DPoP proof needs the nonce that came with this answer")
        self.nonce = nonce


class Proofs:
    """Checks the proofs for the server at the URL `resource`. `clock` is in seconds since 1970."""

    def __init__(
        self,
        resource: str,
        storage: Callable[[], Store],
        states: Callable[[], States],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._resource = resource
        self._storage = storage
        self._states = states
        self._clock = clock
        self._binding = msgspec.json.encode(["dpop nonce", resource])

    async def check(self, shown: Shown, token: str, bound: str, *, nonced: bool = False) -> None:
        """Return if a proof of the key that is called `bound` came with `token`, for this request and not before.

        With `nonced` it has to hold a nonce of ours. Raises TokenError, and StoreError.
        """
        proof = read_proof(shown.proof)
        if not hmac.compare_digest(thumbprint(proof.key).encode(), bound.encode()):
            raise TokenError("its DPoP proof is of another key than it is bound to")
        try:
            key = public_key(proof.key)
        except ValueError:
            key = None
        payload = None if key is None else signed(proof.text, key, proof.algorithm)
        if payload is None:
            raise TokenError("the signature of its DPoP proof is wrong")
        # The bytes that were signed, read anew, and not what was peeked at.
        claims = read_object(payload)
        check_proof(claims, shown, self._resource, token, self._clock())
        if nonced and not await self._ours(str(claims.get("nonce", ""))):
            raise NonceNeededError(await self._states().seal(b"", self._binding, NONCE_SECONDS))
        mark = hashlib.sha256(msgspec.json.encode([self._resource, bound, claims.get("jti")])).hexdigest()
        # Longer than the proof is good; the clocks of replicas differ a little.
        if await self._storage().add(f"dpop:{mark}", b"", 3 * WINDOW) is not None:
            raise TokenError("its DPoP proof was used before")

    async def _ours(self, nonce: str) -> bool:
        try:
            await self._states().unseal(nonce, self._binding)
        except RequestError:
            return False
        return True
