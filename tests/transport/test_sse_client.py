"""HTTP+SSE of 2024-11-05, called: how a client finds that a server speaks it, and what it takes from such a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from tests.app.reaching import over_http
from tests.transport.raw_peer import INITIALIZED, Got, serving

from dragoman import Client, ClosedError, Context, MalformedError, McpError, Server, TransportError
from dragoman.app.target import Options
from dragoman.transport import sse_client

Handle = Callable[[Got], Awaitable[None]]


class Older:
    """A server of 2024-11-05 that behaves as a test wants: `on` says what is done with a posted message."""

    def __init__(self, endpoint: str = "/post?session=1", refusal: int = 405) -> None:
        self.endpoint = endpoint
        self.refusal = refusal
        self.on: dict[str, Callable[[Got], Any]] = {}
        self.seen: list[tuple[str, str]] = []
        self.stream: Got | None = None
        self.receipt = 202

    async def __call__(self, got: Got) -> None:
        method = got.json.get("method", "response")
        self.seen.append((got.method, got.target if got.method == "GET" else method))
        if got.method == "GET":
            self.stream = got
            got.stream(f"event: endpoint\ndata: {self.endpoint}\n\n".encode())
        elif got.target == "/mcp":
            got.reply(b"no", self.refusal, content_type="text/plain")
        else:
            got.reply(b"Accepted", self.receipt, content_type="text/plain")
            if method == "initialize":
                self.answer(got, INITIALIZED)
            elif method in self.on:
                self.on[method](got)

    def say(self, message: dict[str, Any], event: str = "message") -> None:
        assert self.stream is not None
        data = json.dumps({"jsonrpc": "2.0", **message})
        self.stream.events(f"event: {event}\ndata: {data}\n\n".encode())

    def answer(self, got: Got, result: Any) -> None:
        self.say({"id": got.json["id"], "result": result})


def told(text: str) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}]}


@pytest.mark.parametrize("refusal", [400, 404, 405])
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_server_that_refuses_the_handshake_is_asked_for_a_stream(refusal: int, mode: str) -> None:
    """VER-13, LEG-26"""
    older = Older(refusal=refusal)
    older.on["tools/call"] = lambda got: older.answer(got, told("hi"))
    async with serving(older) as url, Client(url, mode=mode) as client:
        assert client.version == "2025-11-25"
        assert (await client.call_tool("greet")).text == "hi"
    probed = [("POST", "server/discover")] if mode == "auto" else []
    assert older.seen == [
        *probed,
        ("POST", "initialize"),
        ("GET", "/mcp"),
        ("POST", "initialize"),
        ("POST", "notifications/initialized"),
        ("POST", "tools/call"),
    ]


@pytest.mark.parametrize("status", [406, 410, 500])
async def test_other_refusals_are_no_reason_to_ask_for_a_stream(status: int) -> None:
    """VER-13"""
    older = Older(refusal=status)
    async with serving(older) as url:
        with pytest.raises(McpError, match=f"HTTP {status}"):
            await Client(url, mode="legacy").__aenter__()
    assert [method for method, _ in older.seen] == ["POST"]


async def test_an_error_of_the_protocol_is_an_answer_and_no_reason_either() -> None:
    """VER-13"""
    methods = []

    async def answer(got: Got) -> None:
        methods.append(got.method)
        got.error(-32602, "not you", status=400)

    async with serving(answer) as url:
        with pytest.raises(McpError, match="not you"):
            await Client(url, mode="legacy").__aenter__()
    assert methods == ["POST"]


NO_STREAMS: list[Callable[[Got], None]] = [
    lambda got: got.reply(b"no", 404),
    lambda got: got.reply({"hello": "world"}),
    lambda got: (got.stream(b"event: message\ndata: {}\n\n"), None)[1],
    lambda got: (got.stream(), got.end_stream(), None)[2],
]


@pytest.mark.parametrize("respond", NO_STREAMS)
async def test_where_no_stream_says_where_to_post_the_first_refusal_counts(respond: Callable[[Got], None]) -> None:
    """VER-13"""

    async def answer(got: Got) -> None:
        if got.method == "GET":
            respond(got)
        else:
            got.reply(b"nothing here", 404, content_type="text/plain")

    async with serving(answer) as url:
        with pytest.raises(MalformedError, match=r"HTTP 404 .*nothing here; is this the address of an MCP endpoint"):
            await Client(url).__aenter__()


async def test_a_stream_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_client, "FIRST", 0.05)

    async def answer(got: Got) -> None:
        if got.method == "GET":
            got.stream(b": hello\n\n")
            await got.gone()
        else:
            got.reply(b"nothing here", 404, content_type="text/plain")

    async with serving(answer) as url:
        with pytest.raises(MalformedError, match="HTTP 404"):
            await Client(url).__aenter__()


FOREIGN = [
    "https://evil.example/post",
    "//evil.example/post",
    "http://127.0.0.1:1/post",
    "https://127.0.0.1/post",
    "http://user:word@127.0.0.1/post",
    "file:///etc/passwd",
    "http://[nonsense/post",
    "http://127.0.0.1:99999/",
]


@pytest.mark.parametrize("endpoint", FOREIGN)
async def test_a_foreign_address_to_post_to_is_refused_and_gets_nothing(endpoint: str) -> None:
    """LEG-26"""
    older = Older(endpoint)
    async with serving(older) as url:
        with pytest.raises(MalformedError, match="no address of its own origin"):
            await Client(url, headers={"authorization": "Bearer secret"}, mode="legacy").__aenter__()
    assert older.seen == [("POST", "initialize"), ("GET", "/mcp")]


@pytest.mark.parametrize("endpoint", ["/post?session=1", "post?session=1", "?session=1", "{origin}/post?session=1"])
async def test_an_address_of_the_same_origin_is_taken_relative_or_not(endpoint: str) -> None:
    """LEG-26"""
    older = Older()
    targets = []

    async def answer(got: Got) -> None:
        if got.target != "/mcp":
            targets.append((got.target, got.headers.get("authorization")))
        await older(got)

    async with serving(answer) as url:
        older.endpoint = endpoint.replace("{origin}", url.removesuffix("/mcp"))
        async with Client(url, headers={"authorization": "Bearer secret"}):
            pass
    path = "/mcp?session=1" if endpoint.startswith("?") else "/post?session=1"
    assert targets == [(path, "Bearer secret")] * 2


async def test_answers_come_in_any_order_and_strange_events_harm_nobody() -> None:
    older = Older()
    waiting: list[Got] = []

    def respond(got: Got) -> None:
        waiting.append(got)
        if len(waiting) < 3:
            return
        stream = older.stream
        assert stream is not None
        stream.events(b"data: nonsense\n\n", b"event: ping\ndata: 1\n\n", b": quiet\n\n")
        older.say({"id": 999, "result": {}})
        older.say({"id": got.json["id"], "result": {}}, event="other")
        for held in reversed(waiting):
            older.answer(held, told(str(held.json["params"]["name"])))
        older.say({"id": got.json["id"], "result": {}})

    older.on["tools/call"] = respond
    async with serving(older) as url, Client(url) as client, asyncio.timeout(20):
        results = await asyncio.gather(*[client.call_tool(name) for name in ("a", "b", "c")])
    assert [result.text for result in results] == ["a", "b", "c"]


async def test_a_stream_that_ends_ends_its_calls_and_says_so() -> None:
    older = Older()

    def respond(got: Got) -> None:
        assert older.stream is not None
        older.stream.end_stream()

    older.on["tools/call"] = respond
    async with serving(older) as url, Client(url) as client, asyncio.timeout(20):
        with pytest.raises(ClosedError, match="ended its stream, and the session with it"):
            await client.call_tool("a")


async def test_after_its_stream_ended_a_client_opens_another_for_the_next_call() -> None:
    older = Older()

    def respond(got: Got) -> None:
        assert older.stream is not None
        if got.json["params"]["name"] == "end":
            older.stream.end_stream()
        else:
            older.answer(got, told("again"))

    older.on["tools/call"] = respond
    async with serving(older) as url, Client(url) as client, asyncio.timeout(20):
        with pytest.raises(ClosedError):
            await client.call_tool("end")
        assert (await client.call_tool("more")).text == "again"
    assert [method for method, _ in older.seen].count("GET") == 2


async def test_an_event_that_is_too_long_ends_the_stream() -> None:
    older = Older()
    older.on["tools/call"] = lambda got: older.answer(got, told("x" * 5000))
    async with serving(older) as url, Client(url, options=Options(max_bytes=2000)) as client, asyncio.timeout(20):
        with pytest.raises(MalformedError, match="event longer than 2000 bytes"):
            await client.call_tool("a")
    older = Older()
    older.on["tools/call"] = lambda got: older.answer(got, told("x" * 1000))
    async with serving(older) as url, Client(url, options=Options(max_bytes=2000)) as client:
        assert len((await client.call_tool("a")).text) == 1000


async def test_a_post_that_is_refused_is_told_to_its_caller_alone() -> None:
    older = Older()
    async with serving(older) as url, Client(url) as client:
        older.receipt = 503
        with pytest.raises(TransportError, match="HTTP 503"):
            await client.call_tool("a")
        older.receipt = 202
        older.on["tools/call"] = lambda got: older.answer(got, told("now"))
        assert (await client.call_tool("a")).text == "now"


async def test_a_session_that_the_server_forgot_is_over() -> None:
    older = Older()
    async with serving(older) as url, Client(url) as client:
        older.receipt = 404
        with pytest.raises(ClosedError, match="no longer knows the session"):
            await client.call_tool("a")


async def test_closing_ends_the_stream_and_the_calls_under_way() -> None:
    older = Older()
    begun, left = asyncio.Event(), asyncio.Event()
    older.on["tools/call"] = lambda got: begun.set()

    async def watched(got: Got) -> None:
        await older(got)
        if got.method == "GET":
            await got.gone()
            left.set()

    async with serving(watched) as url, asyncio.timeout(20):
        client = await Client(url).__aenter__()
        call = asyncio.create_task(client.call_tool("a"))
        await begun.wait()
        await client.close()
        with pytest.raises(ClosedError):
            await call
        await left.wait()


# --- our own server ---------------------------------------------------------------------------------------------


async def test_our_server_and_our_client_do_all_of_it_over_the_older_transport() -> None:
    """LEG-25, LEG-26: questions, progress, cancellation and changes"""
    server = Server("older")
    began, ended = asyncio.Event(), asyncio.Event()

    @server.tool
    async def greet(ctx: Context) -> str:
        await ctx.progress(1, 1)
        return f"hello {await ctx.elicit('Who?', str)}"

    @server.tool
    async def wait() -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    heard: list[Any] = []
    async with (
        over_http(server.asgi(sse=True)) as url,
        Client(url.replace("/mcp", "/sse"), on_elicit=lambda question: "Ada") as client,
        asyncio.timeout(20),
    ):
        assert client.version == "2025-11-25"
        assert (await client.call_tool("greet", {}, on_progress=heard.append)).text == "hello Ada"
        assert len(heard) == 1
        call = asyncio.create_task(client.call_tool("wait"))
        await began.wait()
        call.cancel()
        await ended.wait()
        async with client.listen(tools=True) as changes:
            server.notify_tools_changed()
            assert (await anext(aiter(changes))) is not None
