"""Many clients write head and body apart: a known head waits for its body, and the two are what they are together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.app.counting import served
from tests.transport.raw_http import Ask, Place, Wire, call, listening, until

from dragoman.app import repeated
from dragoman.app.heads import timed

pytest.importorskip("httptools", reason="heads are known again with the faster parser only")
PARSED: list[bytes] = []
HEARD: list[Any] = []
ADD = call("add", a=1, b=2)
LONG = 3600.0  # seconds, of which no test takes that many


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads wait for their bodies for as long as the machine needs."""
    PARSED.clear()
    HEARD.clear()
    monkeypatch.setattr(repeated, "HELD", LONG)


def place(**limits: Any) -> Any:
    base: Any = timed(10)

    class Spied(base):  # type: ignore[misc]
        def on_url(self, url: bytes) -> None:
            PARSED.append(url)
            super().on_url(url)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            HEARD.append(self)

    return listening(served(**limits).asgi(), http=Spied, access_log=False)


async def sent(wire: Wire, *pieces: bytes) -> None:
    """Send what the server is to read piece by piece."""
    for piece in pieces:
        heard = len(HEARD)
        wire.write(piece)
        await until(lambda heard=heard: len(HEARD) > heard, "the piece to be read")


def apart(wire: Wire, ask: Ask) -> tuple[bytes, bytes]:
    data = ask.written(wire.host)
    return data[: len(data) - len(ask.body)], ask.body


def connections(here: Place) -> list[Any]:
    return [*here.server.server_state.connections]


def waiting(here: Place) -> int:
    """Return how many connections hold a head."""
    return sum(connection._repeats.holds for connection in connections(here))


async def test_head_and_body_that_always_come_apart_are_parsed_once() -> None:
    async with place() as here, here.connected() as wire:
        for number in range(6):
            head, body = apart(wire, call("add", headers={"x-id": f"id {number}"}, a=number, b=1))
            await sent(wire, head)
            assert waiting(here) == (number > 0)
            await sent(wire, body)
            assert (await wire.answer()).value == number + 1
    assert len(PARSED) == 1


async def test_what_was_learned_together_is_known_apart_and_what_was_apart_together() -> None:
    async with place() as here:
        for together in (True, False) * 2:
            async with here.connected() as wire:
                await sent(wire, *([ADD.written(wire.host)] if together else apart(wire, ADD)))
                assert (await wire.answer()).value == 3
    assert len(PARSED) == 1


async def test_credentials_and_heads_that_come_again_to_the_byte_are_known_apart() -> None:
    for headers in ({}, {"authorization": "Bearer one"}):
        PARSED.clear()
        async with place() as here, here.connected() as wire:
            ask = call("add", headers=headers, a=1, b=2)
            for _ in range(5):
                await sent(wire, *apart(wire, ask))
                assert (await wire.answer()).value == 3
        assert len(PARSED) == 1


@pytest.mark.parametrize("cuts", [(0, 5), (0, 5, 9), (1, 2), (40, 60)])
async def test_a_body_in_pieces_is_the_parsers_and_is_what_it_is(cuts: tuple[int, ...]) -> None:
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        for _ in range(2):
            head, body = apart(wire, ADD)
            pieces = [body[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True) if a != b]
            await sent(wire, head, *pieces)
            assert (await wire.answer()).value == 3
            assert (await wire.ask(ADD)).value == 3
    assert len(PARSED) == 3


async def test_more_than_the_body_is_the_next_request() -> None:
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        head, body = apart(wire, ADD)
        await sent(wire, head, body + head + body + head, body)
        assert [(await wire.answer()).value for _ in range(3)] == [3, 3, 3]
        assert (await wire.ask(ADD)).value == 3


async def test_a_head_whose_body_is_late_goes_to_the_parser_and_is_answered_when_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repeated, "HELD", 0.02)
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        head, body = apart(wire, ADD)
        await sent(wire, head)
        await until(lambda: len(PARSED) == 2, "the parser to have the head")
        assert waiting(here) == 0
        await sent(wire, body)
        assert (await wire.answer()).value == 3
        assert (await wire.ask(ADD)).value == 3
    assert len(PARSED) == 2


async def test_who_leaves_after_a_head_leaves_nothing() -> None:
    async with place() as here:
        async with here.connected() as wire:
            assert (await wire.ask(ADD)).value == 3
            await sent(wire, apart(wire, ADD)[0])
            (connection,) = connections(here)
            assert waiting(here) == 1 and connection._repeats._timer is not None
        await until(lambda: not connections(here), "the connection to be over")
        assert not connection._repeats.holds and connection._repeats._timer is None


async def test_a_head_waits_for_its_body_when_the_server_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        head, body = apart(wire, ADD)
        await sent(wire, head)
        (connection,) = connections(here)
        connection.ending = True
        # What a server that stops does with connections on which nobody asks, when their moment is over.
        connection._leave()
        await asyncio.sleep(0)
        await sent(wire, body)
        answer = await wire.answer()
        assert answer.value == 3 and answer.headers["connection"] == "close"
        assert await wire.closed()


async def test_a_connection_on_which_nobody_asks_is_left_when_the_server_stops() -> None:
    async with place() as here, here.connected() as wire:
        assert (await wire.ask(ADD)).value == 3
        (connection,) = connections(here)
        connection.ending = True
        connection._leave()
        assert await wire.closed()


async def test_a_body_that_is_too_large_is_refused_after_a_known_head() -> None:
    async with place(body=1000) as here, here.connected() as wire:
        for size, status in ((1, 200), (10, 200), (2000, 413)):
            await sent(wire, *apart(wire, call("add", a=1, b=2, c="x" * size)))
            assert (await wire.answer()).status == status


async def test_heads_of_long_bodies_are_not_held() -> None:
    async with place(body=10**6) as here, here.connected() as wire:
        for size in (1, 10, repeated.LONGEST_HELD):
            head, body = apart(wire, call("add", a=1, b=2, c="x" * size))
            await sent(wire, head)
            assert waiting(here) == (size == 10)
            wire.write(body)
            assert (await wire.answer()).status == 200
