"""Servers that die again and again, in one group with others."""

import asyncio
import sys
import time
from pathlib import Path

import pytest
from tests.app import fragile
from tests.faults.measure import PATIENCE, SLACK, beside, figure, served, share, times

from dragoman import ClientGroup, ClosedError

pytestmark = pytest.mark.skipif(SLACK > 1, reason="starts processes again and again: in `make faults`")
GOOD, FRAGILE = "good__add", "fragile__"


def command(journal: Path, *how: str) -> list[str]:
    return [sys.executable, str(Path(fragile.__file__)), str(journal), *how]


def starts(journal: Path) -> int:
    return journal.read_text().split().count("start")


async def test_a_server_that_dies_again_and_again_hurts_no_other_and_starts_no_more_often_than_it_dies(
    tmp_path: Path,
) -> None:
    """F25"""
    journal, deaths = tmp_path / "journal", times(2, 60)
    with served() as desk:
        servers = {"fragile": " ".join(command(journal)), "good": desk.url}
        async with ClientGroup(servers) as group, asyncio.timeout(PATIENCE + 2 * deaths):
            listed = {tool.name for tool in await group.tools()}

            async def add(seconds: float) -> list[float]:
                took, until = [], time.monotonic() + seconds
                while time.monotonic() < until:
                    begun = time.monotonic()
                    assert (await group.call_tool(GOOD, {"a": 1, "b": 2})).value == 3
                    took.append(time.monotonic() - begun)
                    await asyncio.sleep(0.002)
                return took

            await add(0.2)
            slices: list[tuple[list[float], list[float]]] = []
            for _ in range(deaths):
                adding = asyncio.create_task(add(0.5))
                died = False
                while not died:
                    try:
                        await group.call_tool(f"{FRAGILE}effect")
                    except ClosedError as error:
                        died = "again failed" not in str(error)
                during = await adding
                slices.append((during, await add(0.5)))
                assert {tool.name for tool in await group.tools()} == listed
            assert (await group.call_tool(f"{FRAGILE}pid")).value > 0
    figure("F25", "deaths", deaths)
    figure("F25", "starts, more than deaths and the first", max(starts(journal) - deaths - 1, 0), 0)
    during, between = ([one for each in slices for one in each[which]] for which in (0, 1))
    figure("F25", "p99 of another server's calls between deaths", share(between, 0.99) * 1000, None, "ms")
    figure("F25", "p99 of another server's calls meanwhile", share(during, 0.99) * 1000, 50.0, "ms")
    ratio = beside(slices)
    figure("F25", "median of these, times that between deaths", ratio.p50, 1.1)
    figure("F25", "p99 of these, times that between deaths", ratio.p99, 1.25)


async def test_a_server_that_cannot_start_is_left_alone(tmp_path: Path) -> None:
    """F25"""
    journal = tmp_path / "journal"
    calls = 0
    async with ClientGroup({"fragile": " ".join(command(journal, "stillborn"))}) as group, asyncio.timeout(PATIENCE):
        assert (await group.call_tool(f"{FRAGILE}pid")).value > 0
        until, told = time.monotonic() + times(1, 12) * 0.5, ""
        while time.monotonic() < until:
            try:
                await asyncio.wait_for(group.call_tool(f"{FRAGILE}effect"), 0.4)
            except (ClosedError, TimeoutError) as error:
                told, calls = str(error) or told, calls + 1
            await asyncio.sleep(0.01)
    assert told
    figure("F25", "calls to a server that cannot start", calls)
    figure("F25", "starts in vain", starts(journal) - 1, 3)
