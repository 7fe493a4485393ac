"""Who a client is at an authorization server, and that no other server learns it."""

import json

import pytest
from tests.auth.world import CALLBACK, Issuer, world

from dragoman import AuthorizationError
from dragoman.auth.wallet import MemoryWallet

DOCUMENT = "https://client.example/metadata.json"


async def test_what_was_arranged_beforehand_comes_before_a_document_and_that_before_registration() -> None:
    """AUTHC-07, AUTHC-08: the order, and that a document's URL is the client_id."""
    metadata = {"client_id_metadata_document_supported": True}
    for settings, who in (
        ({"client_id": "known", "client_metadata_url": DOCUMENT}, "known"),
        ({"client_metadata_url": DOCUMENT}, DOCUMENT),
        ({}, "client-1"),
    ):
        async with world(one=Issuer(metadata=metadata)) as there:
            assert await there.use(there.oauth(**settings)) == ["done"]
            assert there.one.at("/authorize")[0].query["client_id"] == who
            assert len(there.one.at("/register")) == (who == "client-1")
    async with world() as there:
        await there.use(there.oauth(client_metadata_url=DOCUMENT))
        assert len(there.one.at("/register")) == 1  # the server does not take documents


async def test_a_server_that_registers_nobody_is_told_of_with_the_address_to_register() -> None:
    """AUTHC-07: the user is asked."""
    async with world(one=Issuer(metadata={"registration_endpoint": None})) as there:
        with pytest.raises(AuthorizationError, match=f"{CALLBACK}, and give its client_id"):
            await there.use()
        assert there.nothing_left()


@pytest.mark.parametrize("redirect, kind", [(CALLBACK, "native"), ("https://app.example/back", "web")])
async def test_a_registration_says_what_kind_of_application_asks(redirect: str, kind: str) -> None:
    """AUTHC-09, AUTHC-24: application_type, and refresh_token among the grants."""
    async with world() as there:
        await there.use(there.oauth(redirect_uri=redirect))
        sent = json.loads(there.one.at("/register")[0].body)
        assert sent["application_type"] == kind
        assert sent["redirect_uris"] == [redirect]
        assert sent["grant_types"] == ["authorization_code", "refresh_token"]


async def test_a_registration_that_is_refused_is_told_with_the_servers_words() -> None:
    """AUTHC-09."""
    async with world(
        one=Issuer(registration={"error": "invalid_redirect_uri", "error_description": "no\x07"})
    ) as there:
        with pytest.raises(AuthorizationError, match=r"invalid_redirect_uri: no\?"):
            await there.use()
        assert there.nothing_left()


@pytest.mark.parametrize("offered, given, found", [
    (["none"], {}, "none"),
    (["client_secret_basic"], {"client_secret": "s+:/"}, "basic"),
    (["client_secret_post"], {"client_secret": "s+:/"}, "post"),
    (["client_secret_post", "client_secret_basic", "none"], {}, "none"),
    (None, {}, "none"),
    (["none"], {"client_secret": "s+:/", "token_endpoint_auth_method": "client_secret_post"}, "post"),
])  # fmt: skip
async def test_the_client_proves_itself_as_the_server_has_it(offered, given, found: str) -> None:
    """AUTHC-26: by what the registration returned, else by the best that the server offers."""
    metadata = {"token_endpoint_auth_methods_supported": offered}
    async with world(one=Issuer(metadata=metadata, registration=given)) as there:
        assert await there.use() == ["done"]
        request = there.one.at("/token")[0]
        basic = request.headers.get("authorization")
        # RFC 6749, section 2.3.1: encoded as in forms before it is joined.
        assert basic == ("Basic Y2xpZW50LTE6cyUyQiUzQSUyRg==" if found == "basic" else None)
        assert request.form.get("client_secret") == ("s+:/" if found == "post" else None)
        assert request.form.get("client_id") == (None if found == "basic" else "client-1")


async def test_a_server_with_methods_that_no_user_client_has_is_refused() -> None:
    """AUTHC-26."""
    async with world(one=Issuer(metadata={"token_endpoint_auth_methods_supported": ["tls_client_auth"]})) as there:
        with pytest.raises(AuthorizationError, match="tls_client_auth"):
            await there.use()
    async with world(one=Issuer(registration={"token_endpoint_auth_method": "client_secret_basic"})) as there:
        with pytest.raises(AuthorizationError, match="no secret"):
            await there.use()
        assert there.nothing_left()


async def test_when_the_authorization_server_changes_the_new_one_learns_nothing_of_the_old() -> None:
    """AUTHC-20, AUTHC-23: registered anew, and neither token, refresh token nor client_id goes along."""
    async with world() as there:
        auth = there.oauth(wallet=MemoryWallet())
        there.one.registration = {"client_id": "first-client"}
        assert await there.use(auth) == ["done"]
        there.issuer = there.two
        assert await there.use(auth) == ["done"]
        assert len(there.two.at("/register")) == 1
        heard = " ".join(seen.text for seen in there.two.seen)
        assert "first-client" not in heard and there.one.given[0] not in heard
        # The resource server gets what its own issuer gave.
        assert there.calls[-1].headers["authorization"] == f"Bearer {there.two.given[0]}"


async def test_a_document_is_the_same_client_everywhere() -> None:
    """AUTHC-20, AUTHC-23: ids of metadata documents are portable, and what was given for them is not."""
    metadata = {"client_id_metadata_document_supported": True}
    async with world(one=Issuer(metadata=metadata), two=Issuer(metadata=metadata)) as there:
        auth = there.oauth(client_metadata_url=DOCUMENT)
        await there.use(auth)
        there.issuer = there.two
        await there.use(auth)
        assert there.two.at("/authorize")[0].query["client_id"] == DOCUMENT
        assert there.two.at("/register") == []
        # The new one knows the client, so it could be asked to renew what the old one gave: it is not.
        assert not any(there.one.given[0] in seen.text for seen in there.two.seen)


async def test_credentials_of_one_issuer_are_not_shown_to_another() -> None:
    """AUTHC-21."""
    async with world() as there:
        settings = {"client_id": "known", "client_secret": "hush", "issuer": there.one.issuer}
        there.one.metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
        assert await there.use(there.oauth(**settings)) == ["done"]
        there.issuer = there.two
        with pytest.raises(AuthorizationError, match="is registered with") as caught:
            await there.use(there.oauth(**settings))
        assert "hush" not in str(caught.value)
        assert there.two.tokens == [] and there.two.at("/authorize") == []


async def test_of_several_issuers_the_one_that_knows_the_client_is_taken() -> None:
    """AUTHC-21: and without such a one the first."""
    async with world() as there:
        there.prm = {"authorization_servers": [there.two.issuer, there.one.issuer]}
        there.two.given = there.one.given = []
        await there.use(there.oauth(client_id="known", issuer=there.one.issuer))
        assert there.two.seen == []
        await there.use()
        assert len(there.two.tokens) == 1


async def test_a_registration_is_used_again_and_made_anew_when_the_server_forgot_it() -> None:
    async with world(one=Issuer(refreshes=False)) as there:
        auth = there.oauth(wallet=MemoryWallet())
        await there.use(auth)
        there.one.given.clear()
        await there.use(auth)
        assert len(there.one.at("/register")) == 1
        there.one.given.clear()
        there.one.token = lambda seen: (
            (401, {"error": "invalid_client"}, {}) if seen.form["client_id"] == "client-1" else None
        )
        assert await there.use(auth) == ["done"]
        assert len(there.one.at("/register")) == 2


async def test_a_secret_that_has_run_out_is_registered_anew() -> None:
    given = {"client_secret": "old", "client_secret_expires_at": 1}
    metadata = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    async with world(one=Issuer(refreshes=False, registration=given, metadata=metadata)) as there:
        auth = there.oauth(wallet=MemoryWallet())
        await there.use(auth)
        there.one.given.clear()
        await there.use(auth)
        assert len(there.one.at("/register")) == 2
