"""Logins in a real browser: our pages' own rules let a user through, and nobody's script or frame. Needs chromium."""

import asyncio
import json
from pathlib import Path

import pytest
from tests.auth.desk import APP, desk
from tests.auth.test_issuing_broker import Provider
from tests.servers.chromium import Browser, browser, program
from tests.transport.raw_peer import serving

from dragoman import Broker, Client, OAuth, Passwords

pytestmark = pytest.mark.skipif(program() is None, reason="no chromium on this machine")
ROGUE = "<img src=x onerror='window.bad=1'><script>window.bad=1</script>"


async def goes(tab: Browser, url: str) -> None:
    await tab.send("Page.navigate", url=url)


async def shows(tab: Browser, script: str) -> object:
    """Return the value of a script once it is true, over changes of the page."""
    async with asyncio.timeout(15):
        while True:
            try:
                if value := await tab.run(script):
                    return value
            except AssertionError:
                pass  # the page went away under the script
            await asyncio.sleep(0.05)


async def test_a_user_logs_in_with_a_password_and_comes_back_to_the_client(tmp_path: Path) -> None:
    """AUTHAS-05, threats 44 to 46: forms, cookies, Origin, redirects and the policy work together."""
    file = tmp_path / "users"
    file.touch(mode=0o600)
    file.write_text(Passwords.line("ann", "correct horse"))
    async with desk(Passwords(file)) as there, browser(tmp_path / "chromium") as tab:

        async def visit(url: str) -> None:
            await goes(tab, url)
            await shows(tab, "document.querySelector('[name=password]')?.form.action")
            fill = "const f=document.forms[0]; f.name.value='ann'; f.password.value='correct horse'; f.requestSubmit()"
            await tab.run(fill.replace("f.name.value", "f.elements.name.value"))
            await shows(tab, "document.title === 'Allow access?' && document.querySelector('[value=allow]') !== null")
            assert "127.0.0.1" in str(await tab.run("document.body.innerText"))
            assert await tab.run("getComputedStyle(document.querySelector('main')).display") == "block"
            await tab.run("document.querySelector('[value=allow]').click()")

        auth = OAuth(on_authorize=visit, client_name=ROGUE)
        async with Client(there.mcp, auth=auth, timeout=30) as client:
            assert (await client.call_tool("whoami", {})).text == "ann"
        assert await shows(tab, "document.title === 'You are logged in'")


async def test_no_name_of_a_client_runs_and_no_page_frames_ours(tmp_path: Path) -> None:
    """Threats 44 and 46."""
    clients = {"app": {**APP, "client_name": ROGUE}}
    async with desk(clients=clients) as there, browser(tmp_path / "chromium") as tab:
        await goes(tab, there.asks())
        assert await shows(tab, "document.title === 'Allow access?'")
        assert ROGUE in str(await tab.run("document.querySelector('dd').innerText"))
        assert await tab.run("window.bad === undefined && document.images.length === 0")

        async def framing(got) -> None:  # type: ignore[no-untyped-def]
            got.reply(
                f"<title>frame</title><iframe src={json.dumps(there.asks())}></iframe>".encode(),
                content_type="text/html",
            )

        async with serving(framing) as evil:
            await goes(tab, evil)
            assert await shows(tab, "document.title === 'frame' && document.readyState === 'complete'")
            texts = [await tab.run("document.body?.innerText ?? ''", number) for number in list(tab.contexts)]
            assert len(texts) > 1 and not any("Allow this only" in text for text in texts)


async def test_a_broker_leads_a_browser_there_and_back(tmp_path: Path) -> None:
    """AUTHAS-08: the policy on where forms lead allows the provider, and the cookie is there at the callback."""
    idp = Provider()
    async with serving(idp.serve) as url, browser(tmp_path / "chromium") as tab:
        idp.url = url.removesuffix("/mcp")
        login = Broker(idp.url, "broker", "broker-secret", algorithms=("ES256",))
        async with desk(login) as there:
            going: list[asyncio.Task[None]] = []

            async def visit(url: str) -> None:
                await goes(tab, url)
                await shows(tab, "document.querySelector('[value=allow]') !== null")
                await tab.run("document.querySelector('[value=allow]').click()")
                at = await shows(tab, "location.pathname === '/auth' && location.href")
                # Whoever waits is told before the browser has shown the last page, and waits for this no longer.
                going.append(asyncio.create_task(goes(tab, idp.agreed(str(at)))))

            async with Client(there.mcp, auth=OAuth(on_authorize=visit), timeout=30) as client:
                assert (await client.call_tool("whoami", {})).text == "u-17"
            await asyncio.gather(*going)
