"""What is kept of a login, and the wallet that forgets it with the process.

A token is kept with the issuer that gave it and the resource that it is for: it goes to no other (AUTHC-20, AUTHC-23).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import msgspec

from dragoman.protocol.discovery import canonical

T = TypeVar("T")
SOON = 30.0  # seconds before its end that a token is renewed


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who the client is at one authorization server: `method` is how it proves that to the token endpoint.

    `redirect_uri` is the one that was registered, "" when any will do. `expires` is when the secret ends, in
    seconds of the epoch, 0 for never.
    """

    client_id: str
    secret: str = ""
    method: str = "none"
    redirect_uri: str = ""
    expires: float = 0
    registered: bool = False
    key: str = ""
    algorithm: str = ""

    def __repr__(self) -> str:
        return f"Identity({self.client_id!r}, {self.method!r}, ***)"


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A token and all that belongs to it. `expires` is in seconds of the epoch, 0 if the server did not say.

    `scopes` is what was asked for, `granted` what the server says it gave; `key` is the private key that a DPoP
    token is bound to.
    """

    token: str
    kind: str
    issuer: str
    resource: str
    refresh: str = ""
    expires: float = 0
    scopes: tuple[str, ...] = ()
    granted: tuple[str, ...] | None = None
    key: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        return f"Held({self.issuer!r}, ***)"

    @property
    def authorization(self) -> str:
        """The value of the Authorization field."""
        return f"{self.kind} {self.token}"

    def ends_soon(self, now: float) -> bool:
        """Say whether the token is about to end, or has."""
        return self.expires != 0 and now > self.expires - SOON


def read_kept(data: bytes | None, kind: type[T]) -> T | None:
    """Return what a wallet gave as a `kind`; None for nothing, and for what another version of this program kept."""
    try:
        return None if data is None else msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def token_key(server: str) -> str:
    """Return the key of the token for the server at that URL."""
    return f"token {canonical(server)}"


def client_key(issuer: str) -> str:
    """Return the key of what was registered with an issuer."""
    return f"client {issuer}"


class MemoryWallet:
    """Keeps secrets for as long as the process lives, and writes them nowhere."""

    def __init__(self) -> None:
        self._values: dict[str, bytes] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def __repr__(self) -> str:
        return f"MemoryWallet({len(self._values)} kept)"

    async def read(self, key: str) -> bytes | None:
        """Return the value, None if there is none."""
        return self._values.get(key)

    async def write(self, key: str, value: bytes) -> None:
        """Set the value."""
        self._values[key] = value

    async def remove(self, key: str) -> bool:
        """Remove the value; returns whether there was one."""
        return self._values.pop(key, None) is not None

    @asynccontextmanager
    async def alone(self, key: str) -> AsyncGenerator[None]:
        """Hold a lock of this process."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            yield
