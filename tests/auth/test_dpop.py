"""Tokens bound to a key: proofs are judged by PyJWT, an implementation of others."""

import base64
import hashlib
import json
import time
from typing import Any

import jwt
import pytest
from tests.auth.world import Issuer, Seen, World, claims_of, world

from dragoman import AuthorizationError
from dragoman.auth.nonces import Nonces
from dragoman.auth.signing import ProofKey
from dragoman.auth.wallet import Held


def proved(seen: Seen, method: str, url: str, token: str = "") -> dict[str, Any]:
    """Return the claims of the proof in a request, verified with the key that it names (RFC 9449, section 4.3)."""
    head, _ = claims_of(seen.headers["dpop"])
    assert head["typ"] == "dpop+jwt" and head["alg"] == "ES256" and "d" not in head["jwk"]
    key = jwt.PyJWK(head["jwk"], algorithm="ES256")
    claims = jwt.decode(seen.headers["dpop"], key, algorithms=["ES256"], options={"require": ["iat", "jti"]})
    assert (claims["htm"], claims["htu"]) == (method, url)
    assert abs(claims["iat"] - time.time()) < 60
    if token:
        digest = hashlib.sha256(token.encode()).digest()
        assert claims["ath"] == base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return claims


def bound(there: World) -> None:
    """Let the server take DPoP tokens only, with a nonce if the world has one."""

    def judge(seen: Seen) -> tuple[int, str] | None:
        scheme, _, token = seen.headers.get("authorization", "").partition(" ")
        where = f'resource_metadata="{there.origin}{there.prm_path}"'
        if scheme != "DPoP" or token not in there.one.given:
            return 401, f"DPoP {where}"
        claims = proved(seen, "POST", there.url, token)
        if there.nonce and claims.get("nonce") != there.nonce:
            return 401, f'DPoP error="use_dpop_nonce", {where}'
        return None

    there.accepts = judge


async def test_where_the_server_wants_it_every_request_has_a_proof_of_its_own() -> None:
    """XAUTH-08: at the token endpoint and at the server, none used twice."""
    async with world() as there:
        bound(there)
        assert await there.use(calls=3) == ["done"] * 3
        proofs = [proved(there.one.at("/token")[0], "POST", f"{there.one.issuer}/token")]
        proofs += [proved(seen, "POST", there.url) for seen in there.calls if "dpop" in seen.headers]
        assert len(proofs) == 5 and len({claims["jti"] for claims in proofs}) == 5


async def test_a_server_that_does_not_want_it_gets_bearer_tokens() -> None:
    async with world() as there:
        assert await there.use() == ["done"]
        assert not any("dpop" in seen.headers for seen in [*there.seen, *there.one.seen])


async def test_metadata_or_the_user_can_want_it() -> None:
    async with world(prm={"dpop_bound_access_tokens_required": True}) as there:
        await there.use()
        assert there.calls[-1].headers["authorization"].startswith("DPoP ")
    async with world() as there:
        await there.use(there.oauth(dpop=True))
        assert there.calls[-1].headers["authorization"].startswith("DPoP ")


async def test_nonces_of_both_servers_are_used_and_kept_apart() -> None:
    """XAUTH-08: RFC 9449, sections 8 and 9."""
    async with world(nonce="of-the-server") as there:
        bound(there)

        def wants(seen: Seen):
            claims = proved(seen, "POST", f"{there.one.issuer}/token")
            if claims.get("nonce") == "of-the-issuer":
                return None
            return 400, {"error": "use_dpop_nonce"}, {"dpop_nonce": "of-the-issuer"}

        there.one.token = wants
        assert await there.use(calls=2) == ["done", "done"]
        assert len(there.one.tokens) == 2 and len(there.pages) == 1
        proofs = [claims_of(seen.headers["dpop"])[1] for seen in there.calls if "dpop" in seen.headers]
        assert [claims.get("nonce") for claims in proofs] == [None, *["of-the-server"] * 3]


async def test_a_server_that_is_never_content_with_a_nonce_is_given_up() -> None:
    """XAUTH-08: a bounded number of tries."""
    async with world() as there:
        there.one.token = lambda seen: (400, {"error": "use_dpop_nonce"}, {"dpop_nonce": f"n{len(there.one.seen)}"})
        with pytest.raises(AuthorizationError, match="use_dpop_nonce"):
            await there.use(there.oauth(dpop=True))
        assert len(there.one.tokens) == 2
    async with world() as there:

        def judge(seen: Seen) -> tuple[int, str]:
            there.nonce = f"n{len(there.seen)}"
            return 401, 'DPoP error="use_dpop_nonce"' if "dpop" in seen.headers else there.usual_challenge()

        there.accepts = judge
        with pytest.raises(AuthorizationError):
            await there.use(there.oauth(dpop=True))
        assert len(there.calls) == 4


async def test_a_bearer_token_instead_of_a_bound_one_is_not_sent() -> None:
    """XAUTH-08: a downgrade by the issuer, or by somebody between."""
    async with world() as there:
        there.one.token = lambda seen: (200, {"access_token": "loose", "token_type": "Bearer"}, {})
        with pytest.raises(AuthorizationError, match="not bound"):
            await there.use(there.oauth(dpop=True))
        assert there.leaked("loose") == []


async def test_a_bound_token_is_kept_with_its_key_and_used_by_the_next_client() -> None:
    async with world(one=Issuer()) as there:
        bound(there)
        auth = there.oauth()
        await there.use(auth)
        await there.use(auth)
        keys = {json.dumps(claims_of(seen.headers["dpop"])[0]["jwk"]) for seen in there.calls if "dpop" in seen.headers}
        assert len(keys) == 1 and len(there.pages) == 1


def test_proofs_name_no_query_and_keys_do_not_show_themselves() -> None:
    key = ProofKey()
    claims = claims_of(key.proof("GET", "https://a.example/x?token=1#y"))[1]
    assert claims["htu"] == "https://a.example/x"
    again = ProofKey(key.private)
    assert again.private == key.private
    assert key.private["d"] not in repr(key)
    assert key.private["d"] not in repr(Held(token="t", kind="DPoP", issuer="i", resource="r", key=key.private))


@pytest.mark.parametrize("nonce, fine", [("abc", True), ("a b", False), ('"', False), ("x" * 513, False), ("", False)])
def test_a_nonce_is_taken_only_if_it_is_one(nonce: str, fine: bool) -> None:
    nonces = Nonces()
    assert nonces.hear("https://a.example/x", {"dpop-nonce": nonce}) is fine
    assert nonces.of("https://a.example/y") == (nonce if fine else "")
    assert nonces.of("https://b.example/y") == ""


async def test_a_step_up_does_not_loosen_what_was_bound() -> None:
    """XAUTH-08: though the challenge about scopes names another scheme."""
    async with world() as there:

        def judge(seen: Seen) -> tuple[int, str] | None:
            if "authorization" not in seen.headers:
                return 401, f'DPoP resource_metadata="{there.origin}{there.prm_path}"'
            wide = "scope" in there.one.at("/authorize")[-1].query
            return None if wide else (403, 'Bearer error="insufficient_scope", scope="write"')

        there.accepts = judge
        assert await there.use() == ["done"]
        assert len(there.one.given) == 2
        assert all(seen.headers["authorization"].startswith("DPoP ") for seen in there.calls[1:])
