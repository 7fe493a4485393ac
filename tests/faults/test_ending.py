"""What the system does to a server: it is told to end under load, its clock jumps, it has no descriptor left."""

import asyncio
import contextlib
import resource
import signal
import socket
import time
from collections.abc import Iterator

import pytest
from tests.faults.crowd import Crowd
from tests.faults.measure import MIB, PATIENCE, SLACK, Desk, figure, served, settles, times
from tests.transport.raw_http import call

from dragoman import Client
from dragoman.errors import TransportError


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """A process for all of this; the last test ends it."""
    with served(killed=True, calls=5000) as desk:
        yield desk


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_clock_that_jumps_by_an_hour_ends_no_session_and_no_call(mode: str, desk: Desk) -> None:
    """F22"""

    async def answer(question: object) -> str:
        # In the middle of a call that waits for the user.
        desk.process.send_signal(signal.SIGUSR2 if forward else signal.SIGUSR1)
        return "Ada"

    async with Client(desk.url, mode=mode, on_elicit=answer, timeout=PATIENCE) as client:
        for forward in (False, True, True):
            napping = asyncio.create_task(client.call_tool("nap", {"name": "n", "seconds": 0.1}))
            before = (await client.call_tool("clock")).structured
            if mode == "modern":
                # What the client carries ends by the wall clock: replicas have no other in common.
                desk.process.send_signal(signal.SIGUSR2 if forward else signal.SIGUSR1)
            else:
                assert (await client.call_tool("ask")).text == "Ada"
            after = (await client.call_tool("clock")).structured
            assert before is not None and after is not None
            assert abs(abs(after["result"] - before["result"]) - 3600) < 60
            assert (await napping).text == "n"
            assert (await client.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}
    figure("F22", f"calls and sessions ended by three jumps of an hour, {mode}", 0)


@pytest.mark.skipif(SLACK > 1, reason="a process of its own: in `make faults`")
async def test_without_a_descriptor_left_it_does_not_spin_and_goes_on_when_there_are_some() -> None:
    """F23"""
    with served(before=["prlimit", "--nofile=48"], killed=True, head_seconds=30) as desk:
        async with Client(desk.url, mode="modern") as client:
            await client.call_tool("add", {"a": 1, "b": 2})
            held = [socket.create_connection(("127.0.0.1", desk.port)) for _ in range(80)]
            await settles(lambda: desk.files >= 44)
            processor, begun = desk.processor, time.monotonic()
            for _ in range(times(5, 100)):
                await asyncio.sleep(0.1)
                # Who is connected is served meanwhile, by a connection that is never idle for long: it could not be
                # replaced.
                assert (await client.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}
            spent = (desk.processor - processor) / (time.monotonic() - begun) * 100
            for each in held:
                each.close()
            begun, served_again = time.monotonic(), False
            while not served_again:
                # Who stands at the door until there is room is turned away.
                with contextlib.suppress(TransportError):
                    async with Client(desk.url, mode="legacy", timeout=PATIENCE) as other:
                        served_again = (await other.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}
                assert time.monotonic() - begun < PATIENCE
            figure("F23", "processor while no descriptor is left", spent, 50.0, "%")
            figure("F23", "until others are served again", time.monotonic() - begun, 5.0, "s")


@pytest.mark.skipif(SLACK > 1, reason="a process of its own: in `make faults`")
async def test_without_memory_calls_fail_and_the_server_goes_on() -> None:
    """F23: more is wanted than the system gives, in one piece and in many; what fails is that call, with an error."""
    number, added = times(16, 400), 0
    with served(killed=True, quiet=False, threads=16) as desk:
        async with Client(desk.url, mode="modern", timeout=PATIENCE) as client:
            await asyncio.gather(*[client.call_tool("block", {"seconds": 0.01}) for _ in range(16)])
            resource.prlimit(desk.process.pid, resource.RLIMIT_AS, (desk.space + 400 * MIB,) * 2)
            huge = await client.call_tool("hoard", {"megabytes": 4000, "seconds": 0}, raise_on_error=False)
            assert huge.is_error
            hoarding = [
                client.call_tool("hoard", {"megabytes": 150, "seconds": 0.2}, raise_on_error=False)
                for _ in range(number)
            ]
            hoarded = asyncio.gather(*hoarding)
            while not hoarded.done():
                assert (await client.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}
                added += 1
            failed = sum(result.is_error for result in await hoarded)
            assert 0 < failed < number
            assert (await client.call_tool("hoard", {"megabytes": 60, "seconds": 0})).structured is not None
            figure("F23", "calls that found no memory, and said so", failed + 1)
            figure("F23", "calls of others served meanwhile", added)


async def test_a_server_that_is_told_to_end_under_load_loses_no_call(desk: Desk) -> None:
    """F17: who was taken in is answered; who comes later finds no server, and can go to another one."""
    rate, before = times(60, 200), times(5, 50) / 10
    crowd = Crowd(desk.port, call("nap", name="n", seconds=0.2), PATIENCE)
    crowd.keep = False
    asking = asyncio.create_task(crowd.for_a_while(rate, before + 0.5))
    await asyncio.sleep(before)
    begun = time.monotonic()
    desk.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(desk.process.wait, PATIENCE)
    took = time.monotonic() - begun
    outcomes = await asking
    answered = sum(each.status == 200 for each in outcomes)
    later = [each.at - begun for each in outcomes if each.status == -2]
    figure("F17", "calls answered", answered)
    figure("F17", "calls broken off or left without an answer", sum(each.status in (-1, 0) for each in outcomes), 0)
    figure("F17", "until the process had ended, calls of 0.2 s under way", took, 11.0, "s")
    assert answered + len(later) == len(outcomes) and later and min(later) >= 0
