"""Logging in at an authorization server of others, oidc-provider, and calling our own server with what it gives.

Everything is real: Node in its own process, a browser with cookies that fills in its forms, sockets, signatures.
"""

import asyncio
import http.client
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import IO, Any, NamedTuple
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from joserfc.jwk import ECKey
from tests.conformance.run import free_port, node, npm_ci
from tests.transport.raw_http import listening

from dragoman import AuthorizationError, Client, ClientCredentials, Context, JWTAuth, OAuth, Server
from dragoman.transport.fetch import SafeFetcher

HERE = Path(__file__).parent / "oidc"
HOME = Path(__file__).parent.parent.parent / ".servers" / "oidc"
READY = 30.0


class Place(NamedTuple):
    """A protected server and its issuer."""

    url: str
    issuer: str


def protected(issuer: str, dpop: str = "taken") -> Server:
    server = Server("orders", auth=JWTAuth(issuer, scopes=["orders"], algorithms=["ES256"], dpop=dpop))

    @server.tool
    def whoami(ctx: Context) -> str:
        """Who calls."""
        return str(ctx.caller.client_id)

    @server.tool(scopes=["orders:write"])
    def cancel() -> str:
        """Cancel an order."""
        return "cancelled"

    return server


@asynccontextmanager
async def places(seconds: int = 3600, resource: str = "", dpop: str = "taken") -> AsyncIterator[Place]:
    """Run oidc-provider and a server that trusts it."""
    npm_ci(HERE, HOME, "oidc-provider")
    (HOME / "provider.js").write_bytes((HERE / "provider.js").read_bytes())
    issuer = f"http://127.0.0.1:{free_port()}"
    apps: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await apps[0](scope, receive, send)

    async with listening(app) as own:
        url = f"http://127.0.0.1:{own.port}/mcp"
        apps.append(protected(issuer, dpop).asgi(url=url))
        with provider(issuer, resource or url, seconds) as process:
            async with asyncio.timeout(READY):
                assert await asyncio.to_thread(process.readline) == "ready\n"
            yield Place(url, issuer)


@contextmanager
def provider(issuer: str, resource: str, seconds: int, *more: str) -> Iterator[IO[str]]:
    """Start oidc-provider for a resource, and perhaps more; yield its stdout."""
    key = ECKey.generate_key("P-256", {"use": "sig", "kid": "test", "alg": "ES256"})
    environ = {**os.environ, "SIGNING_KEY": json.dumps(key.as_dict(private=True)), "TOKEN_SECONDS": str(seconds)}
    words = [node()[0], "provider.js", issuer.rpartition(":")[2], resource, *more]
    with subprocess.Popen(
        words, cwd=HOME, env=environ, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.terminate()


class Browser:
    """Follows redirects with cookies and fills in forms, as a user would who agrees; stops at the redirect address."""

    def __init__(self) -> None:
        self._cookies: dict[str, str] = {}
        self.visits: list[str] = []

    async def __call__(self, url: str) -> str | None:
        self.visits.append(url)
        return await asyncio.to_thread(self._walk, url)

    def _walk(self, url: str) -> str | None:
        home, form = urlsplit(url).netloc, None
        for _ in range(20):
            if urlsplit(url).netloc != home:
                self._ask(url, None)  # the client's own page on this machine
                return None
            status, location, page = self._ask(url, form)
            form = None
            if location:
                url = urljoin(url, location)
                continue
            assert status == 200, page
            action = re.search(r'action="([^"]+)"', page)
            assert action, page
            fields = dict(re.findall(r'name="([^"]+)"[^>]*?value="([^"]*)"', page))
            fields |= dict.fromkeys(re.findall(r'<input[^>]*?name="(login|password)"', page), "ann")
            url, form = urljoin(url, action[1].replace("&amp;", "&")), fields
        raise AssertionError("the browser goes in circles")

    def _ask(self, url: str, form: dict[str, str] | None) -> tuple[int, str, str]:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=20)
        headers = {"cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        body = None
        if form is not None:
            headers["content-type"], body = "application/x-www-form-urlencoded", urlencode(form)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        connection.request("GET" if form is None else "POST", target, body, headers)
        answer = connection.getresponse()
        for line in answer.headers.get_all("set-cookie") or []:
            for name, morsel in SimpleCookie(line).items():
                self._cookies[name] = morsel.value
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers.get("location", ""), text


async def test_a_user_logs_in_and_steps_up_at_a_server_of_others() -> None:
    async with places() as place:
        browser = Browser()
        auth = OAuth(on_authorize=browser, client_name="Test")
        async with Client(place.url, auth=auth) as client:
            assert (await client.call_tool("whoami", {})).text
            assert len(browser.visits) == 1
            assert (await client.call_tool("cancel", {})).text == "cancelled"
            assert len(browser.visits) == 2
            assert "orders%3Awrite" in browser.visits[1] and "scope=orders" in browser.visits[1]


async def test_tokens_are_renewed_and_rotated_without_the_user() -> None:
    async with places(seconds=20) as place:
        browser = Browser()
        async with Client(place.url, auth=OAuth(on_authorize=browser)) as client:
            for _ in range(3):
                await client.call_tool("whoami", {})
        assert len(browser.visits) == 1


async def test_a_program_calls_with_its_own_credentials() -> None:
    async with places() as place:
        auth = ClientCredentials(client_id="nightly", client_secret="nightly-secret-of-a-test", issuer=place.issuer)
        async with Client(place.url, auth=auth) as client:
            assert (await client.call_tool("whoami", {})).text == "nightly"


async def test_a_token_bound_to_a_key_is_had() -> None:
    async with places() as place:
        auth = OAuth(on_authorize=Browser(), dpop=True)
        session = auth.session(place.url, SafeFetcher)
        held = await session.login()
        assert held.kind == "DPoP" and held.key is not None
        assert set(await session.fields("POST", place.url)) == {"authorization", "dpop"}


@pytest.mark.parametrize("dpop", ["required", "nonce"])
async def test_a_server_takes_bound_tokens_of_others_and_nothing_less(dpop: str) -> None:
    """RFC 9449: the client learns from the challenge that it has to bind its token, and steps up with another."""
    async with places(dpop=dpop) as place:
        browser = Browser()
        session = OAuth(on_authorize=browser).session(place.url, SafeFetcher)
        held = await session.login()
        assert held.kind == "DPoP"
        with pytest.raises(AuthorizationError, match="bound to a key"):
            async with Client(place.url, auth=held.token):
                pass
        await session.close()
        async with Client(place.url, auth=OAuth(on_authorize=browser)) as client:
            for _ in range(2):
                assert (await client.call_tool("whoami", {})).text
            assert (await client.call_tool("cancel", {})).text == "cancelled"


async def test_an_issuer_that_does_not_know_the_resource_gives_nothing() -> None:
    async with places(resource="https://another.example/mcp") as place:
        with pytest.raises(AuthorizationError, match="invalid_target"):
            async with Client(place.url, auth=OAuth(on_authorize=Browser())):
                pass
