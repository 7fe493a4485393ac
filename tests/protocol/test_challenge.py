"""WWW-Authenticate fields, read: whatever comes, nothing is raised, and what is well formed is read whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.challenge import Challenge, read_challenges


def plain(text: str) -> list[tuple[str, dict[str, str], str]]:
    return [(item.scheme, dict(item.params), item.token68) for item in read_challenges(text)]


@pytest.mark.parametrize("text, found", [
    ("", []),
    ("Bearer", [("bearer", {}, "")]),
    ('Bearer realm="a b", error=invalid_token', [("bearer", {"realm": "a b", "error": "invalid_token"}, "")]),
    ('bearer Scope = "a"  ,ERROR="x"', [("bearer", {"scope": "a", "error": "x"}, "")]),
    ('Basic realm="x", Bearer scope="a b"', [("basic", {"realm": "x"}, ""), ("bearer", {"scope": "a b"}, "")]),
    ("Negotiate, Bearer", [("negotiate", {}, ""), ("bearer", {}, "")]),
    ("Negotiate a+/b==, Bearer x=y", [("negotiate", {}, "a+/b=="), ("bearer", {"x": "y"}, "")]),
    (r'Bearer realm="say \"hi\", a=b \\ "', [("bearer", {"realm": 'say "hi", a=b \\ '}, "")]),
    (", ,Bearer , ,a=b,", [("bearer", {"a": "b"}, "")]),
    ('Bearer a="1", a="2"', [("bearer", {"a": "1"}, "")]),
    ('Newauth realm="apps", type=1, title="Login", Basic realm="s"', [
        ("newauth", {"realm": "apps", "type": "1", "title": "Login"}, ""), ("basic", {"realm": "s"}, ""),
    ]),
    ('Bearer a="open', [("bearer", {}, "")]),
    ("Bearer a=", [("bearer", {}, "a=")]),
    ('a="b"', [("a", {}, "")]),
    ("Bearer a=b; c=d", [("bearer", {"a": "b"}, "")]),
    ("Bearer\ta=b", [("bearer", {"a": "b"}, "")]),
    ("()", []),
])  # fmt: skip
def test_a_field_is_read_as_the_grammar_has_it(text: str, found: Any) -> None:
    """AUTHC-02: several challenges in one field, parameters with commas, and what no grammar has."""
    assert plain(text) == found


def test_what_a_client_looks_for_in_a_challenge_has_names() -> None:
    """AUTHC-02, AUTHC-12."""
    (found,) = read_challenges('Bearer error="insufficient_scope", scope="b a b", resource_metadata="https://x/y"')
    assert (found.error, found.scopes, found.metadata_url) == ("insufficient_scope", ("b", "a"), "https://x/y")
    (bare,) = read_challenges("Bearer")
    assert (bare.error, bare.scopes, bare.metadata_url) == ("", None, "")
    assert Challenge("bearer", {"scope": " "}).scopes == ()


TOKEN = st.text("!#$%&'*+.^_`|~09azAZ-", min_size=1, max_size=8)
VALUE = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20)
PARAMS = st.dictionaries(TOKEN.map(str.lower), VALUE, max_size=4)


def written(challenges: list[tuple[str, dict[str, str]]], quote_all: bool) -> str:
    """Write challenges as RFC 9110 has them; values that are tokens may stand without quotes."""
    parts = []
    for scheme, params in challenges:
        fields = []
        for name, value in params.items():
            bare = not quote_all and value.isalnum() and value.isascii()
            escaped = value.replace("\\", "\\\\").replace('"', '\\"')
            fields.append(f"{name}={value}" if bare else f'{name}="{escaped}"')
        parts.append(f"{scheme} {', '.join(fields)}" if fields else scheme)
    return ", ".join(parts)


@given(st.lists(st.tuples(TOKEN.map(str.lower), PARAMS), max_size=3), st.booleans())
def test_what_is_written_is_read_again(challenges: list[tuple[str, dict[str, str]]], quote_all: bool) -> None:
    assert plain(written(challenges, quote_all)) == [(scheme, params, "") for scheme, params in challenges]


@given(st.text(max_size=200))
def test_nothing_that_comes_raises(text: str) -> None:
    for challenge in read_challenges(text):
        assert challenge.scheme == challenge.scheme.lower() != ""
        assert challenge.scopes is None or all(challenge.scopes)


def test_a_field_made_to_be_slow_is_read_at_once() -> None:
    for text in ("Bearer " + "a=b, " * 20_000, 'Bearer a="' + "\\" * 60_000, "," * 60_000, "Bearer " + "a" * 60_000):
        read_challenges(text)
