"""Sessions of handshake-era clients over HTTP, and how such a client does without one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.transport.raw_http import Answer, Ask, Place, hello, in_process, listening, message, old, until

from dragoman import Context, Limits, Server
from dragoman.protocol.hosts import HostPolicy
from dragoman.serving.sessions import Sessions
from dragoman.transport.asgi import Endpoint

VERSIONS = ["2025-11-25", "2025-06-18", "2025-03-26"]


def a_server(**limits: Any) -> Server:
    server = Server("sessions", limits=Limits(**limits))
    server.began = []  # type: ignore[attr-defined]
    server.ended = []  # type: ignore[attr-defined]

    @server.tool
    async def add(a: int, b: int) -> int:
        return a + b

    @server.tool
    async def session(ctx: Context) -> str:
        return str(ctx.session_id)

    @server.tool
    async def wait(ctx: Context) -> str:
        server.began.append(ctx.request_id)  # type: ignore[attr-defined]
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            server.ended.append(ctx.request_id)  # type: ignore[attr-defined]
            raise
        return "waited"

    return server


class Client:
    """A session, spoken to without a socket."""

    def __init__(self, app: Any, version: str, session: str | None) -> None:
        self.app = app
        self.headers = {"mcp-protocol-version": version, "mcp-session-id": session}

    async def ask(self, method: str, number: Any = 2, /, **params: Any) -> Answer:
        return await self.post(old(method, number, **params))

    async def post(self, body: bytes) -> Answer:
        return await in_process(self.app, Ask(body, self.headers))

    async def call(self, tool: str, number: Any = 2, /, **arguments: Any) -> Answer:
        return await self.ask("tools/call", number, name=tool, arguments=arguments)

    async def delete(self) -> Answer:
        return await in_process(self.app, Ask(method="DELETE", headers=self.headers))


async def opened(app: Any, version: str = VERSIONS[0]) -> Client:
    answer = await in_process(app, Ask(hello(version)))
    assert (answer.status, answer.json["result"]["protocolVersion"]) == (200, version)
    session = answer.headers["mcp-session-id"]
    assert session.isascii() and session.isprintable() and len(session) >= 22  # LEG-07
    return Client(app, version, session)


# --- the life of a session -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_lives_from_initialize_to_delete(version: str) -> None:
    client = await opened(a_server().asgi(), version)
    accepted = await client.ask("notifications/initialized", None)
    assert (accepted.status, accepted.body) == (202, b"")
    assert (await client.call("add", a=1, b=2)).json["result"]["content"] == [{"type": "text", "text": "3"}]
    assert (await client.call("session")).json["result"]["content"][0]["text"] == client.headers["mcp-session-id"]
    assert ((await client.delete()).status, (await client.delete()).status) == (204, 404)
    gone = await client.call("add", 7, a=1, b=2)
    assert (gone.status, gone.json["id"]) == (404, 7)


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_unknown_method_is_no_sign_that_the_session_is_gone(version: str) -> None:
    """LEG-09: there, 404 makes clients begin another session."""
    app = a_server().asgi()
    client = await opened(app, version)
    for method in ("prompts/list", "no/such"):
        answer = await client.ask(method, 7)
        assert (answer.status, answer.json["id"], answer.json["error"]["code"]) == (200, 7, -32601)
    assert (await client.ask("ping")).status == 200


async def test_a_missing_session_id_is_400_and_an_unknown_one_404() -> None:
    """LEG-09"""
    app = a_server().asgi()
    client = await opened(app)
    nobody, stranger = Client(app, VERSIONS[0], None), Client(app, VERSIONS[0], "made-up")
    for method in ("tools/list", "ping"):
        assert ((await nobody.ask(method)).status, (await stranger.ask(method)).status) == (400, 404)
        assert (await client.ask(method)).status == 200
    note = ("notifications/initialized", None)
    assert ((await nobody.ask(*note)).status, (await stranger.ask(*note)).status) == (400, 404)
    assert ((await nobody.delete()).status, (await stranger.delete()).status) == (400, 404)
    get = Ask(method="GET", headers={**stranger.headers, "accept": "text/event-stream"})
    assert (await in_process(app, get)).status == 404


async def test_a_version_may_be_left_out_and_must_be_one_if_it_is_there() -> None:
    """LEG-06"""
    client = await opened(a_server().asgi(), "2025-06-18")
    client.headers["mcp-protocol-version"] = None  # type: ignore[assignment]
    # The session's own version: structured content came with 2025-06-18.
    assert "structuredContent" in (await client.call("add", a=1, b=2)).json["result"]
    client.headers["mcp-protocol-version"] = "1999-01-01"
    assert (await client.call("add", a=1, b=2)).status == 400


async def test_a_second_initialize_opens_a_second_session() -> None:
    app = a_server().asgi()
    one, two = await opened(app), await opened(app)
    assert one.headers["mcp-session-id"] != two.headers["mcp-session-id"]
    await one.delete()
    assert (await two.call("add", a=1, b=2)).status == 200


async def test_a_refused_initialize_leaves_no_session() -> None:
    sessions = Sessions(Limits())
    app = Endpoint(a_server().service, sessions, HostPolicy.for_bind("127.0.0.1"))
    refused = await in_process(app, Ask(old("initialize", 1, protocolVersion=5)))
    assert (refused.status, refused.code, len(sessions)) == (400, -32602, 0)
    assert "mcp-session-id" not in refused.headers
    await opened(app)
    assert len(sessions) == 1


async def test_an_idle_session_ends_and_a_used_one_does_not() -> None:
    now = [0.0]
    sessions = Sessions(Limits(session_idle_seconds=10), clock=lambda: now[0])
    app = Endpoint(a_server().service, sessions, HostPolicy.for_bind("127.0.0.1"))
    used, idle = await opened(app), await opened(app)
    now[0] = 6
    assert (await used.ask("ping")).status == 200
    now[0] = 12
    assert ((await used.ask("ping")).status, (await idle.ask("ping")).status) == (200, 404)


async def test_the_least_used_session_makes_room() -> None:
    app = a_server(sessions=2).asgi()
    first, second = await opened(app), await opened(app)
    assert (await first.ask("ping")).status == 200
    third = await opened(app)
    assert [(await client.ask("ping")).status for client in (first, second, third)] == [200, 404, 200]


async def test_sessions_with_running_calls_are_never_ended_for_room() -> None:
    server = a_server(sessions=1)
    app = server.asgi()
    client = await opened(app)
    running = asyncio.ensure_future(client.call("wait", 5))
    await until(lambda: server.began)
    refused = await in_process(app, Ask(hello()))
    assert (refused.status, refused.json["id"]) == (503, 1)
    await client.delete()
    await running
    assert server.ended == [5]
    assert (await in_process(app, Ask(hello()))).status == 200


# --- without sessions ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_server_without_sessions_answers_each_post_alone(version: str) -> None:
    app = a_server().asgi(sessions=False)
    greeted = await in_process(app, Ask(hello(version)))
    assert greeted.json["result"]["protocolVersion"] == version
    assert "mcp-session-id" not in greeted.headers
    client = Client(app, version, None)
    answer = (await client.call("add", a=1, b=2)).json["result"]
    assert ("structuredContent" in answer) == (version >= "2025-06-18")
    assert (await client.ask("notifications/initialized", None)).status == 202
    assert (await client.delete()).status == 405
    get = Ask(method="GET", headers={"accept": "text/event-stream"})
    assert (await in_process(app, get)).status == 405


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_the_stateless_era_has_only_post(method: str) -> None:
    app = a_server().asgi()
    client = await opened(app)
    stated = {**client.headers, "accept": "text/event-stream", "mcp-protocol-version": "2026-07-28"}
    refused = await in_process(app, Ask(method=method, headers=stated))
    assert (refused.status, refused.headers["allow"]) == (405, "POST, OPTIONS")
    unknown = await in_process(app, Ask(method=method, headers={**stated, "mcp-protocol-version": "1999-01-01"}))
    assert unknown.status == 400
    assert (await client.delete()).status == 204


# --- cancellation, ids, bounds ---------------------------------------------------------------------------------


@asynccontextmanager
async def session_on(place: Place) -> AsyncIterator[dict[str, str]]:
    session = (await place.ask(Ask(hello()))).headers["mcp-session-id"]
    yield {"mcp-protocol-version": VERSIONS[0], "mcp-session-id": session}


async def test_a_notice_cancels_a_call_of_its_session_and_no_other() -> None:
    server = a_server()
    app = server.asgi()
    one, two = await opened(app), await opened(app)
    running = asyncio.ensure_future(one.call("wait", 5))
    await until(lambda: server.began)
    await two.ask("notifications/cancelled", None, requestId=5)
    await one.ask("notifications/cancelled", None, requestId="5")
    await one.ask("notifications/cancelled", None, requestId=99)
    await one.ask("notifications/cancelled", None, nonsense=True)
    await asyncio.sleep(0)
    assert not running.done() and server.ended == []
    assert (await one.ask("notifications/cancelled", None, requestId=5)).status == 202
    answer = await running
    assert server.ended == [5]
    # No answer: the response ends empty.
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/event-stream", b"")


async def test_a_client_that_leaves_cancels_nothing_in_the_handshake_era() -> None:
    """LEG-15"""
    server = a_server()
    async with listening(server.asgi()) as place, session_on(place) as headers:
        async with place.connected() as wire:
            wire.write(Ask(old("tools/call", 5, name="wait", arguments={}), headers))
            await until(lambda: server.began)
            wire.leave()
        await asyncio.sleep(0.3)
        assert server.ended == []
        await place.ask(Ask(old("notifications/cancelled", None, requestId=5), headers))
        await until(lambda: server.ended)


async def test_an_id_under_way_is_refused_and_free_again_later() -> None:
    server = a_server()
    app = server.asgi()
    client = await opened(app)
    running = asyncio.ensure_future(client.call("wait", 5))
    await until(lambda: server.began)
    twice = await client.call("add", 5, a=1, b=2)
    assert (twice.status, twice.code, twice.json["id"]) == (400, -32600, 5)
    assert (await client.call("add", "5", a=1, b=2)).status == 200
    await client.ask("notifications/cancelled", None, requestId=5)
    await running
    assert (await client.call("add", 5, a=1, b=2)).status == 200


async def test_calls_under_way_in_a_session_are_bounded() -> None:
    server = a_server(calls=1)
    app = server.asgi()
    client, other = await opened(app), await opened(app)
    running = asyncio.ensure_future(client.call("wait", 5))
    await until(lambda: server.began)
    assert ((await client.ask("ping", 6)).status, (await other.ask("ping", 6)).status) == (429, 200)
    await client.delete()
    await running


# --- batches (LEG-24) ------------------------------------------------------------------------------------------


def batch(*messages: bytes) -> bytes:
    return b"[" + b",".join(messages) + b"]"


async def test_a_batch_is_answered_with_an_array_of_what_has_an_answer() -> None:
    client = await opened(a_server().asgi(), "2025-03-26")
    answer = await client.post(
        batch(
            old("ping", 1),
            old("notifications/initialized", None),
            old("no/such", 2),
            b'{"jsonrpc":"2.0","id":9,"result":{}}',
            b'{"jsonrpc":"1.0","id":3,"method":"ping"}',
            old("tools/call", 4, name="add", arguments={"a": 1, "b": 2}),
        )
    )
    assert answer.status == 200
    found = {item["id"]: item for item in answer.json}
    assert found[1]["result"] == {}
    assert found[4]["result"]["content"][0]["text"] == "3"
    assert (found[2]["error"]["code"], found[3]["error"]["code"]) == (-32601, -32600)
    assert len(answer.json) == 4


async def test_a_batch_of_notices_is_accepted() -> None:
    client = await opened(a_server().asgi(), "2025-03-26")
    answer = await client.post(batch(old("notifications/initialized", None), old("notifications/x", None)))
    assert (answer.status, answer.body) == (202, b"")


@pytest.mark.parametrize("version", VERSIONS[:2])
async def test_later_versions_have_no_batches(version: str) -> None:
    client = await opened(a_server().asgi(), version)
    for stated in (version, None):
        client.headers["mcp-protocol-version"] = stated  # type: ignore[assignment]
        refused = await client.post(batch(old("ping", 1)))
        assert (refused.status, refused.code) == (400, -32600)
    assert (await client.ask("ping")).status == 200


async def test_a_batch_needs_its_session_and_a_version_that_exists() -> None:
    app = a_server().asgi()
    good = batch(old("ping", 1))
    assert (await in_process(app, Ask(good))).status == 400
    assert (await in_process(app, Ask(good, {"mcp-session-id": "made-up"}))).status == 404
    unknown = await in_process(app, Ask(good, {"mcp-protocol-version": "1999-01-01"}))
    assert (unknown.status, unknown.code) == (400, -32022)
    assert (await in_process(a_server().asgi(sessions=False), Ask(good))).json == [
        {"jsonrpc": "2.0", "id": 1, "result": {}}
    ]


async def test_a_batch_holds_no_initialize_no_stateless_request_and_at_most_a_hundred() -> None:
    client = await opened(a_server().asgi(), "2025-03-26")
    assert (await client.post(batch(hello("2025-03-26")))).status == 400
    assert (await client.post(batch(*[old("ping", n) for n in range(101)]))).status == 400
    assert len((await client.post(batch(*[old("ping", n) for n in range(100)]))).json) == 100
    mixed = await client.post(batch(old("ping", 1), message("tools/list", 2)))
    assert {item["id"]: "error" in item for item in mixed.json} == {1: False, 2: True}


async def test_idle_time_counts_from_the_end_of_the_last_request() -> None:
    now = [0.0]
    sessions = Sessions(Limits(session_idle_seconds=10), clock=lambda: now[0])
    server = a_server()
    app = Endpoint(server.service, sessions, HostPolicy.for_bind("127.0.0.1"))
    slow, quick = await opened(app), await opened(app)
    running = asyncio.ensure_future(slow.call("wait", 5))
    assert (await quick.ask("ping")).status == 200
    await until(lambda: server.began)
    now[0] = 60
    await slow.ask("notifications/cancelled", None, requestId=5)
    await running
    now[0] = 69
    assert ((await slow.ask("ping")).status, (await quick.ask("ping")).status) == (200, 404)
    now[0] = 79
    assert (await slow.ask("ping")).status == 404


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_client_that_names_the_stream_first_gets_one_and_others_get_json(version: str) -> None:
    client = await opened(a_server().asgi(), version)
    for accept, kind in (
        ("text/event-stream, application/json", "text/event-stream"),
        ("application/json, text/event-stream", "application/json"),
        ("text/event-stream;q=0, application/json", "application/json"),
    ):
        client.headers["accept"] = accept
        answer = await client.call("add", a=1, b=2)
        assert answer.headers["content-type"].startswith(kind), accept
        assert b'"3"' in answer.body
