"""The gate: which verifier sees a token, what a refusal says, and for how long a judgement holds."""

from __future__ import annotations

from typing import Any

import pytest
from tests.auth.issuing import RESOURCE as TOKENS_FOR
from tests.auth.issuing import issuing

from dragoman import AuthorizationError, Identity, IntrospectionAuth, JWTAuth, KeyAuth, LocalError
from dragoman.auth.gate import BearerGate
from dragoman.errors import TokenError, TransportError
from dragoman.protocol.challenge import read_challenges
from dragoman.protocol.marks import Marked
from dragoman.transport.fetch import SafeFetcher

RESOURCE = "https://example.com/team/mcp"
NOW = 1_800_000_000.0


class Desk:
    """A verifier of one's own: knows tokens by heart, and counts."""

    def __init__(
        self, issuer: str = "https://i.example", *, scopes: tuple[str, ...] = (), seconds: float = 60.0
    ) -> None:
        self.issuer = issuer
        self.scopes = scopes
        self.cache_seconds = seconds
        self.known: dict[str, Identity | Exception] = {}
        self.asked: list[tuple[str, str]] = []

    def takes(self, token: str, issuer: str | None) -> bool:
        return issuer is None

    async def verify(self, token: str, resource: str) -> Identity:
        self.asked.append((token, resource))
        found = self.known.get(token, TokenError("it is not known"))
        if isinstance(found, Exception):
            raise found
        return found


def gate(*verifiers: Any, clock: Any = lambda: NOW, listed: tuple[str, ...] = ()) -> BearerGate:
    return BearerGate("me", RESOURCE, verifiers, lambda: listed, SafeFetcher, clock)


async def refused(gate: BearerGate, authorization: bytes | None) -> AuthorizationError:
    with pytest.raises(AuthorizationError) as caught:
        await gate.admit(authorization)
    return caught.value


async def test_who_sends_no_token_is_told_where_to_get_one_and_not_that_anything_is_wrong() -> None:
    """AUTHRS-02, AUTHRS-05, AUTHRS-09."""
    for header in (None, b"", b"Basic YTpi"):
        error = await refused(gate(Desk(scopes=("use",))), header)
        (challenge,) = read_challenges(error.challenge)
        assert error.status == 401 and challenge.scheme == "bearer"
        assert dict(challenge.params) == {
            "scope": "use",
            "resource_metadata": "https://example.com/.well-known/oauth-protected-resource/team/mcp",
        }


async def test_a_header_whose_digest_is_kept_is_known_for_as_long_as_any_other() -> None:
    """Heads that come again keep it; another token never passes for it."""
    desk, now = Desk(), [NOW]
    desk.known = {"one": Identity("ann"), "two": Identity("ben")}
    there = gate(desk, clock=lambda: now[0])
    one, two = Marked(b"Bearer one"), Marked(b"Bearer two")
    assert there.known(one) is None
    ann = await there.admit(one)
    assert there.known(one) == there.known(b"Bearer one") == ann and there.known(two) is None
    assert (await there.admit(b"Bearer two")) == there.known(two) != ann
    now[0] += 61
    assert there.known(one) is None and there.known(two) is None
    assert "one" not in repr(one) and one == b"Bearer one"


async def test_a_malformed_header_is_a_bad_request() -> None:
    """AUTHRS-09."""
    error = await refused(gate(Desk()), b"Bearer a b")
    assert (error.status, read_challenges(error.challenge)[0].error) == (400, "invalid_request")


async def test_a_bad_token_is_refused_with_a_reason() -> None:
    """AUTHRS-03, AUTHRS-09."""
    error = await refused(gate(Desk()), b"Bearer bad")
    (challenge,) = read_challenges(error.challenge)
    assert (error.status, challenge.error) == (401, "invalid_token")
    assert "not known" in challenge.params["error_description"]


async def test_a_token_without_what_every_request_needs_is_asked_for_it() -> None:
    desk = Desk(scopes=("use", "more"))
    desk.known = {
        "some": Identity("ann", scopes=frozenset({"use"})),
        "all": Identity("ben", scopes=frozenset(desk.scopes)),
    }
    error = await refused(gate(desk), b"Bearer some")
    (challenge,) = read_challenges(error.challenge)
    assert (error.status, challenge.error, challenge.scopes) == (403, "insufficient_scope", ("more", "use"))
    assert (await gate(desk).admit(b"Bearer all")).subject == "ben"


@pytest.mark.parametrize(
    "fault", [TransportError("down"), RuntimeError("a bug"), KeyError("x"), LocalError("no extra")]
)
async def test_what_cannot_be_judged_lets_nobody_in(fault: Exception) -> None:
    desk = Desk()
    desk.known = {"t": fault}
    error = await refused(gate(desk), b"Bearer t")
    assert (error.status, error.challenge) == (503, "")
    desk.known = {"t": Identity("ann")}
    assert (await gate(desk).admit(b"Bearer t")).subject == "ann"


async def test_a_judgement_holds_for_as_long_as_the_verifier_says_and_no_longer_than_the_token() -> None:
    """AUTHRS-03."""
    now = NOW
    desk = Desk(seconds=60)
    desk.known = {"long": Identity("ann", expires_at=NOW + 1000), "short": Identity("ben", expires_at=NOW + 5)}
    there = gate(desk, clock=lambda: now)
    for token in (b"Bearer long", b"Bearer short"):
        assert there.known(token) is None
        assert await there.admit(token) == there.known(token)
    now += 4.9
    assert there.known(b"Bearer short") is not None
    now += 0.1
    assert there.known(b"Bearer short") is None and there.known(b"Bearer long") is not None
    now += 55
    assert there.known(b"Bearer long") is None
    assert there.known(None) is None and there.known(b"Bearer other") is None


async def test_nothing_holds_where_the_verifier_says_so_and_never_longer_than_five_minutes() -> None:
    now = NOW
    for seconds, holds in ((0.0, 0), (1e9, 300)):
        desk = Desk(seconds=seconds)
        desk.known = {"t": Identity("ann")}
        there = gate(desk, clock=lambda: now)
        await there.admit(b"Bearer t")
        assert (there.known(b"Bearer t") is not None) is (holds > 0)
        now += holds
        assert there.known(b"Bearer t") is None


async def test_refusals_are_not_remembered_and_tokens_are_not_kept() -> None:
    desk = Desk()
    there = gate(desk)
    await refused(there, b"Bearer soon-good-token")
    desk.known = {"soon-good-token": Identity("ann")}
    assert (await there.admit(b"Bearer soon-good-token")).subject == "ann"
    assert "soon-good" not in repr(there._known)
    await there.close()
    assert there.known(b"Bearer soon-good-token") is None


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.auth.gate.REMEMBERED", 3)
    desk = Desk()
    desk.known = {f"t{n}": Identity(f"u{n}") for n in range(5)}
    there = gate(desk)
    for n in range(5):
        await there.admit(b"Bearer t%d" % n)
    assert [there.known(b"Bearer t%d" % n) is not None for n in range(5)] == [False, False, True, True, True]


async def test_a_token_is_shown_to_one_verifier_only() -> None:
    """AUTHRS-04: it could be a secret between its bearer and another issuer."""
    desk = Desk()
    there = gate(JWTAuth("https://a.example", jwks={"keys": []}), desk)
    # A JWT of an issuer that nobody here knows: neither is asked.
    error = await refused(there, b"Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2IuZXhhbXBsZSJ9.AAAA")
    assert error.status == 401 and "no issuer that this server knows" in str(error) and desk.asked == []
    await refused(there, b"Bearer opaque")
    assert desk.asked == [("opaque", RESOURCE)]


async def test_one_endpoint_that_stops_does_not_cut_off_another() -> None:
    async with issuing() as issuer:
        auth = JWTAuth(issuer.url, TOKENS_FOR)
        one, two = gate(auth), gate(auth)
        await one.close()
        assert (await two.admit(f"Bearer {issuer.token()}".encode())).subject == "ann"
        await two.close()
        assert (await one.admit(f"Bearer {issuer.token(jti='2')}".encode())).subject == "ann"


def test_verifiers_that_could_want_the_same_token_are_refused() -> None:
    ask = IntrospectionAuth("https://a.example", client_id="a", client_secret="b")
    keys = KeyAuth({"k" * 20: "ann"})
    with pytest.raises(LocalError, match="two verifiers"):
        gate(ask, keys)
    with pytest.raises(LocalError, match="twice"):
        gate(JWTAuth("https://a.example"), ask)
    assert gate(JWTAuth("https://a.example"), JWTAuth("https://b.example"), keys) is not None


def test_the_metadata_is_published_at_its_two_places_only() -> None:
    """AUTHRS-01, AUTHRS-02."""
    there = gate(Desk(scopes=("use",)), listed=("w",))
    known = "/.well-known/oauth-protected-resource"
    document = there.document(f"{known}/team/mcp")
    assert document is not None and document == there.document(known)
    assert b'"authorization_servers":["https://i.example"]' in document and b'["use","w"]' in document
    for path in (f"{known}/mcp", f"{known}/", f"{known}/team/mcp/", "/", "/team/mcp"):
        assert there.document(path) is None


def test_without_an_issuer_there_is_nothing_to_publish() -> None:
    there = gate(KeyAuth({"k" * 20: "ann"}))
    assert there.document("/.well-known/oauth-protected-resource") is None
    assert "resource_metadata" not in there.step_up(frozenset({"a"}))


def test_a_step_up_asks_for_all_scopes_at_once() -> None:
    """AUTHRS-06."""
    (challenge,) = read_challenges(gate(Desk()).step_up(frozenset({"b", "a"})))
    assert (challenge.error, challenge.scopes) == ("insufficient_scope", ("a", "b"))
    # Whoever asks for these and no others can call afterwards.
    (challenge,) = read_challenges(gate(Desk(scopes=("use",))).step_up(frozenset({"a"})))
    assert challenge.scopes == ("a", "use")
    assert challenge.metadata_url.endswith("/.well-known/oauth-protected-resource/team/mcp")
