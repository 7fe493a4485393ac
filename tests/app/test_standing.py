"""Peers that ask on their standing stream, break subscriptions, and misuse both: byte by byte, over HTTP."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.transport.raw_peer import INITIALIZED, Got, legacy, modern, serving

from dragoman import Client, ClosedError, MalformedError
from dragoman.calling import listening
from dragoman.calling.changes import Change

ID = "io.modelcontextprotocol/subscriptionId"
FORM = {"message": "Who?", "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}}}


def event(message: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n\n"


async def answers_to(*asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a client posts when a session's standing stream asks it these things."""
    posted: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def answer(got: Got) -> None:
        if got.method == "GET":
            got.stream(*[event(message) for message in asked])
            await got.gone()
        elif got.method == "DELETE":
            got.reply(b"", 200)
        else:
            posted.put_nowait(got.json)
            got.reply(b"", 202)

    wanted = sum(message.get("method") != "notifications/cancelled" for message in asked)
    async with (
        serving(legacy(answer)) as url,
        Client(url, mode="legacy", on_elicit=lambda question: "Ada", roots=["file:///srv"]),
        asyncio.timeout(20),
    ):
        return sorted([await posted.get() for _ in range(wanted)], key=lambda message: str(message["id"]))


async def test_requests_on_the_standing_stream_are_answered() -> None:
    """LEG-10, LEG-16, LEG-19"""
    ping, form, roots, strange, url = await answers_to(
        {"id": 1, "method": "ping"},
        {"id": 2, "method": "elicitation/create", "params": FORM},
        {"id": 3, "method": "roots/list"},
        {"id": 4, "method": "tasks/get", "params": {}},
        {"id": "5", "method": "elicitation/create", "params": {"message": "x", "mode": "url", "url": "https://a/"}},
    )
    assert (ping["id"], ping["result"]) == (1, {})
    assert form["result"] == {"action": "accept", "content": {"name": "Ada"}}
    assert roots["result"]["roots"] == [{"uri": "file:///srv"}]
    assert strange["error"]["code"] == -32601
    # A mode that was not declared is a fault of the parameters.
    assert (url["id"], url["error"]["code"]) == ("5", -32602)


async def test_a_question_that_cannot_be_read_is_refused_and_the_next_is_answered() -> None:
    broken, model, fine = await answers_to(
        {"id": 1, "method": "elicitation/create", "params": {"message": 7}},
        {"id": 2, "method": "sampling/createMessage", "params": {"messages": [], "maxTokens": 1}},
        {"id": 3, "method": "ping"},
    )
    assert broken["error"]["code"] == -32602 and model["error"]["code"] == -32601 and fine["result"] == {}


async def test_a_session_without_a_standing_stream_works_all_the_same() -> None:
    async def answer(got: Got) -> None:
        if got.method == "GET":
            got.reply(b"", 405)
        else:
            got.result({"tools": []})

    async with serving(legacy(answer)) as url, Client(url, mode="legacy", on_elicit=lambda question: "x") as client:
        assert await client.list_tools() == []


async def test_a_standing_stream_that_ends_is_opened_again_where_it_was() -> None:
    """LEG-12, LEG-14"""
    seen: asyncio.Queue[str | None] = asyncio.Queue()

    async def answer(got: Got) -> None:
        if got.method != "GET":
            got.reply(b"", 202)
            return
        seen.put_nowait(got.headers.get("last-event-id"))
        got.stream(b"id: e7\nretry: 10\ndata:\n\n")
        got.end_stream()

    async with (
        serving(legacy(answer)) as url,
        Client(url, mode="legacy", on_elicit=lambda question: "x"),
        asyncio.timeout(20),
    ):
        assert [await seen.get() for _ in range(3)] == [None, "e7", "e7"]


async def test_a_broken_subscription_is_opened_again_and_what_was_missed_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SUB-11, SUB-12, CACHE-11"""
    monkeypatch.setattr(listening, "SHORTEST", 0.01)
    numbers: list[int] = []

    async def answer(got: Got) -> None:
        number = got.json["id"]
        numbers.append(number)
        assert got.json["method"] == "subscriptions/listen"
        wanted = got.json["params"]["notifications"]
        if len(numbers) == 2:
            got.reply(b"", 503)
            return
        meta = {ID: number}
        got.stream(
            event(
                {
                    "method": "notifications/subscriptions/acknowledged",
                    "params": {"notifications": wanted, "_meta": meta},
                }
            )
        )
        if len(numbers) == 1:
            got.events(event({"method": "notifications/tools/list_changed", "params": {"_meta": meta}}))
            # Somebody else's, and one whose id is of another type.
            for other in (99, str(number), True):
                got.events(event({"method": "notifications/prompts/list_changed", "params": {"_meta": {ID: other}}}))
            got.writer.close()
        else:
            await got.gone()

    async with serving(modern(answer)) as url, Client(url) as client, asyncio.timeout(20):
        heard = []
        async for change in client.listen(resources=False, uris=["x://1"]):
            heard.append(change)
            if len(heard) == 4:
                break
    assert heard == [Change("tools"), Change("tools"), Change("prompts"), Change("resource", "x://1")]
    assert len(set(numbers)) == 3


async def test_a_subscription_that_cannot_be_opened_again_ends_in_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SHORTEST", 0.001)
    monkeypatch.setattr(listening, "TRIES", 3)
    asked: list[int] = []

    async def answer(got: Got) -> None:
        asked.append(got.json["id"])
        if len(asked) == 1:
            params = {"notifications": got.json["params"]["notifications"], "_meta": {ID: got.json["id"]}}
            got.stream(event({"method": "notifications/subscriptions/acknowledged", "params": params}))
        got.writer.close()

    async with serving(modern(answer)) as url, Client(url) as client, asyncio.timeout(20):
        changes = aiter(client.listen())
        with pytest.raises(ClosedError, match=r"closed the connection"):
            await anext(changes)
    assert len(asked) == 1 + 3


async def test_input_that_names_neither_question_nor_state_is_malformed_and_others_are_sent_again() -> None:
    """MRTR-03, MRTR-13 to MRTR-16: a state alone is sent back at once, byte for byte, and only in that call."""
    legs: list[dict[str, Any]] = []
    state = 'sé "a\\b" ☃'

    async def answer(got: Got) -> None:
        params = got.json["params"]
        legs.append(got.json)
        if params["name"] == "empty":
            got.result({"resultType": "input_required"})
        elif len(legs) == 1:
            got.result({"resultType": "input_required", "requestState": state})
        elif len(legs) == 2:
            asked = {"q": {"method": "elicitation/create", "params": FORM}}
            got.result({"resultType": "input_required", "inputRequests": asked})
        else:
            got.result({"resultType": "complete", "content": []})

    async with serving(modern(answer)) as url, Client(url, on_elicit=lambda question: "Ada") as client:
        await client.call_tool("x", {"a": 1})
        first, second, third = [leg["params"] for leg in legs]
        with pytest.raises(MalformedError, match="neither a question nor a state"):
            await client.call_tool("empty")
    assert len({leg["id"] for leg in legs}) == 4
    assert "requestState" not in first and "inputResponses" not in first
    assert second["requestState"] == state and "inputResponses" not in second
    # The second leg gave no state, so none goes back.
    assert "requestState" not in third
    assert third["inputResponses"] == {"q": {"action": "accept", "content": {"name": "Ada"}}}
    assert all(leg["arguments"] == {"a": 1} and leg["_meta"] == first["_meta"] for leg in (second, third))
    assert "requestState" not in legs[3]["params"] and "inputResponses" not in legs[3]["params"]


async def test_what_a_session_may_have_missed_between_two_streams_is_told() -> None:
    """LEG-18. Where a stream has ids, the server itself tells what came between."""
    streams = 0
    held: list[Got] = []

    async def answer(got: Got) -> None:
        nonlocal streams
        if got.json.get("method") == "initialize":
            got.result({**INITIALIZED, "capabilities": {"tools": {"listChanged": True}}}, mcp_session_id="s1")
            return
        if got.method != "GET":
            got.reply(b"", 202)
            return
        streams += 1
        got.stream(b"retry: 10\ndata:\n\n" if streams != 3 else b"id: e1\nretry: 10\ndata:\n\n")
        if streams < 4:
            got.end_stream()
        else:
            held.append(got)

    async with serving(answer) as url, Client(url, mode="legacy") as client, asyncio.timeout(20):
        heard = aiter(client.listen(tools=True, prompts=False, resources=False))
        assert (await anext(heard)).kind == "tools"
        while streams < 4:
            await asyncio.sleep(0.01)


async def test_a_place_that_the_server_does_not_know_any_more_is_given_up_and_not_the_stream() -> None:
    """LEG-12"""
    seen: asyncio.Queue[str | None] = asyncio.Queue()

    async def answer(got: Got) -> None:
        if got.method != "GET":
            got.reply(b"", 202)
            return
        last = got.headers.get("last-event-id")
        seen.put_nowait(last)
        if last is not None:
            got.reply(b"", 400)
            return
        got.stream(b"id: e1\nretry: 10\ndata:\n\n")
        got.end_stream()

    async with (
        serving(legacy(answer)) as url,
        Client(url, mode="legacy", on_elicit=lambda question: "x"),
        asyncio.timeout(20),
    ):
        assert [await seen.get() for _ in range(3)] == [None, "e1", None]
