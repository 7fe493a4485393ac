"""Keys that are handed out by hand: for development, tests, and machines of one's own.

Compared in constant time, all of them each time, and kept as digests only.
Limit: they have no issuer, so clients cannot get them by themselves, and they do not expire.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from hashlib import sha256

import msgspec

from dragoman.errors import LocalError, TokenError
from dragoman.protocol.bearer import MAX_TOKEN, checked_scopes, read_bearer
from dragoman.protocol.identity import Identity, widen

SHORTEST = 16  # characters


class KeyAuth:
    """Takes the keys of a table: `KeyAuth({"a-long-random-key": Identity("ann", scopes=frozenset({"read"}))})`.

    Instead of an Identity, a name will do. `scopes` are needed by every request;
    `implies` says which scopes include which.
    """

    issuer = ""
    cache_seconds = 0.0

    def __init__(
        self,
        keys: Mapping[str, Identity | str],
        *,
        scopes: Iterable[str] = (),
        implies: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        """Raises LocalError for keys that cannot be sent, or that can be guessed."""
        self._scopes = checked_scopes(scopes, "KeyAuth")
        implied = {scope: frozenset(checked_scopes(more, "KeyAuth")) for scope, more in (implies or {}).items()}
        self._keys: list[tuple[bytes, Identity]] = []
        for number, (key, who) in enumerate(keys.items(), 1):
            if len(key) < SHORTEST or len(key) > MAX_TOKEN or not _fits(key):
                raise LocalError(
                    f"KeyAuth: key {number} needs {SHORTEST} characters at least, of letters, digits and -._~+/: "
                    "python -c 'import secrets; print(secrets.token_urlsafe())'"
                )
            identity = Identity(who) if isinstance(who, str) else who
            wide = msgspec.structs.replace(identity, scopes=widen(frozenset(identity.scopes), implied))
            self._keys.append((sha256(key.encode()).digest(), wide))
        if not self._keys:
            raise LocalError("KeyAuth needs a key at least")

    def __repr__(self) -> str:
        return f"KeyAuth(*** {len(self._keys)} keys)"

    @property
    def scopes(self) -> tuple[str, ...]:
        """What every request needs."""
        return self._scopes

    def takes(self, token: str, issuer: str | None) -> bool:
        """Say whether it is one of the keys, or could be a wrong one."""
        return issuer is None

    async def verify(self, token: str, resource: str) -> Identity:
        """Return whose key it is. Raises TokenError if it is none."""
        digest = sha256(token.encode()).digest()
        found: Identity | None = None
        for known, identity in self._keys:
            # All are compared, so that time tells nothing of which one was close.
            if hmac.compare_digest(known, digest):
                found = identity
        if found is None:
            raise TokenError("it is no key of this server's")
        return found


def _fits(key: str) -> bool:
    try:
        return read_bearer(f"Bearer {key}".encode()) == key
    except Exception:
        return False
