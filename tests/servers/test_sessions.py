"""Sessions of several processes, in Redis and in PostgreSQL: the same as in the stores that every machine has."""

import asyncio
import json

import pytest
from tests.replicas.test_sessions_of_two import a_server, calling, event, getting, opened_at
from tests.servers import private
from tests.transport.raw_http import Ask, listening, old, until


@pytest.mark.parametrize("kind", ["redis_server", "postgres_server"])
async def test_a_session_is_served_by_two(kind: str, request: pytest.FixtureRequest) -> None:
    """LEG-09, LEG-12, LEG-18, LEG-19"""
    store: private.Private = request.getfixturevalue(kind)
    one, other = a_server(store.address), a_server(store.address)
    async with listening(one.asgi()) as first, listening(other.asgi()) as second, asyncio.timeout(30):
        headers = await opened_at(first, elicitation={})
        async with first.connected() as wire:
            wire.write(Ask(calling("chat"), headers))
            await wire.head()
            for said in ("Ada", True):
                _, question = await event(wire)
                result = {"action": "accept", "content": {"value": said}}
                answer = json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()
                assert (await second.ask(Ask(answer, headers))).status == 202
            assert (await event(wire))[1]["result"]["content"][0]["text"] == "Ada True"
        async with second.connected() as wire:
            wire.write(getting(headers))
            assert (await wire.head())[0] == 200
            await first.ask(Ask(old("resources/subscribe", 3, uri="twin://a"), headers))
            one.notify_resource_updated("twin://a")
            assert (await event(wire))[1]["params"]["uri"] == "twin://a"
        async with first.connected() as wire:
            wire.write(Ask(calling("wait"), headers))
            await wire.head()
            last, _ = await event(wire)
            wire.leave()
        async with second.connected() as wire:
            wire.write(getting(headers, **{"last-event-id": last}))
            assert (await wire.head())[0] == 200
            one.go_on.set()  # type: ignore[attr-defined]
            assert [(await event(wire))[1].get("method") for _ in range(2)] == ["notifications/progress", None]
        one.go_on.clear()  # type: ignore[attr-defined]
        running = asyncio.ensure_future(first.ask(Ask(calling("wait", 9), headers)))
        await until(lambda: 9 in one.began)  # type: ignore[attr-defined]
        await second.ask(Ask(old("notifications/cancelled", None, requestId=9), headers))
        await running
        assert one.ended == [9]  # type: ignore[attr-defined]
        assert (await second.ask(Ask(method="DELETE", headers=headers))).status == 204
        while (await first.ask(Ask(calling("who"), headers))).status != 404:
            await asyncio.sleep(0.01)
    for server in (one, other):
        await server.service.stop()
