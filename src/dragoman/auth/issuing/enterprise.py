"""A company's identity provider whose grants are as good as a login: its users get tokens, and see no page of ours.

A grant is taken once, from the client that it names, for the server that it names. Everything else about it is judged
as a token of the provider's is, with the provider's own keys.
Source: extension enterprise-managed-authorization, sections 4.3 and 5.1; RFC 7523, section 3; RFC 7521, section 5.2.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from dragoman.auth.issuing.grants import Person, digest
from dragoman.auth.jwt import USUAL, JWTAuth
from dragoman.errors import TokenError, TransportError, UnsafeAddressError
from dragoman.ports.store import Store
from dragoman.ports.verifier import Dial
from dragoman.protocol.claims import peek
from dragoman.protocol.issuing import Denied

log = logging.getLogger("dragoman")
KIND = "oauth-id-jag+jwt"
MAX_ID = 256  # characters of a jti
LEEWAY = 60.0  # seconds after a grant's end that it is remembered as used


class EnterpriseIssuer:
    """Takes the grants (ID-JAG) of the identity provider `issuer`, as `AuthorizationServer(enterprises=[...])`.

    Its keys are those that its metadata names, or at `jwks_uri`, or `jwks`. `admits` says who of its users may come
    in, all unless given; `algorithms` are all that is taken.
    """

    def __init__(
        self,
        issuer: str,
        *,
        admits: Callable[[Person], bool] | None = None,
        algorithms: Iterable[str] = USUAL,
        jwks_uri: str | None = None,
        jwks: Mapping[str, Any] | Callable[[], Awaitable[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Raises LocalError for options that cannot be."""
        self._judge = JWTAuth(issuer, algorithms=algorithms, jwks_uri=jwks_uri, jwks=jwks, kinds={KIND})
        self._admits = admits

    def __repr__(self) -> str:
        return f"EnterpriseIssuer({self.issuer!r})"

    @property
    def issuer(self) -> str:
        """Who signs the grants."""
        return self._judge.issuer

    def connect(self, dial: Dial) -> None:
        """Say how to fetch keys."""
        self._judge.connect(dial)

    async def close(self) -> None:
        """Release connections."""
        await self._judge.close()

    async def claims(self, assertion: str, audience: str) -> Mapping[str, Any]:
        """Return what a grant for the authorization server `audience` says. Raises TokenError, TransportError."""
        return (await self._judge.verify(assertion, audience)).claims

    def lets_in(self, person: Person) -> bool:
        """Say whether a user of the provider's may come in."""
        try:
            return self._admits is None or self._admits(person)
        except Exception:
            # Of the owner's own, on what the provider left out perhaps: what fails lets nobody in.
            log.exception("admits failed")
            return False


class Enterprises:
    """Judges grants of providers for the authorization server `audience`, and remembers in a store which were used."""

    def __init__(
        self,
        audience: str,
        issuers: Iterable[EnterpriseIssuer],
        store: Store,
        prefix: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._audience = audience
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._store = store
        self._prefix = prefix
        self._clock = clock

    def __bool__(self) -> bool:
        return bool(self._issuers)

    async def redeem(self, assertion: str, client_id: str) -> tuple[Person, str, tuple[str, ...]]:
        """Return whom a grant is about, for which server it is and with which scopes. Raises Denied (XAUTH-06)."""
        stated = peek(assertion)
        issuer = None if stated is None else self._issuers.get(stated.issuer or "")
        if issuer is None:
            raise Denied("invalid_grant", "the grant is of no identity provider that is known here")
        try:
            claims = await issuer.claims(assertion, self._audience)
        except TokenError as error:
            raise Denied("invalid_grant", f"the grant is not good here: {error}") from None
        except (TransportError, UnsafeAddressError):
            raise Denied("temporarily_unavailable", "the identity provider's keys cannot be had", 503) from None
        if claims.get("client_id") != client_id:
            raise Denied("invalid_grant", "the grant was given to another client")
        resource, scope = claims.get("resource"), claims.get("scope", "")
        if not isinstance(resource, str) or not isinstance(scope, str) or "iat" not in claims:
            raise Denied("invalid_grant", "the grant does not say for which server and scopes, and since when, it is")
        person = _person(claims)
        if not issuer.lets_in(person):
            raise Denied("invalid_grant", "this user may not come in here")
        await self._used(issuer.issuer, claims)
        return person, resource, tuple(dict.fromkeys(scope.split()))

    async def _used(self, issuer: str, claims: Mapping[str, Any]) -> None:
        """Mark a grant as used. Raises Denied if it was already."""
        number = claims.get("jti")
        if not isinstance(number, str) or not 0 < len(number) <= MAX_ID:
            raise Denied("invalid_grant", "the grant has no id of its own (jti), or a long one")
        left = float(claims["exp"]) + LEEWAY - self._clock()
        key = f"{self._prefix}assertion/{digest(f'{issuer} {number}')}"
        if await self._store.add(key, b"", max(left, 1.0)) is not None:
            raise Denied("invalid_grant", "the grant was used before")


def _person(claims: Mapping[str, Any]) -> Person:
    known = {name: claims[name] for name in ("email", "name") if isinstance(claims.get(name), str)}
    subject = str(claims["sub"])
    return Person(subject, str(known.get("email") or known.get("name") or subject), known)
