"""Results that are kept for a while: bounded, expiring, for whoever holds the link."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.errors import StoreError
from dragoman.protocol.limits import Limits
from dragoman.serving.kept import SCHEME, Kept
from dragoman.store.memory import MemoryStore


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def whole(kept: Kept, uri: str | None) -> str:
    text = ""
    while uri is not None:
        page = await kept.read(uri)
        assert page is not None and isinstance(page.meta, dict) and isinstance(page.text, str)
        text, uri = text + page.text, page.meta.get("next")
    return text


@given(st.text(), st.integers(1, 7))
async def test_all_pages_together_are_the_text(text: str, size: int) -> None:
    kept = Kept(Limits(page=size))
    try:
        link = await kept.keep("n", text, "text/plain")
    except UnicodeEncodeError:
        assert any(0xD800 <= ord(letter) < 0xE000 for letter in text)
        return
    assert await whole(kept, link.uri) == text
    assert (link.name, link.size) == ("n", len(text.encode()))


async def test_a_link_says_how_many_pages_there_are() -> None:
    kept = Kept(Limits(page=10))
    link = await kept.keep("report", "x" * 25, "application/json")
    assert isinstance(link.description, str) and "page 1 of 3" in link.description
    page = await kept.read(link.uri)
    assert page is not None
    assert page.meta == {"page": 1, "pages": 3, "next": link.uri[:-1] + "2"}
    assert page.mime_type == "text/plain"  # a part of JSON is no JSON
    last = await kept.read(link.uri[:-1] + "3")
    assert last is not None and last.meta == {"page": 3, "pages": 3} and last.text == "xxxxx"
    short = await kept.read((await kept.keep("n", "[1]", "application/json")).uri)
    assert short is not None and short.mime_type == "application/json"


async def test_a_link_cannot_be_guessed() -> None:
    """TOOL-21"""
    kept = Kept(Limits())
    tokens = {(await kept.keep("n", "x", "text/plain")).uri.removeprefix(SCHEME).partition("/")[0] for _ in range(20)}
    assert len(tokens) == 20 and all(len(token) >= 22 for token in tokens)


@pytest.mark.parametrize("tail", ["", "/", "/0", "/2", "/-1", "/x", "/1/", "/1.0", "/" + "9" * 5000, "/\u00b2"])
async def test_pages_that_do_not_exist_are_nothing(tail: str) -> None:
    """RES-03"""
    kept = Kept(Limits())
    uri = (await kept.keep("n", "x", "text/plain")).uri
    assert await kept.read(uri) is not None
    assert await kept.read(uri[:-2] + tail) is None
    assert await kept.read(f"{SCHEME}foreign{tail}") is None
    assert await kept.read(f"{SCHEME}foreign/1") is None


async def test_a_result_is_kept_for_its_time() -> None:
    clock = Clock()
    kept = Kept(Limits(kept_seconds=10), clock)
    first = (await kept.keep("n", "x", "text/plain")).uri
    clock.now = 9.9
    second = (await kept.keep("n", "y", "text/plain")).uri
    assert await kept.read(first) is not None
    clock.now = 10
    assert await kept.read(first) is None and await kept.read(second) is not None
    clock.now = 19.9
    assert await kept.read(second) is None


async def test_the_oldest_make_room_in_number() -> None:
    kept = Kept(Limits(kept=2))
    uris = [(await kept.keep("n", "x", "text/plain")).uri for _ in range(3)]
    assert [await kept.read(uri) is not None for uri in uris] == [False, True, True]


async def test_the_oldest_make_room_in_bytes_and_the_newest_stays() -> None:
    clock = Clock()
    kept = Kept(Limits(kept_bytes=10), clock)
    uris = [(await kept.keep("n", text, "text/plain")).uri for text in ("aaaa", "bbbb", "éé")]
    assert [await kept.read(uri) is not None for uri in uris] == [False, True, True]  # 4 + 4 + 4 bytes
    large = (await kept.keep("n", "x" * 50, "text/plain")).uri
    assert [await kept.read(uri) is not None for uri in [*uris, large]] == [False, False, False, True]
    clock.now = 601
    assert await kept.read(large) is None
    again = [(await kept.keep("n", "aaaaa", "text/plain")).uri for _ in range(2)]
    assert None not in [await kept.read(uri) for uri in again]  # what expired counts no more


async def test_a_result_is_for_whom_it_was_made() -> None:
    for shared in (False, True):
        kept = Kept(Limits())
        if shared:
            kept.share(MemoryStore(), "here")
        uri = (await kept.keep("n", "x", "text/plain", "ada")).uri
        assert await kept.read(uri) is None and await kept.read(uri, "eve") is None
        assert await kept.read(uri, "ada") is not None


@given(st.text(st.characters(exclude_categories=["Cs"])), st.integers(1, 7))
async def test_any_process_reads_the_pages_of_another(text: str, size: int) -> None:
    store = MemoryStore()
    one, other, elsewhere = (Kept(Limits(page=size)) for _ in range(3))
    one.share(store, "here")
    other.share(store, "here")
    elsewhere.share(store, "there")
    uri = (await one.keep("n", text, "text/plain")).uri
    assert await whole(other, uri) == await whole(one, uri) == text
    assert await elsewhere.read(uri) is None


async def test_what_makes_room_is_gone_from_the_store_too() -> None:
    store = MemoryStore()
    one, other = Kept(Limits(kept=2)), Kept(Limits(kept=2))
    one.share(store, "here")
    other.share(store, "here")
    uris = [(await one.keep("n", "x", "text/plain")).uri for _ in range(3)]
    assert [await other.read(uri) is not None for uri in uris] == [False, True, True]
    assert len(store) == 2


class Full(MemoryStore):
    async def put(self, *args: Any, **named: Any) -> None:
        raise StoreError("the store is full; make room")


async def test_a_result_that_the_store_does_not_take_stays_here() -> None:
    kept = Kept(Limits())
    kept.share(Full(), "here")
    page = await kept.read((await kept.keep("n", "x", "text/plain")).uri)
    assert page is not None and page.text == "x"
