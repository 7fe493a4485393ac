"""Tokens that are bound to a key, at a server: with a proof of that key they come in, and in no other way."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from tests.auth import holder
from tests.auth.holder import proof, proving
from tests.auth.issuing import EC_KEY, RESOURCE, Issuer, bearing, challenge, endpoint, issuing, protected
from tests.transport.raw_http import Answer, Ask, call, hello, in_process, old

from dragoman import IntrospectionAuth, JWTAuth
from dragoman.auth.signing import ProofKey
from dragoman.protocol.challenge import read_challenges

SMALL = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def guarded(issuer: Issuer, dpop: str = "taken", **options: Any) -> Any:
    return endpoint(protected(JWTAuth(issuer.url, dpop=dpop), **options))


def bound(issuer: Issuer, key: Any = holder.KEY, **change: Any) -> str:
    return issuer.token(cnf={"jkt": holder.thumbprint(key)}, **change)


def refused(answer: Answer) -> str:
    """Return with which error a token was refused."""
    (asked,) = read_challenges(challenge(answer))
    assert answer.status == 401 and "result" not in answer.json
    return f"{'DPoP' if asked.scheme == 'dpop' else asked.scheme} {asked.error}"


async def test_a_bound_token_comes_in_with_a_proof_of_its_key_in_both_eras() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        for _ in range(3):
            assert (await in_process(app, proving(call("greet"), token, proof(token)))).value == "hello"
        opened = await in_process(app, proving(Ask(hello()), token, proof(token)))
        named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        answer = Ask(old("tools/call", 2, name="greet", arguments={}), named)
        assert (await in_process(app, proving(answer, token, proof(token)))).value == "hello"
        ended = Ask(method="DELETE", headers=named)
        assert refused(await in_process(app, proving(ended, token, proof(token)))) == "DPoP invalid_dpop_proof"
        assert (await in_process(app, proving(ended, token, proof(token, htm="DELETE")))).status == 204


async def test_a_bound_token_that_was_stolen_is_worth_nothing() -> None:
    """RFC 9449, section 7.2: as a plain token, without a proof, or with another key's; before its owner and after."""
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        thief = proof(token, key=holder.OTHER)
        for _ in range(2):
            assert refused(await in_process(app, bearing(call("greet"), token))) == "DPoP invalid_token"
            assert refused(await in_process(app, proving(call("greet"), token, thief))) == "DPoP invalid_dpop_proof"
            assert refused(await in_process(app, proving(call("greet"), token))) == "DPoP invalid_dpop_proof"
            plain = proving(call("greet"), token, proof(token), scheme="Bearer")
            assert refused(await in_process(app, plain)) == "DPoP invalid_token"
            assert (await in_process(app, proving(call("greet"), token, proof(token)))).value == "hello"


async def test_a_proof_is_good_once() -> None:
    """RFC 9449, section 11.1."""
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        once = proof(token)
        assert (await in_process(app, proving(call("greet"), token, once))).value == "hello"
        again = await in_process(app, proving(call("greet"), token, once))
        assert refused(again) == "DPoP invalid_dpop_proof" and "used before" in challenge(again)
        one = proof(token)
        answers = await asyncio.gather(*(in_process(app, proving(call("greet"), token, one)) for _ in range(5)))
        assert sorted(answer.status for answer in answers) == [200, 401, 401, 401, 401]


async def test_a_proof_is_good_once_at_all_replicas_together(tmp_path: Path) -> None:
    async with issuing() as issuer:
        store = f"sqlite:///{tmp_path / 'shared.db'}"
        here, there = (guarded(issuer, store=store) for _ in range(2))
        token = bound(issuer)
        once = proof(token)
        assert (await in_process(here, proving(call("greet"), token, once))).value == "hello"
        assert refused(await in_process(there, proving(call("greet"), token, once))) == "DPoP invalid_dpop_proof"
        assert (await in_process(there, proving(call("greet"), token, proof(token)))).value == "hello"
        for app in (here, there):
            await app.service.stop()


async def test_what_was_refused_uses_no_proof_up() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        kept = proof(token)
        wrong = Ask(b"{}", method="GET")
        assert refused(await in_process(app, proving(wrong, token, kept))) == "DPoP invalid_dpop_proof"
        assert (await in_process(app, proving(call("greet"), token, kept))).value == "hello"


BAD: dict[str, dict[str, Any]] = {
    "another address": {"htu": "https://other.example/mcp"},
    "another token": {"ath": holder.ath("other")},
    "no token": {"ath": None},
    "old": {"iat": int(time.time()) - 120},
    "future": {"iat": int(time.time()) + 600},
    "no id": {"jti": None},
    "another type": {"head": {"typ": "JWT"}},
    "no key": {"head": {"jwk": None}},
    "another's key": {"head": {"jwk": holder.public(holder.OTHER)}},
    "signed by another": {"key": holder.OTHER, "head": {"jwk": holder.public()}},
}


@pytest.mark.parametrize("change", BAD.values(), ids=BAD.keys())
async def test_a_proof_that_is_not_for_this_request_is_refused(change: dict[str, Any]) -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        answer = await in_process(app, proving(call("greet"), token, proof(token, **change)))
        assert refused(answer) == "DPoP invalid_dpop_proof"
        assert token not in answer.body.decode() + challenge(answer)


async def test_a_proof_that_is_signed_with_a_secret_or_nothing_is_refused() -> None:
    """sec/47: the public key is no secret to sign with."""
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        claims = pyjwt.decode(proof(token), options={"verify_signature": False})
        head = {"typ": "dpop+jwt", "jwk": holder.public()}
        for made in (
            pyjwt.encode(claims, "", algorithm="none", headers=head),
            pyjwt.encode(claims, "secret" * 10, algorithm="HS256", headers=head),
        ):
            assert refused(await in_process(app, proving(call("greet"), token, made))) == "DPoP invalid_dpop_proof"


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_weak_key_proves_nothing() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer, SMALL)
        weak = proof(token, key=SMALL, alg="RS256")
        assert refused(await in_process(app, proving(call("greet"), token, weak))) == "DPoP invalid_dpop_proof"
        strong = bound(issuer, EC_KEY)
        assert (await in_process(app, proving(call("greet"), strong, proof(strong, key=EC_KEY)))).value == "hello"


async def test_two_proofs_are_none() -> None:
    """RFC 9449, section 4.3, 1."""
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        assert (await in_process(app, proving(call("greet"), token, proof(token), proof(token)))).status == 400


async def test_a_token_that_is_bound_to_nothing_is_no_dpop_token() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), issuer.token()
        assert refused(await in_process(app, proving(call("greet"), token, proof(token)))) == "DPoP invalid_token"
        assert (await in_process(app, bearing(call("greet"), token))).value == "hello"


async def test_who_takes_bound_tokens_only_says_so() -> None:
    """RFC 9728, section 2; RFC 9449, section 7.1."""
    async with issuing() as issuer:
        app, lax, token = guarded(issuer, "required"), guarded(issuer), bound(issuer)
        (asked,) = read_challenges(challenge(await in_process(app, call("greet"))))
        assert asked.scheme == "dpop" and "ES256" in asked.params["algs"] and asked.metadata_url
        (asked,) = read_challenges(challenge(await in_process(lax, call("greet"))))
        assert asked.scheme == "bearer" and "algs" not in asked.params
        ask = Ask(method="GET", path="/.well-known/oauth-protected-resource")
        strict, loose = [(await in_process(one, ask)).json for one in (app, lax)]
        assert strict["dpop_bound_access_tokens_required"] is True and "dpop_bound_access_tokens_required" not in loose
        assert "ES256" in strict["dpop_signing_alg_values_supported"] == loose["dpop_signing_alg_values_supported"]
        plain = await in_process(app, bearing(call("greet"), issuer.token()))
        assert refused(plain) == "DPoP invalid_token" and "bound to no key" in challenge(plain)
        assert (await in_process(app, proving(call("greet"), token, proof(token)))).value == "hello"


async def test_a_step_up_of_a_bound_token_asks_for_a_bound_token() -> None:
    async with issuing() as issuer:
        app, token = guarded(issuer), bound(issuer)
        answer = await in_process(app, proving(call("change", what="x"), token, proof(token)))
        (asked,) = read_challenges(challenge(answer))
        assert (answer.status, asked.scheme, asked.error, asked.scopes) == (
            403, "dpop", "insufficient_scope", ("write",)
        )  # fmt: skip


async def test_a_nonce_is_given_and_has_to_come_back() -> None:
    """RFC 9449, section 9: one that somebody made up, or that is of another server, is none."""
    async with issuing() as issuer:
        app, token = guarded(issuer, "nonce"), bound(issuer)
        first = await in_process(app, proving(call("greet"), token, proof(token)))
        assert refused(first) == "DPoP use_dpop_nonce" and first.headers["cache-control"] == "no-store"
        nonce = first.headers["dpop-nonce"]
        for _ in range(2):
            ask = proving(call("greet"), token, proof(token, nonce=nonce))
            assert (await in_process(app, ask)).value == "hello"
        other = guarded(issuer, "nonce")
        theirs = (await in_process(other, proving(call("greet"), token, proof(token)))).headers["dpop-nonce"]
        for wrong in ("made-up", nonce[:-1] + ("A" if nonce[-1] != "A" else "B"), theirs, "", 5):
            answer = await in_process(app, proving(call("greet"), token, proof(token, nonce=wrong)))
            assert refused(answer) == "DPoP use_dpop_nonce" and answer.headers["dpop-nonce"]


async def test_an_issuer_that_is_asked_says_which_key() -> None:
    """RFC 9449, section 6.2."""
    async with issuing() as issuer:
        auth = IntrospectionAuth(issuer.url, client_id="this", client_secret="secret")
        app = endpoint(protected(auth))
        said = {"active": True, "token_type": "DPoP", **issuer.claims(cnf={"jkt": holder.thumbprint()})}
        issuer.active["opaque"] = said
        assert (await in_process(app, proving(call("greet"), "opaque", proof("opaque")))).value == "hello"
        assert refused(await in_process(app, bearing(call("greet"), "opaque"))) == "DPoP invalid_token"


async def test_our_own_clients_proofs_are_taken() -> None:
    async with issuing() as issuer:
        app, key = guarded(issuer), ProofKey()
        private = pyjwt.PyJWK(key.private, algorithm="ES256").key
        token = bound(issuer, private)
        made = key.proof("POST", RESOURCE, token=token)
        assert (await in_process(app, proving(call("greet"), token, made))).value == "hello"


async def test_neither_token_nor_proof_reaches_a_tool() -> None:
    async with issuing() as issuer:
        server = protected(JWTAuth(issuer.url))
        seen: list[Any] = []

        async def look(asked: Any, handler: Any) -> Any:
            seen.append(asked.headers)
            return await handler(asked)

        server.surface.kernel.put_first(look)
        token = bound(issuer)
        await in_process(endpoint(server), proving(call("greet"), token, proof(token)))
        assert len(seen) == 1 and b"dpop" not in seen[0] and b"authorization" not in seen[0]
