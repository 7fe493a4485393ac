"""Tokens that their issuer is asked about: no other issuer, never twice for a bad one, nothing without an answer."""

from __future__ import annotations

import time
from base64 import b64encode
from typing import Any

import pytest
from tests.auth.issuing import RESOURCE, Issuer, issuing

from dragoman import IntrospectionAuth, LocalError
from dragoman.errors import TokenError, TransportError
from dragoman.transport.fetch import SafeFetcher

SECRET = "s3cret:/&?"


def auth(issuer: Issuer, **options: Any) -> IntrospectionAuth:
    made = IntrospectionAuth(issuer.url, client_id="this server", client_secret=SECRET, **options)
    made.connect(SafeFetcher)
    return made


async def test_an_active_token_says_who_asks() -> None:
    async with issuing() as issuer:
        issuer.active["good"] = {"active": True, **issuer.claims()}
        found = await auth(issuer).verify("good", RESOURCE)
        assert (found.subject, found.client_id, found.scopes) == ("ann", "app", {"read"})
        issuer.active["bare"] = {"active": True, "aud": RESOURCE, "client_id": "app"}
        bare = await auth(issuer).verify("bare", RESOURCE)
        assert (bare.subject, bare.issuer, bare.expires_at) == ("app", issuer.url, None)
        asked = issuer.seen[-1]
        assert asked.body == b"token=bare&token_type_hint=access_token"
        assert asked.headers["authorization"] == "Basic " + b64encode(b"this%20server:s3cret%3A%2F%26%3F").decode()


@pytest.mark.parametrize(
    "change",
    [
        {"active": False},
        {"active": "true"},
        {"active": 1},
        {"active": None},
        {"aud": None},
        {"aud": "https://other.example"},
        {"iss": "https://other.example"},
        {"exp": int(time.time()) - 31},
        {"token_type": "refresh_token"},
        {"cnf": {"x5t#S256": "x"}},
        {"token_type": "DPoP"},
        {"sub": None, "client_id": None},
    ],
)
async def test_what_the_issuer_does_not_call_good_is_refused(change: dict[str, Any]) -> None:
    async with issuing() as issuer:
        said = {"active": True, **issuer.claims(), **change}
        issuer.active["bad"] = {name: value for name, value in said.items() if value is not None}
        with pytest.raises(TokenError):
            await auth(issuer).verify("bad", RESOURCE)


async def test_a_refused_token_is_not_asked_about_again_at_once() -> None:
    async with issuing() as issuer:
        verifier = auth(issuer, endpoint=f"{issuer.url}/judge")
        now = 1000.0
        verifier._clock = lambda: now
        for _ in range(5):
            with pytest.raises(TokenError):
                await verifier.verify("bad", RESOURCE)
        assert issuer.asked == ["/judge"]
        now += 11
        with pytest.raises(TokenError):
            await verifier.verify("bad", RESOURCE)
        assert issuer.asked == ["/judge", "/judge"]


async def test_without_an_answer_nobody_comes_in_and_nobody_is_called_bad() -> None:
    async with issuing() as issuer:
        issuer.down = True
        with pytest.raises(TransportError, match="HTTP 500") as caught:
            await auth(issuer, endpoint=f"{issuer.url}/judge").verify("good", RESOURCE)
        assert "good" not in str(caught.value).replace("are good", "") and SECRET not in str(caught.value)
        with pytest.raises(TransportError, match="has no metadata"):
            await auth(issuer).verify("good", RESOURCE)


async def test_the_metadata_of_another_issuer_is_not_believed() -> None:
    async with issuing() as issuer:
        issuer.named = "https://other.example"
        with pytest.raises(TransportError, match=r"of the issuer 'https://other\.example'"):
            await auth(issuer).verify("good", RESOURCE)
        assert "/judge" not in issuer.asked


def test_options_that_cannot_be_are_refused() -> None:
    usual: dict[str, Any] = {"issuer": "https://i.example", "client_id": "a", "client_secret": "b"}
    for change in (
        {"cache_seconds": 301},
        {"cache_seconds": -1},
        {"client_secret": ""},
        {"issuer": "x"},
        {"dpop": "x"},
        {"leeway": 1},
    ):
        with pytest.raises(LocalError):
            IntrospectionAuth(**{**usual, **change})
    made = IntrospectionAuth(**usual, cache_seconds=0)
    assert "b" not in repr(made).replace("IntrospectionAuth", "")


async def test_a_token_goes_only_to_the_issuer_that_it_names() -> None:
    async with issuing() as issuer:
        verifier = auth(issuer)
        assert verifier.takes("opaque", None) and verifier.takes("x", issuer.url)
        assert not verifier.takes("x", "https://other.example")
