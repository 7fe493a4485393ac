"""Our authorization server sends users to oidc-provider: two consents, two cookies, one login, and a token of ours."""

import asyncio
import os
from urllib.parse import urljoin

from tests.auth.desk import APP, CALLBACK, Browser, desk
from tests.conformance.run import free_port, npm_ci
from tests.servers import test_oidc_provider as oidc

from dragoman import Broker, Client, OAuth


async def log_in(browser: Browser, url: str) -> str:
    """Agree on our page, then do what the provider's pages want; return the client's redirect."""
    reply = await browser.send(await browser.get(url), answer="allow")
    for _ in range(20):
        if reply.location.startswith(CALLBACK):
            return reply.location
        if reply.location:
            url = urljoin(url, reply.location)
            reply = await browser.get(url)
        else:
            assert reply.status == 200, reply.text
            url = urljoin(url, reply.action)
            written = {"login": "ann", "password": "ann"} if 'name="password"' in reply.text else {}
            prompt = "login" if written else "consent"
            reply = await browser.post(url, {"prompt": prompt, **written})
    raise AssertionError("the browser goes in circles")


async def test_a_user_logs_in_at_a_provider_that_knows_no_client_of_ours(monkeypatch) -> None:
    npm_ci(oidc.HERE, oidc.HOME, "oidc-provider")
    (oidc.HOME / "provider.js").write_bytes((oidc.HERE / "provider.js").read_bytes())
    issuer = f"http://127.0.0.1:{free_port()}"
    broker = Broker(issuer, "broker", "broker-secret-of-a-test", scopes=("openid",), algorithms=("ES256",))
    async with desk(broker, clients={"app": APP}) as there:
        monkeypatch.setitem(os.environ, "BROKER_CALLBACK", f"{there.url}/callback")
        with oidc.provider(issuer, "https://unused.example/", 60) as process:
            async with asyncio.timeout(oidc.READY):
                assert await asyncio.to_thread(process.readline) == "ready\n"

            async def visit(url: str) -> str:
                return await log_in(there.browser, url)

            async with Client(there.mcp, auth=OAuth(on_authorize=visit, redirect_uri=CALLBACK)) as client:
                assert (await client.call_tool("whoami", {})).text == "ann"
                assert (await client.call_tool("write", {})).text == "written"
