"""Handles that nobody can read or change: what a call remembers can travel in them, and needs no store.

AES-256-GCM of `cryptography` (the extra `auth`), under the same ring as signed handles.
Every handle has a key of its own, derived from its salt, so that no number of
handles wears a secret out. Limit: a handle's length tells how much is in it.
"""

from __future__ import annotations

import hmac
import secrets
from importlib import import_module
from typing import Any

from dragoman.protocol.sealed import CLOCK, KEY_ID, Ring, data_of, key_id, not_ours, text_of

SALT = 16  # bytes
TAG = 16  # bytes that GCM adds
HEAD = KEY_ID + CLOCK + SALT
# One key seals one message, so its nonce can be anything that is always the same.
_NONCE = bytes(12)


class Encrypted:
    """Seals handles under a ring. Raises ImportError when made without `cryptography`."""

    private = True

    def __init__(self, ring: Ring) -> None:
        aead = import_module("cryptography.hazmat.primitives.ciphers.aead")
        self._invalid: type[Exception] = import_module("cryptography.exceptions").InvalidTag
        self._cipher: Any = aead.AESGCM
        self._ring = ring

    def seal(self, payload: bytes, binding: bytes, expires: int) -> str:
        """Return a handle that holds `payload`, good for `binding` until `expires` (seconds)."""
        secret = self._ring.secrets[0]
        head = key_id(secret) + expires.to_bytes(CLOCK, "big") + secrets.token_bytes(SALT)
        return text_of(head + self._under(secret, head).encrypt(_NONCE, payload, head + binding))

    def unseal(self, text: str, binding: bytes, now: float) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good here and now."""
        data = data_of(text, HEAD + TAG)
        head = data[:HEAD]
        for secret in self._ring.secrets:
            if not hmac.compare_digest(head[:KEY_ID], key_id(secret)):
                continue
            try:
                payload: bytes = self._under(secret, head).decrypt(_NONCE, data[HEAD:], head + binding)
            except self._invalid:
                continue
            if int.from_bytes(head[KEY_ID : KEY_ID + CLOCK], "big") < now:
                break
            return payload
        raise not_ours()

    def _under(self, secret: bytes, head: bytes) -> Any:
        return self._cipher(hmac.digest(secret, b"dragoman handle\0" + head[-SALT:], "sha256"))
