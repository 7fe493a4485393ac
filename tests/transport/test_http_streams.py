"""Streams of handshake-era sessions: the one that listens, and those that broke and are taken up again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.transport.raw_http import Ask, Place, Wire, hello, listening, old, until

from dragoman import Context, Limits, Server
from dragoman.transport.stream_log import MAX_BYTES, MAX_EVENTS, MAX_LOGS, Shelf, StreamLog


def a_server(**limits: Any) -> Server:
    server = Server("streams", limits=Limits(**limits))
    server.go_on = asyncio.Event()  # type: ignore[attr-defined]
    server.began = []  # type: ignore[attr-defined]

    @server.tool
    async def steps(ctx: Context) -> str:
        await ctx.progress(1)
        server.began.append(1)  # type: ignore[attr-defined]
        await server.go_on.wait()  # type: ignore[attr-defined]
        await ctx.progress(2)
        return "done"

    return server


@asynccontextmanager
async def session_on(server: Server, version: str = "2025-11-25") -> AsyncIterator[tuple[Place, dict[str, str]]]:
    async with listening(server.asgi()) as place:
        session = (await place.ask(Ask(hello(version)))).headers["mcp-session-id"]
        yield place, {"mcp-protocol-version": version, "mcp-session-id": session}


def get(headers: dict[str, str], **more: str) -> Ask:
    return Ask(method="GET", headers={**headers, "accept": "text/event-stream", "content-length": None, **more})


async def message(wire: Wire) -> Any:
    """Return the next message of a stream, comments and empty events left out."""
    while True:
        chunk = (await wire.chunk()).decode()
        assert chunk, "the stream ended"
        data = [line[5:].strip() for line in chunk.split("\n") if line.startswith("data:")]
        if any(data):
            return json.loads("\n".join(data))


async def ended(wire: Wire) -> None:
    async with asyncio.timeout(20):
        while await wire.chunk():
            pass


# --- listening (LEG-10) ----------------------------------------------------------------------------------------


async def test_a_session_hears_of_changes_on_its_stream() -> None:
    server = a_server()
    async with session_on(server) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        status, fields = await wire.head()
        assert (status, fields["content-type"]) == (200, "text/event-stream")
        await wire.chunk()
        server.tool(name="new")(lambda: 1)
        assert (await message(wire))["method"] == "notifications/tools/list_changed"
        # One change of tools may change resources too, since large results are read as resources.
        server.prompt(name="new")(lambda: "x")
        while (await message(wire))["method"] != "notifications/prompts/list_changed":
            pass


async def test_calls_of_a_session_are_answered_while_it_listens() -> None:
    server = a_server()
    server.tool(name="three")(lambda: 3)
    async with session_on(server) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        assert (await wire.head())[0] == 200
        async with asyncio.timeout(10):
            answer = await place.ask(Ask(old("tools/call", 2, name="three", arguments={}), headers))
        assert answer.status == 200 and "3" in answer.body.decode()
        server.prompt(name="new")(lambda: "x")
        await message(wire)


async def test_a_quiet_listening_stream_is_kept_alive() -> None:
    async with session_on(a_server(quiet_seconds=0.05)) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        await wire.head()
        assert [await wire.chunk() for _ in range(4)] == [b":\n\n"] * 4


async def test_a_session_has_one_listening_stream_and_another_when_that_is_gone() -> None:
    async with session_on(a_server()) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        await wire.head()
        await wire.chunk()
        assert (await place.ask(get(headers))).status == 409
        wire.leave()
        async with asyncio.timeout(20):
            while True:
                async with place.connected() as other:
                    other.write(get(headers))
                    status, _ = await other.head()
                    if status == 200:
                        break
                await asyncio.sleep(0.01)


async def test_the_end_of_the_session_ends_its_stream() -> None:
    async with session_on(a_server()) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        await wire.head()
        await wire.chunk()
        assert (await place.ask(Ask(method="DELETE", headers=headers))).status == 204
        await ended(wire)
        assert (await place.ask(get(headers))).status == 404


async def test_the_end_of_the_server_ends_its_streams() -> None:
    server = a_server()
    async with session_on(server) as (place, headers), place.connected() as wire:
        wire.write(get(headers))
        await wire.head()
        server.service.closing()
        await ended(wire)


async def test_who_listens_is_bounded_and_told_before_the_stream_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    server = a_server()
    async with session_on(server) as (place, headers):
        monkeypatch.setattr(server.service.bus, "_limit", 0)
        refused = await place.ask(get(headers))
        assert (refused.status, "listening" in refused.json["error"]["message"]) == (503, True)
        monkeypatch.undo()
        async with place.connected() as wire:
            wire.write(get(headers))
            assert (await wire.head())[0] == 200


async def test_a_get_must_accept_a_stream_and_name_a_session() -> None:
    async with session_on(a_server()) as (place, headers):
        assert (await place.ask(get(headers, accept="application/json"))).status == 406
        assert (await place.ask(get({"mcp-protocol-version": "2025-11-25"}))).status == 400


# --- taking up again (LEG-12, LEG-13) --------------------------------------------------------------------------


def with_progress(number: int = 5) -> bytes:
    return old("tools/call", number, name="steps", arguments={}, _meta={"progressToken": "p"})


def event_ids(text: str) -> list[str]:
    return [line[3:].strip() for line in text.split("\n") if line.startswith("id:")]


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18"])
async def test_a_broken_stream_can_be_taken_up_where_it_broke(version: str) -> None:
    server = a_server()
    async with session_on(server, version) as (place, headers):
        async with place.connected() as wire:
            wire.write(Ask(with_progress(), headers))
            await wire.head()
            seen = ""
            while '"progress":1' not in seen:
                seen += (await wire.chunk()).decode()
            last = event_ids(seen)[-1]
            wire.leave()
        server.go_on.set()  # type: ignore[attr-defined]
        answer = await place.ask(get(headers, **{"last-event-id": last}))
        assert answer.status == 200
        assert [event.get("params", {}).get("progress", "end") for event in answer.events] == [2, "end"]
        assert answer.events[-1]["result"]["content"][0]["text"] == "done"
        # All of it once more, and none of it.
        first = f"{last.partition(':')[0]}:0"
        assert len((await place.ask(get(headers, **{"last-event-id": first}))).events) == 3
        behind = f"{last.partition(':')[0]}:999"
        assert (await place.ask(get(headers, **{"last-event-id": behind}))).events == []


async def test_the_newest_handshake_version_is_primed_with_an_id() -> None:
    """LEG-13"""
    server = a_server()
    server.go_on.set()  # type: ignore[attr-defined]
    async with session_on(server) as (place, headers):
        answer = await place.ask(Ask(with_progress(), headers))
        first = next(block for block in answer.body.decode().split("\n\n") if "id:" in block)
        assert [line for line in first.split("\n") if line.startswith("data:")] in (["data: "], ["data:"])
        assert len(set(event_ids(answer.body.decode()))) == 4


async def test_an_id_of_another_session_or_of_nothing_leads_nowhere() -> None:
    server = a_server()
    server.go_on.set()  # type: ignore[attr-defined]
    async with session_on(server) as (place, headers):
        last = event_ids((await place.ask(Ask(with_progress(), headers))).body.decode())[0]
        other = (await place.ask(Ask(hello()))).headers["mcp-session-id"]
        stolen = await place.ask(get({**headers, "mcp-session-id": other}, **{"last-event-id": last}))
        assert stolen.status == 400
        for nonsense in ("x", "x:1", f"{last}x", f"{last.partition(':')[0]}:{'9' * 30}", ":"):
            assert (await place.ask(get(headers, **{"last-event-id": nonsense}))).status == 400
        assert (await place.ask(get(headers, **{"last-event-id": last}))).status == 200


async def test_a_client_that_takes_no_stream_gets_none_though_it_has_a_session() -> None:
    server = a_server()
    server.go_on.set()  # type: ignore[attr-defined]
    async with session_on(server) as (place, headers):
        answer = await place.ask(Ask(with_progress(), {**headers, "accept": "application/json"}))
        assert answer.headers["content-type"] == "application/json"
        assert answer.json["result"]["content"][0]["text"] == "done"


async def test_a_cancelled_call_ends_its_log() -> None:
    server = a_server()
    async with session_on(server) as (place, headers), place.connected() as wire:
        wire.write(Ask(with_progress(), headers))
        await wire.head()
        await until(lambda: server.began)  # type: ignore[attr-defined]
        await place.ask(Ask(old("notifications/cancelled", None, requestId=5), headers))
        seen = ""
        while part := await wire.chunk():
            seen += part.decode()
        last = event_ids(seen)[-1]
        # It would hang if the log waited for more.
        assert (await place.ask(get(headers, **{"last-event-id": last}))).events == []


# --- the log ---------------------------------------------------------------------------------------------------


async def read(log: StreamLog, number: int) -> list[bytes]:
    return [event async for event in log.after(number)]


async def test_a_log_forgets_its_beginning_and_never_its_end() -> None:
    log = StreamLog()
    for number in range(MAX_EVENTS + 5):
        log.add(b"%d" % number)
    log.end()
    kept = await read(log, 0)
    assert len(kept) == MAX_EVENTS
    assert b"data: %d\n" % (MAX_EVENTS + 4) in kept[-1]


async def test_an_event_larger_than_a_log_is_kept_alone() -> None:
    log = StreamLog()
    log.add(b"small")
    log.add(b"x" * (MAX_BYTES + 1))
    log.end()
    async with asyncio.timeout(5):
        (kept,) = await read(log, 0)
    assert len(kept) > MAX_BYTES


async def test_who_reads_a_log_gets_what_is_still_to_come() -> None:
    log = StreamLog()
    log.add(b"1")
    reading = asyncio.ensure_future(read(log, 0))
    await asyncio.sleep(0)
    log.add(b"2")
    await asyncio.sleep(0)
    log.end()
    assert len(await reading) == 2


async def test_logs_are_bounded_in_number_and_in_size() -> None:
    shelf = Shelf(100 * MAX_BYTES)
    logs = shelf.of("session")
    running = logs.open(1)
    for number in range(3 * MAX_LOGS):
        log = logs.open(number)
        log.add(b"x" * (MAX_BYTES // 4))
        log.end()
    assert len(logs) <= MAX_LOGS
    assert shelf.size < 2 * MAX_BYTES
    assert await logs.find(f"{running.name}:1") is not None, "one that is still written goes last"
    assert await logs.find(f"{running.name}:x") is None


async def test_logs_of_all_sessions_are_bounded_together() -> None:
    shelf = Shelf(1000)
    running = shelf.of("the first").open(1)
    running.add(b"x" * 100)
    held = [shelf.of(f"session {number}") for number in range(20)]
    for logs in held:
        log = logs.open(1)
        log.add(b"x" * 100)
        log.end()
    assert shelf.size <= 1000 and sum(len(logs) for logs in held) < 10
    assert len(held[-1]) == 1 and running.size > 0, "the oldest that ended go first"
    held[-1].clear()
    before = shelf.size
    held[-2].clear()
    assert len(held[-2]) == 0 and shelf.size < before


async def test_a_log_that_was_forgotten_ends_for_whoever_reads_it_and_grows_no_more() -> None:
    shelf = Shelf(1000)
    log = shelf.of("session").open(1)
    log.add(b"1")
    reading = asyncio.ensure_future(read(log, 1))
    await asyncio.sleep(0)
    shelf.drop(log)
    async with asyncio.timeout(5):
        assert await reading == []
    log.add(b"2")
    log.end()
    assert (log.size, shelf.size, len(shelf)) == (0, 0, 0)
