"""How a client finds where to log in, and which documents it believes."""

from typing import Any

import pytest
from tests.auth.world import OPENID, PRM, SERVER, Issuer, World, world
from tests.transport.raw_peer import serving

from dragoman import AuthorizationError


async def refused(there: World, match: str, **settings: Any) -> None:
    """Use the server and expect that to end before a code or a token left, with words that say why."""
    with pytest.raises(AuthorizationError, match=match):
        await there.use(there.oauth(**settings))
    assert there.nothing_left()


async def test_the_metadata_that_the_challenge_names_is_used_and_no_other_is_asked_for() -> None:
    """AUTHC-01, AUTHC-02, AUTHC-22."""
    async with world(prm_path="/elsewhere/metadata") as there:
        assert await there.use() == ["done"]
        assert [seen.path for seen in there.seen if seen.path != "/mcp"] == ["/elsewhere/metadata"]
        first, *later = there.calls
        assert "authorization" not in first.headers
        assert {seen.headers["authorization"] for seen in later} == {f"Bearer {there.one.given[0]}"}
        assert not any("token" in seen.path + str(seen.query) for seen in there.calls)


async def test_without_a_named_place_the_paths_own_metadata_comes_before_the_root() -> None:
    """AUTHC-01: the order of the well-known places."""
    async with world(prm_path=PRM, challenge="Bearer", prm={"resource": None}) as there:
        there.prm = {"resource": there.origin}
        assert await there.use() == ["done"]
        assert [seen.path for seen in there.seen if seen.path != "/mcp"] == [f"{PRM}/mcp", PRM]
        assert there.one.tokens[0]["resource"] == there.origin


@pytest.mark.parametrize("path, places", [
    ("", [SERVER, OPENID]),
    ("/tenant", [f"{SERVER}/tenant", f"{OPENID}/tenant", f"/tenant{OPENID}"]),
])  # fmt: skip
async def test_metadata_of_an_issuer_is_looked_for_in_order_and_found_at_each_place(path, places) -> None:
    """AUTHC-04, AUTHC-06: both kinds of discovery, with and without a path, and never the root for a path."""
    for number, place in enumerate(places):
        async with world(one=Issuer(path=path, documents=[place])) as there:
            assert await there.use() == ["done"]
            assert [seen.path for seen in there.one.seen if ".well-known" in seen.path] == places[: number + 1]


async def test_the_resource_of_the_metadata_is_sent_letter_by_letter_everywhere() -> None:
    """AUTHC-11: in the authorization request, the token request and the refresh."""
    async with world(one=Issuer(expires_in=1)) as there:
        assert await there.use(calls=2) == ["done", "done"]
        resources = {seen.query["resource"] for seen in there.one.at("/authorize")}
        resources |= {form["resource"] for form in there.one.tokens}
        assert resources == {there.url}
        assert {form["grant_type"] for form in there.one.tokens} == {"authorization_code", "refresh_token"}


@pytest.mark.parametrize("resource", [
    "https://evil.example/mcp", "{origin}/other", "{origin}/mcp/deeper", "{origin}/mc", "http://127.0.0.1:1/mcp",
    "{origin}/mcp#part", "http://user@{host}/mcp", "mcp", "http://[", "{origin}/mcp?tenant=2",
])  # fmt: skip
async def test_metadata_of_another_resource_ends_it_before_anything_is_asked(resource: str) -> None:
    """AUTHC-03."""
    async with world() as there:
        there.prm = {"resource": resource.format(origin=there.origin, host=there.origin.removeprefix("http://"))}
        await refused(there, "for another resource")
        assert there.pages == [] and there.one.seen == []


@pytest.mark.parametrize("resource", ["{origin}/mcp", "{origin}/mcp/", "{origin}", "{origin}/"])
async def test_metadata_of_the_server_or_of_what_holds_it_is_taken(resource: str) -> None:
    """AUTHC-03, the legal twin; AUTHC-11: no slash is added or taken away."""
    async with world() as there:
        named = resource.format(origin=there.origin)
        there.prm = {"resource": named}
        assert await there.use() == ["done"]
        assert there.one.tokens[0]["resource"] == named


@pytest.mark.parametrize("issuer", ["{issuer}/", "https://honest.example", "{upper}", "{issuer}/tenant"])
async def test_metadata_that_names_another_issuer_is_not_used(issuer: str) -> None:
    """AUTHC-05."""
    async with world() as there:
        one = there.one.issuer
        there.one.metadata = {"issuer": issuer.format(issuer=one, upper=one.replace("http", "HTTP"))}
        await refused(there, "that of another server")
        assert there.pages == []


@pytest.mark.parametrize("methods", [None, [], ["plain"], ["s256"]])
@pytest.mark.parametrize("place", [SERVER, OPENID])
async def test_a_server_that_does_not_promise_s256_is_refused_before_a_page_opens(methods, place) -> None:
    """AUTHC-10: also for OpenID metadata."""
    async with world(one=Issuer(metadata={"code_challenge_methods_supported": methods}, documents=[place])) as there:
        await refused(there, "PKCE")
        assert there.pages == [] and there.one.at("/register") == []


async def test_every_login_has_its_own_verifier_and_s256_challenge() -> None:
    """AUTHC-10."""
    async with world() as there:
        await there.use()
        await there.use()
        asked = [seen.query for seen in there.one.at("/authorize")]
        assert [query["code_challenge_method"] for query in asked] == ["S256", "S256"]
        assert len({query["code_challenge"] for query in asked}) == 2
        assert len({query["state"] for query in asked}) == 2
        assert all(43 <= len(form["code_verifier"]) <= 128 for form in there.one.tokens)


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
@pytest.mark.parametrize("address", [
    "http://as.example/x", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "/x", "https://u@as.example/",
    "https://as.example/\nx", "http://127.0.0.1.evil.example/x", "https://[", "",
])  # fmt: skip
async def test_an_endpoint_that_is_not_https_gets_nothing(endpoint: str, address: str) -> None:
    """AUTHC-27; security-considerations, Communication Security."""
    async with world() as there:
        there.one.metadata = {endpoint: address}
        match = "wants to know its clients" if endpoint == "registration_endpoint" and not address else "endpoint"
        await refused(there, match)


async def test_metadata_without_an_authorization_server_says_so() -> None:
    async with world(prm={"authorization_servers": []}) as there:
        await refused(there, "names no authorization server")


@pytest.mark.parametrize("issuer", ["http://10.0.0.1", "http://169.254.169.254", "http://[::ffff:10.0.0.1]", "ftp://x"])
async def test_an_issuer_in_a_network_that_the_users_url_is_not_in_is_not_asked(issuer: str) -> None:
    """AUTHC-28: what a server names is fetched by the one fetcher, which judges addresses."""
    async with world(prm={"authorization_servers": [issuer]}) as there:
        with pytest.raises(AuthorizationError, match=r"cannot log in|metadata"):
            await there.use()
        assert there.nothing_left()


async def test_a_broken_document_is_told_of_by_its_member_and_not_by_its_value() -> None:
    async with world(prm={"authorization_servers": 7, "secret": "hush"}) as there:
        with pytest.raises(AuthorizationError, match="authorization_servers") as caught:
            await there.use()
        assert "hush" not in str(caught.value)
        assert there.nothing_left()


async def test_a_server_of_the_first_revision_is_its_own_authorization_server() -> None:
    """LEG-27: no resource metadata; the server's own metadata at the root of its origin."""
    async with world(prm=None) as there:
        there.issuer = own = Issuer(origin=there.origin)
        base = there.answer

        async def both(got: Any) -> None:
            await (base(got) if got.target.startswith(("/mcp", PRM)) else own.answer(got))

        await _served_by(there, both, own)
        assert own.seen[0].path == SERVER
        assert own.tokens[0]["grant_type"] == "authorization_code"


async def test_a_server_of_the_first_revision_without_metadata_has_its_endpoints_at_fixed_places() -> None:
    """LEG-27: /authorize, /token and /register at the origin."""
    async with world(prm=None) as there:
        there.issuer = own = Issuer(origin=there.origin, documents=["/nowhere"], redirect={"iss": None})
        base = there.answer

        async def both(got: Any) -> None:
            await (base(got) if got.target.startswith(("/mcp", PRM)) else own.answer(got))

        await _served_by(there, both, own)
        assert [seen.path for seen in own.seen] == [SERVER, OPENID, "/register", "/authorize", "/token"]


async def _served_by(there: World, answer: Any, own: Issuer) -> None:
    """Use a server that answers as `answer` does and is its own issuer."""
    async with serving(answer) as url:
        there.url, own.origin = url, url.removesuffix("/mcp")
        there.one = own
        assert await there.use() == ["done"]
