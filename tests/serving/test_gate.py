"""A tool that lets few in at a time: the others wait in order, and those that are too many are told so."""

import asyncio

import pytest

from dragoman import Client, RegistrationError, Server, ToolError
from dragoman.serving.gate import Gate


async def test_no_more_run_at_a_time_than_the_tool_says() -> None:
    server, running, most = Server("few"), 0, 0
    go_on = asyncio.Event()

    @server.tool(concurrency=2, timeout=30)
    async def work() -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if most == 2:
            go_on.set()
        await go_on.wait()
        await asyncio.sleep(0)
        running -= 1
        return most

    async with Client(server) as client:
        await asyncio.gather(*[client.call_tool("work") for _ in range(8)])
    assert most == 2


async def test_plain_functions_wait_without_a_thread() -> None:
    server = Server("few")
    server.add_tool(lambda: "done", name="work", concurrency=1)
    async with Client(server) as client:
        results = await asyncio.gather(*[client.call_tool("work") for _ in range(5)])
    assert [result.text for result in results] == ["done"] * 5


async def test_one_more_than_may_wait_is_refused_and_gets_in_later() -> None:
    gate, leave = Gate("work", 1, waiting=1), asyncio.Event()

    async def hold() -> None:
        async with gate.turn():
            await leave.wait()

    inside, waiting = asyncio.ensure_future(hold()), asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    with pytest.raises(ToolError, match="work is busy: 1 calls run and 1 wait; try again later"):
        async with gate.turn():
            pass
    leave.set()
    await asyncio.gather(inside, waiting)
    async with gate.turn():
        pass


async def test_one_that_gives_up_waiting_leaves_its_place() -> None:
    gate, leave = Gate("work", 1, waiting=1), asyncio.Event()

    async def hold() -> None:
        async with gate.turn():
            await leave.wait()

    inside, waiting = asyncio.ensure_future(hold()), asyncio.ensure_future(hold())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    leave.set()
    async with gate.turn():
        assert inside.done()


@pytest.mark.parametrize("most", [0, -1, True, 1.5])
def test_a_number_that_lets_nobody_in_is_refused(most: object) -> None:
    server = Server("few")
    with pytest.raises(RegistrationError, match="1 or more"):
        server.add_tool(lambda: 1, name="one", concurrency=most)  # type: ignore[arg-type]
    server.add_tool(lambda: 1, name="one", concurrency=1)
