"""Credentials for one server: a token with each request, a better one when that is refused.

However many calls find a token refused, one gets the next; it is used only for the resource, and renewed only at the
issuer, that it is kept with. How a token is had is the grant's; that it is had a bounded number of times is held here.
Source: specification, basic/authorization; RFC 6750; RFC 9449, section 7.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import time
from typing import Protocol

import msgspec

from dragoman.auth.discovery import Discovery, Place
from dragoman.auth.nonces import Nonces
from dragoman.auth.signing import ProofKey
from dragoman.auth.token_endpoint import TokenEndpoint, TokenRefusedError
from dragoman.auth.wallet import Held, Identity, read_kept, token_key
from dragoman.errors import AuthorizationError, AuthorizationNeededError, McpError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.ports.fetch import Fetcher
from dragoman.ports.wallet import Wallet
from dragoman.protocol.authorization import ServerMetadata, TokenAnswer
from dragoman.protocol.challenge import Challenge, read_challenges
from dragoman.protocol.code_flow import Scopes, chosen_scopes
from dragoman.protocol.discovery import check_endpoint, shown

log = logging.getLogger("dragoman")
NONCE_WANTED = "use_dpop_nonce"
SCHEMES = ("dpop", "bearer")
REST = 5.0  # seconds between tries to renew a token before its end


class Grant(Protocol):
    """A way to get tokens. `scopes` of the user's own are asked for beside what the server wants."""

    scopes: tuple[str, ...]
    dpop: bool | None

    async def obtain(self, place: Place, scopes: Scopes, ask: TokenEndpoint, key: ProofKey | None) -> Obtained:
        """Return a new token. Raises AuthorizationError."""
        ...

    async def identity(self, server: ServerMetadata) -> Identity | None:
        """Return who we are there without asking anybody, None if that is not known."""
        ...


class Obtained(msgspec.Struct, frozen=True):
    """A token, and the scopes that were asked for with it."""

    answer: TokenAnswer
    scopes: Scopes


class Session:
    """The credentials of one client at the server at `url`."""

    def __init__(
        self, url: str, grant: Grant, wallet: Wallet, fetcher: Fetcher, preferred: tuple[str, ...] = ()
    ) -> None:
        """Raises AuthorizationError for a server to which no token may be sent, since it is not https."""
        check_endpoint(url, "server's address")
        self._url = url
        self._grant = grant
        self._wallet = wallet
        self._fetcher = fetcher
        self._discovery = Discovery(fetcher, url, preferred)
        self._nonces = Nonces()
        self._ask = TokenEndpoint(fetcher, self._nonces)
        self._key: ProofKey | None = None
        self._held: Held | None = None
        self._loaded = False
        self._proved = False  # whether the server took the token that is held
        self._turn = 0  # counted up by each renewal, so that those who waited for one do not do it again
        self._failed: AuthorizationError | None = None
        self._rest_until = 0.0  # on the monotonic clock: an issuer that is down is not asked by every call
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Session({shown(self._url)!r})"

    # --- what the HTTP client asks --------------------------------------------------------------------------

    async def fields(self, method: str, url: str) -> Fields:
        """Return the header fields with the token, if there is one. It is renewed first if it is about to end."""
        held = await self._current()
        if held is None:
            return NO_FIELDS
        fields = {"authorization": held.authorization}
        if self._key is not None:
            fields["dpop"] = self._key.proof(method, url, token=held.token, nonce=self._nonces.of(url))
        return fields

    def heard(self, status: int, headers: Fields, sent: Fields) -> bool:
        """Keep nonces; returns whether the refusal, if it is one, is about the token (RFC 6750, section 3.1)."""
        self._nonces.hear(self._url, headers)
        if status == 403:
            return any(challenge.error == "insufficient_scope" for challenge in _challenges(headers))
        if status != 401 and self._held is not None and sent.get("authorization") == self._held.authorization:
            self._proved = True
        return status == 401

    async def renew(self, status: int, headers: Fields, sent: Fields) -> None:
        """Get another token after a refusal. Raises AuthorizationError."""
        challenges = _challenges(headers)
        wants_nonce = any(item.error == NONCE_WANTED for item in challenges)
        if wants_nonce and self._key is not None and self._nonces.of(self._url):
            return
        challenge = _telling(challenges, status)
        turn = self._turn
        async with self._lock:
            if self._turn != turn and self._failed is not None:
                raise self._failed
            if self._held is not None and self._held.authorization != sent.get("authorization", ""):
                return  # another call renewed it meanwhile
            self._failed = None
            try:
                await self._better(status, challenge)
            except AuthorizationError as error:
                self._failed = error
                raise
            except McpError as error:
                self._failed = AuthorizationError(f"cannot log in to {shown(self._url)}: {error}")
                raise self._failed from None
            finally:
                self._turn += 1

    async def close(self) -> None:
        """Release connections."""
        await self._fetcher.close()

    # --- renewal --------------------------------------------------------------------------------------------

    @property
    def held(self) -> Held | None:
        """The token that is sent now, if any."""
        return self._held

    def begin_anew(self) -> None:
        """Leave what is kept alone: the next refusal leads to a new login, which then replaces it."""
        self._held, self._key, self._loaded = None, None, True

    async def login(self) -> Held:
        """Get a token now, though the server refused nothing. Raises AuthorizationError if it publishes no way."""
        async with self._lock:
            place = await self._discovery.find(Challenge("bearer"), refused=False)
            return await self._obtain(place, chosen_scopes(None, place.scopes, self._grant.scopes), bound=False)

    async def logout(self) -> bool:
        """Forget the token, and tell its issuer where that can be told; returns whether there was one."""
        async with self._lock:
            await self._load()
            held, self._held = self._held, None
            if held is not None:
                try:
                    server = await self._discovery.server(held.issuer)
                    if (who := await self._grant.identity(server)) is not None:
                        await self._ask.revoke(server, held.refresh or held.token, who)
                except McpError as error:
                    log.info("%s was not told of the logout: %s", shown(held.issuer), error)
            return await self._wallet.remove(token_key(self._url))

    async def _better(self, status: int, challenge: Challenge) -> None:
        held = self._held
        if status == 401 and held is not None and not self._proved:
            raise AuthorizationError(
                f"{shown(self._url)} refuses the token that {shown(held.issuer)} just gave for it"
                f"{f' ({challenge.error[:60]!r})' if challenge.error else ''}; is it meant for this server?"
            )
        if status == 403 and held is not None:
            self._check_step(held, challenge)
        place = await self._discovery.find(challenge)
        same = held is not None and held.issuer == place.server.issuer and held.resource == place.resource
        if status == 401 and same and held is not None and await self._refreshed(place.server, held):
            return
        before = held.scopes if same and held is not None else ()
        wanted = chosen_scopes(challenge.scopes, place.scopes, (*before, *self._grant.scopes))
        try:
            await self._obtain(place, wanted, bound=challenge.scheme == "dpop")
        except AuthorizationNeededError as error:
            if status != 403:
                raise
            # Quoted: the names are the server's, and the command is there to be pasted.
            words = "".join(f" --scope {shlex.quote(scope[:100])}" for scope in (challenge.scopes or ())[:20])
            raise AuthorizationNeededError(f"{error}{words}", status=403) from None

    def _check_step(self, held: Held, challenge: Challenge) -> None:
        """Raise AuthorizationError unless asking for the scopes of the challenge would be something new (AUTHC-14)."""
        missing = [scope for scope in challenge.scopes or () if scope not in held.scopes]
        if not missing:
            named = " ".join(challenge.scopes or ())[:200] or "scopes that it does not name"
            raise AuthorizationError(
                f"{shown(self._url)} wants {named}, and the login that asked for it did not suffice", status=403
            )

    async def _obtain(self, place: Place, scopes: Scopes, *, bound: bool) -> Held:
        wanted = self._grant.dpop
        if wanted is None:
            # What was bound stays bound, whatever a later challenge leaves out.
            wanted = place.bound or bound or self._key is not None
        key = (self._key or ProofKey()) if wanted else None
        got = await self._grant.obtain(place, scopes, self._ask, key)
        return await self._keep(place.server.issuer, place.resource, got, key)

    async def _keep(self, issuer: str, resource: str, got: Obtained, key: ProofKey | None, refresh: str = "") -> Held:
        answer = got.answer
        held = Held(
            token=answer.access_token,
            kind="Bearer" if key is None else "DPoP",
            issuer=issuer,
            resource=resource,
            refresh=answer.refresh_token or refresh,
            expires=time.time() + answer.expires_in if answer.expires_in else 0,
            scopes=got.scopes or (),
            granted=None if answer.scope is None else tuple(answer.scope.split()),
            key=None if key is None else key.private,
        )
        await self._wallet.write(token_key(self._url), msgspec.json.encode(held))
        self._take(held, key)
        return held

    def _take(self, held: Held, key: ProofKey | None) -> None:
        self._held, self._key, self._proved, self._loaded = held, key, False, True

    # --- what is kept ---------------------------------------------------------------------------------------

    async def _current(self) -> Held | None:
        """Return the token to send, fresh if it can be made so."""
        if not self._loaded:
            await self._load()
        held = self._held
        if held is None or not held.ends_soon(time.time()) or not held.refresh or time.monotonic() < self._rest_until:
            return held
        async with self._lock:
            if self._held is held and time.monotonic() >= self._rest_until:
                self._rest_until = time.monotonic() + REST
                try:
                    await self._refreshed(await self._discovery.server(held.issuer), held)
                except McpError as error:
                    # The token may still do; if not, the server's refusal leads to the whole way.
                    log.debug("the token for %s was not renewed: %s", shown(self._url), error)
            return self._held

    async def _load(self) -> None:
        held = read_kept(await self._wallet.read(token_key(self._url)), Held)
        self._loaded = True
        if held is not None:
            self._take(held, None if held.key is None else ProofKey(held.key))
            self._proved = True  # by an earlier run

    async def _refreshed(self, server: ServerMetadata, held: Held) -> bool:
        """Renew the token by its refresh token, once among all processes; returns whether there is a new one."""
        if not held.refresh:
            return False
        async with self._wallet.alone(token_key(self._url)):
            await self._load()
            if self._held is not None and self._held.token != held.token:
                return True  # another process did it
            who = await self._grant.identity(server)
            if who is None:
                return False
            form = {"grant_type": "refresh_token", "refresh_token": held.refresh, "resource": held.resource}
            try:
                answer = await self._ask.ask(server, form, who, self._key)
            except TokenRefusedError as refused:
                log.info("the login at %s has ended: %s", shown(self._url), refused)
                await self._wallet.remove(token_key(self._url))
                self._held = None
                return False
            await self._keep(server.issuer, held.resource, Obtained(answer, held.scopes), self._key, held.refresh)
            return True


def _challenges(headers: Fields) -> list[Challenge]:
    """Return the challenges that a token answers, in the server's order."""
    return [item for item in read_challenges(headers.get("www-authenticate", "")) if item.scheme in SCHEMES]


def _telling(challenges: list[Challenge], status: int) -> Challenge:
    """Return the challenge to follow: the first, and of a 403 the one that tells of scopes."""
    wanted = "insufficient_scope" if status == 403 else ""
    return next((item for item in challenges if not wanted or item.error == wanted), Challenge("bearer"))
