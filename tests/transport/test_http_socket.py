"""The endpoint on a real socket behind uvicorn, with both of its parsers: connections, lies about lengths, the end."""

import asyncio
import resource
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.transport.raw_http import Ask, Place, call, listening, until

from dragoman import Limits, Server


def a_server(**limits: Any) -> Server:
    server = Server("socket", limits=Limits(**limits))
    server.began = []  # type: ignore[attr-defined]

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def length(text: str) -> int:
        return len(text)

    @server.tool
    async def wait(seconds: float) -> str:
        server.began.append(seconds)  # type: ignore[attr-defined]
        await asyncio.sleep(seconds)
        return "waited"

    return server


@pytest.fixture(params=["httptools", "h11"])
async def place(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    async with listening(a_server().asgi(), http=request.param) as found:
        yield found


@pytest.fixture(params=["httptools", "h11"])
async def hasty(request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    """One at which a body has less time than many megabytes take on a busy machine."""
    async with listening(a_server(body_seconds=0.3).asgi(), http=request.param) as found:
        yield found


async def test_two_calls_share_a_connection(place: Place) -> None:
    async with place.connected() as wire:
        assert (await wire.ask(call("add", 1, a=1, b=2))).value == 3
        assert (await wire.ask(call("add", 2, a=3, b=4))).value == 7


async def test_pipelined_calls_are_answered_in_order(place: Place) -> None:
    async with place.connected() as wire:
        wire.write(b"".join(call("add", n, a=n, b=0).written(wire.host) for n in range(5)))
        assert [(await wire.answer()).json["id"] for _ in range(5)] == [0, 1, 2, 3, 4]


async def test_a_refusal_leaves_the_connection_usable(place: Place) -> None:
    async with place.connected() as wire:
        assert (await wire.ask(call("add", headers={"content-type": "text/plain"}, a=1, b=2))).status == 415
        assert (await wire.ask(Ask(b"{"))).status == 400
        assert (await wire.ask(call("add", a=1, b=2)._replace(path="/nothing"))).status == 404
        assert (await wire.ask(call("add", a=1, b=2))).value == 3


async def test_head_has_no_body(place: Place) -> None:
    async with place.connected() as wire:
        wire.write(Ask(method="HEAD"))
        assert (await wire.answer(bodiless=True)).status == 405
        assert (await wire.ask(call("add", a=1, b=2))).value == 3


async def test_a_receipt_says_that_it_is_empty(place: Place) -> None:
    note = Ask(b'{"jsonrpc":"2.0","method":"notifications/cancelled"}', {"mcp-protocol-version": "2026-07-28"})
    answer = await place.ask(note)
    assert (answer.status, answer.headers["content-length"]) == (202, "0")
    assert "transfer-encoding" not in answer.headers


async def test_a_chunked_body_is_read_to_its_end(place: Place) -> None:
    data = call("add", a=1, b=2)
    head = data._replace(body=b"", headers={**data.headers, "content-length": None, "transfer-encoding": "chunked"})
    async with place.connected() as wire:
        wire.write(head)
        for at in range(0, len(data.body), 100):
            piece = data.body[at : at + 100]
            wire.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        wire.write(b"0\r\n\r\n")
        assert (await wire.answer()).value == 3


async def test_a_body_that_stops_halfway_is_given_up_and_the_connection_closed(hasty: Place) -> None:
    data = call("add", a=1, b=2)
    for sent in (0, 10):
        async with hasty.connected() as wire:
            wire.write(data.written(wire.host)[: len(data.written(wire.host)) - len(data.body) + sent])
            answer = await wire.answer()
            assert (answer.status, answer.headers["connection"]) == (408, "close")
            assert await wire.closed()


async def test_a_length_that_lies_hurts_nobody_else(place: Place) -> None:
    data = call("add", a=1, b=2)
    async with place.connected() as wire:
        short = await wire.ask(data._replace(headers={**data.headers, "content-length": str(len(data.body) - 1)}))
        assert short.status == 400
    for lie in ("-5", "abc", "1, 2"):
        async with place.connected() as wire:
            wire.write(data._replace(headers={**data.headers, "content-length": lie}))
            assert (await wire.head())[0] == 400
    assert (await place.ask(data)).value == 3


async def test_a_large_body_is_refused_without_being_held(place: Place) -> None:
    ten = 10 * 1024 * 1024
    data = call("length", text="x" * ten)
    tracemalloc.start()
    try:
        # The test's own copy comes first, and counts for both.
        async with place.connected() as wire:
            wire.write(data._replace(body=b"", headers={**data.headers, "content-length": str(ten)}))
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(ten // 65536):
                wire.write(b"x" * 65536)
                await wire.writer.drain()
            assert (await wire.answer()).status == 413
            assert tracemalloc.get_traced_memory()[1] - before < 3_000_000
    finally:
        tracemalloc.stop()


async def test_a_large_chunked_body_is_refused_at_the_limit(place: Place) -> None:
    data = call("add")
    head = data._replace(body=b"", headers={**data.headers, "content-length": None, "transfer-encoding": "chunked"})
    async with place.connected() as wire:
        wire.write(head)
        for _ in range(80):
            wire.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
        assert (await wire.answer()).status == 413


async def test_four_megabytes_are_served(place: Place) -> None:
    size = 4 * 1024 * 1024 - len(call("length", text="").body)
    assert (await place.ask(call("length", text="x" * size))).value == size


async def test_a_client_that_leaves_while_sending_leaves_nothing_behind(place: Place) -> None:
    before = len(asyncio.all_tasks())
    for _ in range(20):
        async with place.connected() as wire:
            wire.write(call("add", a=1, b=2).written(wire.host)[:-10])
            await wire.writer.drain()
            wire.leave()
    await until(lambda: len(asyncio.all_tasks()) == before)


async def test_two_hundred_connections_at_once(place: Place) -> None:
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1000:
        pytest.skip("needs 400 descriptors")
    answers = await asyncio.gather(*(place.ask(call("add", n, a=n, b=1)) for n in range(200)))
    assert [answer.value for answer in answers] == list(range(1, 201))


async def test_a_running_call_is_finished_when_the_server_stops() -> None:
    server = a_server()
    async with listening(server.asgi(), timeout_graceful_shutdown=5) as place, place.connected() as wire:
        wire.write(call("wait", seconds=0.3))
        await until(lambda: server.began)
        place.server.should_exit = True
        assert (await wire.answer()).value == "waited"
        assert await wire.closed()


async def test_a_call_that_outlives_the_grace_is_told_that_the_server_stops() -> None:
    server = a_server()
    async with listening(server.asgi(), timeout_graceful_shutdown=1) as place, place.connected() as wire:
        wire.write(call("wait", seconds=60))
        await until(lambda: server.began)
        place.server.should_exit = True
        answer = await wire.answer()
        assert (answer.status, answer.code, answer.json["id"]) == (503, -32603, 1)
        assert "stopping" in answer.json["error"]["message"]
