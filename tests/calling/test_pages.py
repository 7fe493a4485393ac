"""Lists are followed to their end, and no list is endless."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dragoman.calling.pages import MAX_PAGES, all_pages
from dragoman.errors import MalformedError, PeerError
from dragoman.wire.resources import ListResourcesResult, Resource


def page(names: list[str], cursor: Any = UNSET) -> ListResourcesResult:
    return ListResourcesResult(resources=[Resource(uri=f"x:{n}", name=n) for n in names], next_cursor=cursor)


@given(st.lists(st.lists(st.text(max_size=3), max_size=4), min_size=1, max_size=10), st.permutations(range(12)))
async def test_every_page_is_followed_in_order_whatever_the_cursors_look_like(
    pages: list[list[str]], order: list[int]
) -> None:
    # The empty string is a cursor like any other (PAGE-03).
    cursors = ["", *(f"c{n}" for n in order)][: len(pages) - 1]

    async def fetch(params: dict[str, Any]) -> ListResourcesResult:
        at = cursors.index(params["cursor"]) + 1 if "cursor" in params else 0
        return page(pages[at], cursors[at] if at < len(cursors) else UNSET)

    found = await all_pages(fetch, "resources")
    assert [resource.name for resource in found] == [name for names in pages for name in names]


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["", ""]])
async def test_a_cursor_that_comes_again_is_a_fault(cursors: list[str]) -> None:
    asked = 0

    async def fetch(params: dict[str, Any]) -> ListResourcesResult:
        nonlocal asked
        asked += 1
        return page(["x"], cursors[(asked - 1) % len(cursors)])

    with pytest.raises(MalformedError, match="would never end"):
        await all_pages(fetch, "resources")
    assert asked == len(cursors)


async def test_ever_new_cursors_come_to_an_end_too() -> None:
    asked = 0

    async def fetch(params: dict[str, Any]) -> ListResourcesResult:
        nonlocal asked
        asked += 1
        return page([], f"c{asked}")

    with pytest.raises(MalformedError, match=f"more than {MAX_PAGES} pages"):
        await all_pages(fetch, "resources")
    assert asked == MAX_PAGES


def refusing(times: int, code: int = -32602) -> tuple[list[Any], Any]:
    """Return what was asked, and a list of two pages whose second is refused so many times."""
    asked: list[Any] = []

    async def fetch(params: dict[str, Any]) -> ListResourcesResult:
        asked.append(params.get("cursor"))
        if params and asked.count("c") <= times:
            raise PeerError(code, "no such cursor")
        return page(["b"]) if params else page([f"a{len(asked)}"], "c")

    return asked, fetch


async def test_a_cursor_that_is_refused_makes_the_list_begin_anew_once() -> None:
    """CACHE-10"""
    asked, fetch = refusing(1)
    assert [one.name for one in await all_pages(fetch, "resources")] == ["a3", "b"]
    assert asked == [None, "c", None, "c"]
    asked, fetch = refusing(2)
    with pytest.raises(PeerError, match="no such cursor"):
        await all_pages(fetch, "resources")
    assert len(asked) == 4


async def test_another_error_of_a_page_is_told_at_once() -> None:
    asked, fetch = refusing(1, -32603)
    with pytest.raises(PeerError):
        await all_pages(fetch, "resources")
    assert asked == [None, "c"]
