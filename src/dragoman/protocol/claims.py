"""What a token says, judged: by whom it was issued, for whom, when, and for what.

The signature is checked elsewhere, by whoever has the keys; here are the rules on the claims.
Source: RFC 7519, section 4.1; RFC 9068, section 4; RFC 8725; RFC 7662, section 2.2; RFC 8707.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from dragoman.errors import MalformedError, TokenError
from dragoman.protocol.identity import Identity, widen
from dragoman.protocol.strict import read_strict

MAX_LEEWAY = 60.0  # seconds
# at+jwt is what RFC 9068 wants; many issuers write JWT or nothing. Any other type is a token for another purpose.
TYPES = frozenset({"", "jwt", "at+jwt"})


class Rules(msgspec.Struct, frozen=True):
    """What a token must say. `audiences` are exact; `leeway` is in seconds; `strict` wants the type at+jwt.

    `dpop` is "taken" where a token may be bound to a key, "required" or "nonce" where it has to be. `kinds` are the
    types that are taken.
    """

    issuer: str
    audiences: frozenset[str]
    leeway: float = 30.0
    strict: bool = False
    implied: Mapping[str, frozenset[str]] = {}
    dpop: str = "taken"
    kinds: frozenset[str] = TYPES


class Unverified(msgspec.Struct, frozen=True):
    """A token's two readable parts, of which nothing is known to be true yet."""

    header: dict[str, Any]
    claims: dict[str, Any]

    @property
    def issuer(self) -> str | None:
        """Who it says has issued it."""
        issuer = self.claims.get("iss")
        return issuer if isinstance(issuer, str) else None


def peek(token: str) -> Unverified | None:
    """Return what a token says of itself, unverified; None if it is no signed JWT."""
    parts = token.split(".")
    if len(parts) != 3:
        return None
    header, claims = _object(parts[0]), _object(parts[1])
    return (
        None
        if header is None or claims is None or not isinstance(header.get("alg"), str)
        else Unverified(header, claims)
    )


def _object(part: str) -> dict[str, Any] | None:
    try:
        return read_object(base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True))
    except (binascii.Error, ValueError, TokenError):
        return None


def read_object(data: bytes) -> dict[str, Any]:
    """Return the JSON object that a part of a token is.

    Raises TokenError for anything else, and for one with a name twice: two readers could take it for two tokens
    (RFC 7515, section 10.12).
    """
    try:
        found = read_strict(data, "a part of it")
    except MalformedError as error:
        raise TokenError(str(error)) from None
    if not is_object(found):
        raise TokenError("a part of it is no JSON object")
    return found


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    """Say whether a decoded value is an object."""
    return isinstance(value, dict)


def check_header(header: Mapping[str, Any], rules: Rules, algorithms: frozenset[str]) -> None:
    """Raise TokenError unless a token's header is one of an access token, signed with an algorithm that is allowed."""
    if header["alg"] not in algorithms:
        raise TokenError(f"it is signed with {str(header['alg'])[:20]!r}, which its issuer is not known to use")
    if "crit" in header or "b64" in header:
        raise TokenError("its header makes demands (crit, b64) that are not understood here")
    kind = str(header.get("typ") or "").lower().removeprefix("application/")
    if kind not in rules.kinds or (rules.strict and kind != "at+jwt"):
        raise TokenError(f"it is of type {kind[:40]!r}, which is not taken here")


def check_claims(claims: Mapping[str, Any], rules: Rules, now: float, *, introspected: bool = False) -> Identity:
    """Return whom `claims` are about.

    What an issuer was asked just now (`introspected`) may leave out issuer, subject and expiry.  Raises TokenError.
    """
    if not (introspected and "iss" not in claims) and claims.get("iss") != rules.issuer:
        raise TokenError("it is of another issuer")
    audience = claims.get("aud")
    if not any(isinstance(item, str) and item in rules.audiences for item in _items(audience, [audience])):
        raise TokenError("it is for another audience than this server")
    expires = _times(claims, rules, now, needed=not introspected)
    _check_binding(claims, rules)
    client = _first(claims, "client_id", "azp", "cid", "appid")
    subject = claims.get("sub")
    if subject is None and introspected:
        subject = client
    if not isinstance(subject, str) or not subject:
        raise TokenError("it does not say who its subject is")
    scopes = widen(_scopes(claims), rules.implied)
    return Identity(subject, rules.issuer, client, scopes, dict(claims), expires)


def _check_binding(claims: Mapping[str, Any], rules: Rules) -> None:
    """Raise TokenError for a token that is bound to what nobody here asks a proof of, or to nothing where it must be.

    Whoever stole such a token could use it, which is what binding it to a key is against. That a key of DPoP is proved,
    the gate sees to (RFC 9449, section 7.1).
    """
    binding = claims.get("cnf")
    if "cnf" in claims and not (is_object(binding) and list(binding) == ["jkt"] and isinstance(binding["jkt"], str)):
        raise TokenError("it is bound to a key, whose proof is not taken here")
    if "cnf" not in claims and rules.dpop != "taken":
        raise TokenError("it is bound to no key, and this server takes only tokens that are (DPoP)")


def _times(claims: Mapping[str, Any], rules: Rules, now: float, *, needed: bool) -> float | None:
    """Check the times of a token; returns when it expires. Clocks may differ by the leeway."""
    expires, begins, issued = _time(claims, "exp"), _time(claims, "nbf"), _time(claims, "iat")
    if expires is None and needed:
        raise TokenError("it does not say when it expires")
    if expires is not None and expires + rules.leeway <= now:
        raise TokenError("it has expired")
    for start in (begins, issued):
        if start is not None and start - rules.leeway > now:
            raise TokenError("it is not valid yet")
    return None if expires is None else expires + rules.leeway


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TokenError(f"its {name} is no time")
    return float(value)


def _first(claims: Mapping[str, Any], *names: str) -> str:
    found = (claims.get(name) for name in names)
    return next((value for value in found if isinstance(value, str) and value), "")


def _scopes(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes of a token: a text with spaces, or a list; `scp` is what some issuers call it."""
    stated = claims.get("scope", claims.get("scp"))
    if isinstance(stated, str):
        return frozenset(stated.split())
    return frozenset(item for item in _items(stated, []) if isinstance(item, str))


def _items(value: object, otherwise: list[Any]) -> list[Any]:
    """Return a list as it is, and `otherwise` for anything else."""
    return value if _is_list(value) else otherwise


def _is_list(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)
