"""Questions under way to a client of the handshake era: sent, settled, taken back."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from dragoman.errors import LocalError, PeerError
from dragoman.protocol.frames import read_frame
from dragoman.transport.asks import MAX_ASKS, Asks, ask, settle


class Wire:
    """Keeps what is sent; a response can be sent back at once, before the sender goes on."""

    def __init__(self, asks: Asks, reply: bytes = b"") -> None:
        self.asks = asks
        self.reply = reply
        self.sent: list[dict[str, Any]] = []
        self.first = asyncio.Event()

    async def send(self, data: bytes) -> None:
        self.sent.append(json.loads(data))
        self.first.set()
        if self.reply:
            number = str(self.sent[-1]["id"]).encode()
            settle(self.asks, read_frame(self.reply.replace(b"ID", number)))


async def test_an_answer_that_is_faster_than_the_sender_is_not_lost() -> None:
    asks: Asks = {}
    wire = Wire(asks, b'{"jsonrpc":"2.0","id":ID,"result":{"roots":[]}}')
    assert bytes(await ask(asks, wire.send, "roots/list", {})) == b'{"roots":[]}'
    assert wire.sent[0] == {"jsonrpc": "2.0", "id": wire.sent[0]["id"], "method": "roots/list", "params": {}}
    assert asks == {}


@pytest.mark.parametrize(
    "error, code, message",
    [
        (b'{"code":-1,"message":"no"}', -1, "no"),
        (b'{"code":"x"}', 0, "the client answered with an error that is not one"),
        (b'"no"', 0, "the client answered with an error that is not one"),
    ],
)
async def test_an_error_of_the_client_is_raised_as_its_own(error: bytes, code: int, message: str) -> None:
    asks: Asks = {}
    wire = Wire(asks, b'{"jsonrpc":"2.0","id":ID,"error":' + error + b"}")
    with pytest.raises(PeerError) as caught:
        await ask(asks, wire.send, "roots/list", {})
    assert (caught.value.code, caught.value.message) == (code, message)


async def test_a_question_that_nobody_waits_for_is_taken_back() -> None:
    """LEG-19"""
    asks: Asks = {}
    wire = Wire(asks)
    task = asyncio.create_task(ask(asks, wire.send, "roots/list", {}))
    await wire.first.wait()
    number = wire.sent[0]["id"]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wire.sent[1] == {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": number},
    }
    assert asks == {}
    late = read_frame(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % number)
    assert settle(asks, late) is False


async def test_a_cancellation_stays_one_though_the_client_is_gone() -> None:
    asks: Asks = {}
    gone = asyncio.Event()

    async def send(data: bytes) -> None:
        if gone.is_set():
            raise ConnectionResetError
        gone.set()

    task = asyncio.create_task(ask(asks, send, "roots/list", {}))
    await gone.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_answers_that_nobody_asked_for_are_not_taken() -> None:
    asks: Asks = {}
    wire = Wire(asks)
    task = asyncio.create_task(ask(asks, wire.send, "roots/list", {}))
    await wire.first.wait()
    number = wire.sent[0]["id"]
    strange = [b'"%d"' % number, b"%d" % (number + 1)]
    for text in strange:
        assert settle(asks, read_frame(b'{"jsonrpc":"2.0","id":%s,"result":{}}' % text)) is False
    assert settle(asks, read_frame(b'{"jsonrpc":"2.0","id":%d,"result":{}}' % number)) is True
    assert settle(asks, read_frame(b'{"jsonrpc":"2.0","id":%d,"result":{"roots":1}}' % number)) is False
    assert await task == msgspec.Raw(b"{}")


async def test_questions_to_one_client_are_bounded() -> None:
    loop = asyncio.get_running_loop()
    asks: Asks = {f"open {number}": loop.create_future() for number in range(MAX_ASKS)}
    wire = Wire(asks, b'{"jsonrpc":"2.0","id":ID,"result":{}}')
    with pytest.raises(LocalError, match="64 questions to this client are unanswered"):
        await ask(asks, wire.send, "roots/list", {})
    asks.popitem()
    assert await ask(asks, wire.send, "roots/list", {}) == msgspec.Raw(b"{}")
