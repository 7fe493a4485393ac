"""Keys of an issuer: at most one fetch in half a minute for unknown ones, blocking nobody; kept while it is down."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from tests.auth.issuing import EC_KEY, OTHER_KEY, RSA_KEY, jwk
from tests.faults.measure import figure, times

from dragoman.auth.issuer_keys import FRESH, PAUSE, RETRY, STALE, IssuerKeys
from dragoman.errors import TransportError


class Source:
    """Where keys come from, with a clock of its own."""

    def __init__(self, *kids: str) -> None:
        self.now = 1000.0
        self.loads = 0
        self.down = False
        self.held: asyncio.Event | None = None
        self.show(*kids)
        self.keys = IssuerKeys(self.load, lambda: self.now)

    def show(self, *kids: str) -> None:
        self.document = {"keys": [jwk(RSA_KEY, kid) for kid in kids]}

    async def load(self) -> dict[str, Any]:
        self.loads += 1
        if self.held is not None:
            await self.held.wait()
        if self.down:
            raise TransportError("it is down")
        return self.document

    async def finds(self, kid: str, algorithm: str = "RS256") -> list[str]:
        return [key.kid for key in await self.keys.find(kid, algorithm)]


async def settled(source: Source) -> None:
    """Wait until a fetch in the background has ended."""
    while source.keys._running() is not None:
        await asyncio.sleep(0)


async def test_keys_are_fetched_once_and_kept() -> None:
    source = Source("a", "b")
    assert await source.finds("a") == ["a"]
    assert await source.finds("b") == ["b"]
    assert sorted(await source.finds("")) == ["a", "b"]
    assert await source.finds("a", "ES256") == []
    assert source.loads == 1


async def test_an_unknown_key_is_fetched_for_once_in_half_a_minute() -> None:
    """F24"""
    source, number = Source("a"), times(100, 10_000)
    assert await source.finds("a") == ["a"]
    source.show("a", "new")
    for _ in range(number):
        assert await source.finds("new") == []
    assert source.loads == 1
    figure("F24", "tokens with unknown keys in half a minute", number)
    figure("F24", "fetches for them, after the first", source.loads - 1, 1)
    source.now += PAUSE
    assert await source.finds("new") == ["new"]
    assert source.loads == 2
    for kid in ("x", "y", "z"):
        assert await source.finds(kid) == []
    assert source.loads == 2


async def test_a_hundred_requests_wait_for_one_fetch() -> None:
    source = Source("a")
    assert await asyncio.gather(*(source.finds("a") for _ in range(100))) == [["a"]] * 100
    assert source.loads == 1


async def test_known_keys_wait_for_no_fetch() -> None:
    """F24"""
    source = Source("a")
    await source.finds("a")
    source.now += FRESH + 1
    source.held = asyncio.Event()
    waiting = asyncio.create_task(source.finds("unknown"))
    await asyncio.sleep(0)
    begun = time.monotonic()
    async with asyncio.timeout(1):
        for _ in range(100):
            assert await source.finds("a") == ["a"]
    assert not waiting.done()
    figure("F24", "a known key, while a fetch takes for ever", (time.monotonic() - begun) * 10, 1.0, "ms")
    source.held.set()
    assert await waiting == []


async def test_one_who_gives_up_waiting_leaves_the_fetch_to_the_others() -> None:
    source = Source("a")
    source.held = asyncio.Event()
    first, second = asyncio.create_task(source.finds("a")), asyncio.create_task(source.finds("a"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    source.held.set()
    assert await second == ["a"] and source.loads == 1


async def test_keys_serve_while_their_issuer_is_down_and_not_for_ever() -> None:
    source = Source("a")
    await source.finds("a")
    source.down = True
    source.now += FRESH + 1
    assert await source.finds("a") == ["a"]
    await settled(source)
    assert source.loads == 2
    figure("F24", "keys serve while their issuer is down, for", STALE / 3600, None, "h")
    source.now += STALE
    with pytest.raises(TransportError, match="it is down"):
        await source.finds("a")


async def test_a_key_that_was_withdrawn_is_gone_after_the_next_fetch() -> None:
    source = Source("a", "b")
    await source.finds("a")
    source.show("b")
    source.now += FRESH + 1
    assert await source.finds("a") == ["a"]
    await settled(source)
    assert await source.finds("a") == []
    assert await source.finds("b") == ["b"]


async def test_an_issuer_that_never_answered_is_asked_again_soon() -> None:
    source = Source("a")
    source.down = True
    for _ in range(5):
        with pytest.raises(TransportError, match="down"):
            await source.finds("a")
    assert source.loads == 1
    source.down = False
    source.now += RETRY
    assert await source.finds("a") == ["a"]


async def test_closing_ends_a_fetch_under_way() -> None:
    source = Source("a")
    source.held = asyncio.Event()
    waiting = asyncio.create_task(source.finds("a"))
    await asyncio.sleep(0)
    await source.keys.close()
    await asyncio.gather(waiting, return_exceptions=True)
    assert waiting.done() and source.keys._running() is None


async def test_two_keys_of_one_id_are_both_tried() -> None:
    source = Source()
    source.document = {"keys": [jwk(OTHER_KEY, "a"), jwk(RSA_KEY, "a"), jwk(EC_KEY, "a")]}
    assert await source.finds("a") == ["a", "a"]
    assert await source.finds("a", "ES256") == ["a"]
