"""HTTP peers that misbehave, and what the client makes of them: plain errors, soon, and nothing left open."""

from __future__ import annotations

import asyncio
import itertools
import time
from typing import Any

import pytest
from tests.transport.raw_peer import Got, Quiet, serving

from dragoman.errors import ClosedError, MalformedError, TransportError, UnreachableError
from dragoman.ports.exchange import Incoming, Outgoing
from dragoman.transport import http_client
from dragoman.transport.http_client import HttpExchange
from dragoman.transport.http_settings import HttpSettings

ASK = Outgoing(1, b'{"jsonrpc":"2.0","id":1,"method":"x"}', {"mcp-method": "x"})
RESUMING = Outgoing(1, ASK.body, {"mcp-protocol-version": "2025-11-25"}, resumes=True)
DONE = b'data: {"jsonrpc":"2.0","id":1,"result":{"ok":true}}\n\n'


async def ask(url: str, request: Outgoing = ASK, listener: Quiet | None = None, **settings: Any) -> Incoming:
    exchange = HttpExchange(url, HttpSettings(**settings))
    await exchange.open(listener or Quiet())
    try:
        return await exchange.send(request)
    finally:
        await exchange.close()


async def test_a_post_is_one_request_with_the_fields_it_needs() -> None:
    seen: list[Got] = []

    async def answer(got: Got) -> None:
        seen.append(got)
        got.result({"ok": True})

    async with serving(answer) as url:
        answered = await ask(f"{url}?key=a%20b c")
    assert answered.status == 200 and answered.frame is not None
    [got] = seen
    assert (got.method, got.target, got.body) == ("POST", "/mcp?key=a%20b%20c", ASK.body)
    assert got.headers["accept"] == "application/json, text/event-stream"
    assert got.headers["content-type"] == "application/json"
    assert got.headers["host"].startswith("127.0.0.1:")
    assert got.headers["mcp-method"] == "x"
    assert "cookie" not in got.headers and "accept-encoding" not in got.headers


async def test_a_connection_carries_one_request_after_the_other() -> None:
    ports: list[int] = []

    async def answer(got: Got) -> None:
        ports.append(got.writer.get_extra_info("peername")[1])
        if len(ports) % 2:
            got.stream(DONE)
            got.end_stream()
        else:
            got.result({})

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        for _ in range(6):
            await exchange.send(ASK)
        await exchange.close()
    assert len(ports) == 6 and len(set(ports)) == 1


async def test_no_more_connections_are_open_than_may_be_and_none_waits_for_ever() -> None:
    open_now: set[int] = set()
    most = 0

    async def answer(got: Got) -> None:
        nonlocal most
        port = got.writer.get_extra_info("peername")[1]
        open_now.add(port)
        most = max(most, len(open_now))
        await asyncio.sleep(0)
        got.result({})

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings(connections=3))
        await exchange.open(Quiet())
        async with asyncio.timeout(10):
            await asyncio.gather(*[exchange.send(ASK) for _ in range(40)])
        await exchange.close()
    assert most <= 3


async def test_who_waits_for_a_connection_comes_before_who_used_it_last_and_may_leave() -> None:
    served: list[str] = []
    first, go = asyncio.Event(), asyncio.Event()

    async def answer(got: Got) -> None:
        served.append(got.headers["x-who"])
        first.set()
        await go.wait()
        got.result({})

    async with serving(answer) as url, asyncio.timeout(10):
        exchange = HttpExchange(url, HttpSettings(connections=1))
        await exchange.open(Quiet())

        async def call(who: str) -> None:
            for _ in range(2):
                await exchange.send(Outgoing(1, ASK.body, {"x-who": who}))

        busy = asyncio.create_task(call("a"))
        await first.wait()
        left, other = asyncio.create_task(call("left")), asyncio.create_task(call("b"))
        await asyncio.sleep(0)
        left.cancel()
        go.set()
        await asyncio.gather(busy, other)
        await exchange.close()
    assert left.cancelled()
    assert served == ["a", "b", "a", "b"]


async def test_a_turn_that_comes_to_whom_just_gave_up_goes_to_the_next() -> None:
    first, go = asyncio.Event(), asyncio.Event()

    async def answer(got: Got) -> None:
        first.set()
        await go.wait()
        got.result({})

    async with serving(answer) as url, asyncio.timeout(10):
        exchange = HttpExchange(url, HttpSettings(connections=1))
        await exchange.open(Quiet())

        async def call() -> None:
            await exchange.send(ASK)
            left.cancel()  # it was given the connection, and has not gone on

        busy = asyncio.create_task(call())
        await first.wait()
        left, other = asyncio.create_task(exchange.send(ASK)), asyncio.create_task(exchange.send(ASK))
        await asyncio.sleep(0)
        go.set()
        await asyncio.gather(busy, other)
        await asyncio.wait({left})
        await exchange.close()
    assert left.cancelled()


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_events_arrive_whole_in_any_pieces(step: int) -> None:
    stream = b": hello\n\n" + b'data: {"jsonrpc":"2.0","method":"notifications/progress"}\n\n' + DONE

    async def answer(got: Got) -> None:
        got.stream()
        for start in range(0, len(stream), step):
            got.events(stream[start : start + step])
            await got.writer.drain()
        got.end_stream()

    listener = Quiet()
    async with serving(answer) as url:
        answered = await ask(url, listener=listener)
    assert answered.frame is not None and bytes(answered.frame.result) == b'{"ok":true}'
    assert [frame.method for frame in listener.heard] == ["notifications/progress"]


async def test_junk_events_are_skipped() -> None:
    async def answer(got: Got) -> None:
        got.stream(b"data: not json\n\n", b'data: {"jsonrpc":"2.0","id":99,"result":{}}\n\n', DONE)
        got.end_stream()

    async with serving(answer) as url:
        assert (await ask(url)).frame is not None


async def test_a_stream_that_stays_open_after_the_answer_holds_up_nobody() -> None:
    closed = asyncio.Event()

    async def answer(got: Got) -> None:
        got.stream(DONE)
        await got.gone()
        closed.set()

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        async with asyncio.timeout(0.9):
            await exchange.send(ASK)
        async with asyncio.timeout(5):
            await closed.wait()
        await exchange.close()


async def test_cancelling_closes_the_connection_at_once_before_any_byte_of_the_answer() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def answer(got: Got) -> None:
        begun.set()
        await got.gone()
        closed.set()

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        call = asyncio.create_task(exchange.send(ASK))
        await begun.wait()
        call.cancel()
        async with asyncio.timeout(2):
            await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        await exchange.close()


async def test_cancelling_closes_a_stream_at_once() -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def answer(got: Got) -> None:
        got.stream(b": open\n\n")
        begun.set()
        await got.gone()
        closed.set()

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        call = asyncio.create_task(exchange.send(ASK))
        await begun.wait()
        call.cancel()
        async with asyncio.timeout(2):
            await closed.wait()
        with pytest.raises(asyncio.CancelledError):
            await call
        await exchange.close()


async def test_a_server_that_closes_without_answering_is_told_at_once() -> None:
    async def answer(got: Got) -> None:
        got.writer.close()

    async with serving(answer) as url:
        with pytest.raises(ClosedError, match=r"http://127.*closed the connection before it answered"):
            await ask(url)


async def test_a_body_that_is_cut_off_is_told_at_once() -> None:
    async def answer(got: Got) -> None:
        got.writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\nabc")
        await got.writer.drain()
        got.writer.close()

    async with serving(answer) as url:
        with pytest.raises(ClosedError, match="in the middle of a response"):
            await ask(url)


async def test_a_stream_that_ends_without_the_answer_is_told_at_once() -> None:
    async def answer(got: Got) -> None:
        got.stream(b'id: 7\ndata: {"jsonrpc":"2.0","method":"a"}\n\n')
        got.end_stream()

    async with serving(answer) as url:
        # This era has no resumption, whatever ids come along (HTTP-12).
        with pytest.raises(ClosedError, match="ended the stream before the answer"):
            await ask(url)


async def test_an_answer_to_another_request_is_malformed() -> None:
    async def answer(got: Got) -> None:
        got.reply({"jsonrpc": "2.0", "id": 2, "result": {}})

    async with serving(answer) as url:
        with pytest.raises(MalformedError, match="answers another request than 1"):
            await ask(url)


async def test_an_error_page_comes_back_with_its_status() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"<html>Bad Gateway</html>", 502, content_type="text/html")

    async with serving(answer) as url:
        answered = await ask(url)
    assert (answered.status, answered.frame) == (502, None)


async def test_a_json_rpc_error_is_found_on_any_status() -> None:
    async def answer(got: Got) -> None:
        got.error(-32020, "mismatch", status=400)

    async with serving(answer) as url:
        answered = await ask(url)
    assert answered.status == 400 and answered.frame is not None and answered.frame.error


@pytest.mark.parametrize("streamed", [True, False])
async def test_an_answer_that_is_too_long_is_refused_and_one_that_just_fits_is_not(streamed: bool) -> None:
    async def answer(got: Got) -> None:
        # The target says how long an answer to give.
        pad = "x" * (int(got.target.rpartition("=")[2]) - len('{"jsonrpc": "2.0", "id": 1, "result": {"pad": ""}}'))
        if streamed:
            got.stream(b'data: {"jsonrpc": "2.0", "id": 1, "result": {"pad": "%b"}}\n\n' % pad.encode())
            got.end_stream()
        else:
            got.result({"pad": pad})

    async with serving(answer) as url:
        with pytest.raises(MalformedError, match="longer than 1000 bytes"):
            await ask(f"{url}?n=1100", max_bytes=1000)
        assert (await ask(f"{url}?n=900", max_bytes=1000)).frame is not None


async def test_a_redirect_within_the_origin_is_followed_with_the_body_and_one_elsewhere_is_not() -> None:
    seen: list[tuple[str, bytes]] = []
    elsewhere = "http://example.invalid/mcp"

    async def answer(got: Got) -> None:
        seen.append((got.target, got.body))
        if got.target == "/mcp":
            got.reply(b"", 307, location="/mcp/")
        elif got.target == "/away":
            got.reply(b"", 308, location=elsewhere)
        else:
            got.result({})

    async with serving(answer) as url:
        assert (await ask(url)).status == 200
        assert seen == [("/mcp", ASK.body), ("/mcp/", ASK.body)]
        away = await ask(url.replace("/mcp", "/away"))
        assert (away.status, away.headers["location"]) == (308, elsewhere)
        assert len(seen) == 3


async def test_redirects_in_a_circle_end() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"", 307, location=got.target + "x")

    async with serving(answer) as url:
        assert (await ask(url)).status == 307


async def test_a_session_is_kept_named_and_deleted() -> None:
    seen: list[tuple[str, str | None]] = []

    async def answer(got: Got) -> None:
        seen.append((got.method, got.headers.get("mcp-session-id")))
        got.result({}, mcp_session_id="abc")

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        await exchange.send(ASK)
        assert exchange.session is None  # only a handshake opens one
        await exchange.send(Outgoing(1, ASK.body, session=True))
        await exchange.send(ASK)
        await exchange.forget_session(end=True)
        await exchange.send(ASK)
        await exchange.close()
    assert seen == [("POST", None), ("POST", None), ("POST", "abc"), ("DELETE", "abc"), ("POST", None)]


async def test_an_early_end_is_taken_up_again_where_it_was_after_the_time_the_server_said() -> None:
    times: list[float] = []
    seen: list[tuple[str, str | None]] = []

    async def answer(got: Got) -> None:
        times.append(time.monotonic())
        seen.append((got.method, got.headers.get("last-event-id")))
        if got.method == "POST":
            got.stream(b"id: e1\nretry: 120\ndata:\n\n")
        elif len(seen) == 2:
            got.stream(b'id: e2\ndata: {"jsonrpc":"2.0","method":"a"}\n\n')
        else:
            got.stream(DONE)
        got.end_stream()

    listener = Quiet()
    async with serving(answer) as url:
        assert (await ask(url, RESUMING, listener)).frame is not None
    assert seen == [("POST", None), ("GET", "e1"), ("GET", "e2")]
    assert all(later - sooner >= 0.11 for sooner, later in itertools.pairwise(times))
    assert [frame.method for frame in listener.heard] == ["a"]


async def test_a_stream_that_cannot_be_taken_up_again_is_closed() -> None:
    async def answer(got: Got) -> None:
        if got.method == "POST":
            got.stream(b"id: e1\nretry: 1\ndata:\n\n")
            got.end_stream()
        else:
            got.reply(b"", 405)

    async with serving(answer) as url:
        with pytest.raises(ClosedError, match="does not take it up again: HTTP 405"):
            await ask(url, RESUMING)


async def test_a_stream_that_is_cut_again_and_again_is_taken_up_until_it_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """LEG-12"""
    monkeypatch.setattr(http_client, "STOOD", 0.01)
    gets = 0

    async def answer(got: Got) -> None:
        nonlocal gets
        gets += got.method == "GET"
        got.stream(DONE if gets > 2 * http_client.TRIES else b"id: same\nretry: 1\ndata:\n\n")
        await asyncio.sleep(0.02)  # it stood for a while, and was not opened in vain
        got.end_stream()

    async with serving(answer) as url:
        assert (await ask(url, RESUMING)).frame is not None


async def test_a_stream_that_never_gets_further_is_given_up() -> None:
    gets = 0

    async def answer(got: Got) -> None:
        nonlocal gets
        gets += got.method == "GET"
        got.stream(b"id: same\nretry: 1\ndata:\n\n")
        got.end_stream()

    async with serving(answer) as url:
        with pytest.raises(ClosedError):
            await ask(url, RESUMING)
    assert 1 < gets < 20


async def test_a_request_of_the_servers_on_the_stream_is_answered_by_a_post() -> None:
    answered = asyncio.Event()
    posted: list[bytes] = []

    async def answer(got: Got) -> None:
        if "result" in got.json:
            posted.append(got.body)
            answered.set()
            got.reply(b"", 202)
            return
        got.stream(b'data: {"jsonrpc":"2.0","id":5,"method":"ping"}\n\n')
        await got.writer.drain()
        await answered.wait()
        got.events(DONE)
        got.end_stream()

    async with serving(answer) as url:
        assert (await ask(url)).frame is not None
    assert posted == [b'{"jsonrpc":"2.0","id":5,"result":{}}']


async def test_a_notice_that_is_refused_raises() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"", 202 if got.target.endswith("ok") else 500)

    async with serving(answer) as url:
        for target, refused in ((url + "ok", False), (url, True)):
            exchange = HttpExchange(target, HttpSettings())
            await exchange.open(Quiet())
            if refused:
                with pytest.raises(TransportError, match="refused a notice: HTTP 500"):
                    await exchange.tell(b"{}")
            else:
                await exchange.tell(b"{}")
            await exchange.close()


async def test_after_close_nothing_is_sent() -> None:
    async def answer(got: Got) -> None:
        got.result({})

    async with serving(answer) as url:
        exchange = HttpExchange(url, HttpSettings())
        await exchange.open(Quiet())
        await exchange.send(ASK)
        await exchange.close()
        await exchange.close()
        with pytest.raises(ClosedError, match="is closed"):
            await exchange.send(ASK)


async def test_a_host_that_does_not_answer_is_given_up_in_time() -> None:
    async with serving(_never) as url:
        port = int(url.rpartition(":")[2].partition("/")[0])
        # A proxy that takes the connection and says nothing more.
        with pytest.raises(UnreachableError, match=r"through the proxy 127\.0\.0\.1.*no answer within 0\.2 s"):
            await ask("https://example.invalid/mcp", proxy=f"http://127.0.0.1:{port}", connect_seconds=0.2)


async def _never(got: Got) -> None:
    await got.gone()


async def test_a_proxy_gets_the_whole_address_and_its_own_authorization() -> None:
    seen: list[Got] = []

    async def answer(got: Got) -> None:
        seen.append(got)
        got.result({})

    async with serving(answer) as url:
        proxy = url.removesuffix("/mcp").replace("http://", "http://user:p%40ss@")
        assert (await ask("http://example.invalid/mcp?x=1", proxy=proxy)).status == 200
    assert seen[0].target == "http://example.invalid/mcp?x=1"
    assert seen[0].headers["host"] == "example.invalid"
    assert seen[0].headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


async def test_a_proxy_that_refuses_the_tunnel_is_named() -> None:
    async def answer(got: Got) -> None:
        got.reply(b"", 407)

    async with serving(answer) as url:
        with pytest.raises(UnreachableError, match="the proxy answered HTTP 407"):
            await ask("https://example.invalid/mcp", proxy=url.removesuffix("/mcp"))
