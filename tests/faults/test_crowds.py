"""Thousands who do not read, who write byte by byte, who listen: others are served as if there were none of them.

Two servers run at once, one with the crowd and one without, and somebody calls both in turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest
from tests.faults.measure import MIB, PATIENCE, SLACK, Desk, beside, crowded, figure, grown, served, settles, share
from tests.faults.mob import mob, room
from tests.faults.test_slow import flooding
from tests.transport.raw_http import Ask, Place, Wire, call, modern

pytestmark = pytest.mark.skipif(SLACK > 1, reason="thousands of connections: in `make faults`; a few in test_slow")
STALLED, HEAD = 25.0, 10.0
LATE = 600.0  # nobody is refused here because the machine is busy
SLICE = 100  # calls, of which the slowest but one is the p99


def place(desk: Desk) -> Place:
    return Place(desk.port, None)  # type: ignore[arg-type]


def written(desk: Desk, ask: Ask) -> str:
    return ask.written(f"127.0.0.1:{desk.port}").decode("latin-1")


def wanted(short: int, whole: int) -> int:
    """Return how many clients there are; skips by name where a process may not have so many descriptors."""
    number = grown(short, whole)
    if not room(number):
        pytest.skip(f"a process may not have {number} descriptors here: see ulimit -n")
    return number


async def timed(wire: Wire, calls: int = SLICE) -> list[float]:
    """Return how long each of so many calls took."""
    took = []
    for _ in range(calls):
        begun = time.monotonic()
        assert (await wire.ask(call("add", a=1, b=2))).value == 3
        took.append(time.monotonic() - begun)
    return took


async def compared(fault: str, bad: Desk, good: Desk, until: float, most: float) -> None:
    """Call a server with a fault and one without in turns until then; keep how much longer the first takes."""
    slices = []
    async with place(bad).connected() as one, place(good).connected() as other:
        while time.monotonic() < until or len(slices) < 20:
            slices.append((await timed(one), await timed(other)))
    ratio = beside(slices)
    figure(fault, "p99 of others, times that of a server without them", ratio.p99, most)
    figure(fault, "median of others, times that of a server without them", ratio.p50, most)


async def test_a_thousand_who_do_not_read_hurt_nobody_and_are_cut_off() -> None:
    """F14"""
    # They have to be there before the first of them is cut off, and others measured before the last.
    number, stalled = wanted(50, 1000), STALLED * crowded()
    with (
        served(stalled_seconds=stalled, late_seconds=LATE, calls=number + 100, calls_in_all=number + 100) as desk,
        served() as other,
        contextlib.ExitStack() as stack,
    ):
        files, rss, meanwhile = desk.files, desk.rss, []
        unread = mob("unread", port=desk.port, number=number, ask=written(desk, flooding(100_000, 50_000)))
        coming = asyncio.ensure_future(asyncio.to_thread(stack.enter_context, unread))
        async with place(desk).connected() as wire:
            while not coming.done():
                meanwhile += await timed(wire, 10)
                await asyncio.sleep(0.01)
        begun, taken = time.monotonic(), desk.rss - rss
        await settles(lambda: desk.files >= files + number / 2)
        assert desk.files >= files + number / 2, "they were cut off before all had come"
        await compared("F14", desk, other, begun + 10, 1.2)
        await settles(lambda: desk.files <= files, stalled + PATIENCE)
        took, plateau = time.monotonic() - begun, desk.rss - rss
        assert coming.result().over() == {"refused": 0}
    figure("F14", "clients that do not read, at most", number)
    figure("F14", f"until the last of these was cut off, allowed {stalled:g} s", took, stalled + 5, "s")
    figure("F14", "memory of each of these", taken / number / MIB, 1.0, "MiB")
    figure("F14", "memory of each of these once they are gone", max(plateau, 0) / number / MIB, 1.0, "MiB")
    figure("F14", "median of others while these come and buffers fill", share(meanwhile, 0.5) * 1000, 50.0, "ms")
    figure("F14", "p99 of others while these come and buffers fill", share(meanwhile, 0.99) * 1000, None, "ms")


async def test_five_thousand_who_write_byte_by_byte_hurt_nobody_and_are_cut_off() -> None:
    """F15"""
    number, seconds = wanted(200, 5000), HEAD * crowded()
    head = "POST /mcp HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + "y" * 1000
    with served(head_seconds=seconds, late_seconds=LATE) as desk, served() as other:
        files = desk.files
        with mob("trickle", port=desk.port, number=number, ask=head, every=5.0) as crowd:
            # Connected by the system, they may still wait to be taken in.
            await settles(lambda: desk.files > files + number / 2)
            assert desk.files > files + number / 2, "they were cut off before all had come"
            await compared("F15", desk, other, time.monotonic() + HEAD / 2, 2.0)
            await settles(lambda: desk.files <= files, seconds + PATIENCE)
            told = crowd.over()
    assert len(told["ended"]) == number and set(told["said"]) <= {"HTTP/1.1 408 ", "HTTP/1.1 503 ", ""}
    figure("F15", "clients that write a byte every 5 s", number)
    figure("F15", f"until the last of these was cut off, allowed {seconds:g} s", max(told["ended"]), seconds + 5, "s")


async def test_ten_thousand_who_listen_hear_of_a_storm_in_time_and_calls_have_their_turns() -> None:
    """F26: a server that tells everybody of each change does nothing else for minutes."""
    number, storm = wanted(200, 10_000), grown(1000, 5000)
    ask = modern("subscriptions/listen", 1, notifications={"toolsListChanged": True})
    with served(listeners=number, late_seconds=LATE, calls=number + 100, calls_in_all=number + 100) as desk:
        rss = desk.rss
        with mob("listen", port=desk.port, number=number, ask=written(desk, ask)) as crowd:
            each = (desk.rss - rss) / number
            async with place(desk).connected() as wire, place(desk).connected() as changing:
                changing.write(call("change", times=storm))
                before, begun = (desk.processor, desk.waited, desk.rss), time.monotonic()
                changed = asyncio.ensure_future(changing.answer())
                meanwhile: list[float] = []
                while not changed.done():
                    meanwhile += await timed(wire, 10)
                took, spent, stood = (
                    time.monotonic() - begun,
                    desk.processor - before[0],
                    desk.waited - before[1],
                )
                told = await asyncio.to_thread(crowd.over, ended := changed.result().value)
            more = desk.rss - before[2]
    assert told["ended"] == 0 and min(told["last"]) > ended, "somebody did not hear of the end"
    # The part that the machine gave of the time in which the server could run. Beside other work a processor does
    # less in a second, too, so that so little is held only where there is hardly any.
    ours = spent / (spent + stood)
    allowed = 1.5 if ours > 0.9 else 5.0
    figure("F26", "who listened, at most", number)
    figure("F26", "of these refused at first, who came again", told["refused"])
    figure("F26", "changes, a second, told to these", storm / took)
    figure("F26", "told to each of these, at most", max(told["heard"]), storm / 4)
    figure(
        "F26", "from a change until one of these had heard of it, p99", share(told["gaps"], 0.99) * ours, allowed, "s"
    )
    figure("F26", "the same with what the machine did meanwhile", share(told["gaps"], 0.99), None, "s")
    figure("F26", "processor while these are told", spent / took * 100, 100.0, "%")
    figure("F26", "processor for telling one of these", spent / sum(told["heard"]) * 1000, None, "ms")
    figure("F26", "memory of each of these", each / 1024, 32.0, "KiB")
    figure("F26", "memory more for the storm", more / MIB, 64.0, "MiB")
    figure("F26", "median of others beside this", share(meanwhile, 0.5) * 1000, 50.0, "ms")
    figure("F26", "p99 of others beside this", share(meanwhile, 0.99) * 1000, None, "ms")
