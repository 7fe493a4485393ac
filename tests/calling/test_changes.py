"""Changes on their way from a server's notices to those who listen."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dragoman.calling.cache import Cache, key_of
from dragoman.calling.changes import MAX_WAITING, Change, Changes, Feed, everything, wants
from dragoman.errors import ClosedError
from dragoman.protocol.frames import read_frame
from dragoman.wire.subscriptions import Filter

ID = "io.modelcontextprotocol/subscriptionId"
TOOLS = "notifications/tools/list_changed"
UPDATED = "notifications/resources/updated"
RESOURCES = ("resources/list", "resources/templates/list")


def notice(method: str, **params: Any) -> Any:
    return read_frame(msgspec.json.encode({"jsonrpc": "2.0", "method": method, "params": params}))


def promised(**honoured: Any) -> Feed:
    feed = Feed(Filter(**honoured))
    feed.promise(feed.wanted)
    return feed


async def all_of(feed: Feed) -> list[Change]:
    feed.end()
    found = []
    while (change := await feed.next()) is not None:
        found.append(change)
    return found


async def test_the_id_of_a_subscription_is_compared_with_its_type() -> None:
    """SUB-04: 0 and "" are ids like any other."""
    changes = Changes(None)
    feeds: dict[Any, Feed] = {number: promised(tools_list_changed=True) for number in (0, 1, "1", "")}
    changes.numbered.update(feeds)
    for number in (0, "", "1", True, 2, [1], None):
        changes.hear(notice(TOOLS, _meta={ID: number}))
    assert [len(await all_of(feed)) for feed in feeds.values()] == [1, 0, 1, 1]


async def test_a_session_tells_those_who_want_it() -> None:
    """LEG-18, SUB-14"""
    changes = Changes(None)
    lists, resources = promised(tools_list_changed=True), promised(resource_subscriptions=["x://a"])
    changes.standing.update({lists: None, resources: None})
    changes.hear(notice(TOOLS))
    for uri in ("x://a", "x://a/part", "x://ab", "x://b"):
        changes.hear(notice(UPDATED, uri=uri))
    assert await all_of(lists) == [Change("tools")]
    assert await all_of(resources) == [Change("resource", "x://a"), Change("resource", "x://a/part")]


async def test_too_many_changes_become_all_that_was_asked_for() -> None:
    feed = promised(prompts_list_changed=True, resource_subscriptions=["x://a"])
    for number in range(MAX_WAITING + 1):
        feed.tell(Change("resource", f"x://a/{number}"))
    assert await all_of(feed) == [Change("prompts"), Change("resource", "x://a")]


async def test_what_waits_is_heard_before_the_fault() -> None:
    feed = promised(tools_list_changed=True)
    feed.tell(Change("tools"))
    feed.end(ClosedError("gone"))
    assert await feed.next() == Change("tools")
    with pytest.raises(ClosedError, match="gone"):
        await feed.next()


def test_other_notices_are_left_to_others_and_broken_ones_are_faults() -> None:
    changes = Changes(None)
    assert not changes.hear(notice("notifications/progress"))
    assert changes.hear(notice(TOOLS))
    with pytest.raises(msgspec.DecodeError):
        changes.hear(notice(UPDATED, uri=7))


@pytest.mark.parametrize(
    "method, params, kept",
    [
        (TOOLS, {}, ["prompts/list", "resources/read", *RESOURCES]),
        ("notifications/prompts/list_changed", {}, ["tools/list", "resources/read", *RESOURCES]),
        ("notifications/resources/list_changed", {}, ["tools/list", "prompts/list", "resources/read"]),
        (UPDATED, {"uri": "x://a"}, ["tools/list", "prompts/list", *RESOURCES]),
    ],
)
async def test_a_change_drops_what_it_is_about_whoever_listens(method: str, params: Any, kept: list[str]) -> None:
    """CACHE-09"""
    cache = Cache()
    keys = [
        key_of(name, "", {}) for name in ("tools/list", "resources/list", "resources/templates/list", "prompts/list")
    ]
    for key in [*keys, key_of("resources/read", "x://a", {})]:
        cache.keep(key, [msgspec.Raw(b"1")], 10.0, 0)
    Changes(cache).hear(notice(method, **params))
    left = [key[0] for key in [*keys, key_of("resources/read", "x://a", {})] if cache.find(key, 0.0)]
    assert sorted(left) == sorted(kept)


def test_a_filter_lets_through_what_it_names() -> None:
    one = Filter(tools_list_changed=True, prompts_list_changed=False, resource_subscriptions=["x://a"])
    assert everything(one) == [Change("tools"), Change("resource", "x://a")]
    assert wants(one, Change("tools")) and not wants(one, Change("prompts"))
    assert not wants(Filter(), Change("resource", "x://a"))
