"""Transactions of users' browsers: one for each request for a code, bound to the browser that began it.

A transaction's id travels in forms, the browser's in a cookie; neither is good without the other, so no other site,
and nobody with a link, can answer in a user's place. Both are kept as digests, for ten minutes and eight hours.
Source: specification, security best practices "Confused Deputy Problem"; RFC 6265bis, section 4.1.3 (`__Host-`).
"""

from __future__ import annotations

import hmac
import re
import secrets

import msgspec

from dragoman.auth.issuing.grants import Person, digest
from dragoman.ports.site import Visitor
from dragoman.ports.store import Store
from dragoman.protocol.issuing import Asked

TRANSACTION_SECONDS = 600.0
SESSION_SECONDS = 8 * 3600
_ID = re.compile(r"[A-Za-z0-9_-]{43}")


class Transaction(msgspec.Struct, frozen=True):
    """One request under way: what is asked, by whom, from which browser; `person` once that is known.

    `nonce` and `verifier` are those of the login at an identity provider, `tries` of passwords.
    """

    asked: Asked
    client_name: str
    browser: str
    local: bool = False
    person: Person | None = None
    nonce: str = ""
    verifier: str = ""
    tries: int = 0


class Visits:
    """Keeps transactions and sessions of browsers in a store. `secure` is whether the site is https."""

    def __init__(self, store: Store, prefix: str, *, secure: bool) -> None:
        self._store = store
        self._prefix = prefix
        # Only a browser's own connection to this very host can have set a cookie of that prefix.
        self._names = "__Host-dragoman-" if secure else "dragoman-"
        self._end = "; Path=/; HttpOnly; SameSite=Lax" + ("; Secure" if secure else "")

    def browser(self, visitor: Visitor) -> tuple[str, str]:
        """Return the id of a browser, and the cookie to set: a new one if it brings none."""
        there = visitor.cookies.get(f"{self._names}browser", "")
        found = there if _ID.fullmatch(there) else secrets.token_urlsafe(32)
        return found, f"{self._names}browser={found}; Max-Age={SESSION_SECONDS}{self._end}"

    async def begin(self, transaction: Transaction, kind: str = "transaction") -> str:
        """Return the id under which a transaction can be taken up."""
        identifier = secrets.token_urlsafe(32)
        await self.keep(identifier, transaction, kind)
        return identifier

    async def keep(self, identifier: str, transaction: Transaction, kind: str = "transaction") -> None:
        """Keep what is new about a transaction."""
        key = f"{self._prefix}{kind}/{digest(identifier)}"
        await self._store.put(key, msgspec.json.encode(transaction), TRANSACTION_SECONDS)

    async def find(
        self, visitor: Visitor, identifier: str, kind: str = "transaction", *, last: bool = False
    ) -> Transaction | None:
        """Return a transaction of this visitor's browser; None for any other. If `last`, nobody finds it again."""
        key = f"{self._prefix}{kind}/{digest(identifier)}"
        there = await self._store.get(key)
        if there is None:
            return None
        found = msgspec.json.decode(there, type=Transaction)
        browser = visitor.cookies.get(f"{self._names}browser", "")
        if not hmac.compare_digest(digest(browser), found.browser):
            return None
        if last and await self._store.take(key) is None:
            return None
        return found

    async def log_in(self, person: Person) -> str:
        """Return the cookie of a new session of that user."""
        session = secrets.token_urlsafe(32)
        await self._store.put(
            f"{self._prefix}session/{digest(session)}", msgspec.json.encode(person), float(SESSION_SECONDS)
        )
        return f"{self._names}session={session}; Max-Age={SESSION_SECONDS}{self._end}"

    async def person(self, visitor: Visitor) -> Person | None:
        """Return who is logged in."""
        session = visitor.cookies.get(f"{self._names}session", "")
        if not _ID.fullmatch(session):
            return None
        there = await self._store.get(f"{self._prefix}session/{digest(session)}")
        return None if there is None else msgspec.json.decode(there, type=Person)

    async def failed(self, name: str, most: int, seconds: float) -> bool:
        """Count a wrong password for a name; returns whether there were too many lately."""
        key = f"{self._prefix}failed/{digest(name)}"
        count = int(await self._store.get(key) or b"0") + 1
        await self._store.put(key, str(count).encode(), seconds)
        return count > most

    async def barred(self, name: str, most: int) -> bool:
        """Say whether a name had too many wrong passwords lately."""
        return int(await self._store.get(f"{self._prefix}failed/{digest(name)}") or b"0") >= most
