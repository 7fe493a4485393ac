"""The code flow with a user: what answers are used, and what a mix-up gets. Judged by what left the client."""

import asyncio
import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.auth.world import CALLBACK, Issuer, world
from tests.transport.raw_peer import INITIALIZED, Got

from dragoman import AuthorizationError, AuthorizationNeededError, Client, DeadlineError, LocalError, OAuth


@pytest.mark.parametrize("promised, stated, fine", [
    (True, "{issuer}", True),
    (True, None, False),
    (True, "https://evil.example", False),
    (True, "{issuer}/", False),
    (True, "{upper}", False),
    (None, "{issuer}", True),
    (None, None, True),
    (None, "https://evil.example", False),
    (False, "{issuer}/", False),
    (False, None, True),
    (True, "", False),
])  # fmt: skip
async def test_an_answer_counts_only_from_the_issuer_that_was_asked(promised, stated, fine: bool) -> None:
    """AUTHC-15, AUTHC-16, AUTHC-17: the table of RFC 9207, compared letter by letter, before the code goes anywhere."""
    async with world() as there:
        one = there.one
        one.metadata = {"authorization_response_iss_parameter_supported": promised}
        if stated is not None:
            stated = stated.format(issuer=one.issuer, upper=one.issuer.replace("http", "HTTP"))
        one.redirect = {"iss": stated}
        if fine:
            assert await there.use() == ["done"]
        else:
            with pytest.raises(AuthorizationError, match="not used"):
                await there.use()
            assert there.nothing_left() and len(there.pages) == 1


async def test_an_error_from_elsewhere_is_neither_shown_nor_acted_on() -> None:
    """AUTHC-18."""
    async with world() as there:
        there.one.redirect = {
            "code": None, "iss": "https://evil.example", "error": "call-us", "error_description": "555-0100",
        }  # fmt: skip
        with pytest.raises(AuthorizationError) as caught:
            await there.use()
        assert "call-us" not in str(caught.value) and "555" not in str(caught.value)
        assert there.nothing_left()


async def test_an_error_from_the_issuer_is_told_without_its_control_characters() -> None:
    """AUTHC-18, the legal twin."""
    async with world() as there:
        there.one.redirect = {"code": None, "error": "access_denied", "error_description": "no\x1b[2J\n" + "x" * 999}
        with pytest.raises(AuthorizationError, match=r"access_denied: no\?\[2J\?x") as caught:
            await there.use()
        assert len(str(caught.value)) < 400
        assert there.nothing_left()


@pytest.mark.parametrize("state", [None, "", "another", "\u00e9"])
async def test_an_answer_without_our_state_is_not_used(state) -> None:
    """AUTHC-19."""
    async with world() as there:
        there.one.redirect = {"state": state}
        with pytest.raises(AuthorizationError, match="state"):
            await there.use()
        assert there.nothing_left()


async def test_an_answer_with_a_parameter_twice_is_not_used() -> None:
    """AUTHC-19: two readers of it could see two codes."""
    async with world() as there:
        visit = there.visit

        async def twice(url: str) -> str:
            return await visit(url) + "&code=other"

        with pytest.raises(AuthorizationError, match="twice"):
            await there.use(there.oauth(on_authorize=twice))
        assert there.nothing_left()


async def test_many_calls_at_once_open_one_page() -> None:
    async with world() as there:
        async with Client(there.url, auth=there.oauth(), mode="modern") as client:
            there.one.given.clear()  # all tokens revoked
            await asyncio.gather(*(client.call_tool("tool", {}) for _ in range(10)))
            assert len(there.pages) == 1
            there.one.given.clear()
            there.one.token = lambda seen: (
                (400, {"error": "invalid_grant"}, {}) if "refresh_token" in seen.form else None
            )
            await asyncio.gather(*(client.call_tool("tool", {}) for _ in range(10)))
        assert len(there.pages) == 2
        grants = [form["grant_type"] for form in there.one.tokens]
        assert grants == ["authorization_code", "refresh_token", "refresh_token", "authorization_code"]


async def test_many_calls_at_once_hear_of_one_failure() -> None:
    async with world(one=Issuer(refreshes=False)) as there:
        async with Client(there.url, auth=there.oauth(), mode="modern") as client:
            there.one.given.clear()
            there.one.redirect = {"code": None, "error": "access_denied"}
            results = await asyncio.gather(*(client.call_tool("tool", {}) for _ in range(5)), return_exceptions=True)
        assert [type(result) for result in results] == [AuthorizationError] * 5
        assert len(there.pages) == 2


async def test_a_token_that_the_server_refuses_at_once_is_not_asked_for_again() -> None:
    async with world(accepts=lambda seen: (401, "Bearer")) as there:
        with pytest.raises(AuthorizationError, match="refuses the token"):
            await there.use()
        assert len(there.pages) == 1


async def test_without_a_user_a_login_is_asked_for_in_words() -> None:
    async with world() as there:
        with pytest.raises(AuthorizationNeededError, match="wants a login at"):
            await there.use(there.oauth(interactive=False))
        with pytest.raises(AuthorizationNeededError, match="dragoman login"):
            async with Client(there.url, mode="modern"):
                pass
        assert there.pages == []


async def test_a_user_who_does_not_come_is_waited_for_so_long() -> None:
    async with world() as there:

        async def nobody(url: str) -> str:
            await asyncio.Event().wait()
            raise AssertionError

        with pytest.raises(AuthorizationError, match=r"nobody logged in .* within 0\.05 s"):
            await there.use(there.oauth(on_authorize=nobody, login_seconds=0.05))
        assert there.nothing_left()


async def test_the_browser_comes_back_to_this_machine() -> None:
    """The loopback way: the address is registered, and the page is shown when the login has worked."""
    async with world() as there:
        pages: list[bytes] = []

        async def browser(url: str) -> None:
            back = await there.visit(url)
            pages.append(await fetched(back))

        tasks: list[asyncio.Task[None]] = []

        async def show(url: str) -> None:
            tasks.append(asyncio.create_task(browser(url)))

        assert await there.use(there.oauth(on_authorize=show, redirect_uri="")) == ["done"]
        await asyncio.gather(*tasks)
        registered = there.one.at("/register")[0].body
        redirect = there.one.at("/authorize")[0].query["redirect_uri"]
        assert redirect.encode() in registered and redirect.startswith("http://127.0.0.1:")
        assert b"200 OK" in pages[0] and b"You are logged in" in pages[0]
        assert there.one.given[0].encode() not in pages[0]


async def fetched(url: str, host: str = "") -> bytes:
    """Return the whole answer to a GET."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nhost: {host or parts.netloc}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return answer


async def test_a_token_that_cannot_be_a_header_is_refused() -> None:
    async with world() as there:
        there.one.token = lambda seen: (200, {"access_token": "a\r\nx-evil: 1", "token_type": "Bearer"}, {})
        with pytest.raises(AuthorizationError, match="cannot be sent"):
            await there.use()
        assert not any("authorization" in seen.headers for seen in there.seen)


@pytest.mark.parametrize("answer", [
    {"access_token": "t", "token_type": "mac"}, {"access_token": "t"}, {"token_type": "Bearer"}, [], "x",
    {"access_token": "", "token_type": "Bearer"}, {"access_token": "t", "token_type": "DPoP"},
])  # fmt: skip
async def test_a_token_answer_that_is_none_is_told_of_without_its_values(answer) -> None:
    async with world() as there:
        there.one.token = lambda seen: (200, answer, {})
        with pytest.raises(AuthorizationError, match=r"token|as it has to be"):
            await there.use()
        assert not any("authorization" in seen.headers for seen in there.seen)


async def test_nothing_secret_is_in_reprs_and_errors() -> None:
    auth = OAuth(client_id="me", client_secret="hush-hush", redirect_uri=CALLBACK)
    assert "hush" not in repr(auth)
    async with world() as there:
        there.one.token = lambda seen: (400, {"error": "invalid_grant", "error_description": "bad"}, {})
        with pytest.raises(AuthorizationError) as caught:
            await there.use(there.oauth(client_id="me", client_secret="hush-hush"))
        said = repr(caught.value) + str(caught.value)
        query = parse_qs(urlsplit(there.pages[0]).query)
        assert "hush" not in said and query["state"][0] not in said
        assert not any(code in said for code in there.one.tokens[0].values() if len(code) > 20)


@pytest.mark.parametrize("settings, match", [
    ({"client_secret": "x"}, "belongs to a client_id"),
    ({"client_metadata_url": "http://a.example/x"}, "https"),
    ({"client_metadata_url": "https://a.example"}, "path"),
    ({"scopes": "a b"}, "list"),
    ({"redirect_uri": "http://a.example/x"}, "neither https nor on this machine"),
])  # fmt: skip
def test_settings_that_cannot_be_are_refused_when_they_are_made(settings, match: str) -> None:
    """AUTHC-08: a metadata document has an https address with a path."""
    with pytest.raises((LocalError, AuthorizationError), match=match):
        OAuth(**settings)


async def test_a_static_token_is_sent_and_a_refusal_is_told() -> None:
    async with world() as there:
        there.one.given.append("mine")
        assert await there.use("mine") == ["done"]
        with pytest.raises(AuthorizationError, match="does not take the token") as refused:
            await there.use("another")
        assert refused.value.challenge == there.usual_challenge() and refused.type is AuthorizationError
        with pytest.raises(LocalError, match="token") as caught:
            await there.use("hush\nhush")
        assert "hush" not in str(caught.value)


async def test_auth_beside_an_authorization_header_is_a_mistake() -> None:
    with pytest.raises(LocalError, match="give one of them"):
        Client("http://127.0.0.1:1/mcp", auth="x", headers={"Authorization": "Bearer y"})
    with pytest.raises(LocalError, match="over HTTP only"):
        Client(["python", "x.py"], auth="x")


async def test_a_server_that_is_not_https_gets_no_token() -> None:
    with pytest.raises(AuthorizationError, match="not https"):
        async with Client("http://server.example/mcp", auth=OAuth()):
            pass


async def test_the_time_of_the_user_is_not_the_servers() -> None:
    """Limits on opening and on calls stand still while the user is at the page, and go on afterwards."""
    async with world() as there:

        async def slowly(url: str) -> str:
            await asyncio.sleep(1)
            return await there.visit(url)

        auth = there.oauth(on_authorize=slowly)
        async with Client(there.url, auth=auth, mode="modern", timeout=0.7) as client:
            there.one.given.clear()
            there.one.token = lambda seen: (400, {"error": "no"}, {}) if "refresh_token" in seen.form else None
            assert (await client.call_tool("tool", {})).text == "done"
            assert len(there.pages) == 2


async def test_the_servers_time_goes_on_after_the_users() -> None:
    async with world() as there:
        auth = there.oauth()
        async with Client(there.url, auth=auth, mode="modern", timeout=0.7) as client:
            there.one.given.clear()
            there.one.token = lambda seen: (400, {"error": "no"}, {}) if "refresh_token" in seen.form else None
            base, silent = there.answer, asyncio.Event()

            async def silent_with_a_token(got: Got) -> None:
                if got.headers.get("authorization", "").endswith(there.one.given[-1] if there.one.given else "none"):
                    await silent.wait()
                await base(got)

            there.behaves = silent_with_a_token
            with pytest.raises(DeadlineError):
                await client.call_tool("tool", {})
            assert len(there.one.given) == 1 and len(there.pages) == 2


async def test_nobody_is_asked_to_log_in_in_order_to_leave() -> None:
    """A session is ended with the token that is there, and a refusal of that is left alone."""
    async with world() as there:
        base, ended = there.answer, []

        async def with_sessions(got: Got) -> None:
            if got.method == "DELETE":
                ended.append(got.headers.get("authorization"))
                got.reply({}, 401, www_authenticate=there.usual_challenge())
            elif got.target == "/mcp" and got.json.get("method") == "initialize" and "authorization" in got.headers:
                got.result(INITIALIZED, mcp_session_id="one")
            elif got.target == "/mcp" and "id" not in got.json:
                got.reply(b"", 202)
            else:
                await base(got)

        there.behaves = with_sessions
        async with Client(there.url, auth=there.oauth(), mode="legacy"):
            pass
        assert ended == [f"Bearer {there.one.given[0]}"]
        assert len(there.pages) == 1


async def test_no_secret_is_ever_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Logins, refusals, renewals and failures, with everything logged that can be."""
    caplog.set_level(logging.DEBUG)
    async with world(one=Issuer(expires_in=20, registration={"client_secret": "canary-client"})) as there:
        there.one.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        auth = there.oauth(dpop=True)
        await there.use(auth, calls=2)
        there.one.given.clear()
        there.one.token = lambda seen: (400, {"error": "invalid_grant"}, {})
        with pytest.raises(AuthorizationError) as caught:
            await there.use(auth)
        forms = [value for form in there.one.tokens for name, value in form.items() if name != "resource"]
        secrets = {
            value
            for value in forms
            if len(value) > 12 and not value.startswith(("client-", "http", "auth", "refresh_"))
        }
        secrets |= {seen.headers["dpop"] for seen in there.calls if "dpop" in seen.headers}
        secrets |= {seen.query["state"] for seen in there.one.at("/authorize")} | {"canary"}
        assert len(secrets) > 5
        said = caplog.text + repr(caught.value) + repr(auth)
        assert [secret for secret in secrets if secret in said] == []
        assert "invalid_grant" in said


async def test_the_client_without_asyncio_logs_in_too() -> None:
    async with world() as there:

        def use() -> str:
            with Client.sync(there.url, auth=there.oauth(), mode="modern") as client:
                return client.call_tool("tool", {}).text

        assert await asyncio.to_thread(use) == "done"


async def test_the_page_may_be_shown_by_a_plain_function() -> None:
    async with world() as there:

        def plain(url: str) -> str:
            there.pages.append(url)
            query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
            return there.one.agreed(query)

        assert await there.use(there.oauth(on_authorize=plain)) == ["done"]
