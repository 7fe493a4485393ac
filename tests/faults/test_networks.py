"""A killed server, a silent network, answers that are cut off: a typed error in time, and no second run."""

import asyncio
import random
import time
from collections.abc import Iterator

import pytest
from tests.faults.measure import PATIENCE, SLACK, Desk, figure, served, share, times
from tests.faults.meddler import MEDDLED

from dragoman import Client
from dragoman.errors import DeadlineError, TransportError
from dragoman.testing import Faults, faulty


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A process for all of this; the last test kills it."""
    with served(killed=True) as desk:
        yield desk


async def test_in_silence_a_call_ends_at_its_deadline_and_the_next_works(desk: Desk) -> None:
    """F05: nothing comes through, and nobody says so."""
    deadline = 0.3

    async def silent(mode: str) -> list[float]:
        late = []
        async with faulty(desk.url) as proxy, Client(proxy.url, mode=mode, timeout=PATIENCE) as client:
            await client.call_tool("add", {"a": 1, "b": 2})
            for up, down in ((True, False), (False, True)):
                proxy.inject(up=Faults(blackhole=up), down=Faults(blackhole=down))
                begun = time.monotonic()
                with pytest.raises(DeadlineError):
                    await client.call_tool("add", {"a": 1, "b": 2}, timeout=deadline)
                late.append(time.monotonic() - begun - deadline)
                proxy.heal()
                again = await client.call_tool("add", {"a": 1, "b": 2})
                assert again.structured == {"result": 3}
        return late

    late = [each for some in await asyncio.gather(silent("modern"), silent("legacy")) for each in some]
    assert min(late) >= -0.01
    figure("F05", "later than the deadline of 300 ms", max(late) * 1000, 30.0 if SLACK == 1 else 100.0, "ms")


async def test_an_answer_that_is_cut_off_anywhere_is_an_error_and_the_call_runs_once(desk: Desk) -> None:
    """F06: no silent success, and what must not run twice is not sent again."""
    number, dice = times(20, 1000), random.Random(6)
    async with faulty(desk.url, seed=6) as proxy:

        async def charge(name: str, part: float = 1.0, reset: bool = False) -> int:
            """Charge over a connection that is cut after `part` of the answer, and return how long that is."""
            proxy.heal()
            async with Client(proxy.url, mode="modern", timeout=PATIENCE) as client:
                await client.call_tool("add", {"a": 1, "b": 2})
                before, size = proxy.passed["down"], sizes[0] if sizes else 0
                end = sum(greeting) + max(int(size * part), 1) if greeting else None
                proxy.inject(down=Faults(reset_after=end) if reset else Faults(truncate_after=end))
                result = await client.call_tool("charge", {"name": name}, on_progress=lambda progress: None)
                assert result.text == f"charged {name}"
                if not greeting:
                    greeting.append(before)
                return proxy.passed["down"] - before

        sizes: list[int] = []
        greeting: list[int] = []
        sizes.append(await charge("whole"))
        cut = 0
        for at in range(number):
            try:
                await charge(f"{at}", dice.uniform(0, 0.99), bool(at % 2))
            except TransportError:
                cut += 1
        assert cut > number * 0.9, "few were cut: the rest went over another connection than the counted one"
        proxy.heal()
        async with Client(proxy.url, mode="modern") as client:
            charges = (await client.call_tool("charges")).structured
    assert charges is not None and len(charges) == number + 1
    figure("F06", "answers cut off", cut)
    figure("F06", "calls that ran twice", sum(each - 1 for each in charges.values()), 0)


@pytest.mark.parametrize("mode", ["modern", "legacy"][: 1 if SLACK > 1 else 2])
async def test_answers_that_come_twice_late_in_any_order_or_to_nobody_harm_no_call(mode: str) -> None:
    """F27: over stdio, where all share one stream."""
    number = times(50, 20_000)
    async with Client([*MEDDLED, "27"], mode=mode) as client:
        took = []

        async def add(at: int) -> None:
            begun = time.monotonic()
            assert (await client.call_tool("add", {"a": at, "b": at})).structured == {"result": 2 * at}
            took.append(time.monotonic() - begun)

        for first in range(0, number, 50):
            await asyncio.gather(*(add(at) for at in range(first, first + 50)))
        # One that comes when nobody waits any more, under an id that was ours.
        with pytest.raises(DeadlineError):
            await client.call_tool("nap", {"name": "late", "seconds": 0.2}, timeout=0.05)
        await asyncio.sleep(0.3)
        await add(1)
    figure("F27", f"calls among strange answers, {mode}", len(took))
    figure("F27", f"p99, {mode}", share(took, 0.99) * 1000, None, "ms")


async def test_a_server_that_is_killed_in_the_middle_of_a_call_is_told_at_once(desk: Desk) -> None:
    """F04"""
    async with Client(desk.url, mode="modern") as new, Client(desk.url, mode="legacy") as old:

        async def told(client: Client) -> float:
            with pytest.raises(TransportError):
                await client.call_tool("nap", {"name": client.version, "seconds": 60})
            return time.monotonic()

        asking = [asyncio.create_task(told(client)) for client in (new, old)]
        while len(((await new.call_tool("noted")).structured or {})["began"]) < 2:
            await asyncio.sleep(0.01)
        desk.process.kill()
        begun = time.monotonic()
        async with asyncio.timeout(PATIENCE):
            figure("F04", "until the clients were told", max(await asyncio.gather(*asking)) - begun, 1.0, "s")
        for client in (new, old):
            with pytest.raises(TransportError):
                await client.call_tool("add", {"a": 1, "b": 2})
