"""What a client must do that only a server made by hand can see."""

import asyncio
import json
from typing import Any

import pytest
from tests.transport.raw_peer import DISCOVERED, Got, modern, serving

from dragoman import Client
from dragoman.app.target import Options
from dragoman.wire.questions import Elicit

PREFIX = "io.modelcontextprotocol/"
STATE = ' {"not":"yours to read"}\\/é=?base64??= \u2028'
FORM = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}


def asking(requests: dict[str, Any] | None, state: str | None) -> dict[str, Any]:
    given = {"inputRequests": requests, "requestState": state}
    return {"resultType": "input_required", **{key: value for key, value in given.items() if value is not None}}


async def test_a_retry_is_the_request_again_with_answers_and_the_state_as_it_came() -> None:
    """MRTR-13, MRTR-14, MRTR-15, MRTR-17, MRTR-19, ELIC-03, ELIC-07"""
    got: list[Got] = []
    rounds = [
        asking({"a b": {"method": "elicitation/create", "params": FORM}, "r": {"method": "roots/list"}}, STATE),
        asking({"only": {"method": "elicitation/create", "params": {**FORM, "mode": "form"}}}, None),
        asking(None, "new"),
        {"resultType": "complete", "content": [{"type": "text", "text": "done"}]},
    ]

    async def answer(one: Got) -> None:
        got.append(one)
        one.result(rounds[len(got) - 1])

    modes: list[Any] = []

    def fill(question: Elicit) -> dict[str, Any]:
        modes.append(question.mode)
        return {"name": "Ada"}

    async def heard(_: Any) -> None: ...

    async with serving(modern(answer)) as url, Client(url, on_elicit=fill, roots=["file:///home"]) as client:
        result = await client.call_tool("x", {"n": 1}, on_progress=heard)
    assert result.text == "done" and len(modes) == 2
    legs = [one.json["params"] for one in got]
    accepted = {"action": "accept", "content": {"name": "Ada"}}
    assert legs[1]["inputResponses"] == {"a b": accepted, "r": {"roots": [{"uri": "file:///home"}]}}
    assert [leg.get("requestState") for leg in legs] == [None, STATE, None, "new"]
    assert [sorted(leg.get("inputResponses", {})) for leg in legs] == [[], ["a b", "r"], ["only"], []]
    assert len({one.json["id"] for one in got}) == 4
    assert len({leg["_meta"]["progressToken"] for leg in legs}) == 4
    for one, leg in zip(got, legs, strict=True):
        assert (leg["name"], leg["arguments"]) == ("x", {"n": 1})
        meta = leg["_meta"]
        assert meta[PREFIX + "protocolVersion"] == one.headers["mcp-protocol-version"]
        assert meta[PREFIX + "clientCapabilities"]["elicitation"]
        assert (one.headers["mcp-method"], one.headers["mcp-name"]) == ("tools/call", "x")


def fill(question: Any) -> Any:
    return None


@pytest.mark.parametrize(
    ("settings", "declared"),
    [
        ({}, {}),
        ({"on_elicit": fill}, {"elicitation": {"form": {}}}),
        ({"on_visit": fill}, {"elicitation": {"url": {}}}),
        ({"on_elicit": fill, "on_visit": fill}, {"elicitation": {"form": {}, "url": {}}}),
        ({"on_sample": fill}, {"sampling": {}}),
        ({"on_sample": fill, "options": Options(sampling=["tools"])}, {"sampling": {"tools": {}}}),
        ({"roots": ["file:///home"]}, {"roots": {}}),
    ],
)
async def test_what_can_be_answered_is_declared_in_every_request(settings: Any, declared: Any) -> None:
    """ELIC-01, SAMP-01, META-01, META-14"""
    found: list[Any] = []

    async def answer(one: Got) -> None:
        meta = one.json["params"]["_meta"]
        found.append(meta[PREFIX + "clientCapabilities"])
        one.result(DISCOVERED if one.json["method"] == "server/discover" else {"tools": [], "resultType": "complete"})

    async with serving(answer) as url, Client(url, **settings) as client:
        await client.list_tools()
    assert len(found) == 2 and found == [declared] * 2


async def test_a_subscription_that_breaks_is_opened_again() -> None:
    """SUB-12: and under a new id, since the server keeps nothing of the old one."""
    ids: list[Any] = []

    async def answer(one: Got) -> None:
        ids.append(one.json["id"])
        wanted = one.json["params"]["notifications"]
        meta = {PREFIX + "subscriptionId": ids[-1]}
        told = [("subscriptions/acknowledged", {"notifications": wanted}), ("tools/list_changed", {})]
        for method, params in told:
            body = {"jsonrpc": "2.0", "method": f"notifications/{method}", "params": {**params, "_meta": meta}}
            event = b"data: " + json.dumps(body).encode() + b"\n\n"
            one.stream(event) if method.endswith("acknowledged") else one.events(event)
        await one.writer.drain()
        if len(ids) == 1:
            one.writer.close()
        else:
            await one.gone()

    discovered = {**DISCOVERED, "capabilities": {"tools": {"listChanged": True}}}

    async def whole(one: Got) -> None:
        one.result(discovered) if one.json.get("method") == "server/discover" else await answer(one)

    async with serving(whole) as url, Client(url) as client:
        async with asyncio.timeout(20):
            async for _ in client.listen(tools=True):
                if len(ids) == 2:
                    break
    assert len(set(ids)) == 2
