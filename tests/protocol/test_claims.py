"""The rules on claims (threats 1 and 41): each is shown to refuse one change of a token that is good without it."""

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import TokenError
from dragoman.protocol.claims import Rules, check_claims, check_header, peek
from dragoman.protocol.identity import Identity

NOW = 1_800_000_000.0
RULES = Rules("https://issuer.example", frozenset(["https://b.example/mcp"]), leeway=30.0)
GOOD: dict[str, Any] = {
    "iss": "https://issuer.example",
    "aud": "https://b.example/mcp",
    "sub": "ann",
    "client_id": "app",
    "exp": NOW + 60,
    "scope": "read write",
}


def judged(rules: Rules = RULES, *, introspected: bool = False, **change: Any) -> Identity:
    claims = {name: value for name, value in {**GOOD, **change}.items() if value is not ...}
    return check_claims(claims, rules, NOW, introspected=introspected)


def test_a_good_token_says_who_asks() -> None:
    found = judged()
    assert found == Identity("ann", "https://issuer.example", "app", frozenset({"read", "write"}), GOOD, NOW + 60 + 30)
    assert found.principal == '["https://issuer.example","ann","app"]'


@pytest.mark.parametrize(
    "audience",
    [
        ..., None, "", "https://a.example/mcp", "https://b.example", "https://b.example/", "https://b.example/mcp/",
        "https://b.example.evil/mcp", "https://b.example/mcp.evil", "https://B.example/mcp",
        "http://b.example/mcp", [], {},
        ["https://a.example/mcp"], [["https://b.example/mcp"]], 5, True, {"https://b.example/mcp": 1},
        "https://b.example/mc",
        "https://b.example:443/mcp", " https://b.example/mcp", "https://b.example/mcp https://a.example/mcp",
    ],
)  # fmt: skip
def test_a_token_for_another_audience_is_refused(audience: Any) -> None:
    """AUTHRS-03, AUTHRS-04: equal to the last character, or in the list."""
    with pytest.raises(TokenError, match="another audience"):
        judged(aud=audience)
    assert judged(aud=["https://a.example/mcp", "https://b.example/mcp"]).subject == "ann"


@pytest.mark.parametrize(
    "issuer", [..., None, "", "https://issuer.example/", "https://Issuer.example", "https://issuer.example.evil", ["https://issuer.example"]]
)  # fmt: skip
def test_a_token_of_another_issuer_is_refused(issuer: Any) -> None:
    """AUTHRS-03."""
    with pytest.raises(TokenError, match="another issuer"):
        judged(iss=issuer)


@pytest.mark.parametrize(
    "change, words",
    [
        ({"exp": ...}, "does not say when it expires"),
        ({"exp": None}, "does not say when it expires"),
        ({"exp": NOW - 30}, "has expired"),
        ({"exp": 0}, "has expired"),
        ({"exp": "soon"}, "exp is no time"),
        ({"exp": str(int(NOW + 60))}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": float("inf")}, "exp is no time"),
        ({"exp": float("nan")}, "exp is no time"),
        ({"nbf": NOW + 31}, "not valid yet"),
        ({"nbf": "x"}, "nbf is no time"),
        ({"iat": NOW + 31}, "not valid yet"),
        ({"sub": ...}, "who its subject is"),
        ({"sub": ""}, "who its subject is"),
        ({"sub": 5}, "who its subject is"),
        ({"sub": ["ann"]}, "who its subject is"),
        ({"cnf": {"x5t#S256": "x"}}, "bound to a key"),
        ({"cnf": {"jkt": "x", "x5t#S256": "x"}}, "bound to a key"),
        ({"cnf": {"jkt": 5}}, "bound to a key"),
        ({"cnf": {}}, "bound to a key"),
        ({"cnf": None}, "bound to a key"),
    ],
)
def test_what_a_token_must_say_is_checked(change: dict[str, Any], words: str) -> None:
    with pytest.raises(TokenError, match=words):
        judged(**change)


def test_a_token_that_is_bound_to_a_key_says_to_which() -> None:
    """RFC 9449, section 6.1; whether it must be is the server's choice."""
    assert judged(cnf={"jkt": "x"}).bound_to == "x" and judged().bound_to == ""
    for kind in ("required", "nonce"):
        strict = Rules(RULES.issuer, RULES.audiences, dpop=kind)
        assert judged(strict, cnf={"jkt": "x"}).bound_to == "x"
        with pytest.raises(TokenError, match="bound to no key"):
            judged(strict)


def test_clocks_may_differ_by_the_leeway() -> None:
    for change in ({"exp": NOW - 29}, {"nbf": NOW + 30}, {"iat": NOW + 30}, {"exp": NOW + 0.5}):
        assert judged(**change).subject == "ann"
    strict = Rules(RULES.issuer, RULES.audiences, leeway=0.0)
    with pytest.raises(TokenError):
        judged(strict, exp=NOW)


@pytest.mark.parametrize(
    "change, scopes",
    [
        ({"scope": "a  b"}, {"a", "b"}),
        ({"scope": ["a", 5, "b"]}, {"a", "b"}),
        ({"scope": ..., "scp": "a b"}, {"a", "b"}),
        ({"scope": ..., "scp": ["a"]}, {"a"}),
        ({"scope": ...}, set()),
        ({"scope": None}, set()),
        ({"scope": {"a": 1}}, set()),
    ],
)
def test_scopes_come_as_text_or_list(change: dict[str, Any], scopes: set[str]) -> None:
    assert judged(**change).scopes == scopes


def test_broader_scopes_include_narrower_ones() -> None:
    """AUTHRS-07: by way of others, and in circles too."""
    implied = {"admin": frozenset({"write"}), "write": frozenset({"read"}), "read": frozenset({"admin"})}
    rules = Rules(RULES.issuer, RULES.audiences, implied=implied)
    assert judged(rules, scope="write").scopes == {"admin", "write", "read"}
    assert judged(rules, scope="other").scopes == {"other"}


def test_what_an_issuer_was_asked_may_say_less() -> None:
    found = judged(introspected=True, iss=..., exp=..., sub=...)
    assert (found.subject, found.expires_at) == ("app", None)
    for change in ({"iss": "https://other.example"}, {"aud": ...}, {"exp": NOW - 31}, {"sub": ..., "client_id": ...}):
        with pytest.raises(TokenError):
            judged(introspected=True, **change)


ALGORITHMS = frozenset({"RS256", "ES256"})


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "HS256"}, {"alg": "rs256"}, {"alg": ""}, {"alg": "RS512"},
        {"alg": "PS256"},
        {"alg": "RS256", "crit": ["b64"]}, {"alg": "RS256", "crit": []}, {"alg": "RS256", "b64": False},
        {"alg": "RS256", "typ": "dpop+jwt"}, {"alg": "RS256", "typ": "logout+jwt"},
        {"alg": "RS256", "typ": "application/x"},
        {"alg": "RS256", "typ": ["at+jwt"]},
    ],
)  # fmt: skip
def test_headers_that_are_not_of_access_tokens_are_refused(header: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        check_header(header, RULES, ALGORITHMS)


def test_headers_of_access_tokens_are_taken() -> None:
    strict = Rules(RULES.issuer, RULES.audiences, strict=True)
    for kind in ("at+jwt", "AT+JWT", "application/at+jwt"):
        check_header({"alg": "RS256", "typ": kind}, strict, ALGORITHMS)
    for header in ({"alg": "ES256"}, {"alg": "RS256", "typ": "JWT"}, {"alg": "RS256", "typ": None}):
        check_header(header, RULES, ALGORITHMS)
        with pytest.raises(TokenError, match="is of type"):
            check_header(header, strict, ALGORITHMS)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
claim_names = st.sampled_from(["iss", "aud", "sub", "exp", "nbf", "iat", "scope", "scp", "client_id", "azp"])


@given(st.dictionaries(claim_names, json_values), st.booleans())
def test_any_claims_are_judged(change: dict[str, Any], introspected: bool) -> None:
    try:
        found = check_claims({**GOOD, **change}, RULES, NOW, introspected=introspected)
    except TokenError:
        return
    assert isinstance(found.subject, str) and found.subject
    assert all(isinstance(scope, str) for scope in found.scopes)


def part(value: Any) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_is_peeked_at_if_it_is_a_jwt() -> None:
    found = peek(f"{part({'alg': 'RS256'})}.{part({'iss': 'https://i'})}.xyz")
    assert found is not None and found.issuer == "https://i"
    unnamed = peek(f"{part({'alg': 'RS256'})}.{part({'iss': 5})}.xyz")
    assert unnamed is not None and unnamed.issuer is None
    head, body = part({"alg": "RS256"}), part({"iss": "x"})
    for text in ("", ".", "..", "a.b.c", f"{head}.{body}", f"{head}.{body}.a.b", f"{part([])}.{body}.x",
                 f"{part({})}.{body}.x", f"{head}.{part('x')}.x", f"{part({'alg': 5})}.{body}.x",
                 f"{head} .{body}.x"):  # fmt: skip
        assert peek(text) is None, text


@given(st.text())
def test_any_text_can_be_peeked_at(text: str) -> None:
    assert peek(text) is None or text.count(".") == 2
