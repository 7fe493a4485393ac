"""An answer goes out in one write when it can, and arrives whole in either case."""

from __future__ import annotations

from typing import Any

import pytest
from tests.app.counting import served
from tests.transport.raw_http import Ask, call, listening

from dragoman.app.heads import timed

pytest.importorskip("httptools", reason="answers are written whole with the faster parser only")
WRITES: list[bytes] = []


class Counting:
    """A transport that remembers what is written to it."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        WRITES.append(bytes(data))
        self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def counted() -> Any:
    """Return the protocol of served connections, over counting transports."""
    base: Any = timed(10)

    class Counted(base):  # type: ignore[misc]
        def connection_made(self, transport: Any) -> None:
            super().connection_made(Counting(transport))

    WRITES.clear()
    return Counted


ADD = call("add", a=1, b=2)


async def test_an_answer_is_one_write_and_the_next_one_too() -> None:
    async with listening(served().asgi(), http=counted(), access_log=False) as place, place.connected() as wire:
        first, second = await wire.ask(ADD), await wire.ask(ADD)
    assert first.value == second.value == 3
    assert first.headers["content-type"] == "application/json" and "date" in first.headers
    assert [text[:15] for text in WRITES] == [b"HTTP/1.1 200 OK"] * 2
    assert all(text.endswith(b"}") for text in WRITES)


@pytest.mark.parametrize(
    ("ask", "status"),
    [
        (Ask(ADD.body, {**ADD.headers, "connection": "close"}), 200),
        (Ask(ADD.body, {**ADD.headers, "mcp-name": "other"}), 400),
        (Ask(ADD.body, {**ADD.headers, "accept": "text/event-stream"}), 200),
        (Ask(b"", {}, method="GET"), 400),
        (Ask(b"", {}, method="PUT"), 405),
    ],
    ids=["last on its connection", "refused", "as a stream", "no call", "no method"],
)
async def test_what_uvicorn_has_to_say_it_says(ask: Ask, status: int) -> None:
    async with listening(served().asgi(), http=counted(), access_log=False) as place:
        answer = await place.ask(ask)
        assert answer.status == status
        assert not any(text.startswith(b"HTTP/1.1 200 OK") and text.endswith(b"}") for text in WRITES)
        assert (await place.ask(ADD)).value == 3


async def test_several_requests_at_once_on_one_connection_are_answered_in_order() -> None:
    async with listening(served().asgi(), http=counted(), access_log=False) as place, place.connected() as wire:
        wire.write(b"".join(call("add", number, a=number, b=0).written(wire.host) for number in range(5)))
        assert [(await wire.answer()).value for _ in range(5)] == [0, 1, 2, 3, 4]
    assert len(WRITES) == 5


async def test_an_access_log_still_gets_its_line(capfd: pytest.CaptureFixture[str]) -> None:
    async with listening(served().asgi(), http=counted(), access_log=True, log_level="info") as place:
        assert (await place.ask(ADD)).value == 3
    assert '"POST /mcp HTTP/1.1" 200' in capfd.readouterr().out
