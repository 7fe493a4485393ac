"""Our own pages in a real browser: the cards of `fastmcp.apps`, and the pages on which users grant access.

A card is what a tool's user sees and presses; a page of consent shows what a stranger says of itself, of which nothing
may run, load or lead away. Needs Debian's chromium; the card of a form needs pydantic as well.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.auth.desk import APP, desk
from tests.auth.test_issuing_pages import TEXTS
from tests.servers.chromium import Browser, browser, program, shows
from tests.servers.test_apps_in_chromium import previewed
from tests.transport.raw_http import listening

pytestmark = pytest.mark.skipif(program() is None, reason="no chromium on this machine")

EVIL = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
CARDS = f"""
from fastmcp import FastMCP
from fastmcp.apps.approval import Approval
from fastmcp.apps.choice import Choice
from fastmcp.apps.file_upload import FileUpload
from fastmcp.apps.form import FormInput
from pydantic import BaseModel

class Order(BaseModel):
    dish: str
    count: int = 1
    hot: bool = False

def took(order):
    return f"{{order.count}} {{order.dish}} {{order.hot}}"

mcp = FastMCP("cards", providers=[Approval(title={EVIL!r}), Choice(), FormInput(Order, on_submit=took), FileUpload()])
"""
# What a page may not have done, looked for in the page itself: an element of a stranger's, or a handler that ran.
UNTOUCHED = "document.title !== 'owned' && !document.querySelector('img, script[src], svg, iframe, object, embed')"


@asynccontextmanager
async def cards(folder: Path) -> AsyncIterator[Browser]:
    file = folder / "cards.py"
    file.write_text(CARDS)
    async with previewed(file, folder / "profile") as tab:
        yield tab


async def shown(tab: Browser, tool: str, **arguments: object) -> int:
    """Call a tool as the preview's user, and return where its card's scripts run."""
    if await tab.run("document.querySelector('#stage iframe') !== null"):
        await tab.run("document.getElementById('close').click()")
        await tab.until("document.querySelectorAll('iframe').length === 0")
    buttons = "[...document.querySelectorAll('nav button')]"
    await tab.run(f"{buttons}.find((one) => one.textContent.includes({json.dumps(tool)})).click()")
    await tab.run(f"document.getElementById('arguments').value = {json.dumps(json.dumps(arguments))}")
    await tab.run("document.getElementById('call').click()")
    inner = await tab.inner()
    await tab.until("document.querySelectorAll('#answer button').length > 0", inner)
    return inner


async def said(tab: Browser) -> str:
    """Return all that went between the preview and the card."""
    return str(await tab.run("document.getElementById('log').textContent"))


async def test_an_approval_shows_what_it_is_for_as_text_and_tells_what_was_pressed(tmp_path: Path) -> None:
    async with cards(tmp_path) as tab:
        inner = await shown(tab, "request_approval", summary=f"Deploy {EVIL}", details=EVIL, approve_text=EVIL)
        for part, text in (("title", EVIL), ("text", f"Deploy {EVIL}"), ("details", EVIL)):
            assert await tab.run(f"document.getElementById({part!r}).textContent", inner) == text
        labels = "[...document.querySelectorAll('#answer button')].map((one) => one.textContent)"
        assert await tab.run(labels, inner) == [EVIL, "Reject"]
        assert await tab.run(UNTOUCHED, inner)
        await tab.run("document.querySelectorAll('#answer button')[1].click()", inner)
        assert await tab.until("document.getElementById('answer').textContent === 'Response sent.'", inner)
        assert "I selected: Reject" in await said(tab) and "I selected: Approve" not in await said(tab)
        inner = await shown(tab, "choose", prompt="Lunch?", options=["soup", "stew"])
        assert await tab.run(labels, inner) == ["soup", "stew"]
        await tab.run("document.querySelector('#answer button').click()", inner)
        assert await tab.until("document.getElementById('answer').textContent === 'Response sent.'", inner)
        assert "I selected: soup" in await said(tab)


async def test_a_form_is_filled_in_corrected_and_taken(tmp_path: Path) -> None:
    pytest.importorskip("pydantic")
    async with cards(tmp_path) as tab:
        inner = await shown(tab, "collect_order", prompt="What shall it be?")
        fields = "[...document.querySelectorAll('form [name]')].map((one) => [one.name, one.type, one.value])"
        assert await tab.run(fields, inner) == [
            ["dish", "text", ""],
            ["count", "number", "1"],
            ["hot", "checkbox", "on"],
        ]
        write = "document.querySelector('[name={}]').value = {}"
        send = "document.querySelector('form').requestSubmit()"
        await tab.run(write.format("dish", json.dumps(EVIL)) + ";" + write.format("count", "'1.5'"), inner)
        # A number that is none of the model's is refused by the page or by the server, and nothing is lost of the form.
        await tab.run("document.querySelector('[name=count]').step = 'any';" + send, inner)
        assert "count" in await tab.until("document.getElementById('list').textContent", inner)
        assert await tab.run("document.querySelector('[name=dish]').value", inner) == EVIL
        await tab.run(write.format("count", "'2'") + ";document.querySelector('[name=hot]').click();" + send, inner)
        assert await tab.until("!document.querySelector('form')", inner)
        assert await tab.run("document.getElementById('answer').textContent", inner) == f"2 {EVIL} True"
        assert await tab.run(UNTOUCHED, inner)


async def consented(tab: Browser, address: str) -> None:
    await tab.send("Page.navigate", url=address)
    await tab.until("document.readyState === 'complete' && document.querySelector('form, .warning, p') !== null")


async def test_nothing_that_a_client_says_of_itself_runs_or_loads_where_users_agree(tmp_path: Path) -> None:
    """sec/46: registered with hostile names, shown by a browser, and not one thing of it is more than text."""
    async with desk() as there, browser(tmp_path / "profile") as tab:
        policy: list[str] = []
        note = "(e) => (self.broken ??= []).push(e.violatedDirective)"
        watch = f"document.addEventListener('securitypolicyviolation', {note})"
        await tab.send("Page.addScriptToEvaluateOnNewDocument", source=watch)
        for text in [*TEXTS, EVIL]:
            client = (await there.register(client_name=text)).json["client_id"]
            await consented(tab, there.asks(client, state=EVIL, scope="notes:write"))
            assert await tab.run("document.title") == "Allow access?"
            assert await tab.run(UNTOUCHED)
            assert await tab.run("document.querySelectorAll('form').length") == 1
            assert await tab.run("document.querySelectorAll('*').length") < 40
            policy += await tab.run("self.broken ?? []")
        assert policy == []
        # The page's own style is allowed by its digest, and was applied.
        assert await tab.run("getComputedStyle(document.querySelector('dt')).fontWeight") == "600"
        # The twin: what the page would have done with it, if it were markup, is stopped as well.
        tried = f"document.body.insertAdjacentHTML('beforeend', {json.dumps(EVIL)})"
        await tab.run(f"{tried}; new Promise((done) => setTimeout(done, 200))")
        assert await tab.run("document.title") == "Allow access?"
        assert set(await tab.run("self.broken")) == {"img-src", "script-src-attr"}


@asynccontextmanager
async def page_of_a_strangers() -> AsyncIterator[str]:
    """Serve a page that may stand in frames, and yield its address, at another origin than the desk's."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>strange</title>there"})

    async with listening(app) as place:
        yield f"http://127.0.0.1:{place.port}/callback"


async def test_a_user_agrees_by_pressing_and_the_answer_goes_where_it_was_registered(tmp_path: Path) -> None:
    async with (
        page_of_a_strangers() as callback,
        desk(clients={"app": {**APP, "redirect_uris": [callback]}}) as there,
        browser(tmp_path / "profile") as tab,
    ):
        for button, wanted in (("deny", "error=access_denied"), ("allow", "code=")):
            await consented(tab, there.asks(redirect_uri=callback))
            await tab.click(f"button[value={button}]")
            address = str(await shows(tab, "document.title === 'strange' && location.href"))
            assert address.startswith(callback) and wanted in address and "state=a-state" in address


async def test_a_page_of_consent_is_shown_in_no_frame(tmp_path: Path) -> None:
    """sec/44: a site that puts it into a frame gets an empty one, in which nothing can be pressed."""
    async with page_of_a_strangers() as stranger, desk() as there, browser(tmp_path / "profile") as tab:
        await tab.send("Page.navigate", url=stranger)
        await shows(tab, "document.title === 'strange'")
        make = "const f = document.createElement('iframe'); f.onload = f.onerror = done; f.name = 'inner'"
        own = stranger.removesuffix("/callback")
        for address, inside in ((stranger, [own]), (there.asks(), [])):
            await tab.run(
                f"new Promise((done) => {{ {make}; f.src = {json.dumps(address)}; document.body.replaceChildren(f); }})"
            )
            origins = [context["origin"] for context in tab.contexts.values()]
            assert there.url not in origins and origins.count(own) == 1 + len(inside)
