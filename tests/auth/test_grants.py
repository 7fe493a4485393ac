"""Tokens without a user: what goes out, to whom, and what never does."""

import json
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.auth.issuing import EC_KEY, RSA_KEY
from tests.auth.world import Issuer, world
from tests.transport.raw_peer import Got, serving

from dragoman import AuthorizationError, ClientCredentials, EnterpriseManaged, LocalError, WorkloadIdentity
from dragoman.auth.grants import ID_JAG
from dragoman.transport.fetch import SafeFetcher

BASIC = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
POST = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}


def pem(key) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("metadata", [BASIC, POST])
async def test_a_program_proves_itself_by_its_secret(metadata) -> None:
    """XAUTH-01: the grant, the resource, no registration, no page."""
    async with world(one=Issuer(metadata=metadata), prm={"scopes_supported": ["a"]}) as there:
        auth = ClientCredentials(client_id="me", client_secret="hush", issuer=there.one.issuer)
        assert await there.use(auth) == ["done"]
        request = there.one.at("/token")[0]
        assert request.form.get("client_secret") == ("hush" if metadata is POST else None)
        assert ("authorization" in request.headers) == (metadata is BASIC)
        assert (request.form["grant_type"], request.form["resource"]) == ("client_credentials", there.url)
        assert request.form["scope"] == "a"
        assert there.one.at("/register") == [] and there.pages == []


@pytest.mark.parametrize("key, algorithm", [(EC_KEY, "ES256"), (RSA_KEY, "RS256"), (RSA_KEY, "PS256")])
async def test_a_program_proves_itself_by_its_signature(key, algorithm: str) -> None:
    """XAUTH-02: PyJWT verifies what was signed; there is no client_id beside it."""
    async with world(one=Issuer(metadata={"token_endpoint_auth_methods_supported": ["private_key_jwt"]})) as there:
        auth = ClientCredentials(client_id="me", private_key=pem(key), algorithm=algorithm)
        assert await there.use(auth) == ["done"]
        form = there.one.tokens[0]
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert "client_id" not in form
        claims = jwt.decode(
            form["client_assertion"], key.public_key(), algorithms=[algorithm], audience=there.one.issuer, issuer="me",
            options={"require": ["exp", "iat", "jti", "sub"]},
        )  # fmt: skip
        assert claims["sub"] == "me"
        assert claims["exp"] - claims["iat"] <= 300


def test_a_program_has_one_way_to_prove_itself() -> None:
    """XAUTH-01."""
    for settings in ({}, {"client_secret": "a", "private_key": "b"}):
        with pytest.raises(LocalError, match="either"):
            ClientCredentials(client_id="me", **settings)
    assert "hush" not in repr(ClientCredentials(client_id="me", client_secret="hush"))


@pytest.mark.parametrize("key, algorithm", [("no key", "ES256"), (pem(RSA_KEY), "ES256")])
async def test_a_key_that_cannot_sign_is_told_of_without_its_text(key: str, algorithm: str) -> None:
    async with world() as there:
        with pytest.raises((LocalError, AuthorizationError), match="cannot sign") as caught:
            await there.use(ClientCredentials(client_id="me", private_key=key, algorithm=algorithm))
        assert key not in str(caught.value)
    with pytest.raises((LocalError, AuthorizationError), match="none"):
        async with world() as there:
            await there.use(ClientCredentials(client_id="me", private_key=key, algorithm="none"))


async def test_credentials_for_one_issuer_go_to_no_other() -> None:
    """XAUTH-01 with AUTHC-21."""
    async with world() as there:
        there.issuer = there.two
        with pytest.raises(AuthorizationError, match="is registered with"):
            await there.use(ClientCredentials(client_id="me", client_secret="hush", issuer=there.one.issuer))
        assert there.leaked("hush") == [] and there.nothing_left()


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_scope", "unauthorized_client"])
async def test_a_refused_assertion_is_told_and_tried_neither_again_nor_otherwise(error: str) -> None:
    """XAUTH-08: workload identity."""
    async with world(prm={"scopes_supported": ["a"]}) as there:
        there.one.token = lambda seen: (400, {"error": error}, {})
        with pytest.raises(AuthorizationError, match=error) as caught:
            await there.use(WorkloadIdentity(client_id="me", assertion="ey.hush.x"))
        assert len(there.one.tokens) == 1 and there.pages == []
        assert "hush" not in str(caught.value)


async def test_a_workload_gives_a_fresh_assertion_each_time() -> None:
    """XAUTH-08: and as a form, with the client_id in it."""
    async with world(one=Issuer(refreshes=False)) as there:
        made = iter(["first", "second"])

        async def read() -> str:
            return next(made)

        auth = WorkloadIdentity(client_id="me", assertion=read)
        await there.use(auth)
        there.one.given.clear()
        await there.use(auth)
        assert [form["assertion"] for form in there.one.tokens] == ["first", "second"]
        assert there.one.tokens[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        assert there.one.tokens[0]["client_id"] == "me"
        assert "ey" not in repr(auth)


@pytest.mark.parametrize("kind, fine", [(ID_JAG, True), ("urn:ietf:params:oauth:token-type:access_token", False)])
async def test_a_companys_user_gets_a_grant_and_with_it_a_token(kind: str, fine: bool) -> None:
    """XAUTH-04, XAUTH-05: the exchange at the identity provider, then the assertion at the server's own issuer."""
    exchanged: list[dict[str, str]] = []

    async def provider(got: Got) -> None:
        exchanged.append(dict(part.split("=", 1) for part in got.body.decode().split("&")))
        got.reply({"access_token": "the-grant", "issued_token_type": kind, "token_type": "N_A"})

    async with world(one=Issuer(metadata=BASIC), prm={"scopes_supported": ["a"]}) as there, serving(provider) as idp:
        auth = EnterpriseManaged(
            id_token="hush-id-token", idp_token_endpoint=idp, idp_client_id="sso", client_id="me", client_secret="x"
        )
        if not fine:
            with pytest.raises(AuthorizationError, match="gave another token"):
                await there.use(auth)
            assert there.nothing_left()
            return
        assert await there.use(auth) == ["done"]
        sent = exchanged[0]
        assert sent["grant_type"].endswith("token-exchange")
        assert sent["requested_token_type"].endswith("id-jag")
        assert sent["subject_token_type"].endswith("id_token")
        assert (sent["subject_token"], sent["client_id"]) == ("hush-id-token", "sso")
        assert urlsplit(there.one.issuer).netloc.replace(":", "%3A") in sent["audience"]
        assert sent["resource"].endswith("%2Fmcp")
        token = there.one.at("/token")[0]
        assert (token.form["assertion"], token.form["resource"]) == ("the-grant", there.url)
        assert token.headers["authorization"].startswith("Basic ")
        # The user's ID token went to the identity provider, and nowhere else.
        assert there.leaked("hush-id-token") == []
        assert "hush" not in repr(auth)


def test_an_identity_provider_is_reached_by_https() -> None:
    with pytest.raises(AuthorizationError, match="not https"):
        EnterpriseManaged(id_token="x", idp_token_endpoint="http://idp.example/", idp_client_id="a", client_id="b")


async def test_a_machine_asks_for_further_scopes_by_itself() -> None:
    """XAUTH-01 with AUTHC-14."""
    async with world() as there:

        def judge(seen):
            token = seen.headers.get("authorization")
            if token is None:
                return 401, there.usual_challenge()
            wide = json.dumps(there.one.tokens[-1]).find("write") >= 0
            return None if wide else (403, 'Bearer error="insufficient_scope", scope="write"')

        there.accepts = judge
        assert await there.use(ClientCredentials(client_id="me", client_secret="x")) == ["done"]
        assert len(there.one.tokens) == 2


@pytest.mark.parametrize("address", ["http://as.example/token", "file:///token", ""])
async def test_a_secret_goes_to_no_address_that_is_not_https(address: str) -> None:
    """XAUTH-01, security-considerations: the legal twin is above."""
    async with world(one=Issuer(metadata={"token_endpoint": address})) as there:
        with pytest.raises(AuthorizationError, match="token endpoint"):
            await there.use(ClientCredentials(client_id="me", client_secret="hush"))
        assert there.leaked("hush") == []


async def test_a_companys_provider_is_reached_as_its_own_address_allows() -> None:
    """XAUTH-04: it is the user who names it, so a server on the internet does not keep it out of reach."""
    bases: list[str] = []

    def fetchers(base: str) -> SafeFetcher:
        bases.append(base)
        return SafeFetcher(base)

    auth = EnterpriseManaged(
        id_token="x", idp_token_endpoint="https://idp.internal/token", idp_client_id="a", client_id="b"
    )
    auth.session("https://mcp.example/mcp", fetchers)
    assert sorted(bases) == ["https://idp.internal/token", "https://mcp.example/mcp"]
