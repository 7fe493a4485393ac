"""What was recorded is replayed, on whichever transport; what comes otherwise is told, with both sides."""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.testing.offering import server as offering

from dragoman import Client, Context, LocalError, PeerError, Server, TransportError
from dragoman.app.target import Options
from dragoman.testing import TranscriptError, Way, connected, reachable, record, replay, ways
from dragoman.testing.normal import learn, normal, translated

KINDS = list(dict.fromkeys(way.era for way in ways()))
FAST = ways(transports=["memory", "http"])


async def talk(client: Client) -> None:
    await client.list_tools()
    await client.call_tool("add", {"a": 1})
    await client.call_tool("count", {"to": 3}, on_progress=lambda _: None)
    assert (await client.call_tool("agree")).text == "agreed: True"
    await client.read("offering://text")
    with pytest.raises(PeerError):
        await client.read("offering://none")
    await client.prompt("greet", {"name": "Ada"})


async def recorded(file: Path, way: Way) -> None:
    async with connected(offering, way, options=Options(wrap=record(file)), on_elicit=lambda _: True) as client:
        await talk(client)


@pytest.mark.parametrize("way", FAST, ids=str)
async def test_what_was_recorded_on_one_transport_is_replayed_on_both(way: Way, tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    await recorded(file, way)
    assert len(file.read_bytes().splitlines()) > 15
    for transport in ("memory", "http"):
        async with reachable(offering, transport) as target:
            await replay(file, target)


@pytest.mark.parametrize("era", KINDS)
async def test_over_stdio_as_well(era: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    await recorded(file, Way(era, "memory"))
    async with reachable(offering, "stdio") as target:
        await replay(file, target)


@pytest.mark.parametrize("era", KINDS)
async def test_what_comes_otherwise_is_told(era: str, tmp_path: Path) -> None:
    file = tmp_path / "talk.jsonl"
    await recorded(file, Way(era, "memory"))
    changed = Server("offering", version="9.9.9", instructions="Ask.")

    @changed.tool
    def add(a: int, b: int = 2) -> int:
        """Add two numbers, wrongly."""
        return a - b

    with pytest.raises(TranscriptError) as caught:
        await replay(file, changed)
    asked = [difference.asked for difference in caught.value.differences]
    assert asked[-1] == "notices and questions of the server's"
    assert {"tools/list", "tools/call", "resources/read", "prompts/get"} <= set(asked)
    (call, *_) = [each for each in caught.value.differences if each.asked == "tools/call"]
    assert call.recorded["result"]["structuredContent"] == {"result": 3}
    assert call.live["result"]["structuredContent"] == {"result": -1}
    assert f"line {call.line}, tools/call" in str(caught.value)
    assert json.loads(file.read_bytes().splitlines()[call.line - 1])["sent"]["method"] == "tools/call"


async def test_times_ids_and_the_servers_version_are_no_difference(tmp_path: Path) -> None:
    def make(version: str) -> Server:
        server = Server("clock", version)

        @server.tool
        def now() -> dict[str, Any]:
            return {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ"), "id": os.urandom(8).hex() + "0a", "day": "Monday"}

        return server

    file = tmp_path / "clock.jsonl"
    async with Client(make("1"), options=Options(wrap=record(file))) as client:
        await client.call_tool("now")
    await replay(file, make("2"))
    text = file.read_text().replace("Monday", "Sunday")
    file.write_text(text)
    with pytest.raises(TranscriptError):
        await replay(file, make("1"))
    await replay(file, make("1"), also=lambda frame: json.loads(json.dumps(frame).replace("Monday", "Sunday")))


async def test_a_call_that_was_given_up_is_sent_and_not_waited_for(tmp_path: Path) -> None:
    server = Server("slow")
    begun = asyncio.Event()

    @server.tool
    async def wait(ctx: Context) -> str:
        begun.set()
        await asyncio.sleep(60)
        return "never"

    file = tmp_path / "slow.jsonl"
    async with Client(server, options=Options(wrap=record(file))) as client:
        call = asyncio.create_task(client.call_tool("wait"))
        await begun.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await client.list_tools()
    begun.clear()
    await replay(file, server)
    assert begun.is_set()


async def test_an_answer_that_does_not_come_is_an_error_that_says_which(tmp_path: Path) -> None:
    server = Server("stuck")

    @server.tool
    async def wait(ctx: Context) -> str:
        await asyncio.sleep(60)
        return "never"

    file = tmp_path / "stuck.jsonl"
    async with Client(offering, options=Options(wrap=record(file))) as client:
        await client.call_tool("add", {"a": 1})
    file.write_text(file.read_text().replace('"name":"add"', '"name":"wait"').replace('"a":1', ""))
    with pytest.raises(TransportError, match=r"no answer to tools/call in 0\.05 s"):
        await replay(file, server, timeout=0.05)


@pytest.mark.parametrize(
    "text, complaint",
    [("{", "line 1, is no line"), ('{"sent": 1}', "line 1: what was sent is no frame"), ('{"set": {}}', "line 1")],
)
async def test_a_file_that_is_no_transcript_is_refused(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text(text)
    with pytest.raises(LocalError, match=complaint):
        await replay(file, offering)
    with pytest.raises(LocalError, match="cannot read the transcript"):
        await replay(tmp_path / "none.jsonl", offering)
    file.write_text("")
    await replay(file, offering)


trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=10,
)


@given(trees)
def test_what_is_normal_stays_so_and_nothing_is_lost_on_the_way(value: Any) -> None:
    assert normal(normal(value)) == normal(value)
    assert translated(value, {}) == value


def test_handles_are_learnt_by_their_place_and_given_back() -> None:
    known: dict[str, str] = {}
    recorded = {"result": {"requestState": "old", "items": [{"nextCursor": "a"}]}}
    learn(recorded, {"result": {"requestState": "new", "items": [{"nextCursor": "b"}, 1]}}, known)
    assert known == {"old": "new", "a": "b"}
    asked = {"params": {"requestState": "old", "cursor": "a", "text": "old"}}
    assert translated(asked, known) == {"params": {"requestState": "new", "cursor": "b", "text": "old"}}


@pytest.mark.parametrize(
    "text, plain",
    [
        ("at 2026-01-02T03:04:05.678Z", "at <time>"),
        ("under id 1a2b3c4d", "under id <id>"),
        ("0f8fad5b-d9cb-469f-a165-70867728950e", "<id>"),
        ("defaced and 1234567", "defaced and 1234567"),
    ],
)
def test_what_differs_from_run_to_run_is_known_by_its_looks(text: str, plain: str) -> None:
    assert normal({"text": text}) == {"text": plain}
