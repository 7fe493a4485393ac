"""The policy of a page: nothing unless declared, and nothing that is no origin."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.host.policy import allowed, policy
from dragoman.wire.apps import Csp, Page

HOST = "http://127.0.0.1:8850"


def directives(page: Page) -> dict[str, list[str]]:
    return {name: rest for name, *rest in (part.split() for part in policy(page, HOST).split(";"))}


def test_a_page_that_declares_nothing_reaches_nothing() -> None:
    """APPS-08"""
    found = directives(Page())
    assert found["default-src"] == found["connect-src"] == found["frame-src"] == ["'none'"]
    assert found["base-uri"] == found["font-src"] == ["'self'"]
    assert found["object-src"] == found["form-action"] == ["'none'"]
    assert found["script-src"] == found["style-src"] == ["'self'", "'unsafe-inline'"]
    assert found["frame-ancestors"] == [HOST]


def test_what_is_declared_is_allowed_where_it_belongs() -> None:
    csp = Csp(
        connect_domains=["wss://a.example:8443"],
        resource_domains=["https://*.cdn.example"],
        frame_domains=["https://f.example"],
        base_uri_domains=["https://b.example"],
    )
    found = directives(Page(csp=csp))
    assert found["connect-src"] == ["wss://a.example:8443"]
    assert found["frame-src"] == ["https://f.example"]
    assert found["base-uri"] == ["https://b.example"]
    for name in ("script-src", "style-src", "img-src", "font-src", "media-src"):
        assert found[name][-1] == "https://*.cdn.example"
    assert found["default-src"] == ["'none'"]


@given(st.lists(st.text(max_size=40) | st.from_regex(re.compile(r"https://[a-z;' *\n]{1,20}"), fullmatch=True)))
def test_no_declaration_can_write_a_directive(origins: list[str]) -> None:
    csp = Csp(connect_domains=origins, resource_domains=origins, frame_domains=origins, base_uri_domains=origins)
    found, plain = directives(Page(csp=csp)), directives(Page())
    assert found.keys() == plain.keys()
    for name, sources in found.items():
        for source in sources:
            assert source in plain[name] or re.fullmatch(r"(https?|wss?)://[A-Za-z0-9.*:-]+", source)


@pytest.mark.parametrize(
    "origin", ["*", "https:", "data:", "'unsafe-eval'", "https://a.example/path", "blob:", "https://*"]
)
def test_what_is_no_origin_is_left_out(origin: str) -> None:
    assert directives(Page(csp=Csp(connect_domains=[origin]))) == directives(Page())


def test_only_features_that_there_are_are_given() -> None:
    assert allowed(Page()) == ""
    assert allowed(Page(permissions={"camera": {}, "clipboardWrite": {}, "usb": {}})) == "camera; clipboard-write"
