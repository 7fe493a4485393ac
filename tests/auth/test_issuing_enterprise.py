"""Grants of a company's identity provider at our authorization server: from whom, for whom, once."""

from __future__ import annotations

import secrets
import time
from base64 import b64encode
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from tests.auth.desk import APP, Desk, Reply, desk
from tests.auth.issuing import jwk
from tests.transport.raw_peer import Got, serving

from dragoman import Client, EnterpriseIssuer, EnterpriseManaged
from dragoman.auth.grants import ID_JAG, JWT_BEARER

IDP = "https://idp.example"
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
SECRET = "a-secret-of-the-companys-client"
CLIENTS = {
    "desktop": {**APP, "client_secret": SECRET, "token_endpoint_auth_method": "client_secret_basic"},
    "app": APP,
}


def provider(**options: Any) -> EnterpriseIssuer:
    return EnterpriseIssuer(IDP, jwks={"keys": [jwk(KEY, "one")]}, algorithms=["ES256"], **options)


def grant(there: Desk, *, key: Any = KEY, typ: str = "oauth-id-jag+jwt", alg: str = "ES256", **change: Any) -> str:
    """Return a grant as the provider makes it; claims that are changed to None are left out."""
    now = int(time.time())
    usual = {
        "iss": IDP, "sub": "u-17", "aud": there.url, "resource": there.mcp, "client_id": "desktop",
        "scope": "notes:write", "jti": secrets.token_hex(8), "iat": now, "exp": now + 300, "email": "ann@example.com",
        **change,
    }  # fmt: skip
    claims = {name: value for name, value in usual.items() if value is not None}
    return pyjwt.encode(claims, key, algorithm=alg, headers={"kid": "one", "typ": typ})


async def redeemed(there: Desk, assertion: str, **changes: str) -> Reply:
    basic = b64encode(f"desktop:{SECRET}".encode()).decode()
    form = {"grant_type": JWT_BEARER, "assertion": assertion, **changes}
    headers = {} if "client_id" in changes else {"authorization": f"Basic {basic}"}
    return await there.own.post(f"{there.url}/token", form, **headers)


async def test_a_grant_gets_a_token_for_the_server_and_scopes_that_it_names() -> None:
    """XAUTH-06: without a page, and without anything that renews it."""
    async with desk(clients=CLIENTS, enterprises=[provider()]) as there:
        found = (await there.own.get(f"{there.url}/.well-known/oauth-authorization-server")).json
        assert JWT_BEARER in found["grant_types_supported"]
        reply = await redeemed(there, grant(there))
        assert reply.status == 200 and reply.json["scope"] == "notes:write" and "refresh_token" not in reply.json
        claims = pyjwt.decode(reply.json["access_token"], options={"verify_signature": False})
        assert (claims["iss"], claims["sub"], claims["client_id"]) == (there.url, "u-17", "desktop")
        assert claims["email"] == "ann@example.com" and claims["aud"] == there.mcp
        assert await there.good(reply.json["access_token"])
        less = await redeemed(there, grant(there, scope="notes:write unknown"), scope="notes:write", resource=there.mcp)
        assert less.json["scope"] == "notes:write"


BAD: dict[str, dict[str, Any]] = {
    "of another type": {"typ": "JWT"},
    "an access token": {"typ": "at+jwt"},
    "of another issuer": {"iss": "https://evil.example"},
    "signed by somebody else": {"key": OTHER},
    "for another authorization server": {"aud": "https://other.example"},
    "for nobody": {"aud": None},
    "for another client": {"client_id": "app"},
    "for no client": {"client_id": None},
    "by azp only": {"client_id": None, "azp": "desktop"},
    "that has expired": {"exp": 1},
    "without an end": {"exp": None},
    "without a beginning": {"iat": None},
    "of the future": {"iat": 9999999999},
    "without an id": {"jti": None},
    "with an id that is none": {"jti": 7},
    "with an endless id": {"jti": "x" * 257},
    "of nobody": {"sub": None},
    "without a server": {"resource": None},
    "for several servers": {"resource": ["https://a.example", "https://b.example"]},
    "with scopes in a list": {"scope": ["notes:write"]},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
async def test_a_grant_that_is_not_whole_gets_nothing(change: dict[str, Any]) -> None:
    """XAUTH-06, one change of a grant that is good without it."""
    async with desk(clients=CLIENTS, enterprises=[provider()]) as there:
        reply = await redeemed(there, grant(there, **change))
        assert (reply.status, reply.json["error"]) == (400, "invalid_grant")
        assert (await redeemed(there, grant(there))).status == 200


async def test_a_grant_is_good_once() -> None:
    """XAUTH-06: the same again, and another with its id."""
    async with desk(clients=CLIENTS, enterprises=[provider()]) as there:
        first = grant(there, jti="the-same")
        assert (await redeemed(there, first)).status == 200
        for again in (first, grant(there, jti="the-same", scope="")):
            reply = await redeemed(there, again)
            assert (reply.json["error"], "used before" in reply.json["error_description"]) == ("invalid_grant", True)


@pytest.mark.parametrize("assertion", ["", "x", "a.b.c", "e30.e30.e30"])
async def test_what_is_no_grant_is_refused(assertion: str) -> None:
    async with desk(clients=CLIENTS, enterprises=[provider()]) as there:
        assert (await redeemed(there, assertion)).json["error"] == "invalid_grant"


async def test_who_may_ask_and_for_what() -> None:
    """XAUTH-06: a client with a secret, the server of the grant, its scopes; and users who are let in."""

    def only_bob(person: Any) -> bool:
        return bool(person.claims["email"] == "bob@example.com")

    async with desk(clients=CLIENTS, enterprises=[provider(admits=only_bob)]) as there:
        assert "may not come in" in (await redeemed(there, grant(there))).json["error_description"]
        assert "may not come in" in (await redeemed(there, grant(there, email=None))).json["error_description"]
        bob = {"email": "bob@example.com"}
        public = await redeemed(there, grant(there, client_id="app", **bob), client_id="app")
        assert public.json["error"] == "unauthorized_client"
        for change, asked, error in (
            ({"resource": "https://other.example/mcp"}, {}, "invalid_target"),
            ({}, {"resource": "https://other.example/mcp"}, "invalid_target"),
            ({"scope": ""}, {"scope": "notes:write"}, "invalid_scope"),
        ):
            assert (await redeemed(there, grant(there, **bob, **change), **asked)).json["error"] == error
        assert (await redeemed(there, grant(there, **bob))).status == 200


async def test_our_own_client_comes_in_by_its_companys_provider() -> None:
    """XAUTH-04, XAUTH-05 and XAUTH-06, both sides ours."""
    async with desk(clients=CLIENTS, enterprises=[provider()]) as there:

        async def exchange(got: Got) -> None:
            token = grant(there, scope="notes:write")
            got.reply({"access_token": token, "issued_token_type": ID_JAG, "token_type": "N_A"})

        async with serving(exchange) as idp:
            auth = EnterpriseManaged(
                id_token="sso", idp_token_endpoint=idp, idp_client_id="sso", client_id="desktop", client_secret=SECRET
            )
            async with Client(there.mcp, auth=auth, timeout=20) as client:
                assert (await client.call_tool("whoami", {})).text == "u-17"
                assert (await client.call_tool("write", {})).text == "written"


async def test_without_providers_there_are_no_such_grants() -> None:
    async with desk(clients=CLIENTS) as there:
        assert (await redeemed(there, grant(there))).json["error"] == "unsupported_grant_type"
