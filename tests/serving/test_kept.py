"""Results that are kept for a while: bounded, expiring, for whoever holds the link."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.limits import Limits
from dragoman.serving.kept import SCHEME, Kept


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def whole(kept: Kept, uri: str | None) -> str:
    text = ""
    while uri is not None:
        page = kept.read(uri)
        assert page is not None and isinstance(page.meta, dict) and isinstance(page.text, str)
        text, uri = text + page.text, page.meta.get("next")
    return text


@given(st.text(), st.integers(1, 7))
def test_all_pages_together_are_the_text(text: str, size: int) -> None:
    kept = Kept(Limits(page=size))
    try:
        link = kept.keep("n", text, "text/plain")
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(letter) < 0xE000 for letter in text)
        return
    assert whole(kept, link.uri) == text
    assert (link.name, link.size) == ("n", len(text.encode()))


def test_a_link_says_how_many_pages_there_are() -> None:
    kept = Kept(Limits(page=10))
    link = kept.keep("report", "x" * 25, "application/json")
    assert isinstance(link.description, str) and "page 1 of 3" in link.description
    page = kept.read(link.uri)
    assert page is not None
    assert page.meta == {"page": 1, "pages": 3, "next": link.uri[:-1] + "2"}
    assert page.mime_type == "text/plain"  # a part of JSON is no JSON
    last = kept.read(link.uri[:-1] + "3")
    assert last is not None and last.meta == {"page": 3, "pages": 3} and last.text == "xxxxx"
    short = kept.read(kept.keep("n", "[1]", "application/json").uri)
    assert short is not None and short.mime_type == "application/json"


def test_a_link_cannot_be_guessed() -> None:
    """TOOL-21"""
    kept = Kept(Limits())
    tokens = {kept.keep("n", "x", "text/plain").uri.removeprefix(SCHEME).partition("/")[0] for _ in range(20)}
    assert len(tokens) == 20 and all(len(token) >= 22 for token in tokens)


@pytest.mark.parametrize("tail", ["", "/", "/0", "/2", "/-1", "/x", "/1/", "/1.0", "/" + "9" * 5000, "/\u00b2"])
def test_pages_that_do_not_exist_are_nothing(tail: str) -> None:
    """RES-03"""
    kept = Kept(Limits())
    uri = kept.keep("n", "x", "text/plain").uri
    assert kept.read(uri) is not None
    assert kept.read(uri[:-2] + tail) is None
    assert kept.read(f"{SCHEME}foreign{tail}") is None
    assert kept.read(f"{SCHEME}foreign/1") is None


def test_a_result_is_kept_for_its_time() -> None:
    clock = Clock()
    kept = Kept(Limits(kept_seconds=10), clock)
    first = kept.keep("n", "x", "text/plain").uri
    clock.now = 9.9
    second = kept.keep("n", "y", "text/plain").uri
    assert kept.read(first) is not None
    clock.now = 10
    assert kept.read(first) is None and kept.read(second) is not None
    clock.now = 19.9
    assert kept.read(second) is None


def test_the_oldest_make_room_in_number() -> None:
    kept = Kept(Limits(kept=2))
    uris = [kept.keep("n", "x", "text/plain").uri for _ in range(3)]
    assert [kept.read(uri) is not None for uri in uris] == [False, True, True]


def test_the_oldest_make_room_in_bytes_and_the_newest_stays() -> None:
    clock = Clock()
    kept = Kept(Limits(kept_bytes=10), clock)
    uris = [kept.keep("n", text, "text/plain").uri for text in ("aaaa", "bbbb", "éé")]
    assert [kept.read(uri) is not None for uri in uris] == [False, True, True]  # 4 + 4 + 4 bytes
    large = kept.keep("n", "x" * 50, "text/plain").uri
    assert [kept.read(uri) is not None for uri in [*uris, large]] == [False, False, False, True]
    clock.now = 601
    assert kept.read(large) is None
    again = [kept.keep("n", "aaaaa", "text/plain").uri for _ in range(2)]
    assert all(kept.read(uri) is not None for uri in again)  # what expired counts no more
