"""The authorization server over real sockets: what is granted, to whom, and what is refused before anything leaves."""

import asyncio
import base64
from urllib.parse import urlsplit

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.auth.desk import APP, CALLBACK, Desk, desk

from dragoman import AuthorizationError, AuthorizationServer, Client, LocalError, OAuth, TransportError
from dragoman.protocol.issuing import Denied, check_redirect_uri, read_client, same_redirect


def agreeing(there: Desk) -> OAuth:
    return OAuth(on_authorize=there.browser.allow, redirect_uri=CALLBACK)


async def test_our_own_client_registers_logs_in_steps_up_and_calls() -> None:
    async with desk() as there, Client(there.mcp, auth=agreeing(there), timeout=20) as client:
        assert (await client.call_tool("whoami", {})).text == "ann"
        assert (await client.call_tool("write", {})).text == "written"


async def test_the_metadata_says_what_clients_need() -> None:
    """AUTHAS-01, AUTHAS-02, AUTHAS-04."""
    async with desk() as there:
        reply = await there.own.get(f"{there.url}/.well-known/oauth-authorization-server")
        assert reply.status == 200 and reply.headers["content-type"] == "application/json"
        found = reply.json
        assert found["issuer"] == there.url
        assert found["code_challenge_methods_supported"] == ["S256"]
        assert found["client_id_metadata_document_supported"] is True
        assert found["authorization_response_iss_parameter_supported"] is True
        assert found["scopes_supported"] == ["notes:write"]
        assert "introspection_endpoint" not in found
        assert reply.headers["access-control-allow-origin"] == "*"


async def test_a_token_is_for_one_server_and_another_library_finds_it_good() -> None:
    """AUTHAS-07: PyJWT reads what we sign, with the keys that are shown."""
    async with desk() as there:
        reply = await there.redeem(await there.code(scope="notes:write"))
        assert reply.status == 200 and reply.headers["cache-control"] == "no-store"
        assert reply.json["token_type"] == "Bearer" and reply.json["scope"] == "notes:write"
        token = reply.json["access_token"]
        keys = jwt.PyJWKSet.from_dict((await there.own.get(f"{there.url}/jwks")).json)
        header = jwt.get_unverified_header(token)
        assert header["typ"] == "at+jwt" and header["alg"] == "ES256"
        claims = jwt.decode(token, keys[header["kid"]], algorithms=["ES256"], audience=there.mcp, issuer=there.url)
        assert claims["sub"] == "ann" and claims["client_id"] == "app"
        assert claims["exp"] - claims["iat"] == 900
        assert not any("d" in key for key in (await there.own.get(f"{there.url}/jwks")).json["keys"])
        assert await there.good(token)


async def test_the_answer_names_its_issuer_and_keeps_the_state() -> None:
    """AUTHAS-04: answers with a code and answers with an error."""
    async with desk() as there:
        page = await there.browser.get(there.asks())
        agreed = await there.browser.send(page, answer="allow")
        assert agreed.status == 303 and agreed.location.startswith(f"{CALLBACK}?")
        assert agreed.answer["iss"] == there.url and agreed.answer["state"] == "a-state" and agreed.answer["code"]
        refused = await there.browser.send(await there.browser.get(there.asks()), answer="deny")
        assert refused.answer["iss"] == there.url and refused.answer["state"] == "a-state"
        assert refused.answer["error"] == "access_denied" and "code" not in refused.answer


@pytest.mark.parametrize("changes, error", [
    ({"code_challenge_method": None}, "invalid_request"),
    ({"code_challenge_method": "plain"}, "invalid_request"),
    ({"code_challenge": None}, "invalid_request"),
    ({"code_challenge": "c" * 42}, "invalid_request"),
    ({"code_challenge": "c" * 44}, "invalid_request"),
    ({"resource": None}, "invalid_target"),
    ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"scope": "admin"}, "invalid_scope"),
    ({"prompt": "none"}, "consent_required"),
])  # fmt: skip
async def test_a_request_that_cannot_be_granted_is_told_to_the_client(changes, error) -> None:
    """AUTHAS-01, and threat 38: no downgrade of PKCE; the legal twin is every test that gets a code."""
    async with desk() as there:
        reply = await there.browser.get(there.asks(**changes))
        assert reply.status == 303 and reply.location.startswith(f"{CALLBACK}?")
        assert reply.answer["error"] == error and reply.answer["iss"] == there.url


@pytest.mark.parametrize("uri", [
    "http://127.0.0.1:3000/callback/", "http://127.0.0.1:3000/callback/../evil", "http://127.0.0.1:3000/Callback",
    "http://localhost:3000/callback", "https://127.0.0.1:3000/callback", "http://127.0.0.1:3000/callback#f",
    "http://u@127.0.0.1:3000/callback", "http://127.0.0.1.evil.example:3000/callback", "//evil.example", "",
    "http://127.0.0.1:3000/callback?x=1", "http://127.0.0.1:0/callback", "javascript:alert(1)",
])  # fmt: skip
async def test_another_redirect_address_gets_nothing(uri: str) -> None:
    """AUTHAS-05, threat 40: no redirect at all, not even with an error."""
    async with desk() as there:
        reply = await there.browser.get(there.asks(redirect_uri=uri))
        assert reply.status == 400 and "location" not in reply.headers


async def test_a_program_on_the_users_machine_may_listen_on_any_port() -> None:
    """AUTHAS-05, the legal twin (RFC 8252, section 7.3)."""
    async with desk() as there:
        uri = "http://127.0.0.1:4711/callback"
        reply = await there.redeem(await there.code(redirect_uri=uri), redirect_uri=uri)
        assert reply.status == 200


@pytest.mark.parametrize("changes", [
    {"code_verifier": "w" * 43}, {"code_verifier": ""}, {"code_verifier": "v" * 42}, {"client_id": "other"},
    {"redirect_uri": "http://127.0.0.1:3001/callback"}, {"redirect_uri": ""}, {"resource": "https://other.example/mcp"},
])  # fmt: skip
async def test_a_code_is_good_only_for_whom_and_what_it_was_given(changes) -> None:
    """AUTHAS-07: and a wrong guess uses it up."""
    async with desk(clients={"app": APP, "other": APP}) as there:
        code = await there.code()
        reply = await there.redeem(code, **changes)
        assert reply.status == 400 and reply.json["error"] == "invalid_grant"
        assert (await there.redeem(code)).json["error"] == "invalid_grant"


async def test_a_code_that_is_used_twice_ends_what_it_gave() -> None:
    """AUTHAS-07, threat 38."""
    async with desk() as there:
        code, other = await there.code(), await there.code()
        first, kept = (await there.redeem(code)).json, (await there.redeem(other)).json
        assert (await there.redeem(code)).json["error"] == "invalid_grant"
        assert (await there.renew(first["refresh_token"])).json["error"] == "invalid_grant"
        assert not await there.good(first["access_token"])
        assert await there.good(kept["access_token"])


async def test_of_many_uses_of_a_code_at_once_none_is_left_with_a_token() -> None:
    async with desk() as there:
        code = await there.code()
        replies = await asyncio.gather(*(there.redeem(code) for _ in range(5)))
        given = [reply.json for reply in replies if reply.status == 200]
        assert len(given) <= 1
        for tokens in given:
            assert (await there.renew(tokens["refresh_token"])).status == 400


async def test_refresh_tokens_change_with_each_use_and_an_old_one_ends_all() -> None:
    """AUTHAS-06."""
    async with desk() as there:
        first = (await there.redeem(await there.code())).json
        second = (await there.renew(first["refresh_token"])).json
        third = (await there.renew(second["refresh_token"])).json
        assert len({first["refresh_token"], second["refresh_token"], third["refresh_token"]}) == 3
        assert await there.good(third["access_token"])
        assert (await there.renew(first["refresh_token"])).json["error"] == "invalid_grant"
        assert (await there.renew(third["refresh_token"])).json["error"] == "invalid_grant"
        again = (await there.redeem(await there.code())).json
        assert (await there.renew(again["refresh_token"])).status == 200


async def test_a_refresh_token_of_another_client_is_worth_nothing_and_hurts_nobody() -> None:
    async with desk(clients={"app": APP, "other": APP}) as there:
        tokens = (await there.redeem(await there.code())).json
        assert (await there.renew(tokens["refresh_token"], "other")).status == 400
        assert (await there.renew(tokens["refresh_token"])).status == 200


async def test_a_renewal_may_ask_for_less_and_never_for_more() -> None:
    async with desk() as there:
        wide = (await there.redeem(await there.code(scope="notes:write"))).json
        narrow = (await there.redeem(await there.code())).json
        assert narrow["scope"] == ""
        assert (await there.renew(wide["refresh_token"], scope="notes:write")).json["scope"] == "notes:write"
        assert (await there.renew(narrow["refresh_token"], scope="notes:write")).json["error"] == "invalid_grant"


async def test_what_a_client_revokes_is_good_no_more_and_others_cannot() -> None:
    async with desk(clients={"app": APP, "other": APP}) as there:
        tokens = (await there.redeem(await there.code())).json
        for token in (tokens["refresh_token"], tokens["access_token"], "unknown"):
            reply = await there.own.post(f"{there.url}/revoke", {"token": token, "client_id": "other"})
            assert reply.status == 200
        tokens = (await there.renew(tokens["refresh_token"])).json
        for token in (tokens["access_token"],):
            assert (await there.own.post(f"{there.url}/revoke", {"token": token, "client_id": "app"})).status == 200
        assert (await there.renew(tokens["refresh_token"])).status == 400
        assert not await there.good(tokens["access_token"])


async def test_a_server_may_ask_about_tokens_with_its_secret() -> None:
    async with desk(introspectors={"files": "files-secret"}) as there:
        token = (await there.redeem(await there.code())).json["access_token"]

        async def ask(word: str, pair: str) -> tuple[int, object]:
            reply = await there.own.post(
                f"{there.url}/introspect", {"token": word},
                authorization="Basic " + base64.b64encode(pair.encode()).decode(),
            )  # fmt: skip
            return reply.status, reply.json.get("active")

        assert await ask(token, "files:files-secret") == (200, True)
        assert await ask("x", "files:files-secret") == (200, False)
        assert await ask(token[:-6] + "AAAAAA", "files:files-secret") == (200, False)
        assert await ask(token, "files:wrong") == (401, None)
        assert await ask(token, "nobody:") == (401, None)


async def test_a_token_for_another_server_is_not_taken() -> None:
    """Threat 1: same issuer, two servers."""
    other = "https://files.example/mcp"
    async with desk(resources={other: ["files"]}) as there:
        reply = await there.redeem(await there.code(resource=other, scope="files"))
        assert jwt.decode(reply.json["access_token"], options={"verify_signature": False})["aud"] == other
        assert not await there.good(reply.json["access_token"])


async def test_a_grant_outlives_a_restart_and_so_do_the_keys(tmp_path) -> None:
    store = f"sqlite:///{tmp_path}/auth.db"
    async with desk(store=store, secrets=["s" * 32]) as there:
        tokens = (await there.redeem(await there.code())).json
        keys = (await there.own.get(f"{there.url}/jwks")).json
        reborn = AuthorizationServer(there.url, login=lambda visitor: None, store=store, secrets=["s" * 32])
        reborn.protects(there.mcp, list)
        assert (await reborn.verify(tokens["access_token"], there.mcp)).subject == "ann"
        await reborn.close()
        stranger = AuthorizationServer(there.url, login=lambda visitor: None, store=store, secrets=["t" * 32])
        with pytest.raises(TransportError, match="other secrets"):
            await stranger.verify(tokens["access_token"], there.mcp)
        await stranger.close()
    everything = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in (tokens["access_token"], tokens["refresh_token"], '"d":'):
        assert secret.encode() not in everything
    assert keys["keys"][0]["kid"]
    assert all(file.stat().st_mode & 0o077 == 0 for file in tmp_path.iterdir())


def test_an_authorization_server_is_https_or_on_this_machine() -> None:
    with pytest.raises(LocalError, match="https"):
        AuthorizationServer("http://auth.example.com", login=lambda visitor: None)
    assert AuthorizationServer("https://auth.example.com", login=lambda visitor: None).issuer


async def test_a_user_who_is_not_let_in_gets_a_page_and_the_client_nothing() -> None:
    async with desk(login=lambda visitor: None) as there:
        reply = await there.browser.get(there.asks())
        assert reply.status == 403 and "location" not in reply.headers
        with pytest.raises(AuthorizationError):
            async with Client(
                there.mcp, auth=OAuth(on_authorize=lambda url: f"{CALLBACK}?error=x", redirect_uri=CALLBACK)
            ):
                pass


@given(st.text())
def test_any_text_is_a_redirect_address_or_is_refused(text: str) -> None:
    try:
        check_redirect_uri(text)
    except Denied:
        return
    parts = urlsplit(text)
    assert parts.scheme == "https" or (parts.hostname or "") in ("localhost", "localhost.", "::1") or "127." in text
    assert same_redirect(text, text)


@settings(max_examples=40)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: (
            st.lists(x)
            | st.dictionaries(st.sampled_from(["client_name", "redirect_uris", "grant_types", "scope"]) | st.text(), x)
        ),
    )
)
def test_any_document_is_a_client_or_is_refused(document: object) -> None:
    try:
        client = read_client(document)
    except Denied:
        return
    assert client.redirect_uris and not client.secret
