"""Tokens that are signed JWTs: judged here, with the issuer's public keys and without asking anybody.

The algorithm is never the token's choice. JOSE is joserfc's (the extra `auth`), loaded when the first token comes.
Source: RFC 9068, section 4; RFC 8725, section 3; RFC 7515.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from dragoman.auth.issuer import Line, aimed, discover, rules_of
from dragoman.auth.issuer_keys import IssuerKeys, Key, joserfc
from dragoman.errors import LocalError, MalformedError, TokenError, TransportError
from dragoman.ports.verifier import Dial
from dragoman.protocol.authorization import read_document
from dragoman.protocol.bearer import checked_scopes
from dragoman.protocol.claims import check_claims, check_header, peek, read_object
from dragoman.protocol.identity import Identity

ALGORITHMS = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"}
)
USUAL = ("RS256", "PS256", "ES256")
CACHE_SECONDS = 60.0


class JWTAuth:
    """Takes the signed tokens of one issuer.

    `issuer` is what its tokens say in `iss`; its keys are at `jwks_uri`, which
    its metadata tells if it is not given, or they are `jwks`, or what that returns. `audience`
    (or several) is what tokens must be for: the server's URL unless it is given.
    `scopes` are needed by every request; `implies` says which scopes include
    which. `algorithms` are all that is taken. `leeway` is in seconds, 60 at most;
    `strict` takes only tokens of the type at+jwt. `dpop` "required" takes only
    tokens that are bound to a key, "nonce" wants a nonce in their proofs, too.
    `kinds` are the types of token that are taken: those of access tokens, unless given.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | Iterable[str] | None = None,
        *,
        scopes: Iterable[str] = (),
        implies: Mapping[str, Iterable[str]] | None = None,
        algorithms: Iterable[str] = USUAL,
        jwks_uri: str | None = None,
        jwks: Mapping[str, Any] | Callable[[], Awaitable[Mapping[str, Any]]] | None = None,
        **rules: Any,
    ) -> None:
        """Raises LocalError for options that cannot be."""
        if unknown := rules.keys() - {"leeway", "strict", "dpop", "kinds"}:
            raise LocalError(f"JWTAuth takes no option {min(unknown)!r}")
        self._rules = rules_of("JWTAuth", issuer, audience, implies, **rules)
        self._algorithms = frozenset(algorithms)
        strange = self._algorithms - ALGORITHMS
        if strange or not self._algorithms:
            raise LocalError(
                f"JWTAuth: {', '.join(sorted(strange)) or 'no algorithm'}: tokens are taken with "
                f"signatures that a public key checks: {', '.join(sorted(ALGORITHMS))}"
            )
        self._scopes = checked_scopes(scopes, "JWTAuth")
        self._given = jwks
        self._uri = jwks_uri
        self._line = Line("JWTAuth")
        self._keys = IssuerKeys(self._load, nameless=isinstance(jwks, Mapping))
        self._clock: Callable[[], float] = time.time

    @property
    def issuer(self) -> str:
        """Who issues these tokens."""
        return self._rules.issuer

    @property
    def scopes(self) -> tuple[str, ...]:
        """What every request needs."""
        return self._scopes

    @property
    def cache_seconds(self) -> float:
        """For how long a good token is taken again without checking its signature."""
        return CACHE_SECONDS

    @property
    def dpop(self) -> str:
        """Whether tokens have to be bound to a key: "taken" or "required", or "nonce" for proofs with nonces."""
        return self._rules.dpop

    def connect(self, dial: Dial) -> None:
        """Say how to fetch keys. Raises LocalError without joserfc."""
        joserfc("jws")
        self._line.set(dial, self._uri or self._rules.issuer)

    async def close(self) -> None:
        """Give up what is under way. Keys are kept."""
        await self._keys.close()
        await self._line.close()

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say whether a token names this issuer."""
        return issuer == self._rules.issuer

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose token it is. Raises TokenError, and TransportError while there are no keys."""
        stated = peek(token)
        if stated is None:
            raise TokenError("it is no signed JWT")
        check_header(stated.header, self._rules, self._algorithms)
        algorithm, kid = str(stated.header["alg"]), stated.header.get("kid", "")
        keys = await self._keys.find(kid if isinstance(kid, str) else "", algorithm)
        if not keys:
            raise TokenError("it is signed with a key that its issuer does not show")
        payload = next((found for key in keys if (found := signed(token, key, algorithm)) is not None), None)
        if payload is None:
            raise TokenError("its signature is wrong")
        # The bytes that were signed, read anew, and not what was peeked at.
        return check_claims(read_object(payload), aimed(self._rules, resource), self._clock())

    async def _load(self) -> Mapping[str, Any]:
        if self._given is not None:
            return await self._given() if callable(self._given) else self._given
        fetcher = self._line.fetcher
        # What the issuer names is asked anew each time and kept nowhere: only what the owner wrote says how near to
        # here documents may be, and an issuer may move its keys.
        uri = self._uri or (await discover(self._rules.issuer, fetcher)).jwks_uri
        if not uri:
            raise TransportError(f"the issuer {self._rules.issuer} names no jwks_uri; give one to JWTAuth")
        answer = await fetcher.get(uri)
        if answer.status != 200:
            raise TransportError(f"{answer.url} has no keys: HTTP {answer.status}")
        try:
            return read_document(answer.body, dict[str, Any], "what it gives")
        except MalformedError as error:
            raise TransportError(f"{answer.url} has no keys: {error}") from None


def signed(token: str, key: Key, algorithm: str) -> bytes | None:
    """Return what a token or proof holds if `key` signed it, else None."""
    jws = joserfc("jws")
    registry = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    registry.max_header_length = registry.max_payload_length = len(token)
    try:
        payload: bytes = jws.deserialize_compact(token, key.key, algorithms=[algorithm], registry=registry).payload
    except Exception:  # whatever the library makes of a stranger's bytes, it is not signed
        return None
    return payload
