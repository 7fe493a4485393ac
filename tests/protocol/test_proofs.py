"""What a proof of a key has to say (RFC 9449, section 4.3): each rule refuses one change of what is good without it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.auth import holder

from dragoman.errors import TokenError
from dragoman.protocol.proofs import MAX_ID, MAX_PROOF, WINDOW, Shown, check_proof, hash_of, read_proof, thumbprint

NOW = 1_800_000_000.0
RESOURCE = "https://api.example/team/mcp"
TOKEN = "a.b.c"
GOOD: dict[str, Any] = {"htm": "POST", "htu": RESOURCE, "iat": NOW, "jti": "one", "ath": hash_of(TOKEN)}


def judge(path: str = "/mcp", method: str = "POST", **change: Any) -> None:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    check_proof(claims, Shown(b"x", method, path), RESOURCE, TOKEN, NOW)


def test_a_good_proof_is_taken() -> None:
    judge()
    judge(iat=NOW - WINDOW, jti="x" * MAX_ID, more="members")
    judge(iat=int(NOW + WINDOW))
    judge(method="GET", htm="GET")


@pytest.mark.parametrize(
    "htu",
    [
        "HTTPS://API.example/team/mcp", "https://api.example:443/team/mcp", f"{RESOURCE}?a=b", f"{RESOURCE}#c",
        # The path as it came here is this server's, too: one gate serves several.
        "https://api.example/sse",
    ],
)  # fmt: skip
def test_an_address_has_several_spellings(htu: str) -> None:
    """RFC 9449, section 4.3, 9: query and fragment do not count, and RFC 3986, section 6.2.2, does."""
    judge(htu=htu, path="/sse")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"htm": "GET"}, "htm"), ({"htm": "post"}, "htm"), ({"htm": ...}, "htm"), ({"htm": None}, "htm"),
        ({"htu": ...}, "htu"), ({"htu": 5}, "htu"), ({"htu": ""}, "htu"), ({"htu": "/team/mcp"}, "htu"),
        ({"htu": "https://api.example/team"}, "htu"), ({"htu": "https://api.example/team/mcp/"}, "htu"),
        ({"htu": "http://api.example/team/mcp"}, "htu"), ({"htu": "https://api.example.evil/team/mcp"}, "htu"),
        ({"htu": "https://api.example:8443/team/mcp"}, "htu"), ({"htu": "https://a@api.example/team/mcp"}, "htu"),
        ({"htu": "https://api.example/TEAM/mcp"}, "htu"), ({"htu": "https://[::1/team/mcp"}, "htu"),
        ({"iat": ...}, "iat"), ({"iat": "now"}, "iat"), ({"iat": True}, "iat"), ({"iat": float("nan")}, "iat"),
        ({"iat": NOW - WINDOW - 1}, "too old"), ({"iat": NOW + WINDOW + 1}, "future"), ({"iat": 0}, "too old"),
        ({"jti": ...}, "jti"), ({"jti": ""}, "jti"), ({"jti": 5}, "jti"), ({"jti": "x" * (MAX_ID + 1)}, "jti"),
        ({"ath": ...}, "ath"), ({"ath": hash_of("other")}, "ath"), ({"ath": TOKEN}, "ath"), ({"ath": 5}, "ath"),
        ({"ath": "\u00e9"}, "ath"),
    ],
)  # fmt: skip
def test_a_proof_for_something_else_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenError, match=words) as caught:
        judge(**change)
    assert TOKEN not in str(caught.value)


def test_the_form_of_a_proof_is_read_from_its_header() -> None:
    made = read_proof(holder.proof(TOKEN).encode())
    assert made.algorithm == "ES256" and made.key == holder.public()


@pytest.mark.parametrize(
    "data",
    [
        None, b"", b"x", b"a.b.c", holder.proof(TOKEN, head={"typ": "JWT"}).encode(),
        holder.proof(TOKEN, head={"typ": None}).encode(), holder.proof(TOKEN, head={"jwk": None}).encode(),
        holder.proof(TOKEN, head={"jwk": {**holder.public(), "d": "x"}}).encode(),
        holder.proof(TOKEN, head={"jwk": {"kty": "oct", "k": "x"}}).encode(),
        holder.proof(TOKEN, head={"jwk": "x"}).encode(), holder.proof(TOKEN, head={"crit": ["x"], "x": 1}).encode(),
        holder.proof(TOKEN, more="x" * MAX_PROOF).encode(),
        (holder.proof(TOKEN) + ", " + holder.proof(TOKEN)).encode(),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_proof_is_refused(data: bytes | None) -> None:
    with pytest.raises(TokenError, match="DPoP proof"):
        read_proof(data)


@given(st.binary(max_size=200))
def test_strangers_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(TokenError):
        read_proof(data)


def test_a_key_is_called_by_the_members_that_it_needs() -> None:
    """RFC 7638, section 3.1: its own example."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    key = {"kty": "RSA", "n": modulus, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}
    assert thumbprint(key) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert thumbprint(holder.public()) == holder.thumbprint()
