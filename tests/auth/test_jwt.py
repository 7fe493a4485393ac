"""Signed tokens: the algorithm is never the token's choice, the key never its own; PyJWT is the second opinion."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import jwt as pyjwt
import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.auth.issuing import EC_KEY, OTHER_KEY, RESOURCE, RSA_KEY, Issuer, jwk

from dragoman import JWTAuth, LocalError
from dragoman.auth.issuer_keys import read_keys
from dragoman.errors import TokenError, TransportError

ISSUER = "https://issuer.example"
KEYS = {"keys": [jwk(RSA_KEY, "one"), jwk(EC_KEY, "two")]}


def issuer() -> Issuer:
    made = Issuer()
    made.url = ISSUER
    return made


def auth(**options: Any) -> JWTAuth:
    return JWTAuth(ISSUER, jwks=options.pop("jwks", KEYS), **options)


async def judged(token: str, **options: Any) -> Any:
    return await auth(**options).verify(token, RESOURCE)


async def test_good_tokens_of_each_kind_of_key_are_taken() -> None:
    """AUTHRS-03."""
    assert (await judged(issuer().token())).subject == "ann"
    assert (await judged(issuer().token(alg="PS256"))).subject == "ann"
    assert (await judged(by_hand(b'{"alg":"RS256","kid":"one"}', twice(b"")))).subject == "ann"
    assert (await judged(issuer().token(key=EC_KEY, alg="ES256", head={"kid": "two"}))).client_id == "app"
    assert (await judged(issuer().token(head={"kid": None}))).scopes == {"read"}


def unsigned(**change: Any) -> str:
    return pyjwt.encode(issuer().claims(**change), None, algorithm="none")


def with_public_key_as_secret() -> str:
    pem = RSA_KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    # PyJWT refuses to do this, rightly; so by hand.
    import hmac as hmac_

    head = urlsafe_b64encode(b'{"alg":"HS256","kid":"one","typ":"at+jwt"}').rstrip(b"=")
    body = urlsafe_b64encode(msgspec.json.encode(issuer().claims())).rstrip(b"=")
    signature = urlsafe_b64encode(hmac_.digest(pem, head + b"." + body, "sha256")).rstrip(b"=")
    return b".".join([head, body, signature]).decode()


def twice(first: bytes) -> bytes:
    return b"{" + first + msgspec.json.encode(issuer().claims())[1:]


def by_hand(head: bytes, body: bytes) -> str:
    """Sign what no library would write; with a body and a head that are good, it is good."""
    said = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in (head, body))
    signature = RSA_KEY.sign(said, padding.PKCS1v15(), hashes.SHA256())
    return (said + b"." + urlsafe_b64encode(signature).rstrip(b"=")).decode()


BAD = {
    "unsigned": unsigned(),
    "signed with the public key as a secret": with_public_key_as_secret(),
    "signed with an empty secret": with_public_key_as_secret().rpartition(".")[0] + ".",
    "signed by another key": issuer().token(key=OTHER_KEY),
    "signed by another key, which it brings": issuer().token(key=OTHER_KEY, head={"jwk": jwk(OTHER_KEY, "one")}),
    "signed by another key, to which it points": issuer().token(key=OTHER_KEY, head={"jku": "http://127.0.0.1:1/"}),
    "signed with the other key of the issuer": issuer().token(key=EC_KEY, alg="ES256"),
    "signed with an algorithm that is not allowed": issuer().token(alg="RS512"),
    "of a key that is not there": issuer().token(head={"kid": "three"}),
    "with demands": issuer().token(head={"crit": ["exp"]}),
    "with a detached payload": issuer().token(head={"b64": False, "crit": ["b64"]}),
    "without a signature": issuer().token().rpartition(".")[0] + ".",
    "cut": issuer().token()[:-5],
    "with another body": ".".join(
        [issuer().token().split(".")[0], unsigned(sub="root").split(".")[1], issuer().token().split(".")[2]]
    ),
    "of four parts": issuer().token() + ".x",
    "opaque": "abcdef",
    "expired": issuer().token(exp=int(time.time()) - 31),
    "for another audience": issuer().token(aud="https://other.example"),
    "of another issuer": issuer().token(iss="https://other.example"),
    "with a certificate's address": issuer().token(key=OTHER_KEY, head={"x5u": "http://127.0.0.1:1/"}),
    "with a path for a key id": issuer().token(key=OTHER_KEY, head={"kid": "../../dev/null"}),
    "with an expiry that is text": issuer().token(exp="9999999999"),
    "with a claim twice": by_hand(b'{"alg":"RS256","kid":"one"}', twice(b'"sub":"root",')),
    "with its algorithm twice": by_hand(b'{"alg":"none","kid":"one","alg":"RS256"}', twice(b"")),
    "with a signature of zeros": issuer().token(key=EC_KEY, alg="ES256", head={"kid": "two"}).rpartition(".")[0]
    + "."
    + "A" * 86,
    "an ID token's type": issuer().token(head={"typ": "id+jwt"}),
}


@pytest.mark.parametrize("token", BAD.values(), ids=BAD.keys())
async def test_a_bad_token_is_refused_and_the_reason_holds_nothing_of_it(token: str) -> None:
    """AUTHRS-03."""
    with pytest.raises(TokenError) as caught:
        await judged(token)
    assert not any(part in str(caught.value) for part in token.split(".") if len(part) > 8)


def second_opinion(token: str) -> bool:
    keys = {"one": RSA_KEY.public_key(), "two": EC_KEY.public_key()}
    try:
        key: Any = keys[pyjwt.get_unverified_header(token)["kid"]]
        pyjwt.decode(token, key, algorithms=["RS256", "PS256", "ES256"], audience=RESOURCE, issuer=ISSUER, leeway=30)
    except (pyjwt.PyJWTError, KeyError, ValueError, TypeError):
        return False
    return True


async def ours(token: str) -> bool:
    try:
        await judged(token)
    except TokenError:
        return False
    return True


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from([("one", RSA_KEY, "RS256"), ("one", RSA_KEY, "PS256"), ("two", EC_KEY, "ES256"),
                     ("two", RSA_KEY, "RS256"), ("one", OTHER_KEY, "RS256"), ("none", RSA_KEY, "RS256")]),
    st.integers(-100, 100),
    st.sampled_from([RESOURCE, [RESOURCE, "x"], "x", None]),
    st.sampled_from([ISSUER, "https://other.example", None]),
    st.integers(0, 5),
)  # fmt: skip
async def test_pyjwt_comes_to_the_same_judgement(how: Any, lives: int, audience: Any, named: Any, flip: int) -> None:
    kid, key, algorithm = how
    if -32 <= lives <= -28:
        lives = -40  # the second may pass between the two judgements
    expires = int(time.time()) + lives
    token = issuer().token(key=key, alg=algorithm, head={"kid": kid}, exp=expires, aud=audience, iss=named, iat=1)
    if flip == 0:
        head, body, signature = token.split(".")
        token = f"{head}.{body}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
    assert await ours(token) == second_opinion(token)


@settings(max_examples=150)
@given(st.data())
async def test_a_token_with_any_character_changed_is_refused(data: st.DataObject) -> None:
    token = GOOD
    at = data.draw(st.integers(0, len(token) - 2))
    other = data.draw(st.sampled_from("ABCxyz019-_."))
    changed = token[:at] + other + token[at + 1 :]
    # The last character of a part holds bits that mean nothing.
    if changed != token and at + 1 not in [token.index("."), token.rindex(".")]:
        assert not await ours(changed)


GOOD = issuer().token(exp=int(time.time()) + 100_000)


async def test_weak_secret_private_and_foreign_keys_are_left_out() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    private = {**json.loads(pyjwt.algorithms.ECAlgorithm.to_jwk(EC_KEY)), "kid": "private"}
    assert "d" in private
    document = {
        "keys": [
            jwk(weak, "weak"),
            private,
            {"kty": "oct", "k": "c2VjcmV0", "kid": "secret"},
            {**jwk(RSA_KEY, "enc"), "use": "enc"},
            {**jwk(RSA_KEY, "ops"), "key_ops": ["encrypt"]},
            {"kty": "RSA", "kid": "broken", "n": "!", "e": "AQAB"},
            {"kty": "new"},
            {},
            jwk(RSA_KEY, "good", alg="RS256"),
        ]
    }
    assert [key.kid for key in read_keys(document)] == ["good"]
    for bad in ({}, {"keys": 5}, {"keys": [5]}, {"keys": None}):
        with pytest.raises(TransportError, match="JWK Set"):
            read_keys(bad)


async def test_a_key_serves_only_its_own_algorithm() -> None:
    keys = {"keys": [jwk(RSA_KEY, "one", alg="PS256")]}
    assert (await judged(issuer().token(alg="PS256"), jwks=keys)).subject == "ann"
    with pytest.raises(TokenError, match="does not show"):
        await judged(issuer().token(alg="RS256"), jwks=keys)


async def test_the_audience_can_be_another_name_than_the_url() -> None:
    token = issuer().token(aud="api://orders")
    assert (await JWTAuth(ISSUER, "api://orders", jwks=KEYS).verify(token, RESOURCE)).subject == "ann"
    assert (await JWTAuth(ISSUER, ["x", "api://orders"], jwks=KEYS).verify(token, RESOURCE)).subject == "ann"
    with pytest.raises(TokenError, match="audience"):
        await JWTAuth(ISSUER, "api://orders", jwks=KEYS).verify(issuer().token(), RESOURCE)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"algorithms": ["HS256"]}, "HS256"),
        ({"algorithms": ["none"]}, "none"),
        ({"algorithms": []}, "no algorithm"),
        ({"leeway": 61}, "leeway"),
        ({"leeway": -1}, "leeway"),
        ({"audience": ""}, "audience"),
        ({"audience": ["a", ""]}, "audience"),
        ({"scopes": "read"}, "scopes"),
        ({"scopes": ["offline_access"]}, "offline_access"),
        ({"implies": {"a": "b"}}, "scopes"),
        ({"audiences": "x"}, "no option 'audiences'"),
        ({"issuer": "issuer.example"}, "issuer"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(LocalError, match=words):
        JWTAuth(**{"issuer": ISSUER, **options})
    assert JWTAuth(ISSUER, "a", algorithms=["EdDSA"], leeway=60, strict=True).issuer == ISSUER


def test_an_elliptic_key_of_another_curve_does_not_fit() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    assert [found.kind for found in read_keys({"keys": [jwk(key, "x")]})] == ["EC"]
