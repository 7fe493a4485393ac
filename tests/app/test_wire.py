"""What a wire does to calls: delay, of which a warm call has one round trip; and cuts, which lose answers."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.app import meddling
from tests.app.meddling import DELAY, between
from tests.app.reaching import COMMAND, over_http
from tests.app.sample import server as sample

from dragoman import Client, ClosedError, Context, DeadlineError, Server
from dragoman.transport import http_client

eras = pytest.mark.parametrize("mode", ["modern", "legacy"])


@eras
async def test_a_warm_call_over_http_costs_one_round_trip(mode: str) -> None:
    async with over_http(sample.asgi()) as url, between(url, DELAY) as (wire, near), Client(near, mode=mode) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        for _ in range(3):
            wire.turns.clear()
            opened, begun = wire.connections, time.monotonic()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).text == "3"
            assert time.monotonic() - begun >= 2 * DELAY
            assert (wire.turns, wire.connections) == (["c", "s"], opened)


@eras
async def test_a_warm_call_over_stdio_costs_one_round_trip(mode: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = [sys.executable, str(Path(meddling.__file__)), str(log), *COMMAND]
    async with Client(words, mode=mode) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        for _ in range(3):
            before, begun = log.read_text(), time.monotonic()
            assert (await client.call_tool("add", {"a": 1, "b": 2})).text == "3"
            assert time.monotonic() - begun >= 2 * DELAY
            assert log.read_text()[len(before) :] == "cs"


async def test_the_first_call_costs_no_more_than_the_agreement_and_itself() -> None:
    """With TLS and proxies aside: discovery is one round trip, a handshake two, and the call one."""
    for mode, turns in (("modern", 1 + 1), ("legacy", 2 + 1)):
        async with (
            over_http(sample.asgi()) as url,
            between(url, DELAY) as (wire, near),
            Client(near, mode=mode) as client,
        ):
            await client.call_tool("add", {"a": 1, "b": 2})
            assert wire.turns.count("s") == turns


@eras
async def test_one_slow_call_over_stdio_holds_up_no_other(mode: str) -> None:
    async with Client(COMMAND, mode=mode) as client:
        slow = asyncio.create_task(client.call_tool("wait", {"seconds": 30}))
        for _ in range(10):
            assert (await client.call_tool("add", {"a": 1, "b": 2}, timeout=10)).text == "3"
        assert not slow.done()
        slow.cancel()
        assert (await client.call_tool("add", {"a": 1, "b": 2}, timeout=10)).text == "3"


# --- cuts -------------------------------------------------------------------------------------------------------


def charging() -> tuple[Server, Counter[str]]:
    """Return a server, and how often each of its tools ran."""
    ran: Counter[str] = Counter()
    server = Server("shop")

    @server.tool
    async def charge(ctx: Context, quietly: bool) -> str:
        ran["charge"] += 1
        if not quietly:
            await ctx.progress(1, 2)
        return "charged"

    @server.tool(read_only=True)
    async def look(ctx: Context, quietly: bool) -> str:
        ran["look"] += 1
        if not quietly:
            await ctx.progress(1, 2)
        return "looked"

    return server, ran


@pytest.mark.parametrize("quietly", [True, False], ids=["json", "stream"])
@eras
async def test_a_cut_at_any_byte_loses_an_answer_and_never_repeats_a_charge(
    mode: str, quietly: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BASE-18, F06: what may not run twice is not sent again; nothing that was cut off passes for an answer."""
    monkeypatch.setattr(http_client, "RETRY", 0.01)
    server, ran = charging()
    chance = random.Random(f"{mode} {quietly}")
    arguments = {"quietly": quietly}
    ignored: dict[str, Any] = {} if quietly else {"on_progress": lambda progress: None}
    async with over_http(server.asgi()) as url, between(url) as (wire, near), Client(near, mode=mode) as client:
        await client.list_tools()
        before = wire.passed
        await client.call_tool("charge", arguments, **ignored)
        length = wire.passed - before
        lost = 0
        for position in sorted(chance.sample(range(1, length), 20)):
            ran.clear()
            wire.cut, wire.abruptly = position, chance.random() < 0.5
            try:
                async with asyncio.timeout(20):
                    result = await client.call_tool("charge", arguments, **ignored)
            except ClosedError:
                lost += 1
            else:
                assert result.text == "charged"
            assert ran["charge"] == 1
        if quietly:
            assert lost == 20
        else:
            # A stream of the handshake era is taken up again where it was cut, once it has said where that is.
            assert lost < 20 if mode == "legacy" else lost > 10


@pytest.mark.parametrize("quietly", [True, False], ids=["json", "stream"])
async def test_a_cut_at_any_byte_costs_what_only_reads_another_request(quietly: bool) -> None:
    """BASE-18"""
    server, ran = charging()
    chance = random.Random(f"{quietly}")
    arguments = {"quietly": quietly}
    ignored: dict[str, Any] = {} if quietly else {"on_progress": lambda progress: None}
    async with over_http(server.asgi()) as url, between(url) as (wire, near), Client(near, mode="modern") as client:
        await client.list_tools()
        before = wire.passed
        await client.call_tool("look", arguments, **ignored)
        length = wire.passed - before
        for position in sorted(chance.sample(range(1, length - 10), 10)):
            ran.clear()
            wire.cut, wire.abruptly = position, chance.random() < 0.5
            async with asyncio.timeout(20):
                assert (await client.call_tool("look", arguments, **ignored)).text == "looked"
            assert ran["look"] == 2


async def test_a_connection_that_only_goes_silent_ends_with_the_time_for_it() -> None:
    """F06: half open; nothing says that the other side is gone."""
    async with over_http(sample.asgi()) as url, between(url) as (wire, near), Client(near) as client:
        await client.call_tool("add", {"a": 1, "b": 2})
        wire.delay = 3600.0
        with pytest.raises(DeadlineError, match=r"took longer than 0\.1 s"):
            await client.call_tool("add", {"a": 1, "b": 2}, timeout=0.1)
        wire.delay = 0.0
        assert (await client.call_tool("add", {"a": 1, "b": 2})).text == "3"
