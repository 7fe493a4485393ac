"""What the client does when a list, a resource or an answer cannot be had: begin anew, give the old, say so."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.app import asker
from tests.transport.raw_peer import Got, legacy, modern, serving

from dragoman import Client, LocalError, TransportError
from dragoman.app.target import Options

TOOL = {"name": "t", "inputSchema": {"type": "object"}}


@pytest.mark.parametrize("stale, given", [(60.0, True), (0.0, False)])
async def test_a_server_that_cannot_be_reached_leaves_what_was_kept_if_that_is_wanted(
    stale: float, given: bool
) -> None:
    """CACHE-12"""
    asked: list[str] = []

    async def answer(got: Got) -> None:
        method = got.json["method"]
        asked.append(method)
        if asked.count(method) > 1:
            got.writer.close()
        elif method == "tools/list":
            got.result({"resultType": "complete", "tools": [TOOL], "ttlMs": 1, "cacheScope": "private"})
        else:
            contents = [{"uri": "x://1", "text": "one"}]
            got.result({"resultType": "complete", "contents": contents, "ttlMs": 1, "cacheScope": "private"})

    options = Options(stale_seconds=stale, resends=0)
    async with serving(modern(answer)) as url, Client(url, options=options) as client:
        assert [tool.name for tool in await client.list_tools()] == ["t"]
        assert (await client.read("x://1")).text == "one"
        await asyncio.sleep(0.002)
        if given:
            assert [tool.name for tool in await client.list_tools()] == ["t"]
            assert (await client.read("x://1")).text == "one"
        else:
            with pytest.raises(TransportError):
                await client.list_tools()
            with pytest.raises(TransportError):
                await client.read("x://1")


async def test_a_list_whose_cursor_is_refused_is_begun_anew_and_kept_as_one() -> None:
    """CACHE-10"""
    asked: list[Any] = []

    async def answer(got: Got) -> None:
        cursor = got.json["params"].get("cursor")
        asked.append(cursor)
        rest: dict[str, Any] = {"resultType": "complete", "ttlMs": 60_000, "cacheScope": "private"}
        if cursor and len(asked) == 2:
            got.error(-32602, "no such cursor")
        elif cursor:
            got.result({**rest, "tools": [{**TOOL, "name": "second"}]})
        else:
            got.result({**rest, "tools": [{**TOOL, "name": f"first{len(asked)}"}], "nextCursor": "c"})

    async with serving(modern(answer)) as url, Client(url) as client:
        for _ in range(2):
            assert [tool.name for tool in await client.list_tools()] == ["first3", "second"]
    assert asked == [None, "c", None, "c"]


# --- folders that change ----------------------------------------------------------------------------------------


async def test_a_session_is_told_that_the_folders_changed_and_was_told_that_it_would_be() -> None:
    got: list[Any] = []

    async def answer(one: Got) -> None:
        got.append(one.json)
        one.reply(b"", 202)

    hello: list[Any] = []

    async def all_of_it(one: Got) -> None:
        if one.json.get("method") == "initialize":
            hello.append(one.json["params"]["capabilities"])
        await legacy(answer)(one)

    async with serving(all_of_it) as url, Client(url, mode="legacy", roots=["/srv"]) as client:
        await client.roots_changed()
    assert hello == [{"roots": {"listChanged": True}}]
    assert [one["method"] for one in got if one] == ["notifications/roots/list_changed"]


async def test_a_stateless_server_is_told_nothing_of_folders_and_asks_anew() -> None:
    folders = ["file:///a"]
    async with Client(asker.server, mode="modern", roots=lambda: folders) as client:
        assert (await client.call_tool("folders")).value == ["file:///a"]
        folders[:] = ["file:///b"]
        await client.roots_changed()
        assert (await client.call_tool("folders")).value == ["file:///b"]


async def test_folders_that_were_never_given_cannot_change() -> None:
    async with Client(asker.server) as client:
        with pytest.raises(LocalError, match="has no roots"):
            await client.roots_changed()


# --- servers that ask though they may not -----------------------------------------------------------------------

ASKS = """
import json, sys
meta = {"io.modelcontextprotocol/serverInfo": {"name": "x", "version": "1"}}
rest = {"resultType": "complete", "ttlMs": 0, "cacheScope": "private", "_meta": meta}
heard, rounds, call = [], 0, None
for line in sys.stdin:
    got = json.loads(line)
    say = lambda **members: print(json.dumps({"jsonrpc": "2.0", **members}), flush=True)
    if got.get("method") == "server/discover" and sys.argv[1] == "modern":
        say(id=got["id"], result={"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **rest})
    elif got.get("method") == "initialize":
        result = {"protocolVersion": "2025-11-25", "capabilities": {"tools": {}}}
        say(id=got["id"], result={**result, "serverInfo": {"name": "x", "version": "1"}})
    elif got.get("method") == "tools/call":
        say(id=99, method="ping")
        say(id=98, method="roots/list")
        call = got["id"]
    elif got.get("method") == "resources/templates/list":
        rounds += call is not None
        if len(heard) == 2 or rounds == 3:
            say(id=call, result={"content": [{"type": "text", "text": json.dumps(heard)}], "resultType": "complete"})
        say(id=got["id"], result={"resourceTemplates": [], **rest})
    elif "id" in got:
        if "method" in got:
            say(id=got["id"], error={"code": -32601, "message": "no"})
        else:
            heard.append(got["id"])
"""


@pytest.mark.parametrize("mode, answered", [("modern", []), ("legacy", [98, 99])])
async def test_a_stateless_servers_requests_get_no_response(
    mode: str, answered: list[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """STDIO-03"""
    file = tmp_path / "asks.py"
    file.write_text(ASKS)

    async def folders() -> list[str]:
        return ["/srv"]

    with caplog.at_level(logging.WARNING, "dragoman"):
        async with Client([sys.executable, str(file), mode], mode=mode, roots=folders) as client:
            call = asyncio.create_task(client.call_tool("x"))
            async with asyncio.timeout(20):
                while not call.done():
                    await client.list_resource_templates()
                assert sorted(json.loads((await call).text)) == answered
    assert ("which no stateless server may" in caplog.text) is (mode == "modern")
