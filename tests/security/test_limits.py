"""Every limit is on by default, said in the documentation, and does what it says once it is set.

Those with tests of their own: bodies and their time (transport/test_http_socket.py), heads (app/test_heads.py), lines
and depth (transport/test_serve_stdio.py, protocol/test_depth.py), slow readers (transport/test_sse_server.py,
transport/test_http_door.py), calls of one caller (test_calls_of_one_caller.py), tasks (serving/test_tasks.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import threading
from pathlib import Path

import msgspec
import pytest
from tests.transport.raw_http import Ask, call, hello, in_process, listening, modern, old

from dragoman import Limits, Server
from dragoman.transport.serve_stdio import StdioServer

PAGE = Path(__file__).parent.parent.parent / "docs" / "limits.md"
UNITS = {"KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def documented() -> dict[str, float]:
    """Return name and default of each limit in the table of docs/limits.md."""
    found: dict[str, float] = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", cells[0]) if line.startswith("| `") else []
        values = [value.strip() for value in re.split(r", (?=\d)", cells[1])] if names else []
        assert len(names) == len(values), line
        for name, value in zip(names, values, strict=True):
            number, _, unit = value.partition(" ")
            found[name] = float(number.replace(",", "")) * UNITS.get(unit, 1)
    return found


def test_the_documentation_names_every_limit_with_its_default() -> None:
    defaults = {field.encode_name: float(field.default) for field in msgspec.structs.fields(Limits)}
    assert documented() == defaults
    assert all(value > 0 for value in defaults.values())  # none is off


def plain(**limits: float) -> Server:
    server = Server("limited", limits=Limits(**limits))  # type: ignore[arg-type]

    @server.tool
    def add(a: int, b: int) -> int:
        return a + b

    return server


async def test_a_body_over_the_limit_is_refused_and_one_at_it_served() -> None:
    app = plain(body=1000).asgi()
    ask = call("add", a=1, b=2)
    padded = ask._replace(body=ask.body[:-1] + b" " * (1000 - len(ask.body)) + b"}")
    assert len(padded.body) == 1000 and (await in_process(app, padded)).value == 3
    assert (await in_process(app, padded._replace(body=padded.body[:-1] + b" }"))).status == 413


async def test_a_line_over_the_limit_ends_the_server_and_one_at_it_is_served() -> None:
    line = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}).encode()
    for size, fine in ((200, True), (201, False)):
        requests, requesting = os.pipe()
        answering, answers = os.pipe()
        os.write(requesting, line[:-1] + b" " * (size - len(line)) + b"}\n")
        os.close(requesting)
        async with asyncio.timeout(10):
            await StdioServer(plain(line=200).service, lambda caller: None).serve(requests, answers)
        for end in (requests, answers):
            try:
                os.close(end)
            except OSError:
                pass  # it was closed with the server
        with os.fdopen(answering, "rb") as opened:
            answer = json.loads(opened.readline())
        assert (answer.get("error", {}).get("code") == -32700) is not fine


async def test_sessions_over_the_limit_are_refused_while_those_there_are_busy() -> None:
    server, gate, began = Server("busy", limits=Limits(sessions=1)), asyncio.Event(), asyncio.Event()

    @server.tool
    async def wait() -> str:
        began.set()
        await gate.wait()
        return "waited"

    app = server.asgi()
    first = await in_process(app, Ask(hello()))
    named = {"mcp-session-id": first.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    busy = asyncio.ensure_future(in_process(app, Ask(old("tools/call", 2, name="wait", arguments={}), named)))
    await began.wait()
    refused = await in_process(app, Ask(hello()))
    assert refused.status == 503 and "mcp-session-id" not in refused.headers
    gate.set()
    assert (await busy).value == "waited"
    # One that nobody uses makes room for the next.
    assert (await in_process(app, Ask(hello()))).status == 200
    assert (await in_process(app, Ask(old("ping", 2), named))).status == 404


async def test_listeners_over_the_limit_are_refused_before_a_stream_opens() -> None:
    server = plain(listeners=1)
    ask = modern("subscriptions/listen", notifications={"toolsListChanged": True})
    async with listening(server.asgi()) as place, place.connected() as wire:
        wire.write(ask)
        assert (await wire.head())[0] == 200
        refused = await place.ask(ask._replace(body=ask.body.replace(b'"id":1', b'"id":2')))
        assert "error" in refused.json and refused.headers["content-type"] == "application/json"
        assert (await place.ask(call("add", a=1, b=2))).value == 3
        wire.leave()
        async with asyncio.timeout(10):
            while True:
                async with place.connected() as again:
                    again.write(ask)
                    if (await again.head())[1]["content-type"] == "text/event-stream":
                        break
                await asyncio.sleep(0.01)


async def test_plain_functions_over_the_limit_wait_their_turn() -> None:
    server = Server("busy", limits=Limits(threads=1))
    gate, running, most = threading.Event(), [0], [0]
    lock = threading.Lock()

    @server.tool
    def wait() -> str:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        assert gate.wait(10)
        with lock:
            running[0] -= 1
        return "waited"

    app = server.asgi()
    asked = [asyncio.ensure_future(in_process(app, call("wait"))) for _ in range(3)]
    await asyncio.sleep(0.05)
    gate.set()
    assert [answer.value for answer in await asyncio.gather(*asked)] == ["waited"] * 3
    assert most == [1]


@pytest.mark.parametrize("depth", [64, 65])
async def test_messages_may_be_so_deep_and_no_deeper(depth: int) -> None:
    server = Server("deep")

    @server.tool
    def take(value: list[object]) -> str:
        return "taken"

    # params, arguments and the value itself are three levels, the message is the first.
    levels = depth - 3
    ask = call("take", value=[])
    body = ask.body.replace(b"[]", b"[" * levels + b"]" * levels)
    answer = await in_process(server.asgi(), ask._replace(body=body))
    assert ("result" in answer.json) == (depth == 64), answer
