"""Tokens that only their issuer can read: it is asked about each, and the answer kept for a short while.

A token goes to its own issuer and to nobody else. Limit: a revoked token is good until the kept answer runs out.
Source: RFC 7662; RFC 6749, section 2.3.1.
"""

from __future__ import annotations

import asyncio
import time
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote, urlencode

from dragoman.auth.issuer import Line, aimed, discover, rules_of
from dragoman.errors import LocalError, MalformedError, TokenError, TransportError
from dragoman.ports.verifier import Dial
from dragoman.protocol.authorization import read_document
from dragoman.protocol.bearer import checked_scopes
from dragoman.protocol.claims import check_claims
from dragoman.protocol.identity import Identity

CACHE_SECONDS = 30.0
MAX_CACHE = 300.0
AT_ONCE = 16  # questions to the issuer under way
REFUSED_SECONDS = 10.0  # for which a bad token is not asked about again
REFUSED = 1000  # bad tokens remembered, as digests


class IntrospectionAuth:
    """Takes tokens that the issuer's introspection endpoint calls active.

    `client_id` and `client_secret` are this server's own at the issuer, sent as
    Basic. The endpoint is in the issuer's metadata unless it is given. Good
    answers are kept for `cache_seconds`, 300 at most, 0 for not at all. The rest,
    `implies` and `dpop`, is as in JWTAuth.
    """

    def __init__(
        self,
        issuer: str,
        audience: str | Iterable[str] | None = None,
        *,
        client_id: str,
        client_secret: str,
        endpoint: str | None = None,
        scopes: Iterable[str] = (),
        cache_seconds: float = CACHE_SECONDS,
        **rules: Any,
    ) -> None:
        """Raises LocalError for options that cannot be."""
        if unknown := rules.keys() - {"implies", "dpop"}:
            raise LocalError(f"IntrospectionAuth takes no option {min(unknown)!r}")
        self._rules = rules_of("IntrospectionAuth", issuer, audience, **rules)
        self._scopes = checked_scopes(scopes, "IntrospectionAuth")
        if not 0 <= cache_seconds <= MAX_CACHE:
            raise LocalError(f"IntrospectionAuth: cache_seconds is from 0 to {MAX_CACHE:g}, not {cache_seconds!r}")
        if not client_id or not client_secret:
            raise LocalError("IntrospectionAuth: client_id and client_secret are this server's own at the issuer")
        pair = f"{quote(client_id, safe='')}:{quote(client_secret, safe='')}"
        self._authorization = "Basic " + b64encode(pair.encode()).decode()
        self._endpoint = endpoint
        # What the issuer names stays apart from it: only what the owner wrote says how near to here it may be.
        self._found = ""
        self._cache_seconds = cache_seconds
        self._line = Line("IntrospectionAuth")
        self._room: asyncio.Semaphore | None = None
        self._refused: OrderedDict[bytes, float] = OrderedDict()
        self._clock: Callable[[], float] = time.time

    def __repr__(self) -> str:
        return f"IntrospectionAuth({self._rules.issuer!r}, ***)"

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
        """For how long a good token is taken again without asking."""
        return self._cache_seconds

    @property
    def dpop(self) -> str:
        """Whether tokens have to be bound to a key, as in JWTAuth."""
        return self._rules.dpop

    def connect(self, dial: Dial) -> None:
        """Say how to ask."""
        self._line.set(dial, self._endpoint or self._rules.issuer)
        self._room = asyncio.Semaphore(AT_ONCE)

    async def close(self) -> None:
        """Give up what is under way."""
        await self._line.close()

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say whether a token may be this issuer's: it says so, or says nothing."""
        return issuer is None or issuer == self._rules.issuer

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose token it is. Raises TokenError, and TransportError while the issuer cannot be asked."""
        digest = sha256(token.encode()).digest()
        if self._refused.get(digest, 0.0) > self._clock():
            raise TokenError("its issuer does not call it active")
        claims = await self._ask(token)
        if claims.get("active") is not True:
            self._refuse(digest)
            raise TokenError("its issuer does not call it active")
        kind = str(claims.get("token_type", "bearer")).lower()
        if kind not in ("bearer", "access_token", "dpop"):
            raise TokenError("it is of a type that is not taken here")
        identity = check_claims(claims, aimed(self._rules, resource), self._clock(), introspected=True)
        if kind == "dpop" and not identity.bound_to:
            raise TokenError("its issuer says that it is bound to a key, and not to which")
        return identity

    def _refuse(self, digest: bytes) -> None:
        self._refused[digest] = self._clock() + REFUSED_SECONDS
        if len(self._refused) > REFUSED:
            self._refused.popitem(last=False)

    async def _ask(self, token: str) -> Mapping[str, Any]:
        fetcher = self._line.fetcher
        room = self._room or asyncio.Semaphore(AT_ONCE)
        async with room:
            where = self._endpoint or self._found
            if not where:
                where = self._found = (await discover(self._rules.issuer, fetcher)).introspection_endpoint
            if not where:
                raise TransportError(f"the issuer {self._rules.issuer} names no introspection_endpoint; give one")
            body = urlencode({"token": token, "token_type_hint": "access_token"}).encode()
            fields = {"content-type": "application/x-www-form-urlencoded", "authorization": self._authorization}
            answer = await fetcher.post(where, body, fields)
        if answer.status != 200:
            self._found = ""  # it may have moved
            raise TransportError(f"{answer.url} does not say whether tokens are good: HTTP {answer.status}")
        try:
            return read_document(answer.body, dict[str, Any], "what it gives")
        except MalformedError as error:
            raise TransportError(f"{answer.url} does not say whether tokens are good: {error}") from None
