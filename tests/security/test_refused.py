"""What is refused leaves nothing behind (threat 36): no objects, no tasks, no sessions, no files."""

from __future__ import annotations

import asyncio
import gc
import os

import pytest
from tests.transport.raw_http import Ask, call, hello, in_process, listening, modern, old

from dragoman import Limits, Server

KINDS: dict[str, tuple[Ask, int]] = {
    "400, no JSON": (Ask(b"{"), 400),
    "400, no message": (Ask(b"[]"), 400),
    "400, a name twice": (Ask(b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}'), 400),
    "400, headers differ": (call("add", headers={"mcp-name": "other"}), 400),
    "404, no session": (Ask(old("ping", 2), {"mcp-session-id": "A" * 32, "mcp-protocol-version": "2025-11-25"}), 404),
    "404, no path": (Ask(hello(), path="/elsewhere"), 404),
    "405": (Ask(hello(), method="PUT"), 405),
    "406": (Ask(hello(), {"accept": "text/html"}), 406),
    "413": (call("add", a="x" * 3000), 413),
    "415": (Ask(hello(), {"content-type": "text/plain"}), 415),
    "415, encoded": (Ask(hello(), {"content-encoding": "gzip"}), 415),
    "421": (Ask(hello(), {"host": "evil.test"}), 421),
    "403": (Ask(hello(), {"origin": "https://evil.test"}), 403),
    "unknown version": (Ask(hello(), {"mcp-protocol-version": "1999-01-01"}), 400),
    "unknown tool": (call("none"), 200),
    "wrong arguments": (call("add", a="x"), 200),
    "unknown method": (modern("no/such"), 404),
}


def server() -> Server:
    made = Server("refusing", limits=Limits(body=2000))

    @made.tool
    async def add(a: int, b: int = 0) -> int:
        return a + b

    return made


@pytest.mark.parametrize(("ask", "status"), KINDS.values(), ids=KINDS.keys())
async def test_a_thousand_refusals_of_each_kind_leave_nothing(ask: Ask, status: int) -> None:
    """sec/36."""
    app = server().asgi()
    for _ in range(30):
        assert (await in_process(app, ask)).status == status
    gc.collect()
    before, tasks = len(gc.get_objects()), len(asyncio.all_tasks())
    for _ in range(1000):
        await in_process(app, ask)
        # The loop turns, as it does where requests come from a socket: else the server is behind, and says so.
        await asyncio.sleep(0)
    gc.collect()
    assert len(gc.get_objects()) - before < 100 and len(asyncio.all_tasks()) == tasks
    assert (await in_process(app, call("add", a=1, b=2))).value == 3


async def test_connections_that_are_broken_off_anywhere_leave_nothing() -> None:
    """sec/36: cut at each byte of a request."""
    async with listening(server().asgi()) as place:
        whole = call("add", a=1, b=2).written(f"127.0.0.1:{place.port}")
        assert (await place.ask(whole)).value == 3
        files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        for cut in range(1, len(whole), 7):
            async with place.connected() as wire:
                wire.write(whole[:cut])
                await wire.writer.drain()
                wire.leave()
        async with asyncio.timeout(20):
            while place.server.server_state.connections or place.server.server_state.tasks:
                await asyncio.sleep(0.005)
        assert not files or len(os.listdir("/proc/self/fd")) <= files + 1
        assert (await place.ask(whole)).value == 3
