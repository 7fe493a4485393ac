"""`dragoman bridge`: a client that speaks only stdio uses a server over HTTP, in whichever revision it speaks."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from mcp import Client as OfficialClient
from mcp import StdioServerParameters

from dragoman import Client, Context, Server
from dragoman.app.target import Options
from dragoman.testing.ways import serving_http

BRIDGE = [sys.executable, "-P", "-m", "dragoman", "bridge"]


def make() -> Server:
    server = Server("far", version="3.0")

    @server.tool
    def add(a: int, b: int = 2) -> int:
        return a + b

    @server.tool
    def whose(ctx: Context) -> str:
        return ctx.headers.get("x-key", "nobody's")

    @server.tool
    async def ask(ctx: Context) -> str:
        return await ctx.elicit("Name?", str)

    return server


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
async def test_the_official_client_uses_a_server_over_http_through_it(mode: Any, version: str) -> None:
    async with serving_http(make()) as url:
        target = StdioServerParameters(command=BRIDGE[0], args=[*BRIDGE[1:], url])
        async with OfficialClient(target, mode=mode) as client:
            assert (client.protocol_version, client.server_info.name) == (version, "far")
            assert len((await client.list_tools()).tools) == 3
            result = await client.call_tool("add", {"a": 40})
            assert result.structured_content == {"result": 42}


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_headers_go_with_it_and_questions_come_back(mode: str) -> None:
    command = [*BRIDGE, "--header", "X-Key: ${BRIDGE_KEY}"]
    async with serving_http(make()) as url:
        own = Options(env={"BRIDGE_KEY": "mine"})
        async with Client([*command, url], mode=mode, options=own, on_elicit=lambda question: "Ada") as client:
            assert (await client.call_tool("whose")).text == "mine"
            assert (await client.call_tool("ask")).text == "Ada"


def test_it_ends_with_its_input() -> None:
    done = subprocess.run([*BRIDGE, "http://127.0.0.1:9/mcp"], input=b"", capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, b"")


def test_a_server_that_is_not_there_is_an_answer_and_not_the_end() -> None:
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "1"}}
    line = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}
    done = subprocess.run(
        [*BRIDGE, "http://127.0.0.1:9/mcp"],
        input=json.dumps(line).encode() + b"\n",
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert "did not answer; try again later" in json.loads(done.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which server?"),
        (["https://example.com/mcp", "more"], "one URL"),
        (["server.json"], "no such file"),
        (["https://example.com/mcp", "--", "python"], "speaks stdio already"),
        (["https://example.com/mcp", "--header", "X-Key: ${BRIDGE_UNSET}"], "BRIDGE_UNSET"),
    ],
)
def test_what_leads_nowhere_is_refused(words: list[str], said: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "BRIDGE_UNSET"}
    done = subprocess.run(
        [*BRIDGE, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment, check=False
    )
    assert done.returncode == 2 and said in done.stderr
