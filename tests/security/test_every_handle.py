"""Every kind of handle, by everybody: answered as one that does not exist, and nothing happens (threat 3).

The kinds that are not in test_foreign_handles.py: tasks of both eras and their lists, sessions, their streams.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from tests.auth.issuing import Issuer, bearing, endpoint, issuing
from tests.transport.raw_http import META, MODERN, Answer, Ask, hello, in_process, old

from dragoman import JWTAuth, Limits, Server

CAPABLE = {**META, "io.modelcontextprotocol/clientCapabilities": {"extensions": {"io.modelcontextprotocol/tasks": {}}}}
NAMED = {"mcp-protocol-version": "2025-11-25"}
OWNER = {"sub": "ann", "client_id": "app"}
# Everybody else: another subject, another client, both, and what only looks like the owner.
SUBJECTS = ["ann", "ben", "Ann", "ann ", "ann\u200b", "ann|app", "ann:app", "a", "app", "*", "\uff41nn"]
CLIENTS = ["app", "other", "App", "app2", "ann", "*", "", "pp"]
OTHERS = [("ben", "app"), ("ann", "other"), ("Ann", "app"), ("ann|app", ""), ("ann", ""), ("app", "ann")]


class Place(NamedTuple):
    """A protected server, its issuer, and what its tool did."""

    app: Any
    issuer: Issuer
    effects: list[str]
    gate: asyncio.Event


async def _office(issuer: Issuer) -> AsyncIterator[Place]:
    effects: list[str] = []
    gate = asyncio.Event()
    limits = Limits(task_poll=0.01, drain_seconds=0.1)
    server = Server("office", auth=JWTAuth(issuer.url), limits=limits)

    @server.tool(task="optional")
    async def waits() -> str:
        """Wait."""
        effects.append("began")
        try:
            await gate.wait()
        except asyncio.CancelledError:
            effects.append("cancelled")
            raise
        return "waited"

    yield Place(endpoint(server), issuer, effects, gate)
    gate.set()
    await server.service.stop()


def new(method: str, **params: Any) -> Ask:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": CAPABLE}}
    named = params.get("name", params.get("taskId"))
    headers = {"mcp-protocol-version": MODERN, "mcp-method": method, **({"mcp-name": named} if named else {})}
    return Ask(json.dumps(body).encode(), headers)


def seen(answer: Answer, handle: str) -> tuple[int, dict[str, str], str]:
    """Return all of an answer, the handle that was sent cut out."""
    headers = {name: value for name, value in answer.headers.items() if name not in ("content-length", "date")}
    return answer.status, headers, answer.body.decode().replace(handle, "HANDLE")


async def same(place: Place, asks: dict[str, Ask], handle: str, unknown: dict[str, Ask], other: str) -> None:
    """Show that for each request with `handle` of somebody else the answer is that for an `other`, unknown one."""
    for subject, client in OTHERS:
        token = place.issuer.token(sub=subject, client_id=client or None)
        for name, ask in asks.items():
            theirs = await in_process(place.app, bearing(ask, token))
            nobodys = await in_process(place.app, bearing(unknown[name], token))
            assert seen(theirs, handle) == seen(nobodys, other), (name, subject, client)
            assert theirs.status in (200, 400, 404) and b'"result"' not in theirs.body, (name, theirs)
    for name, ask in asks.items():
        nobody, unknowing = await in_process(place.app, ask), await in_process(place.app, unknown[name])
        assert nobody.status == 401 and seen(nobody, handle) == seen(unknowing, other), name


def of_task(task: str) -> dict[str, Ask]:
    return {
        "get": new("tasks/get", taskId=task),
        "cancel": new("tasks/cancel", taskId=task),
        "update": new("tasks/update", taskId=task, inputResponses={"a": {"action": "accept"}}),
    }


async def test_a_task_is_there_for_its_owner_only() -> None:
    """sec/03, sec/33."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            begun = await in_process(place.app, bearing(new("tools/call", name="waits", arguments={}), mine))
            task = begun.json["result"]["taskId"]
            async with asyncio.timeout(20):
                while "began" not in place.effects:  # from then on it stays as it is
                    await asyncio.sleep(0.001)
            before = (await in_process(place.app, bearing(new("tasks/get", taskId=task), mine))).json["result"]
            await same(place, of_task(task), task, of_task("A" * 32), "A" * 32)
            after = (await in_process(place.app, bearing(new("tasks/get", taskId=task), mine))).json["result"]
            assert after == before and after["status"] == "working" and "cancelled" not in place.effects
            # The owner's token was renewed; and now it is cancelled.
            renewed = issuer.token(**OWNER, jti="renewed")
            assert "result" in (await in_process(place.app, bearing(new("tasks/cancel", taskId=task), renewed))).json


async def opened(place: Place, token: str) -> dict[str, str | None]:
    answer = await in_process(place.app, bearing(Ask(hello()), token))
    named: dict[str, str | None] = {**NAMED, "mcp-session-id": answer.headers["mcp-session-id"]}
    return named


def in_session(named: dict[str, str | None], task: str = "A" * 32) -> dict[str, Ask]:
    stream = {**named, "accept": "text/event-stream", "content-type": None}
    return {
        "ping": Ask(old("ping", 2), named),
        "call": Ask(old("tools/call", 2, name="waits", arguments={}), named),
        "answer": Ask(b'{"jsonrpc":"2.0","id":1,"result":{}}', named),
        "tasks": Ask(old("tasks/list", 2), named),
        "cancel": Ask(old("tasks/cancel", 2, taskId=task), named),
        "stream": Ask(method="GET", headers=stream),
        "stream again": Ask(method="GET", headers={**stream, "last-event-id": "1"}),
        "end": Ask(method="DELETE", headers=named),
    }


async def test_a_session_is_there_for_its_owner_only() -> None:
    """sec/03: not to be called in, listened to, taken up again or ended; CVE-2026-52869, CVE-2026-33946."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            named = await opened(place, mine)
            session = str(named["mcp-session-id"])
            other = {**named, "mcp-session-id": "A" * len(session)}
            await same(place, in_session(named), session, in_session(other), "A" * len(session))
            assert place.effects == []
            assert (await in_process(place.app, bearing(Ask(old("ping", 2), named), mine))).status == 200


async def test_a_session_id_that_a_client_chose_is_never_taken_up() -> None:
    """sec/03: no fixation."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            chosen = {**NAMED, "mcp-session-id": "A" * 32}
            answer = await in_process(place.app, bearing(Ask(hello(), chosen), mine))
            assert answer.headers.get("mcp-session-id") != "A" * 32
            assert (await in_process(place.app, bearing(Ask(old("ping", 2), chosen), mine))).status == 404


def of_old_task(named: dict[str, str | None], task: str) -> dict[str, Ask]:
    return {method: Ask(old(f"tasks/{method}", 2, taskId=task), named) for method in ("get", "result", "cancel")}


async def test_a_task_of_an_older_client_is_there_for_its_owner_only() -> None:
    """sec/03, sec/33: from sessions of their own, CVE-2026-52870; and no list names it."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            named = await opened(place, mine)
            call = old("tools/call", 2, name="waits", arguments={}, task={})
            begun = await in_process(place.app, bearing(Ask(call, named), mine))
            task = (begun.events[-1] if b"data:" in begun.body else begun.json)["result"]["task"]["taskId"]
            for subject, client in OTHERS:
                token = issuer.token(sub=subject, client_id=client or None)
                own = await opened(place, token)
                for name, ask in of_old_task(own, task).items():
                    theirs = await in_process(place.app, bearing(ask, token))
                    nobodys = await in_process(place.app, bearing(of_old_task(own, "A" * 32)[name], token))
                    assert seen(theirs, task) == seen(nobodys, "A" * 32) and b'"error"' in theirs.body
                listed = await in_process(place.app, bearing(Ask(old("tasks/list", 2), own), token))
                assert b'"tasks":[]' in listed.body
            listed = await in_process(place.app, bearing(Ask(old("tasks/list", 2), named), mine))
            assert task.encode() in listed.body and "cancelled" not in place.effects


async def test_whoever_is_not_the_owner_is_nobody() -> None:
    """sec/03: any pair of names; only the owner's own opens it."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            begun = await in_process(place.app, bearing(new("tools/call", name="waits", arguments={}), mine))
            task = begun.json["result"]["taskId"]
            for subject, client in itertools.product(SUBJECTS, CLIENTS):
                token = issuer.token(sub=subject, client_id=client or None)
                found = await in_process(place.app, bearing(new("tasks/get", taskId=task), token))
                nothing = await in_process(place.app, bearing(new("tasks/get", taskId="A" * 32), token))
                if (subject, client) == ("ann", "app"):
                    assert found.json["result"]["taskId"] == task and "error" in nothing.json
                else:
                    assert seen(found, task) == seen(nothing, "A" * 32) and "error" in found.json, (subject, client)


async def test_handles_are_too_long_to_be_guessed() -> None:
    """sec/33: 128 bits and more, and none twice."""
    async with issuing() as issuer:
        async for place in _office(issuer):
            mine = issuer.token(**OWNER)
            call = bearing(new("tools/call", name="waits", arguments={}), mine)
            tasks = [(await in_process(place.app, call)).json["result"]["taskId"] for _ in range(20)]
            sessions = [str((await opened(place, mine))["mcp-session-id"]) for _ in range(20)]
            for handles in (tasks, sessions):
                assert len(set(handles)) == 20 and min(map(len, handles)) >= 22  # of 64 letters, 6 bits each
                assert len({handle[:8] for handle in handles}) == 20
