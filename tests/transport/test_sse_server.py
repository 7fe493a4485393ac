"""HTTP+SSE of 2024-11-05, served: one stream a client, posts beside it, and bounds on both."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from tests.transport.raw_http import Ask, Place, in_process, listening, old, until
from tests.transport.raw_sse import STREAM, VERSION, streaming

from dragoman import Context, KeyAuth, Limits, LocalError, Server


def a_server(**limits: Any) -> Server:
    server = Server("older", limits=Limits(**limits))
    server.began = []  # type: ignore[attr-defined]
    server.ended = []  # type: ignore[attr-defined]

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def big(size: int) -> str:
        return "x" * size

    @server.tool
    async def wait(ctx: Context) -> str:
        server.began.append(ctx.request_id)  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            server.ended.append(ctx.request_id)  # type: ignore[attr-defined]
            raise
        return "waited"

    @server.tool
    async def talk(ctx: Context) -> str:
        await ctx.progress(1, 2)
        return str(ctx.session_id)

    @server.tool
    async def who(ctx: Context) -> str:
        return str([root.uri for root in await ctx.roots()])

    return server


def calling(tool: str, number: int = 1, **arguments: Any) -> bytes:
    return old("tools/call", number, name=tool, arguments=arguments)


def text_of(answer: Any) -> str:
    return str(answer["result"]["content"][0]["text"])


async def test_a_get_opens_a_stream_that_says_first_where_to_post() -> None:
    """LEG-25"""
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        assert stream.address.startswith("/messages?session_id=") and len(stream.address) > 50
        assert (await stream.greet())["protocolVersion"] == VERSION
        receipt = await stream.post(calling("add", 7, a=40, b=2))
        assert (receipt.status, receipt.body) == (202, b"")
        answer = await stream.next()
        assert answer["id"] == 7 and text_of(answer) == "42"
        assert "structuredContent" not in answer["result"]


async def test_without_the_option_there_is_no_such_address() -> None:
    """LEG-25"""
    for app, status in ((a_server().asgi(), 404), (a_server().asgi(sse=True), 405)):
        assert (await in_process(app, Ask(b"{}", path="/sse"))).status == status
    async with listening(a_server().asgi()) as place:
        assert (await place.ask(STREAM)).status == 404


async def test_a_notice_comes_before_its_answer_and_calls_have_a_session() -> None:
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        await stream.greet()
        body = old("tools/call", 3, name="talk", arguments={}, _meta={"progressToken": "t"})
        assert (await stream.post(body)).status == 202
        told = await stream.next()
        assert told["method"] == "notifications/progress" and told["params"]["progressToken"] == "t"
        assert text_of(await stream.next()) == stream.address.partition("=")[2]


async def test_one_slow_call_holds_up_no_other_and_is_cancelled_by_notice() -> None:
    """LEG-15"""
    server = a_server()
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:
        await stream.greet()
        assert (await stream.post(calling("wait", 1))).status == 202
        await until(lambda: server.began == [1])  # type: ignore[attr-defined]
        assert (await stream.ask("ping", 2)) == {"jsonrpc": "2.0", "id": 2, "result": {}}
        await stream.post(old("notifications/cancelled", None, requestId=1))
        await until(lambda: server.ended == [1])  # type: ignore[attr-defined]
        # It is answered no more: what comes next is the answer to what was asked next.
        assert (await stream.ask("ping", 3))["id"] == 3
        # Cancelling what is over, never was, or cannot be read changes nothing.
        for params in ({"requestId": 1}, {"requestId": 99}, {"requestId": [1]}, {}):
            assert (await stream.post(old("notifications/cancelled", None, **params))).status == 202
        assert (await stream.ask("ping", 4))["id"] == 4


async def test_a_client_that_leaves_takes_its_calls_and_its_session_along() -> None:
    server = a_server()
    async with listening(server.asgi(sse=True)) as place:
        async with streaming(place) as stream:
            await stream.greet()
            await stream.post(calling("wait", 1))
            await until(lambda: server.began == [1])  # type: ignore[attr-defined]
            assert (await stream.post(old("ping", 2))).status == 202
            stream.wire.leave()
        await until(lambda: server.ended == [1])  # type: ignore[attr-defined]
        assert (await stream.post(old("ping"))).status == 404


async def test_questions_and_changes_come_on_the_stream() -> None:
    """LEG-18, LEG-19"""
    server = a_server()
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:
        server.notify_tools_changed()  # nobody has said hello yet, so nobody hears it
        await stream.greet(roots={})
        asked = await stream.ask("tools/call", 5, name="who", arguments={})
        assert asked["method"] == "roots/list"
        answer = {"jsonrpc": "2.0", "id": asked["id"], "result": {"roots": [{"uri": "file:///srv"}]}}
        assert (await stream.post(json.dumps(answer).encode())).status == 202
        assert text_of(await stream.next()) == "['file:///srv']"
        server.notify_tools_changed()
        assert (await stream.next())["method"] == "notifications/tools/list_changed"


FAULTY = [
    (b"{", {}, 400, -32700),
    (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', {}, 400, -32600),
    (b"[]", {}, 400, -32600),
    (old("ping"), {"content-type": "text/plain"}, 415, -32600),
    (old("ping"), {"content-encoding": "gzip"}, 415, -32600),
]


@pytest.mark.parametrize(("body", "headers", "status", "code"), FAULTY)
async def test_what_is_no_message_is_refused_where_it_was_posted(
    body: bytes, headers: dict[str, str | None], status: int, code: int
) -> None:
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        refused = await stream.post(body, headers)
        assert (refused.status, refused.code) == (status, code)
        assert (await stream.post(old("ping"))).status == 202
        assert (await stream.next())["result"] == {}


async def test_what_is_wrong_with_a_request_is_said_on_the_stream() -> None:
    """LEG-01"""
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        assert (await stream.ask("tools/list", 1))["error"]["code"] == -32600
        await stream.greet()
        assert (await stream.ask("no/such", 2))["error"]["code"] == -32601
        assert (await stream.ask("server/discover", 3))["error"]["code"] == -32601
        assert (await stream.ask("tools/call", 4))["error"]["code"] == -32602
        assert "result" in await stream.ask("tools/list", 5)


@pytest.mark.parametrize(
    "path", ["/messages", "/messages?session_id=", "/messages?session_id=made-up", "/messages?" + "a=b&" * 50]
)
async def test_an_id_of_no_session_is_refused(path: str) -> None:
    app = a_server().asgi(sse=True)
    async with listening(app) as place, streaming(place):
        assert (await place.ask(Ask(old("ping"), path=path))).status == 404


async def test_the_paths_take_one_method_each() -> None:
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        posted = await place.ask(Ask(b"{}", path="/sse"))
        assert (posted.status, posted.headers["allow"]) == (405, "GET, OPTIONS")
        read = await place.ask(Ask(method="GET", path=stream.address))
        assert (read.status, read.headers["allow"]) == (405, "POST, OPTIONS")
        assert (await place.ask(Ask(method="OPTIONS", path="/sse"))).status == 204
        assert (await place.ask(STREAM._replace(headers={"accept": "application/json"}))).status == 406


@pytest.mark.parametrize(
    ("headers", "status"), [({"host": "evil.example"}, 421), ({"origin": "https://evil.example"}, 403)]
)
async def test_foreign_pages_and_names_are_refused(headers: dict[str, str | None], status: int) -> None:
    """LEG-25, LEG-30"""
    async with listening(a_server().asgi(sse=True)) as place, streaming(place) as stream:
        assert (await place.ask(STREAM._replace(headers={**STREAM.headers, **headers}))).status == status
        assert (await stream.post(old("ping"), headers)).status == status
        own = {"origin": f"http://127.0.0.1:{place.port}"}
        assert (await stream.post(old("ping"), own)).status == 202


async def test_below_a_mount_the_address_to_post_to_is_below_it_too() -> None:
    app = Starlette(routes=[Mount("/tools", a_server().asgi(sse=True))])
    async with listening(app) as place, streaming(place, STREAM._replace(path="/tools/sse")) as stream:
        assert stream.address.startswith("/tools/messages?")
        assert (await stream.greet())["serverInfo"]["name"] == "older"


def test_the_newer_endpoint_does_not_take_the_older_addresses() -> None:
    with pytest.raises(LocalError, match="change path"):
        a_server().asgi(sse=True, path="/sse")
    a_server().asgi(path="/sse")


# --- bounds ----------------------------------------------------------------------------------------------------


async def test_the_number_of_sessions_is_bounded() -> None:
    async with listening(a_server(sessions=1).asgi(sse=True)) as place:
        async with streaming(place) as stream:
            assert (await place.ask(STREAM)).status == 503
            stream.wire.leave()
        async with asyncio.timeout(20):
            while (await first_status(place)) != 200:
                pass


async def first_status(place: Place) -> int:
    async with place.connected() as wire:
        wire.write(STREAM)
        return (await wire.head())[0]


async def test_the_number_of_calls_under_way_is_bounded_and_an_id_is_used_once() -> None:
    server = a_server(calls=2)
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:
        await stream.greet()
        assert (await stream.post(calling("wait", 1))).status == 202
        again = await stream.post(calling("add", 1, a=1, b=1))
        assert (again.status, again.code) == (400, -32600)
        assert (await stream.post(calling("wait", 2))).status == 202
        assert (await stream.post(calling("wait", 3))).status == 429
        await stream.post(old("notifications/cancelled", None, requestId=1))
        await until(lambda: server.ended == [1])  # type: ignore[attr-defined]
        assert text_of(await stream.ask("tools/call", 1, name="add", arguments={"a": 1, "b": 1})) == "2"


async def test_a_stream_on_which_nobody_says_hello_ends_and_one_that_is_used_stays() -> None:
    app = a_server(session_idle_seconds=0.2).asgi(sse=True)
    async with listening(app) as place, streaming(place) as used, streaming(place) as idle:
        await used.greet()
        with pytest.raises(EOFError):
            await idle.event()
        assert (await idle.post(old("ping"))).status == 404
        assert (await used.ask("ping"))["result"] == {}


async def test_a_quiet_stream_is_kept_alive_by_comments() -> None:
    async with listening(a_server(quiet_seconds=0.02).asgi(sse=True)) as place, streaming(place) as stream:
        assert [await stream.wire.chunk() for _ in range(3)] == [b":\n\n"] * 3


async def test_a_client_that_does_not_read_is_refused_more_and_then_cut_off() -> None:
    server = a_server(stalled_seconds=0.3, result=64 * 1024 * 1024)
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:
        await stream.greet()
        statuses = set()
        for number in range(1, 40):
            statuses.add((await stream.post(calling("big", number, size=1024 * 1024))).status)
            if 429 in statuses or 404 in statuses:
                break
        assert statuses & {429, 404}
        async with asyncio.timeout(20):
            while (await stream.post(old("ping", 999))).status != 404:
                await asyncio.sleep(0.02)


async def test_streams_end_when_the_server_stops() -> None:
    server = a_server()
    async with listening(server.asgi(sse=True)) as place, streaming(place) as stream:
        await stream.greet()
        server.service.closing()
        with pytest.raises(EOFError):
            await stream.event()


# --- who may call ----------------------------------------------------------------------------------------------


async def test_a_stream_is_its_openers_alone_and_nobody_gets_one_without_a_token() -> None:
    """AUTHRS-02: another's stream is as good as none."""
    keys = {"ada-" + "a" * 40: "ada", "eve-" + "e" * 40: "eve"}
    ada, eve = [{"authorization": f"Bearer {key}"} for key in keys]
    server = Server("guarded", auth=KeyAuth(keys))

    @server.tool
    async def me(ctx: Context) -> str:
        return str(ctx.caller.identity.subject) if ctx.caller.identity else "nobody"

    app = server.asgi(sse=True, url="http://127.0.0.1:8000/mcp")
    opening = STREAM._replace(headers={**STREAM.headers, **ada})
    async with listening(app) as place, streaming(place, opening) as stream:
        assert (await place.ask(STREAM)).status == 401
        assert (await stream.post(old("ping"))).status == 401
        assert (await stream.post(old("ping"), eve)).status == 404
        client = {"name": "raw", "version": "1"}
        greeting = old("initialize", 0, protocolVersion=VERSION, capabilities={}, clientInfo=client)
        assert (await stream.post(greeting, ada)).status == 202
        assert (await stream.next())["id"] == 0
        assert (await stream.post(calling("me", 1), ada)).status == 202
        assert text_of(await stream.next()) == "ada"
