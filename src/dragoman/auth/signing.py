"""Signatures that a client makes: assertions of who it is, and proofs that it holds a key.

JOSE is joserfc's (the extra `auth`), loaded when the first signature is made: a login without any needs none of it.
Source: RFC 7523, section 3; RFC 9449, section 4.2; RFC 7638.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from dragoman.errors import LocalError
from dragoman.protocol.code_flow import text_of

ALGORITHMS = ("ES256", "ES384", "ES512", "EdDSA", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
ASSERTION_SECONDS = 60
PROOF = "ES256"


def _joserfc(name: str) -> Any:
    try:
        return import_module(f"joserfc.{name}")
    except ImportError:
        raise LocalError("signing needs joserfc; install it: pip install 'dragoman[auth]'") from None


def client_assertion(client_id: str, audience: str, key: str, algorithm: str) -> str:
    """Return a JWT by which a client proves to the issuer `audience` who it is (RFC 7523, section 3).

    `key` is a private key in PEM. Raises LocalError for a key that does not fit the algorithm.
    """
    if algorithm not in ALGORITHMS:
        raise LocalError(
            f"{algorithm[:20]!r} is no algorithm for client assertions; use one of {', '.join(ALGORITHMS)}"
        )
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "iat": now,
        "exp": now + ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(16),
    }
    kind = {"ES": "EC", "Ed": "OKP"}.get(algorithm[:2], "RSA")
    try:
        private = _joserfc("jwk").import_key(key, kind)
        return str(_joserfc("jwt").encode({"alg": algorithm, "typ": "JWT"}, claims, private, algorithms=[algorithm]))
    except LocalError:
        raise
    except Exception as error:  # the library's and OpenSSL's own, of many kinds
        raise LocalError(f"the private key cannot sign with {algorithm}: {type(error).__name__}") from None


class ProofKey:
    """A key that tokens are bound to, and the nonces that servers want in proofs of it (RFC 9449)."""

    def __init__(self, jwk: Mapping[str, Any] | None = None) -> None:
        keys = _joserfc("jwk").ECKey
        self._key: Any = keys.generate_key("P-256") if jwk is None else keys.import_key(dict(jwk))

    def __repr__(self) -> str:
        return "ProofKey(***)"

    @property
    def private(self) -> dict[str, Any]:
        """The whole key, to be kept with the token."""
        return dict(self._key.as_dict(private=True))

    def proof(self, method: str, url: str, *, token: str = "", nonce: str = "") -> str:
        """Return a proof for one request; `url` is without query and fragment. Each has an id of its own."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": url.partition("?")[0].partition("#")[0],
            "iat": int(time.time()),
        }
        if token:
            claims["ath"] = text_of(hashlib.sha256(token.encode("ascii")).digest())
        if nonce:
            claims["nonce"] = nonce
        public = self._key.as_dict(private=False)
        head = {"typ": "dpop+jwt", "alg": PROOF, "jwk": {name: public[name] for name in ("kty", "crv", "x", "y")}}
        return str(_joserfc("jwt").encode(head, claims, self._key, algorithms=[PROOF]))
