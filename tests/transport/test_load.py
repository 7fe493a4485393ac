"""Calls under way are bounded over all callers, and in a turn of the loop that takes too long the rest is refused."""

import asyncio
import json
import time
from typing import Any

import pytest
from tests.transport.raw_http import LEGACY, Ask, call, hello, in_process, modern, old

from dragoman import Limits, Server
from dragoman.transport.load import CROWD


def serving(**limits: Any) -> tuple[Server, asyncio.Event, list[int]]:
    """Return a server whose calls wait for an event, or block the loop for a while; and how many began to wait."""
    server, go, begun = Server("busy", limits=Limits(**limits)), asyncio.Event(), [0]

    @server.tool
    async def wait() -> str:
        begun[0] += 1
        await go.wait()
        return "waited"

    @server.tool
    async def block() -> str:
        time.sleep(0.01)
        return "blocked"

    return server, go, begun


@pytest.mark.parametrize("era", ["modern", "legacy"])
async def test_calls_of_all_callers_together_are_bounded_and_what_makes_room_is_not_refused(era: str) -> None:
    server, go, begun = serving(calls_in_all=2)
    app = server.asgi()
    ask, headers = call("wait", 7), {}
    if era == "legacy":
        opened = await in_process(app, Ask(hello()))
        headers = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": LEGACY}
        await in_process(app, Ask(old("notifications/initialized", None), headers))
        ask = Ask(old("tools/call", 7, name="wait"), headers)
    waiting = [
        asyncio.create_task(in_process(app, ask._replace(body=ask.body.replace(b'"id": 7', b'"id": %d' % number))))
        for number in (1, 2)
    ]
    while begun[0] < 2:
        await asyncio.sleep(0)
    refused = await in_process(app, ask)
    assert (refused.status, refused.headers["retry-after"], refused.json["id"]) == (503, "1", 7)
    assert refused.json["error"]["message"] == "2 calls are under way; try again in a moment"
    if era == "legacy":
        notice = Ask(old("notifications/cancelled", None, requestId=99), headers)
        assert (await in_process(app, notice)).status == 202
    go.set()
    assert {answer.status for answer in await asyncio.gather(*waiting)} == {200}
    assert (await in_process(app, ask)).status == 200
    await server.service.stop()


async def test_who_only_listens_takes_no_room() -> None:
    server, go, _ = serving(calls_in_all=1)
    app = server.asgi()
    listening = asyncio.create_task(
        in_process(app, modern("subscriptions/listen", 1, notifications={"toolsListChanged": True}))
    )
    await asyncio.sleep(0.01)
    go.set()
    assert (await in_process(app, call("wait"))).status == 200
    server.service.closing()
    assert (await listening).status == 200
    await server.service.stop()


async def asked_at_once(server: Server, number: int) -> list[int]:
    app = server.asgi()
    await in_process(app, call("block"))
    found = await asyncio.gather(*(in_process(app, call("block", each)) for each in range(number)))
    assert all(json.loads(each.body).get("id") == at for at, each in enumerate(found))
    await server.service.stop()
    return [each.status for each in found]


async def test_in_a_turn_of_the_loop_that_takes_too_long_the_rest_is_refused() -> None:
    statuses = await asked_at_once(serving(late_seconds=0.2)[0], 100)
    # The few that are never refused, of which one came before, and whoever was in time: fewer on a busy machine.
    assert statuses == sorted(statuses) and CROWD <= statuses.count(200) + 1 < 60 and statuses.count(503) > 40


@pytest.mark.parametrize(("number", "late"), [(CROWD - 1, 0.01), (40, 60.0)])
async def test_a_few_are_never_refused_and_others_not_before_their_time(number: int, late: float) -> None:
    assert await asked_at_once(serving(late_seconds=late)[0], number) == [200] * number


async def test_after_the_turn_everything_is_as_it_was() -> None:
    server, _, _ = serving(late_seconds=0.05)
    app = server.asgi()
    answers = await asyncio.gather(*(in_process(app, call("block", each)) for each in range(60)))
    assert any(answer.status == 503 for answer in answers)
    for _ in range(3):
        await asyncio.sleep(0.06)
        assert (await in_process(app, call("block"))).status == 200
    await server.service.stop()
