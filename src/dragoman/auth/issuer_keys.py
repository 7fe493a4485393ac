"""The public keys of an issuer: fetched when they are needed, kept, and changed when the issuer changes its own.

While the issuer is away, the keys that are here go on serving. A token that names an unknown key can make one fetch in
half a minute and no more, and requests with known keys wait for none.
Source: RFC 7517; RFC 8414, section 3; OpenID Connect Discovery 1.0, section 4.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

from dragoman.errors import LocalError, McpError, TransportError

log = logging.getLogger("dragoman")
PAUSE = 30.0  # seconds between two fetches for unknown keys
RETRY = 5.0  # seconds before the first fetch is tried again
FRESH = 600.0  # seconds after which keys are fetched again, beside the requests that they serve
STALE = 24 * 3600.0  # seconds for which keys serve while their issuer cannot be reached
MOST = 64  # keys of one issuer
RSA_BITS = 2048
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}


class Key(NamedTuple):
    """One public key: its id and algorithm as the issuer says them, "" for nothing, and its type."""

    kid: str
    algorithm: str
    kind: str
    key: Any


class _Set(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


def read_keys(document: Mapping[str, Any]) -> list[Key]:
    """Return the keys of a JWK Set that can check signatures; secrets, private and weak keys are left out.

    Raises TransportError for what is no JWK Set, LocalError without joserfc.
    """
    try:
        found = msgspec.convert(document, _Set).keys
    except msgspec.ValidationError as error:
        raise TransportError(f"the issuer's keys are no JWK Set: {error}") from None
    return [key for item in found[:MOST] if (key := _key(item)) is not None]


def _key(item: dict[str, Any]) -> Key | None:
    kind, use, operations = item.get("kty"), item.get("use", "sig"), item.get("key_ops", ["verify"])
    # A secret in a public document is none, and a private key could sign what it checks.
    if kind not in ("RSA", "EC", "OKP") or use != "sig" or "verify" not in operations or "d" in item:
        return None
    try:
        return public_key(item)
    except ValueError as error:
        log.warning("a key of the issuer cannot be used: %s", error)
        return None


def public_key(item: Mapping[str, Any]) -> Key | None:
    """Return a public key, None for a weak one. Raises ValueError if it cannot be used, LocalError without joserfc."""
    kind = str(item.get("kty"))
    try:
        key = joserfc("jwk").import_key({name: value for name, value in item.items() if name not in ("use", "key_ops")})
        if kind == "RSA" and key.public_key.key_size < RSA_BITS:
            return None
    except LocalError:
        raise
    except Exception as error:  # the library's and OpenSSL's own, of many kinds
        raise ValueError(type(error).__name__) from None
    return Key(str(item.get("kid", "")), str(item.get("alg", "")), kind, key)


def joserfc(name: str) -> Any:
    """Return a module of joserfc, which the extra `auth` brings. Raises LocalError if it is missing."""
    try:
        return import_module(f"joserfc.{name}")
    except ImportError:
        raise LocalError("tokens are checked with joserfc; install it: pip install 'dragoman[auth]'") from None


class IssuerKeys:
    """The keys that `load` fetches. `clock` gives seconds that only grow. With `nameless`, a key without an id is good
    for tokens that name one: the owner gave the keys, so none is there under another name.
    """

    def __init__(
        self,
        load: Callable[[], Awaitable[Mapping[str, Any]]],
        clock: Callable[[], float] = time.monotonic,
        *,
        nameless: bool = False,
    ) -> None:
        self._load = load
        self._nameless = nameless
        self._clock = clock
        self._keys: list[Key] = []
        self._loaded: float | None = None
        self._tried: float | None = None
        self._fetch: asyncio.Task[None] | None = None
        self._fault: McpError | None = None

    async def find(self, kid: str, algorithm: str) -> list[Key]:
        """Return the keys that a token of that key id and algorithm may be signed with, [] if the issuer has none.

        Raises TransportError while there are no keys at all, because the issuer cannot be reached.
        """
        now = self._clock()
        if self._loaded is not None and now - self._loaded > STALE:
            self._keys, self._loaded = [], None
        found = self._fitting(kid, algorithm)
        if found:
            if self._loaded is not None and now - self._loaded > FRESH and self._may_fetch(now):
                self._begin(now)
            return found
        if self._running() is None and self._may_fetch(now):
            self._begin(now)
        if (fetch := self._running()) is not None:
            # One who gives up waiting must not take the keys from the others.
            await asyncio.shield(fetch)
            found = self._fitting(kid, algorithm)
        if self._loaded is None:
            raise TransportError(f"the keys of the issuer are not here: {self._fault or 'they were not fetched yet'}")
        return found

    def _fitting(self, kid: str, algorithm: str) -> list[Key]:
        kind = _KINDS.get(algorithm[:2], "")
        names = (kid, "") if self._nameless else (kid,)
        return [
            key
            for key in self._keys
            if key.kind == kind and (not kid or key.kid in names) and key.algorithm in ("", algorithm)
        ]

    def _may_fetch(self, now: float) -> bool:
        if self._running() is not None:
            return False
        return self._tried is None or now - self._tried >= (RETRY if self._loaded is None else PAUSE)

    def _running(self) -> asyncio.Task[None] | None:
        """Return the fetch under way in this event loop, if there is one."""
        fetch = self._fetch
        if fetch is None or fetch.done() or fetch.get_loop() is not asyncio.get_running_loop():
            return None
        return fetch

    def _begin(self, now: float) -> None:
        self._tried = now
        self._fetch = asyncio.get_running_loop().create_task(self._refresh())

    async def _refresh(self) -> None:
        try:
            self._keys = read_keys(await self._load())
            self._loaded, self._fault = self._clock(), None
        except McpError as error:
            self._fault = error
            log.warning("the keys of an issuer could not be fetched: %s", error)

    async def close(self) -> None:
        """Give up a fetch under way."""
        fetch = self._running()
        if fetch is not None:
            fetch.cancel()
            await asyncio.gather(fetch, return_exceptions=True)
