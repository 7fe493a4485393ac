"""Whoever holds a key: proofs of it, made by PyJWT, right or wrong as a test wants."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import time
from typing import Any

import jwt as pyjwt
from cryptography.hazmat.primitives.asymmetric import ec
from tests.auth.issuing import RESOURCE, jwk
from tests.transport.raw_http import Ask

KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
NUMBERS = itertools.count()


def public(key: Any = KEY) -> dict[str, Any]:
    return {name: value for name, value in jwk(key, "x").items() if name in ("kty", "crv", "x", "y", "n", "e")}


def thumbprint(key: Any = KEY) -> str:
    """RFC 7638, section 3, by hand."""
    said = json.dumps(public(key), sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(said).digest()).decode().rstrip("=")


def ath(token: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).decode().rstrip("=")


def proof(token: str, *, key: Any = KEY, alg: str = "ES256", head: dict[str, Any] | None = None, **change: Any) -> str:
    """Return a proof for a POST to the endpoint; what is changed to None is left out."""
    usual = {"htm": "POST", "htu": RESOURCE, "iat": int(time.time()), "jti": f"p{next(NUMBERS)}", "ath": ath(token)}
    claims = {name: value for name, value in {**usual, **change}.items() if value is not None}
    stated = {"typ": "dpop+jwt", "jwk": public(key), **(head or {})}
    headers = {name: value for name, value in stated.items() if value is not None}
    return pyjwt.encode(claims, key, algorithm=alg, headers=headers)


def proving(ask: Ask, token: str, *proofs: str, scheme: str = "DPoP") -> Ask:
    """Return a request with a token, and proofs beside it."""
    pairs = tuple(("dpop", one) for one in proofs)
    return ask._replace(headers={**ask.headers, "authorization": f"{scheme} {token}"}, pairs=(*ask.pairs, *pairs))
