"""What a POST means, from its bytes and headers alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocol.fixtures import HELLO, META, MODERN, written

from dragoman.errors import MalformedError, RequestError
from dragoman.protocol.http import read_post
from dragoman.wire.methods import METHODS

VERSION = b"mcp-protocol-version"


@pytest.mark.parametrize(
    ("body", "stated", "era"),
    [
        (written("tools/list", {"_meta": META}), MODERN, None),
        (written("tools/list", {"_meta": META}), None, None),
        (written("tools/list", {"_meta": META}), "2025-11-25", None),
        (written("initialize", {**HELLO, "_meta": META}), None, None),
        (written("tools/list", {}), MODERN, None),
        (written("tools/list", {}), " 2025-11-25 ", "2025-11-25"),
        (written("tools/list"), "2025-03-26", "2025-03-26"),
        (written("initialize", HELLO), None, "2025-03-26"),
        (b'{"jsonrpc":"2.0","method":"notifications/initialized"}', None, "2025-03-26"),
        (b'{"jsonrpc":"2.0","method":"notifications/cancelled"}', MODERN, None),
    ],
)
def test_the_envelope_says_the_era_and_else_the_header(body: bytes, stated: str | None, era: str | None) -> None:
    """VER-08, X-3, X-11, HTTP-17"""
    post = read_post(body, {} if stated is None else {VERSION: stated.encode()}, METHODS)
    assert (post.era.version if post.era else None) == era


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"ping"}', "request"),
        (b'{"jsonrpc":"2.0","method":"ping"}', "notification"),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', "response"),
        (b'{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"x"}}', "response"),
    ],
)
def test_requests_notifications_and_responses_are_told_apart(body: bytes, kind: str) -> None:
    assert read_post(body, {}, METHODS).kind == kind


def test_a_version_that_nobody_speaks_is_refused() -> None:
    """LEG-06"""
    for body in (written("ping"), b'{"jsonrpc":"2.0","method":"notifications/initialized"}'):
        with pytest.raises(RequestError) as caught:
            read_post(body, {VERSION: b"1999-01-01"}, METHODS)
        assert caught.value.code == -32022


@given(st.binary(max_size=200), st.none() | st.binary(max_size=20))
def test_any_bytes_are_a_post_or_refused(body: bytes, stated: bytes | None) -> None:
    try:
        kind = read_post(body, {} if stated is None else {VERSION: stated}, METHODS).kind
    except (MalformedError, RequestError):
        kind = "notification"
    assert kind in ("request", "notification", "response")
