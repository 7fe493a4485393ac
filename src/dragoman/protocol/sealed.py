"""Sealed handles: what a client carries for us and must not change.

A handle is bound to its purpose, to what it belongs to, and to a time; any other
use reads as if it had never been ours. Keys come as a ring: the first seals, all
open, so that they can be rotated and shared between replicas.
Source: specification, basic/patterns/mrtr, "Server Requirements" 4 and 5 (MRTR-06, MRTR-07).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence

import msgspec

from dragoman.errors import LocalError, RequestError
from dragoman.wire.jsonrpc import INVALID_PARAMS

MIN_SECRET = 16  # bytes
TAG = 32  # bytes of HMAC-SHA256
KEY_ID = 4  # bytes
CLOCK = 8  # bytes of expiry, in seconds
MAX_TEXT = 64 * 1024  # characters of a handle


class Ring(msgspec.Struct, frozen=True):
    """Secrets, newest first. All replicas of a server need the same."""

    secrets: tuple[bytes, ...]

    @classmethod
    def of(cls, secrets: Sequence[bytes | str]) -> Ring:
        """Return the ring of `secrets`, newest first. Raises LocalError if there is none or one is too short."""
        found = tuple(item.encode() if isinstance(item, str) else bytes(item) for item in secrets)
        if not found or any(len(item) < MIN_SECRET for item in found):
            raise LocalError(f"a key ring needs at least one secret, and each at least {MIN_SECRET} bytes")
        return cls(found)


def key_id(secret: bytes) -> bytes:
    """Return what names a secret without telling it."""
    return hashlib.sha256(b"dragoman key id\0" + secret).digest()[:KEY_ID]


def seal(ring: Ring, payload: bytes, binding: bytes, expires: int) -> str:
    """Return a handle that holds `payload`, readable by anyone, for `binding`, until `expires` (seconds)."""
    secret = ring.secrets[0]
    body = key_id(secret) + expires.to_bytes(CLOCK, "big") + payload
    return text_of(body + _tag(secret, body, binding))


def unseal(ring: Ring, text: str, binding: bytes, now: float) -> bytes:
    """Return the payload of a handle. Raises RequestError, always the same, if it is not good here and now."""
    data = data_of(text, KEY_ID + CLOCK + TAG)
    body, tag = data[:-TAG], data[-TAG:]
    for secret in ring.secrets:
        if hmac.compare_digest(body[:KEY_ID], key_id(secret)) and hmac.compare_digest(tag, _tag(secret, body, binding)):
            if int.from_bytes(body[KEY_ID : KEY_ID + CLOCK], "big") < now:
                break
            return body[KEY_ID + CLOCK :]
    raise not_ours()


class Signed(msgspec.Struct, frozen=True):
    """Seals handles that anybody can read and nobody can change, with nothing but the standard library."""

    ring: Ring
    private: bool = False

    def seal(self, payload: bytes, binding: bytes, expires: int) -> str:
        """Return a handle that holds `payload`, good for `binding` until `expires` (seconds)."""
        return seal(self.ring, payload, binding, expires)

    def unseal(self, text: str, binding: bytes, now: float) -> bytes:
        """Return the payload of a handle. Raises RequestError, always the same, if it is not good here and now."""
        return unseal(self.ring, text, binding, now)


def not_ours() -> RequestError:
    """Return the one error for handles that are forged, foreign, out of place or too old: it tells nothing apart."""
    return RequestError(INVALID_PARAMS, "requestState is not valid for this request; start again without it")


def text_of(data: bytes) -> str:
    """Return `data` as the text of a handle."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def data_of(text: str, least: int) -> bytes:
    """Return what a handle's text stands for, `least` bytes or more. Raises RequestError if it is no such text."""
    if len(text) > MAX_TEXT:
        raise not_ours()
    try:
        data = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise not_ours() from None
    # base64 has spare bits at its end: two texts must not open the same handle.
    if len(data) < least or text_of(data) != text:
        raise not_ours()
    return data


def _tag(secret: bytes, body: bytes, binding: bytes) -> bytes:
    return hmac.digest(secret, len(binding).to_bytes(8, "big") + binding + body, "sha256")
