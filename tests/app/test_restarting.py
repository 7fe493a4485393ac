"""Commands that die: what was under way fails, what comes next is answered by a fresh process, and nothing spins."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.app import asking_server, fragile
from tests.app.asking_server import POINTS
from tests.transport.test_process import alive

from dragoman import Client, ClosedError, ToolError
from dragoman.app.target import Options
from dragoman.calling import listening, revival
from dragoman.calling.changes import Change

eras = pytest.mark.parametrize("mode", ["auto", "legacy", "2025-03-26"])
# What comes after a start is the same for all who shake hands: two processes each, for the oldest, would tell no more.
kinds = pytest.mark.parametrize("mode", ["auto", "legacy"])
PATIENCE = 20.0


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revival, "SHORTEST", 0.01)
    monkeypatch.setattr(listening, "SHORTEST", 0.01)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def command(journal: Path, *how: str) -> list[str]:
    return [sys.executable, str(Path(fragile.__file__)), str(journal), *how]


def starts(journal: Path) -> int:
    return journal.read_text().split().count("start")


async def kill(client: Client) -> int:
    """Kill the server, and return which process it was when it is gone."""
    number = int(
        (await client.call_tool("pid")).value if client.version > "2025-06" else (await client.call_tool("pid")).text
    )
    os.kill(number, signal.SIGKILL)
    async with asyncio.timeout(PATIENCE):
        while alive(number):
            await asyncio.sleep(0.005)
    return number


@eras
async def test_after_a_kill_the_next_call_is_answered_by_a_fresh_process(mode: str, journal: Path) -> None:
    """STDIO-09"""
    async with Client(command(journal), mode=mode) as client:
        spoken = client.version
        killed = await kill(client)
        async with asyncio.timeout(PATIENCE):
            # It may take a moment until the client knows.
            with contextlib.suppress(ClosedError):
                await client.call_tool("change")
            assert int((await client.call_tool("pid")).text) != killed
        assert client.version == spoken
    assert starts(journal) == 2


@eras
async def test_what_was_under_way_fails_and_is_not_sent_again(mode: str, journal: Path) -> None:
    """STDIO-09, F06: nobody knows whether it ran, so it runs once."""
    async with Client(command(journal), mode=mode) as client, asyncio.timeout(PATIENCE):
        with pytest.raises(ClosedError, match="signal 9"):
            await client.call_tool("effect")
        assert (await client.read("fragile://one")).text == "one"
    assert journal.read_text().split() == ["start", "effect", "start", "one"]


async def test_what_may_run_twice_is_sent_again_under_a_new_id(journal: Path) -> None:
    """BASE-18"""
    async with Client(command(journal)) as client, asyncio.timeout(PATIENCE):
        # Nothing is known of a tool before it was listed.
        assert (await client.read("fragile://mortal")).text == "mortal"
        await client.list_tools()
        assert (await client.call_tool("steady")).text == "steady"
        assert (await client.call_tool("effect", {"once": True}, repeatable=True)).text == "effect"
        with pytest.raises(ClosedError):
            await client.call_tool("steady", {"once": False}, repeatable=False)
    words = journal.read_text().split()
    assert [words.count(name) for name in ("mortal", "steady", "effect")] == [2, 3, 2]


async def test_resending_is_bounded_and_can_be_turned_off(journal: Path) -> None:
    for number, runs in ((2, 3), (0, 1)):
        journal.unlink(missing_ok=True)
        async with Client(command(journal), options=Options(resends=number)) as client, asyncio.timeout(PATIENCE):
            await client.list_tools()
            with pytest.raises(ClosedError):
                await client.call_tool("steady", {"once": False})
        assert journal.read_text().split().count("steady") == runs


@kinds
async def test_calls_that_come_together_share_one_start(mode: str, journal: Path) -> None:
    async with Client(command(journal), mode=mode) as client, asyncio.timeout(PATIENCE):
        await kill(client)
        with contextlib.suppress(ClosedError):
            await client.call_tool("change")
        found = await asyncio.gather(*[client.call_tool("pid") for _ in range(10)])
        assert len({result.text for result in found}) == 1
    assert starts(journal) == 2


@kinds
async def test_a_server_that_crashes_at_once_is_started_a_few_times_and_then_left_alone(
    mode: str, journal: Path
) -> None:
    """F25"""
    async with Client(command(journal, "stillborn"), mode=mode) as client, asyncio.timeout(PATIENCE):
        await kill(client)
        with contextlib.suppress(ClosedError):
            await client.call_tool("change")
        for _ in range(3):
            with pytest.raises(ClosedError, match=r"again failed: (the command|it ended 3 times in a row)"):
                await client.call_tool("change")
    assert starts(journal) == 1 + 3


async def test_after_a_rest_one_more_start_is_tried(journal: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revival, "LONGEST", 0.0)
    options = Options(restarts=1)
    async with Client(command(journal, "stillborn"), options=options) as client, asyncio.timeout(PATIENCE):
        await kill(client)
        for _ in range(3):
            with pytest.raises(ClosedError):
                await client.call_tool("change")
    assert 3 <= starts(journal) <= 4


async def test_starting_again_can_be_turned_off(journal: Path) -> None:
    async with Client(command(journal), options=Options(restarts=0)) as client, asyncio.timeout(PATIENCE):
        await kill(client)
        for _ in range(2):
            with pytest.raises(ClosedError, match="signal 9"):
                await client.call_tool("change")
    assert starts(journal) == 1


async def test_one_who_waits_no_more_ends_no_start_and_closing_ends_it(journal: Path) -> None:
    client = Client(command(journal))
    await client.open()
    await kill(client)
    with contextlib.suppress(ClosedError):
        await client.call_tool("change")
    impatient = asyncio.create_task(client.call_tool("pid"))
    await asyncio.sleep(0)
    impatient.cancel()
    async with asyncio.timeout(PATIENCE):
        number = int((await client.call_tool("pid")).text)
        os.kill(number, signal.SIGKILL)
        with contextlib.suppress(ClosedError):
            await client.call_tool("change")
        waiting = asyncio.create_task(client.call_tool("pid"))
        await asyncio.sleep(0)
        await client.close()
        with pytest.raises(ClosedError):
            await waiting


@kinds
async def test_listening_goes_on_after_a_kill_and_tells_what_may_have_changed(mode: str, journal: Path) -> None:
    """SUB-11, STDIO-09"""
    async with (
        Client(command(journal), mode=mode) as client,
        client.listen(prompts=False, resources=False, uris=["fragile://one"]) as changes,
        asyncio.timeout(PATIENCE),
        contextlib.aclosing(aiter(changes)) as heard,
    ):
        await kill(client)
        # Nobody calls: whoever listens has it started again.
        both = {await anext(heard), await anext(heard)}
        assert both == {Change("tools"), Change("resource", "fragile://one")}
        await client.call_tool("change")
        assert {await anext(heard), await anext(heard)} == both
    assert starts(journal) == 2


@kinds
async def test_listening_to_what_is_not_started_again_ends_in_an_error(mode: str, journal: Path) -> None:
    options = Options(restarts=0)
    async with (
        Client(command(journal), mode=mode, options=options) as client,
        client.listen() as changes,
        asyncio.timeout(PATIENCE),
        contextlib.aclosing(aiter(changes)) as heard,
    ):
        await kill(client)
        with pytest.raises(ClosedError, match="ended"):
            await anext(heard)


def test_pauses_grow_are_uneven_and_bounded() -> None:
    for count in (1, 2, 5, 50, 10_000):
        found = {revival.pause(count) for _ in range(20)}
        assert len(found) > 1
        assert all(0 < one <= 1.5 * revival.LONGEST for one in found)
    assert max(revival.pause(1) for _ in range(20)) < min(revival.pause(4) for _ in range(20))


async def test_rests_after_starts_in_vain_grow_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """F25"""
    monkeypatch.setattr("random.uniform", lambda low, high: 1.0)
    now = asyncio.get_running_loop().time
    tried = 0

    async def start() -> None:
        nonlocal tried
        tried += 1
        raise ClosedError("it crashed")

    one = revival.Revival(start, 2)
    for number, rest in enumerate((5, 10, 20, 30, 30)):
        one._rests_until, before = 0.0, now()
        with pytest.raises(ClosedError, match="again failed: it crashed"):
            await one.again()
        assert one._rests_until - now() <= rest <= one._rests_until - before
        with pytest.raises(ClosedError, match=rf"it ended {number + 2} times in a row; the next start is in \d+ s"):
            await one.again()
        assert tried == one.vain == number + 2


# --- a charge between two questions -----------------------------------------------------------------------------

ANSWERS = {"Who?": "Ada", "Sure?": True}


@pytest.mark.parametrize("point", [point for point in POINTS if point != "never"])
@kinds
async def test_a_server_killed_between_two_questions_charges_once(mode: str, point: str, tmp_path: Path) -> None:
    """STDIO-09, BASE-18: what a step holds may be sent again; a session's call that was lost is only told."""
    effects = tmp_path / "effects"
    Path(f"{effects}.kill").touch()
    words = [sys.executable, str(Path(asking_server.__file__)), f"sqlite:///{tmp_path}/kept.db", str(effects), point]

    async with (
        Client([*words, "once"], mode=mode, on_elicit=lambda question: ANSWERS[question.message]) as client,
        asyncio.timeout(PATIENCE),
    ):
        if mode != "auto":
            with pytest.raises(ClosedError):
                await client.call_tool("buy", repeatable=True)
            happened = point in ("after the effect", "after the step")
        elif point in ("before the effect", "after the effect"):
            # Nobody but the bank can know: it was claimed, and never recorded.
            with pytest.raises(ToolError):
                await client.call_tool("buy", repeatable=True)
            happened = point == "after the effect"
        else:
            assert (await client.call_tool("buy", repeatable=True)).text == "Ada receipt True"
            happened = True
    assert (effects.read_text().count("charged") if effects.exists() else 0) == happened
    assert not Path(f"{effects}.kill").exists()
