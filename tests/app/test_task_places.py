"""Tasks of mounted servers are followed, answered, listed and cancelled through the server that has them in itself."""

import asyncio
from typing import Any

import msgspec
import pytest
from tests.serving.test_task_listening import listening

from dragoman import Client, Context, Identity, Limits, PeerError, Server
from dragoman.app.task_places import begun_in
from dragoman.wire.content import ResourceLink
from dragoman.wire.tasks import EXTENSION


def working(name: str, **options: Any) -> Server:
    """Return a server with a tool that asks in mid-task, and one that never ends."""
    server = Server(name, limits=Limits(task_poll=0.02, drain_seconds=0.02), **options)

    @server.tool(task="required", idempotent=True)
    async def work(ctx: Context) -> str:
        return f"{name}, {await ctx.elicit('Who?', str)}"

    @server.tool(task="optional")
    async def hang() -> str:
        await asyncio.Event().wait()
        return "never"

    @server.tool(task="optional")
    def link() -> ResourceLink:
        return ResourceLink(uri="data://a", name="a")

    return server


def composed(*, own: bool = True) -> Server:
    outer = working("outer") if own else Server("outer")
    outer.mount(working("left"), "left")
    outer.mount(working("right"), "right")
    outer.mount(Server.proxy(working("far")), "far")
    return outer


@pytest.mark.parametrize("mode", ["modern", "legacy"])
@pytest.mark.parametrize("own", [True, False])
async def test_a_task_is_followed_wherever_it_is(mode: str, own: bool) -> None:
    async with Client(composed(own=own), mode=mode, on_elicit=lambda question: "Ada", timeout=20) as client:
        for prefix in ("", "left", "right", "far") if own else ("left", "right", "far"):
            name = f"{prefix}_work" if prefix else "work"
            assert (await client.call_tool(name)).text == f"{prefix or 'outer'}, Ada"


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_task_is_cancelled_wherever_it_is(mode: str) -> None:
    async with Client(composed(), mode=mode, timeout=20) as client:
        for name in ("hang", "left_hang", "right_hang", "far_hang"):
            task = await client.start_task(name)
            assert (await task.status()).status == "working"
            await task.cancel()
            assert (await task.status()).status == "cancelled"


async def test_tasks_of_all_places_are_listed_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.app.task_places.PAGE", 2)
    async with Client(composed(), mode="legacy", timeout=20) as client:
        tasks = [await client.start_task(name) for name in ("hang", "left_hang", "right_hang", "far_hang", "hang")]
        found: list[str] = []
        cursor: dict[str, Any] = {}
        while True:
            page = await client.request("tasks/list", cursor)
            found += [one["taskId"] for one in page["tasks"]]
            if "nextCursor" not in page:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert sorted(found) == sorted(one.id for one in tasks)
        with pytest.raises(PeerError, match="no such cursor"):
            await client.request("tasks/list", {"cursor": "strange"})


async def test_a_task_that_nobody_has_is_told_as_ever() -> None:
    """TASK-15: the words are those of one server alone."""
    async with Client(composed(), timeout=20) as client:
        for task_id in ("x", "A" * 32):
            with pytest.raises(PeerError, match="no such task, or its time is over"):
                await client.resume_task({"taskId": task_id}).status()


async def test_a_foreign_task_looks_like_none_through_a_mount() -> None:
    """TASK-21."""
    outer = composed()
    async with Client(outer, auth=Identity("ann")) as ann, Client(outer, auth=Identity("ben")) as ben:
        for name in ("hang", "left_hang", "far_hang"):
            saved = (await ann.start_task(name)).saved()
            assert (await ann.resume_task(saved).status()).status == "working"
            with pytest.raises(PeerError, match="no such task, or its time is over"):
                await ben.resume_task(saved).status()


@pytest.mark.parametrize("name", ["hang", "left_hang", "far_hang"])
async def test_tasks_in_mounted_servers_are_listened_to(name: str) -> None:
    """TASK-18: told as tasks/get tells it, at once and when it changes."""
    server = composed()
    async with Client(server, timeout=20) as client:
        task = await client.start_task(name)
        async with listening(server, [task.id, "x" * 32]) as listener:
            assert (await listener.next())["params"]["notifications"] == {"taskIds": [task.id]}
            first = (await listener.next())["params"]
            assert (first["taskId"], first["status"]) == (task.id, "working")
            await task.cancel()
            while (told := (await listener.next())["params"])["status"] == "working":
                pass
            assert (told["taskId"], told["status"]) == (task.id, "cancelled")


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_links_in_the_results_of_tasks_can_be_read(mode: str) -> None:
    async with Client(composed(), mode=mode, timeout=20) as client:
        for name, uri in (("link", "data://a"), ("left_link", "data://left/a"), ("far_link", "data://far/a")):
            result = await (await client.start_task(name)).result()
            assert result.content[0].uri == uri


async def test_who_has_no_tasks_inside_declares_none() -> None:
    outer, plain = Server("outer"), Server("plain")
    outer.add_tool(lambda: 1, name="one")
    plain.add_tool(lambda: 2, name="two")
    outer.mount(Server.proxy(plain), "in")
    for server, has in ((outer, False), (composed(own=False), True)):
        async with Client(server, mode="legacy") as client:
            assert client.server_capabilities is not None
            assert bool(client.server_capabilities.tasks) is has
        async with Client(server) as client:
            assert client.server_capabilities is not None
            assert (EXTENSION in (client.server_capabilities.extensions or {})) is has


def test_a_result_that_speaks_of_tasks_is_none() -> None:
    raw = msgspec.Raw
    assert (
        begun_in(raw(b'{"content":[{"type":"text","text":"\\"taskId\\""}],"structuredContent":{"taskId":"x"}}')) == ""
    )
    assert begun_in(raw(b'{"resultType":"task","taskId":"x","status":"working"}')) == "x"
    assert begun_in(raw(b'{"task":{"taskId":"y","status":"working"}}')) == "y"
    assert begun_in(raw(b'{"task":{"taskId":7}}')) == ""
