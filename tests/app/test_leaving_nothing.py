"""Questions, listening, calls given up, clients closed in the middle: no task, thread, file or process stays."""

import asyncio

import pytest
from tests.app import sample
from tests.testing import offering

from dragoman import ClosedError
from dragoman.testing import Way, connected, no_leaks, ways


@pytest.mark.parametrize("way", ways(), ids=str)
async def test_a_call_that_is_given_up_leaves_nothing(way: Way) -> None:
    async with no_leaks(), asyncio.timeout(20), connected(sample.server, way) as client:
        begun = asyncio.Event()
        call = asyncio.create_task(client.call_tool("wait", {"seconds": 60}, on_progress=lambda _: begun.set()))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert (await client.call_tool("add", {"a": 1, "b": 2})).structured == {"result": 3}


@pytest.mark.parametrize("way", ways(), ids=str)
async def test_a_client_that_is_closed_in_the_middle_leaves_nothing(way: Way) -> None:
    async with no_leaks(), asyncio.timeout(20):
        async with connected(sample.server, way) as client:
            begun = asyncio.Event()
            call = asyncio.create_task(client.call_tool("wait", {"seconds": 60}, on_progress=lambda _: begun.set()))
            await begun.wait()
        with pytest.raises(ClosedError):
            await call


@pytest.mark.parametrize("way", ways(), ids=str)
async def test_asking_and_listening_leave_nothing(way: Way) -> None:
    async with no_leaks(), asyncio.timeout(20), connected(offering.server, way, on_elicit=lambda _: True) as client:
        async with client.listen():
            assert (await client.call_tool("agree")).text == "agreed: True"
        async with client.listen(prompts=False):
            pass
