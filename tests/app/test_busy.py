"""Servers that have too much to do: what they did not begin with comes again when they say, and nothing runs twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.transport.raw_peer import INITIALIZED, Got, legacy, modern, serving

from dragoman import BusyError, Client, ClosedError, Limits, Server
from dragoman.app.target import Options
from dragoman.calling import resending
from dragoman.testing import serving_http
from dragoman.transport import http_client

ERAS = {"modern": modern, "legacy": legacy}
eras = pytest.mark.parametrize("mode", ERAS)
DONE = {"content": [{"type": "text", "text": "done"}], "resultType": "complete"}
NOT_BEGUN = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "the server is behind", "data": {"begun": False}}}
BEGUN = {"jsonrpc": "2.0", "error": {"code": -32600, "message": "the server is behind", "data": {"begun": True}}}
STRANGE: list[Any] = [b"<html>Service Unavailable", BEGUN]


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resending, "SHORTEST", 0.001)


def refuse(got: Got, body: Any = NOT_BEGUN, after: str = "0", status: int = 503) -> None:
    got.reply(body, status, retry_after=after)


class Busy:
    """Refuses the first `times` requests of a method, and counts them all."""

    def __init__(self, method: str, times: int, **how: Any) -> None:
        self.asked = 0
        self.ids: list[Any] = []
        self._method, self._times, self._how = method, times, how

    async def __call__(self, got: Got) -> None:
        if got.json.get("method") != self._method:
            got.result({"tools": []})
            return
        self.asked += 1
        self.ids.append(got.json.get("id"))
        if self.asked <= self._times:
            refuse(got, **self._how)
        else:
            got.result(DONE if self._method == "tools/call" else {"tools": [], "resultType": "complete"})


def client(url: str, mode: str, **options: Any) -> Client:
    return Client(url, mode=mode, timeout=5, options=Options(**options))


@eras
@pytest.mark.parametrize("status", [503, 429])
async def test_a_call_that_was_not_begun_comes_again_by_itself(mode: str, status: int) -> None:
    busy = Busy("tools/call", 2, status=status)
    async with serving(ERAS[mode](busy)) as url, client(url, mode) as one:
        assert (await one.call_tool("charge")).text == "done"
    assert busy.asked == 3 and len(set(busy.ids)) == 3


@eras
async def test_it_comes_again_so_often_and_no_more(mode: str) -> None:
    busy = Busy("tools/call", 3)
    async with serving(ERAS[mode](busy)) as url, client(url, mode, busy_resends=2) as one:
        with pytest.raises(BusyError, match="has too much to do: HTTP 503, the server is behind") as caught:
            await one.call_tool("charge")
        assert (busy.asked, caught.value.after, caught.value.begun) == (3, 0, False)
        assert (await one.call_tool("charge")).text == "done"


@eras
@pytest.mark.parametrize("body", STRANGE)
async def test_what_may_have_run_is_not_sent_again_unless_that_does_no_harm(mode: str, body: Any) -> None:
    """A proxy answers 503 for a server that broke off in the middle, too."""
    busy, listed = Busy("tools/call", 1, body=body), Busy("tools/list", 1, body=body)
    async with serving(ERAS[mode](busy)) as url, client(url, mode) as one:
        with pytest.raises(BusyError) as caught:
            await one.call_tool("charge")
        assert (busy.asked, caught.value.begun) == (1, None)
    busy = Busy("tools/call", 1, body=body)
    async with serving(ERAS[mode](busy)) as url, client(url, mode) as one:
        assert (await one.call_tool("charge", repeatable=True)).text == "done"
    async with serving(ERAS[mode](listed)) as url, client(url, mode) as one:
        assert await one.list_tools() == []
    assert (busy.asked, listed.asked) == (2, 2)


@pytest.mark.parametrize(("after", "asked"), [("0", 2), ("30", 1), ("Fri, 31 Dec 2100 23:59:59 GMT", 1)])
async def test_nobody_waits_for_what_comes_after_the_deadline(after: str, asked: int) -> None:
    busy = Busy("tools/call", 1, after=after)
    async with serving(modern(busy)) as url, client(url, "modern") as one, asyncio.timeout(3):
        if asked == 1:
            with pytest.raises(BusyError) as caught:
                await one.call_tool("charge")
            assert caught.value.after >= 30
        else:
            assert (await one.call_tool("charge")).text == "done"
    assert busy.asked == asked


async def test_without_a_time_to_come_again_the_answer_is_what_it_was() -> None:
    async def answer(got: Got) -> None:
        got.error(-32600, "full", {"begun": False}, 503)

    async with serving(modern(answer)) as url, client(url, "modern") as one:
        with pytest.raises(Exception, match=r"full \(-32600\)"):
            await one.call_tool("charge")


@pytest.mark.parametrize("mode", ["auto", "modern", "legacy"])
async def test_opening_waits_and_a_busy_server_is_not_taken_for_an_old_one(mode: str) -> None:
    asked: list[str] = []

    async def answer(got: Got) -> None:
        asked.append(method := got.json["method"])
        if asked.count(method) == 1:
            refuse(got)
        elif method.startswith("notifications/"):
            got.reply(b"", 202)
        else:
            await (modern if method == "server/discover" else legacy)(answer)(got)

    async with serving(answer) as url, client(url, mode):
        pass
    hello = ["initialize"] * 2 + ["notifications/initialized"] * 2
    assert asked == (hello if mode == "legacy" else ["server/discover"] * 2)


async def test_closing_ends_the_waiting() -> None:
    busy = Busy("tools/call", 1, after="2")  # at most twice that is waited, less than a call has
    async with serving(modern(busy)) as url, asyncio.timeout(1.9), client(url, "modern") as one:
        waiting = asyncio.ensure_future(one.call_tool("charge"))
        while not busy.asked:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        await one.close()
        with pytest.raises(ClosedError):
            await waiting


@pytest.mark.parametrize("status", [503, 429])
async def test_a_stream_that_is_refused_for_now_is_taken_up_later(status: int) -> None:
    gets: list[str] = []

    async def answer(got: Got) -> None:
        if got.method == "POST":
            got.stream(b"id: 1\nretry: 1\ndata: \n\n")
            got.end_stream()
            return
        gets.append(f"{got.method} {got.headers.get('last-event-id', '')}")
        if len(gets) == 1:
            refuse(got, b"", "0", status)
        else:
            got.stream(
                b'id: 2\ndata: {"jsonrpc":"2.0","id":2,"result":{"content":[{"type":"text","text":"done"}]}}\n\n'
            )

    async with serving(legacy(answer)) as url, client(url, "legacy") as one:
        assert (await one.call_tool("charge")).text == "done"
    assert gets[:2] == ["GET 1", "GET 1"]


async def test_the_stream_outside_of_calls_is_opened_later_where_it_is_refused_for_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http_client, "RETRY", 0.001)
    gets: list[str] = []
    monkeypatch.setitem(INITIALIZED["capabilities"], "tools", {"listChanged": True})  # type: ignore[arg-type]

    async def answer(got: Got) -> None:
        if got.method != "GET":
            got.reply(b"")
            return
        gets.append(got.target)
        if len(gets) == 1:
            refuse(got, b"", "0", 429)
        else:
            got.stream(b": hello\n\n")

    async with (
        serving(legacy(answer)) as url,
        Client(url, mode="legacy") as one,
        asyncio.timeout(5),
        one.listen() as changes,
    ):
        # Something may have been missed meanwhile.
        assert (await anext(aiter(changes))).kind == "tools"
    assert len(gets) == 2


async def test_our_own_server_that_has_too_much_to_do_is_waited_for() -> None:
    """One call more than may be under way, which is answered once another has ended."""
    await asyncio.gather(*[_crowded(mode) for mode in ERAS])


async def _crowded(mode: str) -> None:
    server, gate = Server("busy", limits=Limits(calls_in_all=1)), asyncio.Event()
    ran: list[int] = []

    @server.tool
    async def wait() -> str:
        ran.append(1)
        await gate.wait()
        return "waited"

    async with serving_http(server) as url, Client(url, mode=mode) as one, Client(url, mode=mode) as two:
        first = asyncio.ensure_future(one.call_tool("wait"))
        while not ran:
            await asyncio.sleep(0.001)
        with pytest.raises(BusyError) as caught:
            await two.call_tool("wait", timeout=0.5)
        assert (caught.value.begun, caught.value.after) == (False, 1)
        second = asyncio.ensure_future(two.call_tool("wait"))
        await asyncio.sleep(0.02)
        gate.set()
        assert [(await each).text for each in (first, second)] == ["waited", "waited"]
    assert len(ran) == 2
