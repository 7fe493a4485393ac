"""Programs that ask the authorization server in their own right: the owner's own, with a secret, and for no more."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from tests.auth.desk import APP, desk

from dragoman import AuthorizationError, AuthorizationServer, Client, ClientCredentials, LocalError

SECRET = "a-secret-of-the-nightly-build"
NIGHTLY: dict[str, Any] = {"client_secret": SECRET, "grant_types": ["client_credentials"], "scope": "notes:write other"}
CLIENTS = {"app": APP, "nightly": NIGHTLY}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_program_gets_a_token_of_its_own(method: str) -> None:
    """XAUTH-03: the metadata says how, and our own client does it."""
    clients = {**CLIENTS, "nightly": {**NIGHTLY, "token_endpoint_auth_method": method}}
    async with desk(clients=clients) as there:
        found = (await there.own.get(f"{there.url}/.well-known/oauth-authorization-server")).json
        assert {"client_secret_basic", method} <= set(found["token_endpoint_auth_methods_supported"])
        assert found["grant_types_supported"] == ["authorization_code", "refresh_token", "client_credentials"]
        if method == "client_secret_basic":
            auth = ClientCredentials(client_id="nightly", client_secret=SECRET, issuer=there.url)
            async with Client(there.mcp, auth=auth, timeout=20) as client:
                assert (await client.call_tool("whoami", {})).text == "nightly"
                assert (await client.call_tool("write", {})).text == "written"
        else:
            given = await asked(there)
            assert given.status == 200 and await there.good(given.json["access_token"])


async def asked(there: Any, **changes: str | None) -> Any:
    fields: dict[str, str | None] = {
        "grant_type": "client_credentials", "client_id": "nightly", "client_secret": SECRET, "resource": there.mcp,
        **changes,
    }  # fmt: skip
    return await there.token(**{name: value for name, value in fields.items() if value is not None})


POST = {**CLIENTS, "nightly": {**NIGHTLY, "token_endpoint_auth_method": "client_secret_post"}}


async def test_it_gets_what_the_owner_wrote_down_and_nothing_that_lasts() -> None:
    async with desk(clients=POST) as there:
        given = (await asked(there)).json
        assert given["scope"] == "notes:write" and "refresh_token" not in given  # no server here knows the other scope
        claims = jwt.decode(given["access_token"], options={"verify_signature": False})
        assert (claims["sub"], claims["client_id"], claims["aud"]) == ("nightly", "nightly", there.mcp)
        ended = await there.own.post(
            f"{there.url}/revoke", {"token": given["access_token"], "client_id": "nightly", "client_secret": SECRET}
        )
        assert ended.status == 200 and not await there.good(given["access_token"])


@pytest.mark.parametrize("changes, error", [
    ({"client_secret": "wrong"}, "invalid_client"),
    ({"client_secret": None}, "invalid_client"),
    ({"client_id": "nobody"}, "invalid_client"),
    ({"client_id": "app", "client_secret": None}, "unauthorized_client"),
    ({"resource": None}, "invalid_target"),
    ({"resource": "https://other.example/mcp"}, "invalid_target"),
    ({"scope": "notes:write admin"}, "invalid_scope"),
    ({"scope": "other"}, "invalid_scope"),
    ({"grant_type": "password"}, "unsupported_grant_type"),
    ({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"}, "unsupported_grant_type"),
])  # fmt: skip
async def test_what_is_not_its_own_is_refused(changes: dict[str, str | None], error: str) -> None:
    """XAUTH-03; the twin is every test above."""
    async with desk(clients=POST) as there:
        reply = await asked(there, **changes)
        assert reply.status in (400, 401) and reply.json["error"] == error


async def test_a_client_that_registered_itself_has_users_and_no_right_of_its_own() -> None:
    async with desk(clients=POST) as there:
        for grants in (["client_credentials"], ["authorization_code", "client_credentials"]):
            made = await there.register(grant_types=grants, token_endpoint_auth_method="client_secret_post")
            if made.status == 201:
                client = {"client_id": made.json["client_id"], "client_secret": made.json["client_secret"]}
                assert (await asked(there, **client)).json["error"] == "unauthorized_client"
            else:
                assert grants == ["client_credentials"] and made.json["error"] == "invalid_client_metadata"
    async with desk() as there:
        found = (await there.own.get(f"{there.url}/.well-known/oauth-authorization-server")).json
        assert "client_credentials" not in found["grant_types_supported"]


async def test_a_program_sends_no_user_anywhere() -> None:
    async with desk(clients=CLIENTS) as there:
        reply = await there.browser.get(there.asks("nightly"))
        assert reply.status == 400 and "location" not in reply.headers
        with pytest.raises(AuthorizationError, match="invalid_client"):
            async with Client(there.mcp, auth=ClientCredentials(client_id="nightly", client_secret="wrong")):
                pass


def test_a_program_without_a_secret_cannot_be() -> None:
    with pytest.raises(LocalError, match="in its own right"):
        AuthorizationServer(
            "https://auth.example.com",
            login=lambda visitor: None,
            clients={"nightly": {"grant_types": ["client_credentials"]}},
        )
