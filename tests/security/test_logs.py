"""What a peer says cannot make up lines of a log (threat 30)."""

from __future__ import annotations

import json
import logging

import pytest
from tests.transport.raw_http import META, Ask, call, hello, in_process, old

from dragoman import Client, Server

FORGED = "x\nFORGED entry\r\nFORGED again\u2028FORGED\x85FORGED"


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return caplog.text.splitlines()


async def test_no_text_of_a_peers_makes_a_line_of_its_own(caplog: pytest.LogCaptureFixture) -> None:
    """sec/30: in methods, names, arguments, ids, metadata and what a broken tool is given."""
    caplog.set_level(logging.DEBUG)
    server = Server("logged")

    @server.tool
    def echo(text: str) -> str:
        """Log it as a program should: as it is written in Python."""
        logging.getLogger("mine").warning("got %r", text)
        return text

    @server.tool
    async def broken(text: str) -> str:
        raise RuntimeError(f"cannot: {text!r}")

    app = server.asgi()
    for name in ("echo", "broken", FORGED):
        body = {"name": name, "arguments": {"text": FORGED}, "_meta": {**META, "x": FORGED}}
        ask = call("echo")._replace(
            body=json.dumps({"jsonrpc": "2.0", "id": FORGED, "method": "tools/call", "params": body}).encode()
        )
        await in_process(app, ask._replace(headers={**ask.headers, "mcp-name": name.partition("\n")[0]}))
    opened = await in_process(app, Ask(hello()))
    named = {"mcp-session-id": opened.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
    for method in (FORGED, "tools/call", "notifications/cancelled", "logging/setLevel"):
        for number in (2, None):
            sent = old(method, number, name=FORGED, level=FORGED, requestId=FORGED, reason=FORGED, arguments={})
            await in_process(app, Ask(sent, named))
    assert any("FORGED" in line for line in lines(caplog))
    assert [line for line in lines(caplog) if line.lstrip().startswith("FORGED")] == []


async def test_what_a_server_says_makes_no_lines_in_a_clients_log(caplog: pytest.LogCaptureFixture) -> None:
    """sec/30."""
    caplog.set_level(logging.DEBUG)
    server = Server("forger", instructions=FORGED)

    @server.tool(description=FORGED)
    async def broken() -> str:
        raise RuntimeError(FORGED)

    async with Client(server) as client:
        (tool,) = await client.list_tools()
        assert tool.description == FORGED
    assert [line for line in lines(caplog) if line.lstrip().startswith("FORGED")] == []
