"""Two servers with one store: a session opened at either is known at both, whatever arrives where."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.faults.measure import figure
from tests.transport.raw_http import LEGACY, Ask, Place, Wire, call, hello, in_process, listening, old, until

from dragoman import Context, Limits, Server
from dragoman.errors import StoreError
from dragoman.store.memory import MemoryStore

stores = pytest.mark.parametrize("kind", ["memory", "sqlite"])


def a_server(store: Any, **limits: Any) -> Server:
    server = Server("twin", store=store, limits=Limits(**limits))
    server.go_on = asyncio.Event()  # type: ignore[attr-defined]
    server.began = []  # type: ignore[attr-defined]
    server.ended = []  # type: ignore[attr-defined]

    @server.tool
    async def who(ctx: Context) -> str:
        return f"{ctx.session_id} {ctx.client.name if ctx.client else None}"

    @server.tool
    async def wait(ctx: Context) -> str:
        await ctx.progress(1)
        server.began.append(ctx.request_id)  # type: ignore[attr-defined]
        try:
            await server.go_on.wait()  # type: ignore[attr-defined]
        except asyncio.CancelledError:
            server.ended.append(ctx.request_id)  # type: ignore[attr-defined]
            raise
        await ctx.progress(2)
        return "waited"

    @server.tool
    async def chat(ctx: Context) -> str:
        return f"{await ctx.elicit('Who?', str)} {await ctx.elicit('Sure?', bool)}"

    @server.tool
    async def log(ctx: Context) -> str:
        await ctx.log("info", "hello")
        return "logged"

    @server.resource("twin://{name}")
    async def read(name: str) -> str:
        return name

    return server


@asynccontextmanager
async def twins(kind: str, folder: Path, **limits: Any) -> AsyncIterator[tuple[Server, Server]]:
    if kind == "memory":
        shared = MemoryStore()
        pair = a_server(shared, **limits), a_server(shared, **limits)
    else:
        pair = a_server(f"sqlite:///{folder}/s.db", **limits), a_server(f"sqlite:///{folder}/s.db", **limits)
    try:
        yield pair
    finally:
        for server in pair:
            await server.service.stop()


@asynccontextmanager
async def two(kind: str, folder: Path, **limits: Any) -> AsyncIterator[tuple[list[Server], list[Place]]]:
    """Yield two servers, each on a socket of its own."""
    async with (
        twins(kind, folder, **limits) as pair,
        listening(pair[0].asgi()) as one,
        listening(pair[1].asgi()) as other,
    ):
        yield list(pair), [one, other]


def named(session: str, **more: str | None) -> dict[str, str | None]:
    return {"mcp-protocol-version": LEGACY, "mcp-session-id": session, **more}


async def opened(app: Any, **capabilities: Any) -> dict[str, str | None]:
    """Return the headers of a new session."""
    body = json.loads(hello())
    body["params"]["capabilities"] = capabilities
    answer = await in_process(app, Ask(json.dumps(body).encode()))
    assert answer.status == 200, answer.body
    return named(answer.headers["mcp-session-id"])


async def opened_at(place: Place, **capabilities: Any) -> dict[str, str | None]:
    body = json.loads(hello())
    body["params"]["capabilities"] = capabilities
    answer = await place.ask(Ask(json.dumps(body).encode()))
    assert answer.status == 200, answer.body
    return named(answer.headers["mcp-session-id"])


def calling(tool: str, number: Any = 5, /, **arguments: Any) -> bytes:
    return old("tools/call", number, name=tool, arguments=arguments, _meta={"progressToken": "p"})


def getting(headers: dict[str, str | None], **more: str) -> Ask:
    return Ask(method="GET", headers={**headers, "accept": "text/event-stream", "content-length": None, **more})


async def event(wire: Wire) -> tuple[str, Any]:
    """Return id and message of the next event that has one."""
    while True:
        chunk = (await wire.chunk()).decode()
        assert chunk, "the stream ended"
        lines = chunk.split("\n")
        data = "".join(line[5:].strip() for line in lines if line.startswith("data:"))
        if data:
            return next((line[3:].strip() for line in lines if line.startswith("id:")), ""), json.loads(data)


# --- what was agreed -------------------------------------------------------------------------------------------


@stores
async def test_a_session_opened_at_one_is_known_at_the_other(kind: str, tmp_path: Path) -> None:
    async with twins(kind, tmp_path) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        assert (await in_process(other, Ask(old("notifications/initialized", None), headers))).status == 202
        for app in (one, other, one):
            answer = await in_process(app, Ask(calling("who"), headers))
            assert answer.status == 200 and f"{headers['mcp-session-id']} raw" in answer.body.decode()
        stranger = {**headers, "mcp-session-id": "A" * 32}
        assert (await in_process(other, Ask(calling("who"), stranger))).status == 404


@pytest.mark.parametrize("guess", ["made-up", "A" * 5000, "x:" + "A" * 30, "*", "\x80" * 32])
async def test_what_cannot_be_an_id_is_unknown(guess: str, tmp_path: Path) -> None:
    async with twins("memory", tmp_path) as pair:
        app = pair[0].asgi()
        headers = await opened(app)
        assert (await in_process(app, Ask(calling("who"), {**headers, "mcp-session-id": guess}))).status == 404
        assert (await in_process(app, Ask(calling("who"), headers))).status == 200


@stores
async def test_a_session_ended_at_one_is_ended_at_the_other(kind: str, tmp_path: Path) -> None:
    """LEG-09"""
    async with twins(kind, tmp_path) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        assert (await in_process(other, Ask(calling("who"), headers))).status == 200
        assert (await in_process(one, Ask(method="DELETE", headers=headers))).status == 204
        async with asyncio.timeout(20):
            while (await in_process(other, Ask(calling("who"), headers))).status != 404:
                await asyncio.sleep(0.01)
        assert (await in_process(other, Ask(method="DELETE", headers=headers))).status == 404


async def test_the_end_of_a_session_cancels_its_calls_everywhere(tmp_path: Path) -> None:
    async with twins("memory", tmp_path) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        running = asyncio.ensure_future(in_process(other, Ask(calling("wait"), headers)))
        await until(lambda: pair[1].began)  # type: ignore[attr-defined]
        assert (await in_process(one, Ask(method="DELETE", headers=headers))).status == 204
        await running
        assert pair[1].ended == [5]  # type: ignore[attr-defined]


@stores
async def test_what_is_agreed_at_one_holds_at_the_other(kind: str, tmp_path: Path) -> None:
    """LEG-17"""
    async with twins(kind, tmp_path) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        assert "hello" in (await in_process(other, Ask(calling("log"), headers))).body.decode()
        assert (await in_process(one, Ask(old("logging/setLevel", 3, level="error"), headers))).status == 200
        async with asyncio.timeout(20):
            while "hello" in (await in_process(other, Ask(calling("log"), headers))).body.decode():
                await asyncio.sleep(0.01)


async def test_two_who_agree_to_something_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    async with twins("sqlite", tmp_path) as pair:
        apps = [server.asgi() for server in pair]
        headers = await opened(apps[0])
        asks = [Ask(old("resources/subscribe", n, uri=f"twin://{n}"), headers) for n in range(10)]
        answers = await asyncio.gather(*(in_process(apps[n % 2], ask) for n, ask in enumerate(asks)))
        assert [answer.status for answer in answers] == [200] * 10
        third = a_server(f"sqlite:///{tmp_path}/s.db")
        assert (await in_process(third.asgi(), Ask(calling("who"), headers))).status == 200
        assert third.sharing is not None
        session = await third.sharing.sessions(lambda _: None).get(str(headers["mcp-session-id"]))
        assert session is not None and len(session.peer.subscribed) == 10
        await third.service.stop()


# --- messages for what runs elsewhere --------------------------------------------------------------------------


@stores
async def test_a_cancellation_reaches_the_process_that_runs_the_call(kind: str, tmp_path: Path) -> None:
    async with twins(kind, tmp_path) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        running = asyncio.ensure_future(in_process(one, Ask(calling("wait"), headers)))
        await until(lambda: pair[0].began)  # type: ignore[attr-defined]
        stranger = await opened(other)
        for theirs in (stranger, headers):
            note = Ask(old("notifications/cancelled", None, requestId=5), theirs)
            assert (await in_process(other, note)).status == 202
        await running
        assert pair[0].ended == [5]  # type: ignore[attr-defined]


@stores
async def test_answers_reach_the_process_that_asked(kind: str, tmp_path: Path) -> None:
    """LEG-19"""
    async with two(kind, tmp_path) as (_, places):
        headers = await opened_at(places[0], elicitation={})
        async with places[0].connected() as wire:
            wire.write(Ask(calling("chat"), headers))
            await wire.head()
            for said in ("Ada", True):
                _, question = await event(wire)
                result = {"action": "accept", "content": {"value": said}}
                answer = json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()
                assert (await places[1].ask(Ask(answer, headers))).status == 202
            _, last = await event(wire)
            assert last["result"]["content"][0]["text"] == "Ada True"


async def test_an_answer_of_another_session_answers_nothing(tmp_path: Path) -> None:
    async with two("memory", tmp_path) as (_, places):
        headers, thief = [await opened_at(place, elicitation={}) for place in places]
        async with places[0].connected() as wire:
            wire.write(Ask(calling("chat"), headers))
            await wire.head()
            _, question = await event(wire)

            def answer(said: str) -> bytes:
                result = {"action": "accept", "content": {"value": said}}
                return json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()

            for place in places:
                assert (await place.ask(Ask(answer("Eve"), thief))).status == 202
            assert (await places[1].ask(Ask(answer("Ada"), headers))).status == 202
            _, question = await event(wire)
            result = {"action": "accept", "content": {"value": True}}
            body = json.dumps({"jsonrpc": "2.0", "id": question["id"], "result": result}).encode()
            await places[1].ask(Ask(body, headers))
            assert (await event(wire))[1]["result"]["content"][0]["text"] == "Ada True"


@stores
async def test_a_listening_stream_hears_what_any_process_tells(kind: str, tmp_path: Path) -> None:
    """LEG-10, LEG-18"""
    async with two(kind, tmp_path) as (servers, places):
        headers = await opened_at(places[0])
        async with places[1].connected() as wire:
            wire.write(getting(headers))
            assert (await wire.head())[0] == 200
            await wire.chunk()
            await places[0].ask(Ask(old("resources/subscribe", 3, uri="twin://a"), headers))
            servers[0].notify_resource_updated("twin://other")
            servers[0].notify_resource_updated("twin://a")
            _, told = await event(wire)
            assert (told["method"], told["params"]["uri"]) == ("notifications/resources/updated", "twin://a")
            servers[1].notify_tools_changed()
            assert (await event(wire))[1]["method"] == "notifications/tools/list_changed"


async def test_the_latest_listening_stream_of_a_session_counts(tmp_path: Path) -> None:
    async with two("memory", tmp_path) as (servers, places):
        headers = await opened_at(places[0])
        async with places[0].connected() as before, places[1].connected() as after:
            before.write(getting(headers))
            assert (await before.head())[0] == 200
            after.write(getting(headers))
            assert (await after.head())[0] == 200
            while await before.chunk():
                pass
            servers[0].notify_tools_changed()
            assert (await event(after))[1]["method"] == "notifications/tools/list_changed"


# --- streams taken up elsewhere --------------------------------------------------------------------------------


@stores
async def test_a_stream_that_broke_is_taken_up_at_the_other(kind: str, tmp_path: Path) -> None:
    """LEG-12"""
    async with two(kind, tmp_path) as (servers, places):
        headers = await opened_at(places[0])
        async with places[0].connected() as wire:
            wire.write(Ask(calling("wait"), headers))
            await wire.head()
            last, first = await event(wire)
            assert first["params"]["progress"] == 1
            wire.leave()
        async with places[1].connected() as wire:
            wire.write(getting(headers, **{"last-event-id": last}))
            assert (await wire.head())[0] == 200
            servers[0].go_on.set()  # type: ignore[attr-defined]
            found = [(await event(wire))[1] for _ in range(2)]
            assert found[0]["params"]["progress"] == 2
            assert found[1]["result"]["content"][0]["text"] == "waited"
            while await wire.chunk():
                pass
        again = await places[1].ask(getting(headers, **{"last-event-id": f"{last.partition(':')[0]}:0"}))
        assert len(again.events) == 3
        stranger = await opened_at(places[1])
        assert (await places[1].ask(getting(stranger, **{"last-event-id": last}))).status == 400


@pytest.mark.parametrize("tail", ["", "x", ":1", "é", "0" * 3000, "*", "0123456789ab-0123456789ab", "-", "a-b"])
async def test_what_cannot_be_an_event_is_refused(tail: str, tmp_path: Path) -> None:
    async with two("memory", tmp_path) as (servers, places):
        headers = await opened_at(places[0])
        servers[0].go_on.set()  # type: ignore[attr-defined]
        body = (await places[0].ask(Ask(calling("wait"), headers))).body.decode()
        name = next(line[3:].strip() for line in body.split("\n") if line.startswith("id:")).partition(":")[0]
        for lost in (f"{tail}:1", f"{name}{tail}:x", f"{name}:{'9' * 20}{tail}"):
            refused = await places[1].ask(getting(headers, **{"last-event-id": lost}))
            assert refused.status == 400, lost
        assert (await places[1].ask(getting(headers, **{"last-event-id": f"{name}:1"}))).status == 200


# --- a store that fails ----------------------------------------------------------------------------------------


class Broken(MemoryStore):
    """A store that stops working."""

    broken = False

    def _check(self) -> None:
        if self.broken:
            raise StoreError("the store is gone; start it again")

    async def get(self, key: str) -> bytes | None:
        self._check()
        return await super().get(key)

    async def commit(self, *args: Any, **named: Any) -> bool:
        self._check()
        return await super().commit(*args, **named)

    async def keys(self, prefix: str, most: int = 1000) -> list[str]:
        self._check()
        return await super().keys(prefix, most)


async def test_without_its_store_nobody_is_let_in_and_nobody_hangs(tmp_path: Path) -> None:
    store = Broken()
    server = a_server(store)
    app = server.asgi()
    headers = await opened(app)
    store.broken = True
    unknown = {**headers, "mcp-session-id": "B" * 32}
    for ask in (Ask(calling("who"), unknown), Ask(hello()), Ask(method="DELETE", headers=unknown), getting(unknown)):
        refused = await in_process(app, ask)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert "store is gone" not in refused.body.decode()
        assert "data" not in refused.json["error"], "a store may fail after a call ran: that it did not is never said"
    figure("closed", "requests let in without the store that has their sessions, of 4", 0, 0)
    assert (await in_process(app, Ask(old("logging/setLevel", 3, level="error"), headers))).status == 503
    store.broken = False
    assert (await in_process(app, Ask(calling("who"), unknown))).status == 404
    logged = await in_process(app, Ask(calling("log"), headers))
    assert "hello" in logged.body.decode(), "what was refused does not hold"
    await server.service.stop()


async def test_a_store_that_is_not_there_keeps_nobody_from_what_needs_none(tmp_path: Path) -> None:
    # It was there when the address was read.
    (tmp_path / "missing").mkdir()
    server = a_server(f"sqlite:///{tmp_path}/missing/s.db")
    (tmp_path / "missing").rmdir()
    app = server.asgi()
    assert (await in_process(app, Ask(hello()))).status == 503
    assert (await in_process(app, call("who"))).status == 200
    server.notify_tools_changed()
    server.notify_resource_updated("twin://a")
    (tmp_path / "missing").mkdir()
    assert (await in_process(app, Ask(hello()))).status == 200
    await server.service.stop()


async def test_sessions_are_bounded_over_all_processes(tmp_path: Path) -> None:
    async with twins("memory", tmp_path, sessions=2) as pair:
        one, other = (server.asgi() for server in pair)
        headers = await opened(one)
        await opened(other)
        assert (await in_process(one, Ask(hello()))).status == 503
        await in_process(one, Ask(method="DELETE", headers=headers))
        assert (await in_process(one, Ask(hello()))).status == 200
