"""Bearer tokens: read from one header only, asked for in challenges that nobody's text can break."""

from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dragoman.errors import LocalError, MalformedError
from dragoman.protocol.bearer import (
    MAX_TOKEN,
    checked_resource,
    checked_scopes,
    metadata_paths,
    metadata_url,
    read_bearer,
    read_bound,
    write_challenge,
    write_metadata,
)
from dragoman.protocol.challenge import read_challenges


@pytest.mark.parametrize(
    "header, token",
    [
        (b"Bearer abc", "abc"),
        (b"bearer abc", "abc"),
        (b"BEARER  a.b-c_d~e+f/g==", "a.b-c_d~e+f/g=="),
        (b"  Bearer abc \t", "abc"),
        (b"Bearer " + b"a" * MAX_TOKEN, "a" * MAX_TOKEN),
        (None, None),
        (b"", None),
        (b"Basic YTpi", None),
        (b"DPoP abc", None),
        (b"Bearers abc", None),
        (b"Bearer-x abc", None),
    ],
)
def test_a_token_is_read_from_a_bearer_header_only(header: bytes | None, token: str | None) -> None:
    assert read_bearer(header) == token


@pytest.mark.parametrize(
    "header",
    [
        b"Bearer", b"Bearer ", b"Bearer a b", b"Bearer a,b", b"Bearer =", b"Bearer a=b", b'Bearer "a"', b"Bearer a\tb",
        b"Bearer \xc3\xa4", b"Bearer a\x00", b"Bearer a;b", b"Bearer token=abc", b"Bearer " + b"a" * (MAX_TOKEN + 1),
    ],
)  # fmt: skip
def test_a_bearer_header_without_one_whole_token_is_malformed(header: bytes) -> None:
    with pytest.raises(MalformedError, match="not Bearer and a token"):
        read_bearer(header)


@given(st.binary())
@example(b"Bearer ")
def test_any_header_has_a_token_or_none_or_is_malformed(header: bytes) -> None:
    try:
        token = read_bearer(header)
    except MalformedError:
        return
    assert token is None or (token.isascii() and " " not in token and token.encode() in header)


names = st.sampled_from(["error", "error_description", "scope", "resource_metadata"])
quotable = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\'), min_size=1)


@given(st.dictionaries(names, quotable, min_size=1))
def test_a_challenge_is_read_as_it_was_written(params: dict[str, str]) -> None:
    (read,) = read_challenges(write_challenge(params))
    assert read.scheme == "bearer" and dict(read.params) == params


@given(st.dictionaries(names, st.text(min_size=1), min_size=1))
@example({"error_description": 'x", resource_metadata="https://evil.example'})
@example({"error_description": "x\r\nset-cookie: a=b"})
def test_no_text_ends_a_value_or_a_header(params: dict[str, str]) -> None:
    written = write_challenge(params)
    assert written.isascii() and written.isprintable()
    (read,) = read_challenges(written)
    assert read.params.keys() == params.keys()


def test_what_is_empty_is_left_out_of_a_challenge() -> None:
    assert write_challenge({"error": "", "scope": ""}) == "Bearer"
    assert write_challenge({"error": "", "scope": "a b"}) == 'Bearer scope="a b"'


def test_scopes_are_tokens_of_the_rfc() -> None:
    assert checked_scopes(["a", "b:c", "a"], "x") == ("a", "b:c")
    assert checked_scopes([], "x") == ()
    for bad in ("read", ["a b"], [""], ['"'], ["\\"], ["ä"], [1], None, 5, ["a\n"]):
        with pytest.raises(LocalError, match="scope"):
            checked_scopes(bad, "x")


def test_offline_access_is_never_needed() -> None:
    """AUTHRS-08: neither in a challenge nor in scopes_supported."""
    with pytest.raises(LocalError, match="AUTHRS-08"):
        checked_scopes(["offline_access"], "x")
    assert checked_scopes(["offline"], "x") == ("offline",)


@pytest.mark.parametrize(
    "url, resource",
    [
        ("https://example.com/mcp", "https://example.com/mcp"),
        ("https://Example.COM/Mcp/", "https://example.com/Mcp"),
        ("https://example.com", "https://example.com"),
        ("https://example.com/", "https://example.com"),
        ("http://127.0.0.1:8000/mcp", "http://127.0.0.1:8000/mcp"),
    ],
)
def test_the_resource_is_the_url_without_a_last_slash(url: str, resource: str) -> None:
    assert checked_resource(url) == resource


@pytest.mark.parametrize(
    "url", ["", "example.com", "ftp://a/", "https://a/#b", "https://a/?b", "https://u@a/", "https:///a", "https://a:x/"]
)
def test_what_is_no_url_of_an_endpoint_is_refused(url: str) -> None:
    with pytest.raises(LocalError, match="public URL"):
        checked_resource(url)


def test_metadata_lies_at_the_path_inserted_and_at_the_root() -> None:
    """AUTHRS-02: RFC 9728, section 3.1."""
    known = "/.well-known/oauth-protected-resource"
    assert metadata_paths("https://example.com/a/mcp") == (f"{known}/a/mcp", known)
    assert metadata_paths("https://example.com") == (known, known)
    assert metadata_url("https://example.com:8443/a/mcp") == f"https://example.com:8443{known}/a/mcp"


def test_the_metadata_names_issuers_and_scopes() -> None:
    plain: dict[str, Any] = {"algorithms": (), "bound": False}
    document = msgspec.json.decode(write_metadata("https://a/mcp", "me", ["https://i"], ["b", "a"], **plain))
    assert document == {
        "resource": "https://a/mcp",
        "resource_name": "me",
        "authorization_servers": ["https://i"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b"],
    }
    assert "scopes_supported" not in msgspec.json.decode(write_metadata("https://a", "me", ["https://i"], [], **plain))
    bound = msgspec.json.decode(write_metadata("https://a", "me", ["https://i"], [], algorithms=["ES256"], bound=True))
    assert bound["dpop_signing_alg_values_supported"] == ["ES256"]
    assert bound["dpop_bound_access_tokens_required"] is True


@pytest.mark.parametrize("text", [b"DPoP abc", b"dpop  abc=", b" DPoP a.b.c "])
def test_a_token_that_is_bound_to_a_key_comes_under_a_name_of_its_own(text: bytes) -> None:
    """RFC 9449, section 7.1."""
    assert read_bound(text) == text.split()[1].decode() and read_bearer(text) is None


@pytest.mark.parametrize("text", [None, b"", b"Bearer abc", b"DPoPx abc", b"Basic abc"])
def test_another_scheme_is_no_bound_token(text: bytes | None) -> None:
    assert read_bound(text) is None


@pytest.mark.parametrize("text", [b"DPoP", b"DPoP ", b"DPoP a b", b"DPoP \xff", b"DPoP " + b"x" * (MAX_TOKEN + 1)])
def test_a_header_that_says_dpop_and_holds_no_token_is_malformed(text: bytes) -> None:
    with pytest.raises(MalformedError, match="DPoP"):
        read_bound(text)
