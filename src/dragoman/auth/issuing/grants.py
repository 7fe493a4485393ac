"""What users granted: codes that are good once, refresh tokens that change with each use, and an end to both.

Kept are digests of codes and tokens, never themselves. Whatever is used twice ends the whole grant, since one of two
who hold it is a thief.
Source: OAuth 2.1 draft 13, sections 4.1.3 and 4.3.1; RFC 9700, sections 2.1.1 and 4.14.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec

from dragoman.ports.store import Change, Drop, Put, Store
from dragoman.protocol.issuing import Asked, Denied, proves

CODE_SECONDS = 60.0
IDLE_SECONDS = 30 * 24 * 3600.0  # a refresh token that is not used for so long is good no more
LONGEST = 90 * 24 * 3600.0  # then the user is asked again, whatever was used


class Person(msgspec.Struct, frozen=True):
    """A user: `subject` never changes and is nobody else's, `name` is shown, `claims` go into tokens."""

    subject: str
    name: str = ""
    claims: dict[str, Any] = {}


class Grant(msgspec.Struct, frozen=True):
    """What one user let one client do at one server; `began` is in seconds since 1970."""

    id: str
    client_id: str
    subject: str
    resource: str
    scopes: tuple[str, ...]
    began: float
    claims: dict[str, Any] = {}


class _Code(msgspec.Struct, frozen=True):
    grant: Grant
    redirect_uri: str
    challenge: str


def digest(text: str) -> str:
    """Return what stands for a secret in the store."""
    return sha256(text.encode("utf-8", "replace")).hexdigest()


def no_grant() -> Denied:
    """Return the one answer to codes and tokens that are wrong, over, spent or another's."""
    return Denied("invalid_grant", "the code or token is not good here: it is over, was used, or is of another client")


class Grants:
    """Keeps grants in a store, under keys that begin with `prefix`."""

    def __init__(self, store: Store, prefix: str, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._prefix = prefix
        self._clock = clock

    def _at(self, kind: str, text: str) -> str:
        return f"{self._prefix}{kind}/{digest(text)}"

    async def code(self, asked: Asked, person: Person) -> str:
        """Return a code for what a user granted."""
        code = secrets.token_urlsafe(32)
        grant = Grant(
            secrets.token_urlsafe(16), asked.client_id, person.subject, asked.resource, asked.scopes,
            self._clock(), dict(person.claims),
        )  # fmt: skip
        kept = msgspec.json.encode(_Code(grant, asked.redirect_uri, asked.challenge))
        # Not a mere put: room is made for others with those.
        await self._store.add(self._at("code", code), kept, CODE_SECONDS)
        return code

    async def brief(
        self, client_id: str, person: Person, resource: str, scopes: tuple[str, ...], seconds: float
    ) -> Grant:
        """Return a grant that lives as long as its token: nothing renews it."""
        grant = Grant(
            secrets.token_urlsafe(16), client_id, person.subject, resource, scopes, self._clock(), dict(person.claims)
        )
        await self._store.add(self._at("grant", grant.id), msgspec.json.encode(grant), seconds)
        return grant

    async def redeem(self, code: str, client_id: str, redirect_uri: str, verifier: str) -> tuple[Grant, str]:
        """Return the grant of a code, and its first refresh token. Raises Denied (AUTHAS-07)."""
        key, spent = self._at("code", code), self._at("spent", code)
        there = await self._store.get(key)
        if there is None:
            await self._reused(spent)
            raise no_grant()
        kept = msgspec.json.decode(there, type=_Code)
        grant = kept.grant
        fits = kept.redirect_uri == redirect_uri and grant.client_id == client_id
        if not fits or not proves(verifier, kept.challenge):
            await self._store.delete(key)  # nobody gets to guess twice
            raise no_grant()
        token = secrets.token_urlsafe(32)
        changes: list[Change] = [Drop(key), Put(spent, grant.id.encode(), IDLE_SECONDS), *self._live(grant, token)]
        # All at once: between the end of the code and the mark that it was used, a second use would not be noticed.
        if not await self._store.commit(changes, {key: there}):
            await self._reused(spent)
            raise no_grant()
        return grant, token

    async def rotate(self, token: str, client_id: str) -> tuple[Grant, str]:
        """Return the grant of a refresh token, and the next one: the old one is good no more (AUTHAS-06)."""
        key, spent = self._at("refresh", token), self._at("spent", token)
        there = await self._store.get(key)
        if there is None:
            await self._reused(spent)
            raise no_grant()
        grant = await self.grant(there.decode())
        if grant is None or grant.client_id != client_id or self._left(grant) <= 0:
            raise no_grant()
        following = secrets.token_urlsafe(32)
        changes: list[Change] = [Drop(key), Put(spent, there, IDLE_SECONDS), *self._live(grant, following)]
        if not await self._store.commit(changes, {key: there, self._at("grant", grant.id): msgspec.json.encode(grant)}):
            # Somebody else used it in this moment, or the grant was ended.
            await self._reused(spent)
            raise no_grant()
        return grant, following

    def _live(self, grant: Grant, token: str) -> list[Change]:
        ttl = min(IDLE_SECONDS, self._left(grant))
        return [
            Put(self._at("grant", grant.id), msgspec.json.encode(grant), ttl),
            Put(self._at("refresh", token), grant.id.encode(), ttl),
        ]

    def _left(self, grant: Grant) -> float:
        return grant.began + LONGEST - self._clock()

    async def _reused(self, spent: str) -> None:
        there = await self._store.get(spent)
        if there is not None:
            await self.end(there.decode())

    async def grant(self, identifier: str) -> Grant | None:
        """Return a grant, None if it was ended."""
        there = await self._store.get(self._at("grant", identifier))
        return None if there is None else msgspec.json.decode(there, type=Grant)

    async def end(self, identifier: str) -> None:
        """End a grant: what was given for it is good no more."""
        await self._store.delete(self._at("grant", identifier))

    async def revoke(self, token: str, client_id: str) -> None:
        """End the grant of a refresh token of that client's; nothing else happens for any other (RFC 7009)."""
        there = await self._store.get(self._at("refresh", token))
        grant = None if there is None else await self.grant(there.decode())
        if grant is not None and grant.client_id == client_id:
            await self.end(grant.id)
