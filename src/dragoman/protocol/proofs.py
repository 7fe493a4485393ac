"""Proofs that whoever sends a token holds the key that it is bound to: what one says, judged.

The signature is checked elsewhere, by whoever can; so is whether a proof came before, and whether a nonce is ours.
Source: RFC 9449, sections 4.2, 4.3 and 7; RFC 3986, section 6.2.2.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dragoman.errors import TokenError
from dragoman.protocol.claims import is_object, peek

# Signatures that a public key checks; a shared secret could be made up by whoever checks (section 4.2).
ALGORITHMS = ("ES256", "ES384", "ES512", "PS256", "RS256", "EdDSA", "Ed25519")
MAX_PROOF = 8 * 1024  # bytes
MAX_ID = 256  # characters of a jti
WINDOW = 60.0  # seconds by which the time of a proof may differ from ours, either way
_PORTS = {"https": 443, "http": 80}


class Shown(msgspec.Struct, frozen=True):
    """What a request shows beside its token: the proof, and what the proof has to be for.

    `path` is that of the request, as it reached this server.
    """

    proof: bytes | None
    method: str
    path: str


class Proof(msgspec.Struct, frozen=True):
    """A proof, and by which key and algorithm it says to be signed."""

    text: str
    algorithm: str
    key: Mapping[str, Any]


def read_proof(data: bytes | None) -> Proof:
    """Return a proof, of which only the header was looked at. Raises TokenError."""
    if not data:
        raise TokenError("it comes without a DPoP proof, and is bound to a key")
    if len(data) > MAX_PROOF:
        raise TokenError(f"its DPoP proof is longer than {MAX_PROOF} bytes")
    text = data.decode("latin-1").strip()
    stated = peek(text)
    if stated is None:
        raise TokenError("its DPoP proof is no signed JWT")
    header = stated.header
    algorithm, key = str(header["alg"]), header.get("jwk")
    if header.get("typ") != "dpop+jwt" or algorithm not in ALGORITHMS or "crit" in header or "b64" in header:
        raise TokenError("its DPoP proof is not of the type dpop+jwt, or signed with what is not taken here")
    if not is_object(key) or key.get("kty") not in ("EC", "OKP", "RSA") or "d" in key:
        raise TokenError("its DPoP proof holds no public key")
    return Proof(text, algorithm, key)


def check_proof(claims: Mapping[str, Any], shown: Shown, resource: str, token: str, now: float) -> None:
    """Raise TokenError unless a proof is for this request to the server at `resource`, this token and this time."""
    number = claims.get("jti")
    if not isinstance(number, str) or not 0 < len(number) <= MAX_ID:
        raise TokenError("its DPoP proof has no id of its own (jti), or a long one")
    if claims.get("htm") != shown.method:
        raise TokenError("its DPoP proof is for another method (htm)")
    asked = claims.get("htu")
    if not isinstance(asked, str) or _place(asked) not in _places(resource, shown.path):
        raise TokenError(f"its DPoP proof is for another address (htu); the one here is {resource}")
    issued = claims.get("iat")
    if isinstance(issued, bool) or not isinstance(issued, int | float) or not math.isfinite(issued):
        raise TokenError("its DPoP proof does not say when it was made (iat)")
    if abs(now - issued) > WINDOW:
        raise TokenError("its DPoP proof is too old, or made in the future: clocks differ, or it was kept")
    stated = claims.get("ath")
    if not isinstance(stated, str) or not hmac.compare_digest(stated.encode(), hash_of(token).encode()):
        raise TokenError("its DPoP proof is for another token (ath)")


def hash_of(token: str) -> str:
    """Return what a proof calls a token by (section 4.2, ath)."""
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode("ascii")).digest()).decode().rstrip("=")


def thumbprint(key: Mapping[str, Any]) -> str:
    """Return what a public key is called by: the digest of the members that it needs (RFC 7638, section 3)."""
    names = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
    said = msgspec.json.encode({name: key.get(name) for name in names[str(key["kty"])]})
    return base64.urlsafe_b64encode(hashlib.sha256(said).digest()).decode().rstrip("=")


def _places(resource: str, path: str) -> tuple[str, ...]:
    parts = urlsplit(resource)
    # Behind a proxy the path may be another; where it is the same, it may be one of several here.
    return _place(resource), _place(f"{parts.scheme}://{parts.netloc}{path}")


def _place(url: str) -> str:
    """Return a URL as it is compared: without query and fragment, and in one spelling; "" for what is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host or parts.username is not None or parts.scheme.lower() not in _PORTS:
        return ""
    scheme = parts.scheme.lower()
    name = f"[{host}]" if ":" in host else host
    at = "" if port in (None, _PORTS[scheme]) else f":{port}"
    return f"{scheme}://{name}{at}{parts.path or '/'}"
