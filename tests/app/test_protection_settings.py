"""Whose tokens are taken, as a command line or a configuration file says it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.auth.issuing import bearing, challenge, endpoint, issuing
from tests.transport.raw_http import call, in_process

from dragoman import IntrospectionAuth, JWTAuth, KeyAuth, LocalError, Server
from dragoman.app.protection import AuthSettings, HandedKey, protect, verifiers

ISSUER = "https://login.example"
KEY = "a-key-of-24-characters-x"


def plain() -> Server:
    server = Server("plain")

    @server.tool
    def greet() -> str:
        return "hello"

    @server.tool(scopes=["write"])
    def change() -> str:
        return "changed"

    return server


async def test_a_server_is_protected_by_settings() -> None:
    """AUTHRS-03: for this server and no other, in spite of a good signature."""
    async with issuing() as issuer:
        server = plain()
        protect(server, AuthSettings(issuer=issuer.url, scopes=["read"]))
        app = endpoint(server)
        assert (await in_process(app, call("greet"))).status == 401
        assert (await in_process(app, bearing(call("greet"), issuer.token()))).value == "hello"
        other = await in_process(app, bearing(call("greet"), issuer.token(aud="https://other.example/mcp")))
        assert other.status == 401 and "audience" in challenge(other)
        tokens = ("change", issuer.token(), "read write"), ("greet", issuer.token(scope="x"), "read")
        for tool, token, scope in tokens:
            lacking = await in_process(app, bearing(call(tool), token))
            assert lacking.status == 403 and f'scope="{scope}"' in challenge(lacking)


async def test_a_key_that_was_handed_out_allows_what_is_said() -> None:
    server = plain()
    more = HandedKey(key="another-key-of-28-characters", scopes=["write"])
    protect(server, AuthSettings(scopes=["read"], keys={"ann": KEY, "ben": more}))
    app = server.asgi()
    assert (await in_process(app, bearing(call("greet"), KEY))).value == "hello"
    assert (await in_process(app, bearing(call("change"), KEY))).status == 403
    assert (await in_process(app, bearing(call("change"), more.key))).value == "changed"
    assert (await in_process(app, bearing(call("greet"), "a-key-that-nobody-was-given"))).status == 401


def test_each_setting_makes_the_judge_that_it_names() -> None:
    found = verifiers(AuthSettings(issuer=[ISSUER, "https://two.example"], audience="api", keys={"ann": KEY}))
    assert [type(each) for each in found] == [JWTAuth, JWTAuth, KeyAuth]
    assert [each.issuer for each in found] == [ISSUER, "https://two.example", ""]
    (asked,) = verifiers(AuthSettings(issuer=ISSUER, client_id="me", client_secret="a secret"))
    assert isinstance(asked, IntrospectionAuth)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "nobody could come in"),
    ({"issuer": "login.example"}, "issuer is the URL"),
    ({"issuer": [ISSUER, ISSUER]}, "twice"),
    ({"issuer": [ISSUER, "https://two.example"], "client_id": "me", "client_secret": "s"}, "one issuer"),
    ({"client_id": "me", "client_secret": "s"}, "one issuer"),
    ({"issuer": ISSUER, "client_id": "me"}, "client_id and client_secret"),
    ({"issuer": ISSUER, "algorithms": ["HS256"]}, "HS256"),
    ({"keys": {"ann": "short"}}, "16 characters"),
    ({"keys": {"ann": KEY, "ben": KEY}}, "the same"),
]


@pytest.mark.parametrize(("settings", "told"), WRONG, ids=[told for _, told in WRONG])
def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], told: str) -> None:
    with pytest.raises(LocalError, match=told):
        verifiers(msgspec.convert(settings, AuthSettings))


def test_an_unknown_setting_is_refused() -> None:
    assert msgspec.convert({"issuer": ISSUER}, AuthSettings).issuer == ISSUER
    with pytest.raises(msgspec.ValidationError, match="isuer"):
        msgspec.convert({"isuer": ISSUER}, AuthSettings)


def test_a_server_that_says_itself_whose_tokens_it_takes_is_left_alone() -> None:
    own = KeyAuth({KEY: "ann"})
    server = Server("own", auth=own)
    with pytest.raises(LocalError, match="auth="):
        protect(server, AuthSettings(issuer=ISSUER))
    assert server.auth == (own,)


def test_secrets_are_in_no_text() -> None:
    settings = AuthSettings(issuer=ISSUER, client_secret="the-secret", keys={"ann": KEY})
    more = AuthSettings(keys={"ben": HandedKey(key=KEY)})
    for text in (repr(settings), repr(more), str(more.keys["ben"])):
        assert "the-secret" not in text and KEY not in text
