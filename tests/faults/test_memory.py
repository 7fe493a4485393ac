"""What a server keeps for who is connected and does nothing: a bound for each connection, session and stream."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from tests.faults.measure import TIMES, Desk, figure, served, times
from tests.transport.raw_http import LEGACY, Ask, Place, Wire, hello, modern, old

KIB = 1024
MOST = {"connection": 24.0, "session": 8.0, "stream": 32.0}  # KiB


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with served(listeners=50_000) as desk:
        yield desk


@contextlib.asynccontextmanager
async def wires(desk: Desk, number: int) -> AsyncIterator[list[Wire]]:
    place = Place(desk.port, None)  # type: ignore[arg-type]
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(place.connected()) for _ in range(number)]


async def connection(wire: Wire) -> None:
    assert (await wire.ask(modern("tools/list"))).status == 200


async def stream(wire: Wire) -> None:
    wire.write(modern("subscriptions/listen", 1, notifications={"toolsListChanged": True}))
    assert (await wire.head())[0] == 200
    await wire.chunk()


async def session(wire: Wire) -> None:
    opened = await wire.ask(Ask(hello()))
    headers = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": LEGACY}
    assert (await wire.ask(Ask(old("notifications/initialized", None), headers))).status == 202


@pytest.mark.skipif(TIMES <= 1, reason="so few share pages with what was there: in `make faults`")
@pytest.mark.parametrize(("what", "begin"), [("connection", connection), ("session", session), ("stream", stream)])
async def test_who_is_connected_and_does_nothing_takes_little(
    what: str, begin: Callable[[Wire], Awaitable[None]], desk: Desk
) -> None:
    number = times(50, 2000)
    alone = what == "session"  # what a session takes beside the connection that opened it
    async with wires(desk, 1 if alone else number) as warm:
        for each in warm * number if alone else warm:
            await begin(each)
        before = desk.rss
        async with wires(desk, 0 if alone else number) as more:
            for each in warm * number if alone else more:
                await begin(each)
            taken = max(desk.rss - before, 0) / number / KIB
    figure("memory", f"each {what}", taken, MOST[what], "KiB")
