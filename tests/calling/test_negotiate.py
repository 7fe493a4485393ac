"""Finding the era: a modern error stays modern, anything else may mean the handshake."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import pytest
from tests.transport.raw_peer import DISCOVERED, INITIALIZED, Answer, Got, legacy, modern, serving

from dragoman import (
    AuthorizationError,
    Client,
    ClosedError,
    DeadlineError,
    LocalError,
    MalformedError,
    McpError,
    PeerError,
    TransportError,
    VersionError,
)
from dragoman.app.target import Options


async def listed(got: Got) -> None:
    got.result({"tools": []})


async def spoken(answer: Answer, mode: str = "auto", **options: Any) -> str:
    async with serving(answer) as url, Client(url, mode=mode, **options) as client:
        await client.list_tools()
        return client.version


async def test_a_modern_server_is_spoken_to_in_its_era() -> None:
    assert await spoken(modern(listed)) == "2026-07-28"


async def test_a_legacy_server_is_shaken_hands_with() -> None:
    assert await spoken(legacy(listed)) == "2025-11-25"


@pytest.mark.parametrize("status", [400, 404, 405, 406, 415, 422, 500, 501])
@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b'{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"?"}}']
)
async def test_whatever_is_no_modern_error_leads_to_the_handshake(status: int, body: bytes) -> None:
    shake = legacy(listed)

    async def answer(got: Got) -> None:
        if got.json.get("method") == "server/discover":
            got.reply(body, status)
        else:
            await shake(got)

    assert await spoken(answer) == "2025-11-25"


@pytest.mark.parametrize("code", [-32020, -32021])
async def test_a_modern_error_is_never_answered_by_a_handshake(code: int) -> None:
    methods: list[str] = []

    async def answer(got: Got) -> None:
        methods.append(got.json["method"])
        got.error(code)

    with pytest.raises(PeerError) as caught:
        await spoken(answer)
    assert caught.value.code == code
    assert methods == ["server/discover"]


async def test_a_rejected_version_is_tried_again_if_the_server_supports_it_after_all() -> None:
    seen = 0

    async def answer(got: Got) -> None:
        nonlocal seen
        seen += 1
        if seen == 1:
            got.error(-32022, "no", {"supported": ["2026-07-28"], "requested": "2026-07-28"})
        elif got.json["method"] == "server/discover":
            got.result(DISCOVERED)
        else:
            await listed(got)

    assert await spoken(answer) == "2026-07-28"


async def test_a_server_whose_versions_are_all_old_is_shaken_hands_with() -> None:
    shake = legacy(listed)

    async def answer(got: Got) -> None:
        if got.json.get("method") == "server/discover":
            got.error(-32022, "no", {"supported": ["2025-11-25"], "requested": "2026-07-28"})
        else:
            await shake(got)

    assert await spoken(answer) == "2025-11-25"


@pytest.mark.parametrize(
    "supported, version", [(["2025-11-25", "2025-06-18"], "2025-11-25"), (["2025-11-25", "2026-07-28"], "2026-07-28")]
)
async def test_what_discovery_lists_counts_and_not_that_it_was_answered(supported: list[str], version: str) -> None:
    shake = legacy(listed)
    speak = modern(listed)

    async def answer(got: Got) -> None:
        if got.json.get("method") == "server/discover":
            got.result({**DISCOVERED, "supportedVersions": supported})
        else:
            await (shake if version == "2025-11-25" else speak)(got)

    assert await spoken(answer) == version


async def test_no_version_in_common_is_said_with_the_servers_own() -> None:
    async def answer(got: Got) -> None:
        got.error(-32022, "no", {"supported": ["2099-01-01"], "requested": "2026-07-28"})

    for mode in ("auto", "modern"):
        with pytest.raises(VersionError) as caught:
            await spoken(answer, mode)
        assert caught.value.supported == ("2099-01-01",)


async def test_a_handshake_that_ends_in_an_unknown_version_is_refused() -> None:
    async def answer(got: Got) -> None:
        got.result({**INITIALIZED, "protocolVersion": "2099-01-01"})

    with pytest.raises(VersionError, match="speaks protocol version '2099-01-01'"):
        await spoken(answer, "legacy")


async def test_a_handshake_may_end_in_an_older_version_and_that_is_spoken() -> None:
    versions: list[str | None] = []

    async def answer(got: Got) -> None:
        versions.append(got.headers.get("mcp-protocol-version"))
        if got.json["method"] == "initialize":
            got.result({**INITIALIZED, "protocolVersion": "2025-03-26"})
        elif got.json["method"].startswith("notifications/"):
            got.reply(b"", 202)
        else:
            await listed(got)

    assert await spoken(answer, "legacy") == "2025-03-26"
    # None is agreed before the handshake is done (LEG-06).
    assert versions == [None, "2025-03-26", "2025-03-26"]


@pytest.mark.parametrize("mode", ["auto", "modern"])
async def test_a_modern_server_without_discovery_can_still_be_called(mode: str) -> None:
    async def answer(got: Got) -> None:
        if got.json["method"] == "tools/list":
            await listed(got)
        else:
            got.error(-32601, "method not found", status=404)

    assert await spoken(answer, mode) == "2026-07-28"


@pytest.mark.parametrize("status", [401, 403])
async def test_wanting_credentials_is_told_at_once_with_the_challenge(status: int) -> None:
    asked = 0

    async def answer(got: Got) -> None:
        nonlocal asked
        asked += 1
        got.reply(b"", status, www_authenticate='Bearer scope="x"')

    with pytest.raises(AuthorizationError) as caught:
        await spoken(answer)
    assert (caught.value.status, caught.value.challenge, asked) == (status, 'Bearer scope="x"', 1)


async def test_a_web_page_is_no_mcp_endpoint() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"<html><h1>Hello</h1></html>", content_type="text/html")

    with pytest.raises(MalformedError, match=r"HTTP 200 with text/html: <html><h1>Hello.*address of an MCP endpoint"):
        await spoken(answer)


async def test_an_overloaded_gateway_may_be_tried_again() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"busy", 503, content_type="text/plain")

    with pytest.raises(TransportError, match="HTTP 503 with text/plain: busy"):
        await spoken(answer)


async def test_a_redirect_to_elsewhere_is_named_not_followed() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"", 308, location="http://elsewhere.invalid/mcp")

    with pytest.raises(LocalError, match=r"redirects to http://elsewhere\.invalid/mcp"):
        await spoken(answer)


async def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    async def answer(got: Got) -> None:
        await got.gone()

    with pytest.raises(DeadlineError, match=r"opening the connection.*0\.3 s"):
        await spoken(answer, timeout=0.3)


async def test_the_era_of_an_address_is_remembered_until_it_changes() -> None:
    methods: list[str] = []
    shake, speak = legacy(listed), modern(listed)
    upgraded = False

    async def answer(got: Got) -> None:
        methods.append(got.json.get("method", got.method))
        if not upgraded:
            await shake(got)
        elif got.json["method"] == "initialize":
            got.error(-32601, status=404)
        else:
            await speak(got)

    async with serving(answer) as url:
        for expected in ("2025-11-25", "2025-11-25"):
            async with Client(url) as client:
                assert client.version == expected
        assert methods.count("server/discover") == 1
        upgraded = True
        async with Client(url) as client:
            assert client.version == "2026-07-28"


async def test_a_lost_session_is_opened_again_once_for_all_calls_and_they_are_repeated() -> None:
    sessions: list[str] = []
    calls: list[str | None] = []

    async def answer(got: Got) -> None:
        method = got.json.get("method")
        session = got.headers.get("mcp-session-id")
        if method == "initialize":
            sessions.append(f"s{len(sessions) + 1}")
            got.result(INITIALIZED, mcp_session_id=sessions[-1])
        elif method == "notifications/initialized" or got.method == "DELETE":
            got.reply(b"", 202)
        elif session != sessions[-1] or len(sessions) == 1:
            calls.append(session)
            got.error(-32001, "Session not found", status=404)
        else:
            got.result({"content": [{"type": "text", "text": session}]})

    async with serving(answer) as url, Client(url, mode="legacy") as client:
        results = await asyncio.gather(*[client.call_tool("a") for _ in range(5)])
        assert {result.text for result in results} == {"s2"}
    assert sessions == ["s1", "s2"] and set(calls) == {"s1"}


async def test_a_session_that_is_lost_again_at_once_is_an_error() -> None:
    async def answer(got: Got) -> None:
        got.error(-32001, "Session not found", status=404)

    async with serving(legacy(answer)) as url, Client(url, mode="legacy") as client:
        with pytest.raises(TransportError, match="no longer knows the session"):
            await client.call_tool("a")


# --- over stdio: servers of a few lines, run as processes ---------------------------------------------------------

LEGACY = """
import json, sys
for line in sys.stdin:
    got = json.loads(line)
    if got["method"] == "initialize":
        print(json.dumps({"jsonrpc": "2.0", "id": got["id"], "result": {"protocolVersion": "2025-11-25",
            "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}}), flush=True)
    elif "id" in got and got["method"] != "server/discover":
        print(json.dumps({"jsonrpc": "2.0", "id": got["id"], "result": {"tools": []}}), flush=True)
    elif "id" in got:
        REFUSE
"""
ERROR = 'print(json.dumps({"jsonrpc": "2.0", "id": got["id"], "error": {"code": %d, "message": "?"}}), flush=True)'
DISCOVER = """
import json, sys, time
time.sleep(%s)
for line in sys.stdin:
    got = json.loads(line)
    if "id" not in got:
        continue
    if got["method"] == "server/discover":
        out = {"result": {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}}
    elif got["method"] == "initialize":
        out = {"error": {"code": -32022, "message": "no", "data": {"supported": ["2026-07-28"]}}}
    else:
        out = {"result": {"tools": []}}
    print(json.dumps({"jsonrpc": "2.0", "id": got["id"], **out}), flush=True)
"""


def script(text: str) -> list[str]:
    return [sys.executable, "-c", text]


async def over_stdio(text: str, **options: Any) -> str:
    async with Client(script(text), options=Options(**options)) as client:
        await client.list_tools()
        return client.version


@pytest.mark.parametrize("code", [-32601, -32602, -32600, -32000, 0])
async def test_any_other_error_of_a_process_leads_to_the_handshake(code: int) -> None:
    assert await over_stdio(LEGACY.replace("REFUSE", ERROR % code)) == "2025-11-25"


async def test_a_process_that_ignores_the_probe_is_shaken_hands_with() -> None:
    begun = time.monotonic()
    assert await over_stdio(LEGACY.replace("REFUSE", "pass"), probe_seconds=0.3) == "2025-11-25"
    assert time.monotonic() - begun < 20


async def test_a_process_that_ends_at_the_probe_is_started_again() -> None:
    assert await over_stdio(LEGACY.replace("REFUSE", 'sys.exit("expected initialize")')) == "2025-11-25"


async def test_a_modern_process_that_is_slow_to_start_is_not_mistaken_for_an_old_one() -> None:
    assert await over_stdio(DISCOVER % 0.5, probe_seconds=0.1) == "2026-07-28"


async def test_a_process_that_refuses_everything_gives_its_last_refusal() -> None:
    refuse = "import json, sys\nfor line in sys.stdin:\n    got = json.loads(line)\n    " + ERROR % -5
    with pytest.raises(PeerError) as caught:
        await over_stdio(refuse)
    assert caught.value.code == -5


async def test_a_process_that_ends_both_times_says_what_it_said() -> None:
    with pytest.raises(ClosedError, match="ended with status 1; it last said:\nno licence"):
        await over_stdio("import sys; sys.stdin.readline(); sys.exit('no licence')")


async def test_a_process_that_says_nothing_at_all_is_given_up_in_time() -> None:
    with pytest.raises(DeadlineError, match=r"opening the connection.*0\.6 s"):
        async with Client(script("import sys; sys.stdin.read()"), timeout=0.6, options=Options(probe_seconds=0.1)):
            raise McpError("it opened")
