"""Who has too many calls under way waits for some to end, and holds nobody else up (row 35)."""

import asyncio

import pytest
from tests.transport.raw_http import Answer, Ask, call, in_process, modern

from dragoman import Identity, KeyAuth, Limits, Server
from dragoman.transport.asgi import Endpoint

KEYS = {"key-of-the-first-caller": Identity("one"), "key-of-the-other-caller": Identity("two")}
ONE, TWO = ({"authorization": f"Bearer {key}"} for key in KEYS)


def a_server(gate: asyncio.Event, began: asyncio.Queue[None], protected: bool) -> Server:
    more = {"auth": KeyAuth(KEYS)} if protected else {}
    server = Server("busy", limits=Limits(calls=2), **more)  # type: ignore[arg-type]

    @server.tool
    async def wait() -> str:
        began.put_nowait(None)
        await gate.wait()
        return "waited"

    return server


@pytest.mark.parametrize("protected", [True, False])
async def test_a_caller_with_too_many_calls_is_refused_until_some_end(protected: bool) -> None:
    """sec/35"""
    gate, began = asyncio.Event(), asyncio.Queue[None]()
    app = a_server(gate, began, protected).asgi(**({"url": "http://127.0.0.1:8000"} if protected else {}))
    own = ONE if protected else {}

    async def ask(headers: dict[str, str]) -> Answer:
        return await in_process(app, call("wait", headers=headers))

    async with asyncio.TaskGroup() as group:
        busy = [group.create_task(ask(own)) for _ in range(2)]
        for _ in busy:
            await began.get()
        refused = await ask(own)
        assert refused.status == 429 and int(refused.headers["retry-after"]) >= 1
        if protected:
            other = group.create_task(ask(TWO))
            await began.get()  # somebody else is let in
            busy.append(other)
        gate.set()
    assert [task.result().value for task in busy] == ["waited"] * len(busy)
    assert (await ask(own)).value == "waited"


async def test_behind_a_trusted_proxy_callers_are_told_apart_and_behind_another_not() -> None:
    """sec/35: what a stranger writes into a header changes nothing."""
    for trusted, apart in ((["127.0.0.0/8"], True), ([], False), (["10.0.0.1"], False)):
        gate, began = asyncio.Event(), asyncio.Queue[None]()
        app = a_server(gate, began, False).asgi(trusted_proxies=trusted)

        async def ask(said: str, app: Endpoint = app) -> Answer:
            return await in_process(app, call("wait", headers={"x-forwarded-for": said}))

        async with asyncio.TaskGroup() as group:
            busy = [group.create_task(ask("203.0.113.1")) for _ in range(2)]
            for _ in busy:
                await began.get()
            # What stands further left was written by whoever asked.
            assert (await ask("198.51.100.7, 203.0.113.1")).status == 429
            if apart:
                busy.append(group.create_task(ask("203.0.113.1, 198.51.100.7")))
                await began.get()
            else:
                assert (await ask("198.51.100.7")).status == 429
            gate.set()
        assert [task.result().value for task in busy] == ["waited"] * len(busy)


async def test_those_who_listen_are_not_counted_against_calls() -> None:
    gate, began = asyncio.Event(), asyncio.Queue[None]()
    server = a_server(gate, began, False)
    app = server.asgi()
    gate.set()
    listening = [asyncio.ensure_future(_listen(app)) for _ in range(3)]
    await asyncio.sleep(0)
    assert (await in_process(app, call("wait"))).value == "waited"
    server.service.closing()
    assert [answer.status for answer in await asyncio.gather(*listening)] == [200] * 3


async def _listen(app: object) -> Answer:
    ask: Ask = modern("subscriptions/listen", notifications={"toolsListChanged": True})
    return await in_process(app, ask)
