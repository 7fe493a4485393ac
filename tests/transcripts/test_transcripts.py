"""Literal conversations, one file a version: the same over HTTP without a socket, over a real one, and on stdio;
over the HTTP of 2024 too.

Each entry of a transcript is an exchange: what the client asks, the notices it hears, and the answer.  Where a feature
grows, `python -m tests.transcripts.test_transcripts VERSION...` writes them anew; read what changed before committing.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.transcripts.server import server
from tests.transport.raw_http import PREFIX, Answer, Ask, in_process, listening
from tests.transport.raw_sse import streaming
from tests.transport.stdio_peer import Peer

FOLDER = Path(__file__).parent
FILES = {path.stem: path for path in sorted(FOLDER.glob("20*.json"))}
MODERN = "2026-07-28"
META = {PREFIX + "protocolVersion": MODERN, PREFIX + "clientCapabilities": {}}
HELLO = {"capabilities": {}, "clientInfo": {"name": "transcript", "version": "1"}}
Say = Callable[[dict[str, Any]], Awaitable[list[Any]]]


# --- the ways to say something and hear all that comes back --------------------------------------------------


def over(version: str, post: Callable[[Ask], Awaitable[Answer]]) -> Say:
    """Return how to speak `version` over HTTP."""
    headers: dict[str, str | None] = {}

    async def say(frame: dict[str, Any]) -> list[Any]:
        params = frame.get("params", {})
        if version == MODERN:
            name = params.get("name", params.get("uri"))
            routing = {"mcp-protocol-version": version, "mcp-method": frame["method"]}
            routing |= {"mcp-name": name} if frame["method"] in ("tools/call", "prompts/get", "resources/read") else {}
        else:
            routing = headers
        answer = await post(Ask(json.dumps(frame).encode(), routing))
        if session := answer.headers.get("mcp-session-id"):
            headers["mcp-session-id"] = session
            headers["mcp-protocol-version"] = version
        if "id" not in frame:
            assert answer.status == 202
            return []
        if answer.headers["content-type"] == "text/event-stream":
            return answer.events
        return [answer.json]

    return say


@asynccontextmanager
async def asgi(version: str) -> AsyncIterator[Say]:
    app = server.asgi()
    yield over(version, lambda ask: in_process(app, ask))


@asynccontextmanager
async def http(version: str) -> AsyncIterator[Say]:
    async with listening(server.asgi()) as place, place.connected() as wire:
        yield over(version, wire.ask)


@asynccontextmanager
async def sse(version: str) -> AsyncIterator[Say]:
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:

        async def say(frame: dict[str, Any]) -> list[Any]:
            assert (await stream.post(json.dumps(frame).encode())).status == 202
            heard: list[Any] = []
            while "id" in frame and not (heard and "method" not in heard[-1]):
                heard.append(await stream.next())
            return heard

        yield say


@asynccontextmanager
async def stdio(version: str) -> AsyncIterator[Say]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.transcripts.server"], cwd=FOLDER.parent.parent,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    peer = Peer(process)

    async def say(frame: dict[str, Any]) -> list[Any]:
        peer.write(json.dumps(frame).encode() + b"\n")
        heard = []
        while "id" in frame and not (heard and "method" not in heard[-1]):
            heard.append(await asyncio.to_thread(peer.answer))
        return heard

    with process:
        try:
            yield say
            assert peer.end()[0] == 0
        finally:
            process.kill()


WAYS = {"asgi": asgi, "http": http, "sse": sse, "stdio": stdio}


def greeting(version: str) -> list[dict[str, Any]]:
    if version == MODERN:
        return []
    return [
        {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": version, **HELLO}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
    ]


# 2024-11-05 had an HTTP transport of its own, over which clients still shake hands for any version.
NOT_SPOKEN = {("2024-11-05", "asgi"), ("2024-11-05", "http"), (MODERN, "sse")}
SPOKEN = [(version, way) for version in FILES for way in WAYS if (version, way) not in NOT_SPOKEN]


@pytest.mark.parametrize(("version", "way"), SPOKEN)
async def test_the_conversation_goes_as_written(version: str, way: str) -> None:
    exchanges = json.loads(FILES[version].read_text())
    assert len(exchanges) > 20
    async with asyncio.timeout(60), WAYS[way](version) as say:
        for exchange in exchanges:
            assert await say(exchange["ask"]) == exchange["heard"], exchange["ask"]


def test_every_version_has_a_transcript() -> None:
    assert list(FILES) == ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", MODERN]


# --- writing them anew -----------------------------------------------------------------------------------------

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("server/discover", {}),
    ("ping", {}),
    ("tools/list", {}),
    ("tools/call", {"name": "add", "arguments": {"a": 40}}),
    ("tools/call", {"name": "add", "arguments": {"a": "4", "c": 1}}),
    ("tools/call", {"name": "find", "arguments": {"name": "Basel", "kind": "twon"}}),
    ("tools/call", {"name": "find", "arguments": {"name": "Basel"}}),
    ("tools/call", {"name": "fail"}),
    ("tools/call", {"name": "show", "arguments": {}}),
    ("tools/call", {"name": "steps", "arguments": {"count": 2}, "_meta": {"progressToken": "here"}}),
    ("tools/call", {"name": "ad", "arguments": {}}),
    ("tools/call", {"arguments": {}}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "config://app"}),
    ("resources/read", {"uri": "user://7/name"}),
    ("resources/read", {"uri": "user://seven/name"}),
    ("resources/read", {"uri": "config://nothing"}),
    ("prompts/list", {}),
    ("prompts/get", {"name": "greet", "arguments": {"name": "Ada"}}),
    ("prompts/get", {"name": "greet", "arguments": {}}),
    ("prompts/get", {"name": "great", "arguments": {}}),
    (
        "completion/complete",
        {"ref": {"type": "ref/prompt", "name": "greet"}, "argument": {"name": "style", "value": "ki"}},
    ),
    ("logging/setLevel", {"level": "warning"}),
    ("tools/list", {"cursor": "nonsense"}),
    ("no/such", {}),
]


async def write(version: str) -> None:
    frames = greeting(version)
    for number, (method, params) in enumerate(ASKED, 1):
        if method == "server/discover" and version != MODERN:
            continue
        if version == MODERN:
            params = {**params, "_meta": {**META, **params.get("_meta", {})}}
        frames.append({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
    async with stdio(version) as say:
        exchanges = [{"ask": frame, "heard": await say(frame)} for frame in frames]
    text = json.dumps(exchanges, indent=1, ensure_ascii=False)
    (FOLDER / f"{version}.json").write_text(text + "\n")


if __name__ == "__main__":
    for each in sys.argv[1:]:
        asyncio.run(write(each))
