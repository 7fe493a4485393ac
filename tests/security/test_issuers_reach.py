"""What an issuer names may lie no nearer than the issuer itself (threat 4), however often the server is started."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from tests.auth.issuing import RESOURCE, RSA_KEY, Issuer, issuing, jwk
from tests.transport.test_fetch import canary

from dragoman import AuthorizationError, IntrospectionAuth, JWTAuth, OAuth, TransportError
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


class Elsewhere(Outside):
    """A network in which some addresses have documents; all others are the fetcher's own."""

    def __init__(self, base: str, documents: Mapping[str, Any]) -> None:
        super().__init__(base, {})
        self._documents = documents

    async def get(self, url: str, headers: Mapping[str, str] = {}) -> Fetched:
        if url in self._documents:
            return Fetched(200, {}, msgspec.json.encode(self._documents[url]), url)
        return await super().get(url, headers) if not url.startswith(PUBLIC) else Fetched(404, {}, b"", url)


@pytest.mark.parametrize("server, fine", [("https://mcp.example/mcp", False), ("http://127.0.0.1:9/mcp", True)])
@pytest.mark.parametrize("place", ["resource metadata", "issuer", "registration_endpoint", "token_endpoint"])
async def test_a_server_on_the_internet_leads_a_client_nowhere_near(place: str, server: str, fine: bool) -> None:
    """AUTHC-28, sec/04: wherever it names an address; the twin is a server that is itself on this machine."""
    async with canary() as (port, came):
        near = f"http://127.0.0.1:{port}"
        known = f"{PUBLIC}/resource"
        metadata = {"issuer": PUBLIC, "code_challenge_methods_supported": ["S256"], "token_endpoint": f"{PUBLIC}/token"}
        metadata |= {"authorization_endpoint": f"{PUBLIC}/authorize", "registration_endpoint": f"{PUBLIC}/register"}
        metadata |= {place: f"{near}/x"} if place.endswith("endpoint") else {}
        named = near if place == "issuer" else PUBLIC
        documents = {
            known: {"resource": server, "authorization_servers": [named]},
            f"{PUBLIC}/.well-known/oauth-authorization-server": metadata,
        }
        told = f"{near}/x" if place == "resource metadata" else known

        def visit(url: str) -> str:
            return f"https://app.example/back?code=c&state={dict(parse_qsl(urlsplit(url).query))['state']}"

        client_id = "" if place == "registration_endpoint" else "known"
        auth = OAuth(client_id=client_id, on_authorize=visit, redirect_uri="https://app.example/back")
        session = auth.session(server, lambda base: Elsewhere(base, documents))
        with pytest.raises(AuthorizationError) as caught:
            await session.renew(401, {"www-authenticate": f'Bearer resource_metadata="{told}"'}, {})
        await session.close()
        assert (came != []) == fine
        assert ("may not be reached" in str(caught.value)) != fine
