"""Lists in pages: every entry once, whatever comes and goes between them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from dragoman.errors import RequestError
from dragoman.serving.listing import Listing, bad_cursor, read_cursor, write_cursor
from dragoman.wire.tools import ListToolsResult, Tool


def tool(name: str) -> Tool:
    return Tool(name=name, input_schema={"type": "object"})


def make(names: list[str], size: int) -> Listing[Tool]:
    listing: Listing[Tool] = Listing(
        size,
        lambda each: each,
        lambda tools, cursor: ListToolsResult(tools=tools, next_cursor=cursor),  # type: ignore[arg-type]
    )
    for name in names:
        listing.add(name, tool(name))
    return listing


def page(listing: Listing[Tool], cursor: Any = UNSET) -> tuple[list[str], Any]:
    result: Any = listing.at(cursor).result
    return [each.name for each in result.tools], result.next_cursor


def walk(listing: Listing[Tool], cursor: Any = UNSET) -> list[str]:
    names, following = page(listing, cursor)
    while following is not UNSET:
        more, following = page(listing, following)
        names += more
    return names


@given(st.lists(st.text(), unique=True, max_size=12), st.integers(1, 5))
def test_all_pages_together_are_the_list(names: list[str], size: int) -> None:
    """PAGE-01, TOOL-03"""
    listing = make(names, size)
    assert walk(listing) == list(listing.names()) == names
    assert len(listing) == len(names) and all(name in listing for name in names)


@given(
    st.lists(st.text(max_size=3), unique=True, min_size=3, max_size=12),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=6),
)
def test_what_stays_is_shown_once_whatever_comes_and_goes(
    names: list[str], size: int, changes: list[tuple[bool, int]]
) -> None:
    """PAGE-04: a cursor outlives the entry that it was made from."""
    listing = make(names, size)
    first, cursor = page(listing)
    for number, (adds, which) in enumerate(changes):
        if adds:
            listing.add(f"new entry {number}", tool(f"new entry {number}"))
        else:
            listing.remove(names[which % len(names)])
    rest = walk(listing, cursor) if cursor is not UNSET else []
    kept = [name for name in names if name in listing]
    assert [name for name in first + rest if name in kept] == kept
    assert len(set(first + rest)) == len(first + rest)


def test_an_entry_that_is_added_again_keeps_its_place() -> None:
    listing = make(["a", "b", "c"], 10)
    listing.add("b", tool("B"))
    assert page(listing)[0] == ["a", "B", "c"]
    assert listing.remove("b") and not listing.remove("b")
    listing.add("b", tool("b"))
    assert page(listing)[0] == ["a", "c", "b"]
    assert listing.get("z") is None and [each.name for each in listing] == ["a", "c", "b"]


def test_a_page_is_made_once_until_something_changes() -> None:
    listing = make(["a", "b"], 1)
    first = listing.at(UNSET)
    assert listing.at(UNSET) is first
    listing.add("c", tool("c"))
    assert listing.at(UNSET) is not first


@pytest.mark.parametrize(
    "cursor", ["", "a", "MQ", "MQ==x", write_cursor("0"), write_cursor("4"), write_cursor("-1"), write_cursor("01"),
               write_cursor("x"), write_cursor("9" * 400), write_cursor("\u0661"), "\ud800"],
)  # fmt: skip
def test_a_cursor_that_we_never_made_is_refused(cursor: str) -> None:
    """PAGE-04"""
    listing = make(["a", "b", "c"], 1)
    listing.at(UNSET)
    with pytest.raises(RequestError) as caught:
        listing.at(cursor)
    assert caught.value.code == -32602 and "without one" in caught.value.message
    assert page(listing, write_cursor("1")) == (["b"], write_cursor("2"))


@given(st.text())
def test_any_cursor_is_read_or_refused(cursor: str) -> None:
    try:
        assert isinstance(read_cursor(cursor), str)
    except RequestError as error:
        refused = error.message
        assert refused == bad_cursor().message


@given(st.text(st.characters(codec="utf-8")))
def test_a_cursor_holds_what_it_was_made_of(key: str) -> None:
    assert read_cursor(write_cursor(key)) == key


@given(
    st.lists(st.text(max_size=3), unique=True, min_size=1, max_size=8),
    st.integers(1, 3),
    st.lists(st.tuples(st.booleans(), st.integers(0, 20)), max_size=8),
)
def test_what_is_hidden_is_gone_and_comes_back_in_its_place(
    names: list[str], size: int, changes: list[tuple[bool, int]]
) -> None:
    listing = make(names, size)
    hidden: set[str] = set()
    for hide, number in changes:
        name = names[number % len(names)]
        assert (listing.hide if hide else listing.show)(name) is (hide is not (name in hidden))
        (hidden.add if hide else hidden.discard)(name)
        left = [each for each in names if each not in hidden]
        assert walk(listing) == list(listing.names()) == left
        assert listing.holder(name) is not None
        assert (listing.get(name) is None) is hide is (name not in listing)


def test_a_hidden_entry_can_be_replaced_and_removed() -> None:
    listing = make(["one", "two"], 5)
    listing.hide("one")
    listing.add("one", tool("one"))
    assert walk(listing) == ["two"]
    assert listing.remove("one") and not listing.remove("one")
    listing.show("one")
    assert walk(listing) == ["two"]
