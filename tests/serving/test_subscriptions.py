"""`subscriptions/listen`: the first word, the last one, and nothing between that was not asked for."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.protocol.fixtures import META, PREFIX, Line, written
from tests.transport.stdio_peer import request, serving

from dragoman import Context, Server
from dragoman.protocol.frames import write_notice
from dragoman.serving.bus import LocalBus
from dragoman.wire.jsonrpc import Notification

KEY = PREFIX + "subscriptionId"
ALL = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
PATIENCE = 20.0  # seconds: far more than anything takes


class Ear:
    """A door that hands on what a subscription says, in order."""

    def __init__(self) -> None:
        self.cancelled = False
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    async def emit(self, notice: Notification) -> None:
        self.heard.put_nowait(json.loads(write_notice(notice)))

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            return await self.heard.get()


def a_server(**options: Any) -> Server:
    server = Server("changing", **options)

    @server.tool
    async def talk(ctx: Context) -> str:
        await ctx.progress(1)
        await ctx.warning("w")
        return "talked"

    server.add_resource(lambda: "x", "a://b", name="b")
    server.add_prompt(lambda: "x", name="p")
    return server


class Subscribed:
    """One subscription, and how it ends."""

    def __init__(self, server: Server, number: Any, wanted: dict[str, Any]) -> None:
        line = Line(server)
        self.call = line.admit(written("subscriptions/listen", {"notifications": wanted, "_meta": META}, number))
        self.call.door = self.ear = Ear()
        self.task = asyncio.create_task(self._run(server))

    async def _run(self, server: Server) -> dict[str, Any]:
        return dict(json.loads((await server.service.answer(self.call))[1]))


@asynccontextmanager
async def listening(server: Server, wanted: dict[str, Any], number: Any = 1) -> AsyncIterator[Subscribed]:
    await server.service.start()
    found = Subscribed(server, number, wanted)
    try:
        yield found
    finally:
        found.task.cancel()
        await asyncio.wait([found.task])


async def test_the_acknowledgement_comes_before_anything_else() -> None:
    """SUB-01, SUB-15"""
    server = a_server()
    async with listening(server, ALL) as one:
        server.notify_prompts_changed()  # before it ever ran
        first = await one.ear.next()
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == ALL
        server.notify_tools_changed()
        assert (await one.ear.next())["method"] == "notifications/tools/list_changed"


@pytest.mark.parametrize("number", [0, "", 7, "7", 2**53])
async def test_every_message_bears_the_id_with_its_type(number: Any) -> None:
    """SUB-04"""
    server = a_server()
    async with listening(server, {**ALL, "resourceSubscriptions": ["a://b"]}, number) as one:
        heard = [await one.ear.next()]
        server.notify_tools_changed()
        server.notify_resource_updated("a://b")
        heard += [await one.ear.next(), await one.ear.next()]
        assert [message["params"].get("uri") for message in heard] == [None, None, "a://b"]
        server.service.bus.end()
        answer = await one.task
    metas = [message["params"]["_meta"] for message in heard] + [answer["result"]["_meta"]]
    assert [(meta[KEY], type(meta[KEY])) for meta in metas] == [(number, type(number))] * 4


async def test_only_what_was_asked_for_is_told() -> None:
    """SUB-02"""
    server = a_server()
    wanted = {"promptsListChanged": True, "toolsListChanged": False, "resourceSubscriptions": ["a://b"]}
    async with listening(server, wanted) as one:
        assert (await one.ear.next())["params"]["notifications"] == {
            "promptsListChanged": True,
            "resourceSubscriptions": ["a://b"],
        }
        server.notify_tools_changed()
        server.notify_resources_changed()
        server.notify_resource_updated("a://c")
        server.notify_resource_updated("a://b/")
        server.notify_resource_updated("a://b")
        server.notify_prompts_changed()
        assert (await one.ear.next())["params"]["uri"] == "a://b"
        assert (await one.ear.next())["method"] == "notifications/prompts/list_changed"
        assert one.ear.heard.empty()


async def test_what_the_server_does_not_tell_of_is_not_acknowledged() -> None:
    """SUB-03"""
    server = Server("bare")
    async with listening(server, {**ALL, "resourceSubscriptions": ["a://b"]}) as one:
        assert (await one.ear.next())["params"]["notifications"] == {}
    server.add_prompt(lambda: "x", name="p")
    async with listening(server, {**ALL, "resourceSubscriptions": ["a://b"]}) as one:
        assert (await one.ear.next())["params"]["notifications"] == {"promptsListChanged": True}


async def test_a_subscription_hears_no_progress_and_no_logs() -> None:
    """SUB-05, LOG-03"""
    server = a_server()
    async with listening(server, ALL) as one:
        await one.ear.next()
        line = Line(server)
        meta = {"progressToken": 1, PREFIX + "logLevel": "debug"}
        await line.ask("tools/call", name="talk", _meta=meta)
        assert [message["method"] for message in line.ear.heard] == ["notifications/progress", "notifications/message"]
        server.notify_tools_changed()
        assert (await one.ear.next())["method"] == "notifications/tools/list_changed"


async def test_two_subscriptions_hear_each_its_own() -> None:
    """SUB-07"""
    server = a_server()
    async with (
        listening(server, {"toolsListChanged": True}, 1) as tools,
        listening(server, {"promptsListChanged": True}, "1") as prompts,
    ):
        await tools.ear.next()
        await prompts.ear.next()
        server.notify_prompts_changed()
        server.notify_tools_changed()
        one, two = await tools.ear.next(), await prompts.ear.next()
        assert (one["method"], one["params"]["_meta"][KEY]) == ("notifications/tools/list_changed", 1)
        assert (two["method"], two["params"]["_meta"][KEY]) == ("notifications/prompts/list_changed", "1")
        assert tools.ear.heard.empty() and prompts.ear.heard.empty()


async def test_a_tool_that_is_added_or_removed_is_told() -> None:
    """SUB-13"""
    server = a_server()
    async with listening(server, {"toolsListChanged": True}) as one:
        await one.ear.next()
        server.add_tool(lambda: None, name="new")
        assert (await one.ear.next())["method"] == "notifications/tools/list_changed"
        server.remove_tool("new")
        assert (await one.ear.next())["method"] == "notifications/tools/list_changed"


async def test_a_server_that_stops_ends_its_subscriptions_with_a_result() -> None:
    """SUB-09, BASE-05"""
    server = a_server()
    async with listening(server, ALL, "last") as one:
        await one.ear.next()
        server.notify_tools_changed()
        server.service.bus.end()
        async with asyncio.timeout(PATIENCE):
            answer = await one.task
        assert (await one.ear.next())["method"] == "notifications/tools/list_changed"  # what was waiting is heard
    assert (answer["id"], answer["result"]["resultType"], answer["result"]["_meta"][KEY]) == (
        "last",
        "complete",
        "last",
    )
    assert len(server.service.bus) == 0


async def test_a_subscriber_that_leaves_is_forgotten() -> None:
    """SUB-08"""
    server = a_server()
    async with listening(server, ALL) as one:
        await one.ear.next()
        assert len(server.service.bus) == 1
    assert len(server.service.bus) == 0
    server.notify_tools_changed()  # nobody is there, and nothing is kept


async def test_too_many_uris_are_refused_and_just_enough_are_not() -> None:
    server = a_server()
    for count, refused in ((1000, False), (1001, True)):
        async with listening(server, {"resourceSubscriptions": [f"a://{n}" for n in range(count)]}) as one:
            if refused:
                async with asyncio.timeout(PATIENCE):
                    assert (await one.task)["error"]["code"] == -32602
            else:
                assert len((await one.ear.next())["params"]["notifications"]["resourceSubscriptions"]) == count


def test_on_stdio_the_end_is_a_cancellation_and_then_the_result(tmp_path: Path) -> None:
    """SUB-10, PROG-08, X-1"""
    with serving(tmp_path) as peer:
        peer.write(request("sub", "subscriptions/listen", notifications={"toolsListChanged": True}))
        assert peer.answer()["method"] == "notifications/subscriptions/acknowledged"
        assert peer.process.stdin
        peer.process.stdin.close()
        cancelled, result = peer.answer(), peer.answer()
        assert cancelled["method"] == "notifications/cancelled" and cancelled["params"]["requestId"] == "sub"
        assert (result["id"], result["result"]["resultType"], result["result"]["_meta"][KEY]) == (
            "sub",
            "complete",
            "sub",
        )
        assert peer.end()[0] == 0


async def test_a_feed_that_is_opened_while_the_server_stops_ends_at_once() -> None:
    bus = LocalBus(10)
    bus.end()
    assert await bus.open(lambda topic: True).next() is None
    bus.begin()
    feed = bus.open(lambda topic: True)
    bus.tell("notifications/tools/list_changed")
    assert await feed.next() == ("notifications/tools/list_changed", "")
