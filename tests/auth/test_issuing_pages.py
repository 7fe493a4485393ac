"""What users see, and what other sites, other browsers and strangers' texts can do with it: nothing."""

import base64
import hashlib
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.auth.desk import APP, Browser, desk

from dragoman import LocalError, Passwords
from dragoman.auth.issuing.pages import consent, fault, lines_of, login

TEXTS = [
    "<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "'onmouseover='alert(1)", "</title><svg/onload=1>",
    "javascript:alert(1)", "&lt;script&gt;", "{{7*7}}", "\u202eevil\u202c", "a\nb<b>", "<!--", "]]><x>", "\x00<i>",
]  # fmt: skip
OURS = re.compile(
    r"</?(?:!doctype html|html|head|meta|title|style|body|main|h1|dl|dt|dd|p|strong|form|input|button|label)\b[^<>]*>"
)
FORBIDDEN = re.compile(r"<(?:script|img|svg|iframe|b>|i>|!--|x>)", re.IGNORECASE)


def cheap(name: str, password: str) -> str:
    """Return a line as `Passwords.line` makes it, with a hash that takes no time: a cost is part of each line."""
    made = hashlib.scrypt(password.encode(), salt=b"salt", n=2, r=1, p=1, dklen=32)
    return f"{name}:scrypt:2:1:1:{base64.b64encode(b'salt').decode()}:{base64.b64encode(made).decode()}"


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Passwords:
    file = tmp_path_factory.mktemp("users") / "users"
    file.write_text(f"# our team\n{cheap('ann', 'correct horse')}\n")
    file.chmod(0o600)
    return Passwords(file)


async def test_every_page_keeps_scripts_frames_and_caches_out() -> None:
    """Threats 44 and 46: on every route, pages of errors too."""
    async with desk() as there:
        pages = [
            await there.browser.get(there.asks()),
            await there.browser.get(there.asks("nobody")),
            await there.browser.post(f"{there.url}/decide", {"transaction": "x", "answer": "allow"}),
            await there.browser.post(f"{there.url}/login", {"transaction": "x"}),
            await there.browser.get(f"{there.url}/callback?state=x&code=y"),
            await there.browser.get(f"{there.url}/decide"),
            await there.own.get(f"{there.url}/jwks"),
            await there.token(),
        ]
        assert [page.status for page in pages] == [200, 400, 403, 403, 403, 405, 200, 400]
        for page in pages:
            policy = page.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
            assert page.headers["x-frame-options"] == "DENY" and page.headers["x-content-type-options"] == "nosniff"
            assert page.headers["cross-origin-opener-policy"] == "same-origin"
            assert page.headers["referrer-policy"] == "same-origin"
            assert "no-store" in page.headers["cache-control"] or page is pages[6]


@pytest.mark.parametrize("text", TEXTS)
async def test_what_a_client_calls_itself_is_text(text: str) -> None:
    """Threat 46: registered, shown, and nothing of it is markup."""
    async with desk() as there:
        client = (await there.register(client_name=text)).json["client_id"]
        page = await there.browser.get(there.asks(client))
        assert page.status == 200 and not FORBIDDEN.search(page.text)
        assert "\u202e" not in page.text and "\x00" not in page.text


@given(st.text(), st.text())
def test_no_text_of_a_strangers_is_markup(name: str, other: str) -> None:
    shown = lines_of(name, other, "https://app.example/cb", "https://here.example/mcp", [name])
    for page in (
        consent("/decide", other, shown, warned=True, forms=["https://app.example"]),
        login("/login", other, name, other),
        fault(name),
    ):
        text = page.body.decode("utf-8", "replace")
        bare = OURS.sub("", text)
        assert "<" not in bare


async def test_the_page_says_who_asks_where_it_goes_and_for_what() -> None:
    """AUTHAS-03, threat 43: the host of the redirect address, and a warning where any program could listen."""
    clients = {"app": APP, "web": {"client_name": "Web", "redirect_uris": ["https://web.example/cb"]}}
    async with desk(clients=clients) as there:
        local = await there.browser.get(there.asks(scope="notes:write"))
        for word in ("An app", "127.0.0.1:3000", there.mcp, "notes:write", "any program here could use its"):
            assert word in local.text
        web = await there.browser.get(there.asks("web", redirect_uri="https://web.example/cb"))
        assert "web.example" in web.text and "any program here" not in web.text
        assert "form-action 'self' https://web.example" in web.headers["content-security-policy"]


async def test_a_page_is_good_once_and_in_the_browser_that_it_was_shown_to() -> None:
    """Threats 2, 41 and 45: an attacker's page in the victim's browser, and the reverse."""
    async with desk() as there:
        page = await there.browser.get(there.asks())
        stranger = Browser()
        await stranger.get(there.asks())
        for other in (Browser(), stranger):
            reply = await other.send(page, answer="allow")
            assert reply.status == 403 and "location" not in reply.headers
        assert (await there.browser.send(page, answer="allow")).answer["code"]
        again = await there.browser.send(page, answer="allow")
        assert again.status == 403 and "location" not in again.headers


@pytest.mark.parametrize("headers, status", [
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"sec_fetch_site": "cross-site"}, 403),
    ({"sec_fetch_site": "same-site"}, 403),
    ({"host": "evil.example"}, 421),
    ({"content_type": "text/plain"}, 415),
    ({"content_type": "application/json"}, 403),
    ({"origin": "{url}", "sec_fetch_site": "same-origin"}, 303),
    ({}, 303),
])  # fmt: skip
async def test_forms_come_from_our_own_pages(headers, status: int) -> None:
    """Threat 45: the last two are the legal twins."""
    async with desk() as there:
        page = await there.browser.get(there.asks())
        fields = {name: value.format(url=there.url) for name, value in headers.items()}
        form = {**page.hidden, "answer": "allow"}
        reply = await there.browser.post(page.action, form, **fields)
        assert reply.status == status
        assert ("location" in reply.headers) == (status == 303)


async def test_a_field_twice_is_refused() -> None:
    """Two readers could take two values."""
    async with desk() as there:
        assert (await there.browser.get(there.asks() + "&redirect_uri=https://evil.example")).status == 400
        assert (await there.browser.get(there.asks())).status == 200


async def test_every_login_is_asked_about_for_each_client_anew() -> None:
    """AUTHAS-08, threat 2: what one client was granted speaks for no other."""
    async with desk(clients={"app": APP, "other": {**APP, "client_name": "Other"}}) as there:
        assert await there.code()
        page = await there.browser.get(there.asks("other"))
        assert page.status == 200 and "location" not in page.headers and "Other" in page.text
        assert (await there.browser.get(there.asks())).status == 200


async def test_users_log_in_with_a_password_and_stay_logged_in(users: Passwords) -> None:
    async with desk(users) as there:
        first = await there.browser.get(there.asks())
        assert 'type="password"' in first.text and "An app" in first.text
        wrong = await there.browser.send(first, name="ann", password="wrong")
        assert wrong.status == 401 and "set-cookie" not in wrong.headers and "wrong" in wrong.text
        page = await there.browser.send(wrong, name="ann", password="correct horse")
        assert page.status == 200 and "An app" in page.text
        agreed = await there.browser.send(page, answer="allow")
        assert (await there.redeem(agreed.answer["code"])).status == 200
        assert 'type="password"' not in (await there.browser.get(there.asks())).text
        assert 'type="password"' in (await Browser().get(there.asks())).text
        assert all("HttpOnly" in line and "SameSite=Lax" in line and "Path=/" in line for line in there.browser.set)


async def test_nobody_consents_without_having_logged_in(users: Passwords) -> None:
    async with desk(users) as there:
        page = await there.browser.get(there.asks())
        reply = await there.browser.post(f"{there.url}/decide", {**page.hidden, "answer": "allow"})
        assert reply.status == 403 and "location" not in reply.headers


async def test_a_login_is_bound_to_its_browser(users: Passwords) -> None:
    """Threat 45: nobody logs another's browser in."""
    async with desk(users) as there:
        page = await there.browser.get(there.asks())
        victim = Browser()
        assert (await victim.send(page, name="ann", password="correct horse")).status == 403
        assert not victim.cookies


async def test_passwords_are_not_guessed_for_long(users: Passwords) -> None:
    async with desk(users) as there:
        statuses = []
        for _ in range(3):
            page = await there.browser.get(there.asks())
            statuses += [(await there.browser.send(page, name="ann", password="x")).status for _ in range(5)]
        assert statuses == [401] * 10 + [429] * 5


def test_a_file_of_passwords_is_its_owners_alone(tmp_path) -> None:
    file = tmp_path / "users"
    file.write_text(Passwords.line("ann", "correct horse"))
    os.chmod(file, 0o644)
    with pytest.raises(LocalError, match="chmod 600"):
        Passwords(file)
    os.chmod(file, 0o600)
    Passwords(file)
    file.write_text("ann:plain")
    with pytest.raises(LocalError, match="entry 1"):
        Passwords(file)


async def test_a_password_that_was_changed_is_read_anew(tmp_path) -> None:
    file = tmp_path / "users"
    file.write_text(Passwords.line("ann", "correct horse"))
    file.chmod(0o600)
    users = Passwords(file)
    assert await users.check("ann", "correct horse") and not await users.check("bob", "correct horse")
    file.write_text(Passwords.line("ann", "battery staple") + "\n")
    assert await users.check("ann", "battery staple") and not await users.check("ann", "correct horse")


@pytest.mark.parametrize(
    "name, password", [("a:b", "long enough"), ("", "long enough"), ("ann", "short"), ("ann", "x" * 1025)]
)
def test_names_and_passwords_that_cannot_be_are_refused(name: str, password: str) -> None:
    with pytest.raises(LocalError):
        Passwords.line(name, password)


def test_a_name_and_a_password_that_can_be_are_one_line() -> None:
    assert Passwords.line("ann", "long enough").startswith("ann:scrypt:")
