"""What an authorization request says, and which answers answer it."""

from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import AuthorizationError, MalformedError
from dragoman.protocol.authorization import ServerMetadata, TokenAnswer, read_document, read_token
from dragoman.protocol.code_flow import (
    CodeRequest,
    authorization_url,
    challenge_of,
    chosen_scopes,
    code_of,
    read_redirect,
)
from dragoman.protocol.discovery import canonical, check_endpoint, check_resource, resource_urls, server_urls, shown

SERVER = ServerMetadata(issuer="https://as.example", authorization_endpoint="https://as.example/a")
REQUEST = CodeRequest(
    issuer="https://as.example", client_id="c", redirect_uri="http://127.0.0.1:1/callback",
    resource="https://rs.example/mcp", scopes=("a", "b"), state="state", verifier="v" * 43,
)  # fmt: skip


def test_the_challenge_is_that_of_the_rfc() -> None:
    """AUTHC-10: RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize("endpoint", ["https://as.example/a", "https://as.example/a?tenant=1"])
def test_the_page_gets_every_parameter_once_and_no_secret(endpoint: str) -> None:
    """AUTHC-10, AUTHC-11, AUTHC-19."""
    url = authorization_url(ServerMetadata(issuer="https://as.example", authorization_endpoint=endpoint), REQUEST)
    query = parse_qs(urlsplit(url).query)
    assert all(len(values) == 1 for values in query.values())
    assert query["resource"] == ["https://rs.example/mcp"] and query["scope"] == ["a b"]
    assert query["code_challenge"] == [challenge_of(REQUEST.verifier)]
    assert REQUEST.verifier not in url
    assert ("tenant" in query) == ("tenant" in endpoint)
    assert "v" * 43 not in repr(REQUEST)


@given(st.dictionaries(st.sampled_from(["code", "state", "iss", "error", "x"]), st.text(max_size=10)))
def test_only_an_answer_with_our_state_and_their_name_gives_a_code(answer: dict[str, str]) -> None:
    """AUTHC-16, AUTHC-19."""
    try:
        code = code_of(answer, REQUEST, SERVER)
    except AuthorizationError:
        return
    assert code == answer["code"] != ""
    assert answer["state"] == "state" and answer.get("iss", REQUEST.issuer) == REQUEST.issuer


def test_the_right_answer_gives_its_code() -> None:
    answer = {"code": "x", "state": "state", "iss": "https://as.example"}
    assert code_of(answer, REQUEST, SERVER) == "x"


@given(st.text(max_size=100))
def test_no_redirect_address_raises_anything_but_a_refusal(url: str) -> None:
    try:
        read_redirect(url)
    except AuthorizationError:
        pass


@pytest.mark.parametrize("challenged, listed, held, found", [
    (("a",), ("b",), (), ("a",)),
    (None, ("b",), (), ("b",)),
    (None, None, (), None),
    (("a",), None, ("h", "a"), ("h", "a")),
    (None, None, ("h",), ("h",)),
    ((), ("b",), (), None),
])  # fmt: skip
def test_scopes_are_chosen_in_order_and_joined_with_those_held(challenged, listed, held, found) -> None:
    """AUTHC-12, AUTHC-14."""
    assert chosen_scopes(challenged, listed, held) == found


@pytest.mark.parametrize("server, found", [
    ("https://a.example/x/mcp", ["https://a.example/.well-known/oauth-protected-resource/x/mcp",
                                 "https://a.example/.well-known/oauth-protected-resource"]),
    ("https://a.example", ["https://a.example/.well-known/oauth-protected-resource"]),
    ("https://a.example/", ["https://a.example/.well-known/oauth-protected-resource"]),
    ("https://a.example:8443/mcp?t=1", ["https://a.example:8443/.well-known/oauth-protected-resource/mcp?t=1",
                                        "https://a.example:8443/.well-known/oauth-protected-resource"]),
])  # fmt: skip
def test_the_places_of_resource_metadata(server: str, found: list[str]) -> None:
    """AUTHC-01: RFC 9728, section 3.1."""
    assert resource_urls(server) == found


@pytest.mark.parametrize("issuer, found", [
    ("https://a.example", ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]),
    ("https://a.example/t/", ["/.well-known/oauth-authorization-server/t", "/.well-known/openid-configuration/t",
                              "/t/.well-known/openid-configuration"]),
])  # fmt: skip
def test_the_places_of_an_issuers_metadata(issuer: str, found: list[str]) -> None:
    """AUTHC-04: the specification's own examples."""
    assert server_urls(issuer) == [f"https://a.example{path}" for path in found]


@pytest.mark.parametrize("resource, fine", [
    ("https://rs.example/mcp", True), ("https://RS.example/mcp", True), ("https://rs.example:443/mcp", True),
    ("https://rs.example", True), ("http://rs.example/mcp", False), ("https://rs.example:444/mcp", False),
    ("https://rs.example/mc", False), ("https://rs.example.evil.example/mcp", False),
    ("https://rs.example/mcp/../x", False), ("", False), ("https://[", False),
])  # fmt: skip
def test_a_resource_is_the_servers_own_or_above_it(resource: str, fine: bool) -> None:
    """AUTHC-03: host names have no case; an explicit usual port is the usual port."""
    if fine:
        check_resource(resource, "https://rs.example/mcp")
    else:
        with pytest.raises(AuthorizationError):
            check_resource(resource, "https://rs.example/mcp")


@pytest.mark.parametrize("url, fine", [
    ("https://a.example/x", True), ("http://127.0.0.1:1/x", True), ("http://localhost/x", True),
    ("http://[::1]/x", True),
    ("http://a.example/x", False), ("http://localhost.evil.example/", False), ("http://127.0.0.1@evil.example/", False),
    ("javascript:alert(1)", False), ("data:text/html,x", False), ("https://", False), ("https://a b/", False),
    ("HTTPS://a.example/\r\nx", False), ("", False),
])  # fmt: skip
def test_an_endpoint_is_https_or_on_this_machine(url: str, fine: bool) -> None:
    """AUTHC-27."""
    if fine:
        check_endpoint(url, "endpoint")
    else:
        with pytest.raises(AuthorizationError):
            check_endpoint(url, "endpoint")


@given(st.text(max_size=60))
def test_addresses_for_messages_never_raise_and_are_short(url: str) -> None:
    assert len(shown(url)) <= 300


def test_addresses_for_messages_hold_no_secret() -> None:
    assert shown("https://user:secret@a.example/x?secret#secret") == "https://a.example/x"


@pytest.mark.parametrize("url, found", [
    ("https://A.example/", "https://a.example"), ("https://a.example/mcp/", "https://a.example/mcp/"),
    ("HTTPS://a.example:8443/x#y", "https://a.example:8443/x"), ("https://a.example/?t=1", "https://a.example/?t=1"),
])  # fmt: skip
def test_the_canonical_uri_of_a_server(url: str, found: str) -> None:
    """AUTHC-11: lower case, no fragment, no bare slash."""
    assert canonical(url) == found


@pytest.mark.parametrize("body, match", [
    (b"{", "not JSON"), (b"\xff", "not JSON"), (b"[1]", "not as it has to be"), (b'{"issuer": 5}', "issuer"),
    (b'{"issuer": "x", "scopes_supported": "a"}', "scopes_supported"), (b"[" * 5000, "nested"),
])  # fmt: skip
def test_a_document_that_cannot_be_used_is_named(body: bytes, match: str) -> None:
    with pytest.raises(MalformedError, match=match):
        read_document(body, ServerMetadata, "the metadata")


def test_a_lifetime_that_comes_as_text_is_read() -> None:
    answer = read_token(b'{"access_token": "t", "token_type": "Bearer", "expires_in": "3600"}', "it")
    assert answer.expires_in == 3600 and "t'" not in repr(answer)


@given(st.text(max_size=40))
def test_a_token_is_taken_only_if_it_can_be_a_field(token: str) -> None:
    body = msgspec.json.encode({"access_token": token, "token_type": "Bearer"})
    try:
        found: TokenAnswer = read_token(body, "it")
    except MalformedError:
        return
    assert found.access_token == token and token and all(33 <= ord(character) <= 126 for character in token)
