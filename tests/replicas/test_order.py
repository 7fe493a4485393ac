"""Subscriptions and changes in any order, at any process: a session hears just what it was subscribed to."""

import asyncio
import random
from pathlib import Path

import pytest
from tests.replicas.test_sessions_of_two import event, getting, opened_at, two
from tests.transport.raw_http import Ask, old


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", range(4))
async def test_what_is_told_after_a_subscription_is_heard(seed: int, kind: str, tmp_path: Path) -> None:
    """LEG-18"""
    chance = random.Random(seed)
    async with two(kind, tmp_path) as (servers, places), asyncio.timeout(30):
        headers = await opened_at(places[0])
        subscribed: set[str] = set()
        heard: list[str] = []
        await places[1].ask(Ask(old("resources/subscribe", 99, uri="twin://always"), headers))
        async with chance.choice(places).connected() as wire:
            wire.write(getting(headers))
            assert (await wire.head())[0] == 200
            for number in range(60):
                uri = f"twin://{chance.randrange(3)}"
                if chance.random() < 0.6:
                    leaves = uri in subscribed
                    method = "resources/unsubscribe" if leaves else "resources/subscribe"
                    answer = await chance.choice(places).ask(Ask(old(method, number, uri=uri), headers))
                    assert answer.status == 200
                    subscribed ^= {uri}
                else:
                    server = chance.choice(servers)
                    for told in (uri, "twin://always"):
                        server.notify_resource_updated(told)
                    wanted = [uri, "twin://always"] if uri in subscribed else ["twin://always"]
                    # Each is heard before the next is told: told again before, it would be heard once.
                    assert [(await event(wire))[1]["params"]["uri"] for _ in wanted] == wanted
                    heard += wanted
        assert len(set(heard)) > 1, "too little was tried"
