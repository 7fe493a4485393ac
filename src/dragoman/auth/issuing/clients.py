"""Which clients there are: those the owner named, those that registered, and those whose id is the URL of a document.

A document is fetched by the fetcher, judged, and kept for as long as its server says. Registrations are bounded in
number and pace, and end when they are not used.
Source: specification, basic/authorization/client-registration; draft-ietf-oauth-client-id-metadata-document; RFC 7591.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from dragoman.auth.issuing.grants import digest
from dragoman.errors import LocalError, MalformedError, TransportError, UnsafeAddressError
from dragoman.ports.fetch import Fetcher
from dragoman.ports.store import Store
from dragoman.protocol.addresses import place_of
from dragoman.protocol.authorization import read_document
from dragoman.protocol.discovery import is_loopback
from dragoman.protocol.issuing import Applicant, Denied, read_client
from dragoman.protocol.strict import read_strict

DOCUMENT = 16 * 1024  # bytes
FRESH, FRESHEST, LATEST = 300.0, 30.0, 24 * 3600.0  # seconds that a document is kept: usual, least, most
FETCHES = 4  # documents at once
UNUSED = 24 * 3600.0  # seconds after which a registration ends that got no token
USED = 90 * 24 * 3600.0  # seconds after its latest token that it ends
REGISTRATIONS = 1000  # at most
PER_MINUTE = 20
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=([0-9]{1,9})(?:$|[,\s])")


class Clients:
    """Finds clients. `named` are the owner's, as in RFC 7591 with `client_secret`; `local` lets http URLs be ids."""

    def __init__(
        self,
        store: Store,
        prefix: str,
        named: Mapping[str, Mapping[str, Any]],
        dial: Callable[[], Fetcher],
        *,
        local: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises LocalError for clients that cannot be."""
        self._store = store
        self._prefix = prefix
        self._named = {client_id: _owned(client_id, client) for client_id, client in named.items()}
        self._dial = dial
        self._local = local
        self._clock = clock
        self._gate = asyncio.Semaphore(FETCHES)
        self._times: deque[float] = deque()

    @property
    def programs(self) -> bool:
        """Whether there are clients that ask in their own right."""
        return any(client.is_program for client in self._named.values())

    async def find(self, client_id: str) -> Applicant:
        """Return a client. Raises Denied with `invalid_client`."""
        if client_id in self._named:
            return self._named[client_id]
        if "://" in client_id:
            return await self._described(client_id)
        there = await self._store.get(self._at("client", client_id))
        if there is None:
            raise Denied("invalid_client", "there is no such client; it may have to register again", 401)
        return msgspec.json.decode(there, type=Applicant)

    def _at(self, kind: str, client_id: str) -> str:
        return f"{self._prefix}{kind}/{digest(client_id)}"

    # --- documents --------------------------------------------------------------------------------------------

    async def _described(self, url: str) -> Applicant:
        """Return the client that the document at its id describes (AUTHAS-03)."""
        self._check_id(url)
        key = self._at("document", url)
        there = await self._store.get(key)
        if there is not None:
            return msgspec.json.decode(there, type=Applicant)
        fetcher = self._dial()
        try:
            async with self._gate:
                answer = await fetcher.get(url)
            if answer.status != 200:
                raise Denied("invalid_client", f"the client's document cannot be had: HTTP {answer.status}", 401)
            document: dict[str, Any] = read_document(answer.body, dict[str, Any], "the client's document")
        except (TransportError, UnsafeAddressError, MalformedError) as error:
            raise Denied("invalid_client", f"the client's document cannot be had: {error}", 401) from None
        finally:
            await fetcher.close()
        client = _judged(document, url)
        await self._store.put(key, msgspec.json.encode(client), _kept_for(answer.headers.get("cache-control", "")))
        return client

    def _check_id(self, url: str) -> None:
        try:
            place, parts = place_of(url), urlsplit(url)
        except (UnsafeAddressError, ValueError):
            raise Denied("invalid_client", "the client_id is no URL of a document", 401) from None
        fine = place.scheme == "https" or (self._local and is_loopback(place.host))
        if not fine or parts.path in ("", "/") or "#" in url or {".", ".."} & set(parts.path.split("/")):
            raise Denied("invalid_client", "a client_id that is a URL is https, with a path and no fragment", 401)

    # --- registration -----------------------------------------------------------------------------------------

    async def register(self, body: bytes) -> dict[str, Any]:
        """Return a new registration, as its client is told it (RFC 7591, section 3.2.1). Raises Denied."""
        try:
            document = read_strict(body, "a registration, which is a JSON object,")
        except MalformedError as error:
            raise Denied("invalid_client_metadata", str(error)) from None
        client = read_client(document, method="client_secret_basic")
        await self._room()
        client_id, secret = secrets.token_urlsafe(16), ""
        if client.token_endpoint_auth_method != "none":
            secret = secrets.token_urlsafe(32)
        client = msgspec.structs.replace(client, client_id=client_id, secret=digest(secret) if secret else "")
        await self._store.add(self._at("client", client_id), msgspec.json.encode(client), UNUSED)
        told: dict[str, Any] = msgspec.to_builtins(client)
        del told["secret"]
        told = {name: value for name, value in told.items() if value != ""}
        told["client_id_issued_at"] = int(time.time())
        return {**told, "client_secret": secret, "client_secret_expires_at": 0} if secret else told

    async def _room(self) -> None:
        now = self._clock()
        while self._times and now - self._times[0] >= 60:
            self._times.popleft()
        if len(self._times) >= PER_MINUTE:
            raise Denied("temporarily_unavailable", "too many clients register; try again in a minute", 429)
        self._times.append(now)
        if len(await self._store.keys(f"{self._prefix}client/", REGISTRATIONS)) >= REGISTRATIONS:
            raise Denied("temporarily_unavailable", "too many clients are registered; use a client document", 503)

    async def used(self, client: Applicant) -> None:
        """Note that a client got a token: a registration in use does not end."""
        key = self._at("client", client.client_id)
        if client.client_id not in self._named and await self._store.get(key) is not None:
            await self._store.put(key, msgspec.json.encode(client), USED)

    def authenticate(self, client: Applicant, secret: str | None) -> None:
        """Raise Denied unless a client proved who it is, in the way it registered."""
        if not client.secret:
            if secret:
                raise Denied("invalid_client", "this client has no secret", 401)
        elif not hmac.compare_digest(digest(secret or ""), client.secret):
            raise Denied("invalid_client", "the client's secret is missing or wrong", 401)


def _judged(document: dict[str, Any], url: str) -> Applicant:
    if document.get("client_id") != url:
        raise Denied("invalid_client", "the client's document is of another client_id than its URL", 401)
    if not document.get("client_name"):
        raise Denied("invalid_client", "the client's document has no client_name", 401)
    if "client_secret" in document or document.get("token_endpoint_auth_method", "none") != "none":
        raise Denied("invalid_client", "a client with a document is a public one here: its method is none", 401)
    try:
        return read_client(document)
    except Denied as denied:
        raise Denied("invalid_client", denied.description, 401) from None


def _kept_for(control: str) -> float:
    if "no-store" in control or "no-cache" in control:
        return FRESHEST
    found = _MAX_AGE.search(control.lower())
    return FRESH if found is None else min(max(float(found[1]), FRESHEST), LATEST)


def _owned(client_id: str, client: Mapping[str, Any]) -> Applicant:
    secret = str(client.get("client_secret", ""))
    try:
        made = read_client(dict(client), method="client_secret_basic" if secret else "none", owned=True)
    except Denied as denied:
        raise LocalError(f"the client {client_id!r} cannot be: {denied.description}") from None
    if made.is_program and not secret:
        raise LocalError(f"the client {client_id!r} asks in its own right, so it needs a client_secret to prove that")
    if (made.token_endpoint_auth_method != "none") != bool(secret):
        raise LocalError(f"the client {client_id!r} needs a client_secret, or the method none; not both")
    return msgspec.structs.replace(made, client_id=client_id, secret=digest(secret) if secret else "")
