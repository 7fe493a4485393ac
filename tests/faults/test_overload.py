"""Ten times what a server can do: it goes on doing what it can, refuses the rest at once, and recovers."""

import asyncio
import time

import pytest
from tests.faults.crowd import Crowd, Outcome, good, refusals, rest, times_of
from tests.faults.measure import SLACK, figure, grown, served, share, times
from tests.transport.raw_http import Place, call

KEYS = 16  # callers, none of whom has too many calls under way
LEAST = 0.8 if SLACK == 1 else 0.25  # of the peak; beside other tests both are taken with a grain of salt


def typed(outcome: Outcome) -> bool:
    """Say whether a refusal tells what it is, when to come again, and that nothing was done."""
    said = b'"error":{"code":-32600,"message":' in outcome.body and b'"data":{"begun":false}' in outcome.body
    return outcome.headers["retry-after"] == "1" and said


async def test_at_ten_times_its_capacity_a_server_does_what_it_can_and_refuses_the_rest() -> None:
    """F16: plain functions, of which as many run at once as there are threads."""
    seconds, capacity = grown(10, 600) / 10, 40.0
    with served(keys=KEYS, threads=4, calls_in_all=40) as desk:
        crowd = Crowd(desk.port, call("block", seconds=0.1), 5.0, KEYS)
        begun = time.monotonic()
        peak = good(await crowd.for_a_while(capacity, min(seconds / 2, 10)), time.monotonic() - begun)
        begun = time.monotonic()
        outcomes = await crowd.for_a_while(capacity * 10, seconds)
        goodput, refused = good(outcomes, time.monotonic() - begun), refusals(outcomes)
        over = time.monotonic()
        while not (last := await crowd.for_a_while(10, 0.2)) or any(
            each.status != 200 or each.took > 0.1 * 2 * SLACK for each in last
        ):
            assert time.monotonic() - over < 60
        figure("F16", "recovery", time.monotonic() - over - 0.2, 5.0, "s")
        crowd.close()
    assert len(refused) > seconds * 100 / SLACK and all(map(typed, refused))
    assert rest(outcomes) == {}, "whoever is taken in is answered"
    figure("F16", "calls offered", len(outcomes))
    figure("F16", "goodput lost, of the peak", max(1 - goodput / peak, 0) * 100, (1 - LEAST) * 100, "%")
    figure("F16", "until a call was refused, median", share(times_of(refused), 0.5) * 1000, 10.0, "ms")
    figure("F16", "until a call was refused, p99", share(times_of(refused), 0.99) * 1000, None, "ms")


@pytest.mark.skipif(SLACK > 1, reason="takes 4 s; tests/app/test_backlog.py holds the same with a handful")
async def test_functions_that_hold_the_event_loop_are_not_run_for_who_has_given_up() -> None:
    """F16: a crowd on connections of its own, most of which wait in the system's queue until they are too old."""
    seconds = times(10, 150) / 10
    with served(keys=KEYS, late_seconds=0.5) as desk:
        crowd = Crowd(desk.port, call("burn", seconds=0.02), 4.0, KEYS)
        begun = time.monotonic()
        alone = 0
        while time.monotonic() - begun < seconds:
            await crowd.ask()
            alone += 1
        peak = alone / (time.monotonic() - begun)
        begun = time.monotonic()
        outcomes = await crowd.for_a_while(200, seconds)
        goodput = good(outcomes, time.monotonic() - begun)
        over = time.monotonic()
        async with Place(desk.port, None).connected() as wire:  # type: ignore[arg-type]
            key = {"authorization": f"Bearer key-{0:016}"}
            while (await wire.ask(call("add", headers=key, a=1, b=2))).status != 200:
                await asyncio.sleep(0.05)
                assert time.monotonic() - over < 60
        figure("F16", "recovery, where functions hold the loop", time.monotonic() - over, 5.0, "s")
        crowd.close()
    assert all(map(typed, refusals(outcomes)))
    figure("F16", "goodput lost where functions hold the loop", max(1 - goodput / peak, 0) * 100, None, "%")
    assert goodput > peak * LEAST / 2
