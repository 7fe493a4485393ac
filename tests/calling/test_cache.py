"""What is kept, for how long, and what drops it."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.calling.cache import LONGEST, Cache, key_of, related, seconds_fresh
from dragoman.wire.resources import ReadResourceResult
from dragoman.wire.tools import ListToolsResult

ONE = key_of("resources/read", "x://a", {})


def raw(text: str) -> msgspec.Raw:
    return msgspec.Raw(text.encode())


def test_a_result_holds_until_its_time_and_no_longer() -> None:
    """CACHE-08"""
    cache = Cache()
    cache.keep(ONE, [raw("1")], until=10.0, changes=0)
    assert [bytes(page) for page in cache.find(ONE, 9.999) or ()] == [b"1"]
    assert cache.find(ONE, 10.0) is None and len(cache) == 0


@pytest.mark.parametrize(
    "other",
    [
        key_of("tools/list", "", {}),
        key_of("resources/read", "x://b", {}),
        key_of("resources/read", "x://a", {"Authorization": "Bearer b"}),
    ],
)
def test_another_method_resource_or_authorization_finds_nothing(other: object) -> None:
    """CACHE-05, CACHE-07"""
    cache = Cache()
    cache.keep(ONE, [raw("1")], 10.0, 0)
    assert cache.find(other, 0.0) is None  # type: ignore[arg-type]
    assert cache.find(key_of("resources/read", "x://a", {}), 0.0)


def test_header_names_are_the_same_in_any_case() -> None:
    assert key_of("m", "", {"Authorization": "x", "B": "1"}) == key_of("m", "", {"b": "1", "authorization": "x"})


def test_what_was_asked_for_before_a_change_is_not_kept_after_it() -> None:
    """CACHE-09"""
    cache = Cache()
    before = cache.changes
    cache.forget("tools/list")
    cache.keep(ONE, [raw("old")], 10.0, before)
    assert len(cache) == 0
    cache.keep(ONE, [raw("new")], 10.0, cache.changes)
    assert len(cache) == 1


def test_a_change_of_a_part_drops_the_whole_and_the_reverse() -> None:
    """SUB-14"""
    for changed in ("x://a", "x://a/b", "x://a/b/c"):
        cache = Cache()
        for uri in ("x://a/b", "x://ab", "x://c"):
            cache.keep(key_of("resources/read", uri, {}), [raw("1")], 10.0, cache.changes)
        cache.forget_resource(changed)
        kept = [uri for uri in ("x://a/b", "x://ab", "x://c") if cache.find(key_of("resources/read", uri, {}), 0.0)]
        assert kept == ["x://ab", "x://c"]


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 40)), max_size=60))
def test_it_never_holds_more_than_it_may(kept: list[tuple[int, int]]) -> None:
    cache = Cache(entries=4, size=100)
    for number, size in kept:
        cache.keep(key_of("m", str(number), {}), [raw("x" * size)], 10.0, 0)
    found = [cache.find(key_of("m", str(number), {}), 0.0) for number in range(10)]
    pages = [page for entry in found if entry for page in entry]
    assert len(pages) == len(cache) <= 4 and sum(len(bytes(page)) for page in pages) <= 100


@given(st.integers(-(2**60), 2**60))
def test_times_are_never_negative_nor_without_end(milliseconds: int) -> None:
    result = ReadResourceResult(contents=[], ttl_ms=milliseconds)
    assert seconds_fresh([result]) == min(max(milliseconds, 0) / 1000, LONGEST)


def test_a_list_holds_as_long_as_the_shortest_of_its_pages() -> None:
    pages = [ListToolsResult(tools=[], ttl_ms=5000), ListToolsResult(tools=[], ttl_ms=2000)]
    assert seconds_fresh(pages) == 2.0
    assert seconds_fresh([*pages, ListToolsResult(tools=[])]) == 0.0
    assert seconds_fresh([]) == 0.0


def test_addresses_are_related_by_whole_segments() -> None:
    assert related("x://a", "x://a/b") and related("x://a/b", "x://a") and related("x://a#p", "x://a")
    assert not related("x://a", "x://ab") and not related("x://a/b", "x://a/c")


def test_what_holds_no_more_is_given_a_while_longer_if_it_is_asked_for_as_stale() -> None:
    """CACHE-12"""
    cache, key = Cache(stale=5.0), key_of("m", "", {})
    cache.keep(key, [raw("x")], 10.0, 0)
    assert cache.find(key, 9.0) and cache.find(key, 14.0, stale=True)
    assert cache.find(key, 14.0) is None
    assert cache.find(key, 15.0, stale=True) is None and len(cache) == 0
    usual = Cache()
    usual.keep(key, [raw("x")], 10.0, 0)
    assert usual.find(key, 9.0) and usual.find(key, 10.0, stale=True) is None
