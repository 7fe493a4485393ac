"""Servers in several places over one store in a server: a call goes on anywhere, and what counts once does."""

from typing import Any

import pytest
from tests.protocol.fixtures import MODERN
from tests.servers import private
from tests.serving.person import Person, accept
from tests.serving.test_steps import ANSWERS, shop


@pytest.mark.parametrize("kind", ["redis_server", "postgres_server"])
async def test_replicas_serve_one_call_by_turns_and_charge_once(kind: str, request: pytest.FixtureRequest) -> None:
    server: private.Private = request.getfixturevalue(kind)
    charged: list[int] = []
    replicas = [shop(charged, store=server.address, single_use=True) for _ in range(2)]
    first = (await Person(replicas[0], ANSWERS, MODERN).leg("tools/call", name="buy"))["result"]
    params: dict[str, Any] = {
        "name": "buy",
        "requestState": first["requestState"],
        "inputResponses": {"question-1": accept(value=5)},
    }
    second = await Person(replicas[1], ANSWERS, MODERN).leg("tools/call", **params)
    again = await Person(replicas[0], ANSWERS, MODERN).leg("tools/call", **params)
    assert (second["result"]["resultType"], "error" in again, charged) == ("input_required", True, [5])
    params["requestState"] = second["result"]["requestState"]
    params["inputResponses"] = {key: accept(value=True) for key in second["result"]["inputRequests"]}
    last = await Person(replicas[0], ANSWERS, MODERN).leg("tools/call", **params)
    assert last["result"]["content"][0]["text"] == "Receipt(number=1, amount=5) True"
    assert charged == [5, -1]
    for replica in replicas:
        await replica.service.stop()
