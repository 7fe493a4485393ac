"""What an issuer names may lie no nearer than the issuer itself (threat 4), however often the server is started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.auth.issuing import RESOURCE, RSA_KEY, Issuer, issuing, jwk
from tests.transport.test_fetch import canary

from dragoman import IntrospectionAuth, JWTAuth, TransportError
from dragoman.auth.issuer_keys import IssuerKeys
from dragoman.errors import UnsafeAddressError
from dragoman.ports.fetch import Fetched
from dragoman.transport.fetch import SafeFetcher

PUBLIC = "https://issuer.example"


class Outside:
    """A network in which only the issuer's metadata is somebody else's; all else is the fetcher's own."""

    def __init__(self, base: str, metadata: Mapping[str, Any]) -> None:
        self._inner = SafeFetcher(base)
        self._metadata = metadata

    async def get(self, url: str, headers: Mapping[str, str] = {}) -> Fetched:
        if url.startswith(f"{PUBLIC}/.well-known/"):
            return Fetched(200, {}, msgspec.json.encode(self._metadata), url)
        return await self._inner.get(url, headers)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] = {}) -> Fetched:
        return await self._inner.post(url, body, headers)

    async def close(self) -> None:
        await self._inner.close()


@pytest.mark.parametrize("kind", ["keys", "introspection"])
async def test_an_issuer_on_the_internet_leads_nowhere_near(kind: str) -> None:
    """sec/04: not at the first start, and not at the next, when its word is known already."""
    async with canary() as (port, came):
        near = f"http://127.0.0.1:{port}/"
        metadata = {"issuer": PUBLIC, "jwks_uri": near, "introspection_endpoint": near}
        issuer = Issuer()
        issuer.url = PUBLIC
        if kind == "keys":
            auth: Any = JWTAuth(PUBLIC)
        else:
            auth = IntrospectionAuth(PUBLIC, client_id="a", client_secret="b")
        for _ in range(3):
            auth.connect(lambda base: Outside(base, metadata))
            if kind == "keys":
                auth._keys = IssuerKeys(auth._load)  # else the next fetch would be half a minute away
            with pytest.raises((TransportError, UnsafeAddressError), match="may not be reached"):
                await auth.verify(issuer.token(), RESOURCE)
            await auth.close()
        await asyncio.sleep(0)
        assert came == []


async def test_an_issuer_on_this_machine_may_name_what_is_here() -> None:
    async with issuing() as issuer:
        auth = JWTAuth(issuer.url)
        auth.connect(SafeFetcher)
        assert (await auth.verify(issuer.token(), RESOURCE)).subject == "ann"
        assert issuer.keys[0] == jwk(RSA_KEY, "one")
