"""Tasks behind a proxy, for clients of another revision: begun, asked, followed, cancelled and taken up again."""

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from tests.protocol.fixtures import META, written
from tests.serving.person import Line, Person
from tests.serving.test_task_listening import listening

from dragoman import Client, Context, Identity, Limits, PeerError, RequestError, Server, ToolError, ask
from dragoman.protocol.eras import HANDSHAKE, STATELESS
from dragoman.protocol.headers import METHOD_HEADER
from dragoman.testing.ways import serving_http
from dragoman.wire.jsonrpc import HEADER_MISMATCH, METHOD_NOT_FOUND

MODERN, LEGACY = next(iter(STATELESS)), next(iter(HANDSHAKE))
OLDER = list(HANDSHAKE)[1]
ACROSS = [(MODERN, LEGACY), (LEGACY, MODERN)]
QUICK = Limits(task_poll=0.02, drain_seconds=0.02)


def speaking(version: str) -> Any:
    """Return a server of one revision with tools that are tasks; its `runs` count calls, `ended` says that one was."""
    server: Any = Server("behind", limits=QUICK)
    server.runs, server.ended, server.go = 0, asyncio.Event(), asyncio.Event()
    refused = {MODERN: "initialize", LEGACY: "server/discover"}[version]

    @server.middleware
    async def one_way(call: Any, handler: Any) -> Any:
        if call.method == refused:
            raise RequestError(METHOD_NOT_FOUND, "no such method here")
        return await handler(call)

    @server.tool(task="required", idempotent=True)
    async def work(item: str, ctx: Context) -> str:
        who = await ctx.elicit(f"Who wants {item}?", str)
        again = await ctx.ask_all({"size": ask.form("Size?", str), "colour": ask.form("Colour?", str)})
        server.runs += 1
        return f"{item} for {who}, {again['size']} {again['colour']}"

    @server.tool(task="optional")
    async def hang(ctx: Context) -> str:
        ctx.status("hanging")
        try:
            await asyncio.Event().wait()
        finally:
            server.ended.set()
        return "never"

    @server.tool(task="optional")
    def fail() -> str:
        raise ToolError("wet paint")

    @server.tool(task="optional")
    def refuse() -> str:
        raise RequestError(7, "no entry", {"why": "closed"})

    @server.tool(task="optional")
    async def told(ctx: Context) -> str:
        await ctx.progress(1, 2, "half")
        await server.go.wait()
        return "told"

    @server.tool
    def plain(ctx: Context) -> str:
        return "plain"

    return server


def answer(question: Any) -> str:
    return {"Who wants tea?": "Ada", "Size?": "small", "Colour?": "red"}[question.message]


async def until(task: Any, wanted: str) -> None:
    """Return when a task has a status or message."""
    while wanted not in ((now := await task.status()).status, now.message):
        assert not now.over, now
        await asyncio.sleep(0.01)


@pytest.fixture(params=ACROSS, ids="-".join)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    found: tuple[str, str] = request.param
    return found


async def test_a_task_is_followed_and_asked_across_revisions(pair: tuple[str, str]) -> None:
    front, server = pair[0], speaking(pair[1])
    async with Client(Server.proxy(server, limits=QUICK), mode=front, on_elicit=answer, timeout=20) as client:
        assert (await client.call_tool("work", {"item": "tea"})).text == "tea for Ada, small red"
        task = await client.start_task("work", {"item": "tea"})
        assert (await task.result()).text == "tea for Ada, small red"
        assert (await task.status()).status == "completed"
        assert (await client.call_tool("plain")).text == "plain"
    assert server.runs == 2


async def test_it_is_over_http_as_well(pair: tuple[str, str]) -> None:
    front, behind = pair
    async with (
        serving_http(speaking(behind)) as url,
        serving_http(Server.proxy(url, limits=QUICK)) as proxy,
        Client(proxy, mode=front, on_elicit=answer, timeout=20) as client,
    ):
        assert (await client.call_tool("work", {"item": "tea"})).text == "tea for Ada, small red"
        task = await client.start_task("work", {"item": "tea"})
        assert (await task.result()).text == "tea for Ada, small red"


async def test_who_knows_no_tasks_gets_what_such_a_tool_gives_all_the_same() -> None:
    async with Client(Server.proxy(speaking(MODERN), limits=QUICK), mode=OLDER, on_elicit=answer, timeout=20) as client:
        assert (await client.call_tool("work", {"item": "tea"})).text == "tea for Ada, small red"


async def test_who_does_not_say_that_it_takes_tasks_is_told_so_in_its_own_words() -> None:
    """TASK-03; and what an older revision says of tasks is nothing to this one."""
    proxy = Server.proxy(speaking(LEGACY), limits=QUICK)
    await proxy.service.start()
    person = Person(proxy, lambda method, params: None, MODERN)
    refused = await person.leg("tools/call", name="work", arguments={"item": "tea"})
    assert refused["error"]["code"] == -32021
    called = await person.leg("tools/call", name="plain", arguments={}, task={"ttl": 1})
    assert called["result"]["content"][0]["text"] == "plain"
    await proxy.service.stop()


async def test_headers_are_held_against_arguments_where_the_server_behind_knows_none() -> None:
    """HTTP-31"""
    server = speaking(LEGACY)

    @server.tool
    def at(region: Annotated[str, msgspec.Meta(extra_json_schema={"x-mcp-header": "region"})]) -> str:
        return region

    proxy = Server.proxy(server)
    await proxy.service.start()
    for stated, code in ((b"eu", None), (b"us", HEADER_MISMATCH)):
        call = Line(proxy).admit(written("tools/call", {"name": "at", "arguments": {"region": "eu"}, "_meta": META}))
        call.headers = {METHOD_HEADER: b"tools/call", b"mcp-param-region": stated}
        _, body = await proxy.service.answer(call)
        assert json.loads(body).get("error", {}).get("code") == code
    await proxy.service.stop()


async def test_faults_are_what_they_are(pair: tuple[str, str]) -> None:
    front, behind = pair
    async with Client(Server.proxy(speaking(behind), limits=QUICK), mode=front, timeout=20) as client:
        task = await client.start_task("fail")
        with pytest.raises(ToolError, match="wet paint"):
            await task.result()
        with pytest.raises(PeerError, match="no entry") as refused:
            await (await client.start_task("refuse")).result()
        assert refused.value.code == 7
        with pytest.raises(PeerError, match="no such task"):
            await client.resume_task({"taskId": "A" * 32}).status()


async def test_cancelling_reaches_the_task_behind(pair: tuple[str, str]) -> None:
    front, server = pair[0], speaking(pair[1])
    async with Client(Server.proxy(server, limits=QUICK), mode=front, timeout=20) as client:
        task = await client.start_task("hang")
        await until(task, "hanging")
        await task.cancel()
        assert (await task.status()).status == "cancelled"
        await asyncio.wait_for(server.ended.wait(), 20)


async def test_one_that_waits_for_an_answer_is_cancelled_behind_too(pair: tuple[str, str]) -> None:
    front, server = pair[0], speaking(pair[1])
    ended: list[str] = []

    @server.middleware
    async def watch(call: Any, handler: Any) -> Any:
        if call.method == "tasks/cancel":
            ended.append(call.method)
            server.ended.set()
        return await handler(call)

    async with Client(Server.proxy(server, limits=QUICK), mode=front, timeout=20, on_elicit=answer) as client:
        task = await client.start_task("work", {"item": "tea"})
        await until(task, "input_required")
        await task.cancel()
        await asyncio.wait_for(server.ended.wait(), 20)
        assert ended == ["tasks/cancel"]


async def test_what_a_task_says_is_heard_by_listeners() -> None:
    """TASK-18, through a proxy to a server that knows no subscriptions."""
    proxy = Server.proxy(speaking(LEGACY), limits=QUICK)
    async with Client(proxy, timeout=20) as client:
        task = await client.start_task("hang")
        async with listening(proxy, [task.id, "x" * 32]) as listener:
            assert (await listener.next())["params"]["notifications"] == {"taskIds": [task.id]}
            while (await listener.next())["params"].get("statusMessage") != "hanging":
                pass
            await task.cancel()
            while (await listener.next())["params"]["status"] != "cancelled":
                pass


async def test_progress_becomes_the_message_of_a_task(pair: tuple[str, str]) -> None:
    """TASK-19."""
    front, server = pair[0], speaking(pair[1])
    async with Client(Server.proxy(server, limits=QUICK), mode=front, timeout=20) as client:
        task = await client.start_task("told")
        waiting = asyncio.ensure_future(task.result())
        await until(task, "half")
        server.go.set()
        assert (await waiting).text == "told"


@pytest.mark.parametrize("tool", ["work", "hang"])
async def test_another_process_of_the_store_takes_it_up(pair: tuple[str, str], tool: str, tmp_path: Path) -> None:
    """The first proxy ends while the task waits for an answer, or runs."""
    front, server = pair[0], speaking(pair[1])
    limits = Limits(task_poll=0.02, drain_seconds=0.02, worker_seconds=0.3)
    store = f"sqlite:///{tmp_path / 'shared.db'}"
    how: dict[str, Any] = {"mode": front, "timeout": 20, "on_elicit": answer}
    async with Client(Server.proxy(server, store=store, limits=limits), **how) as client:
        task = await client.start_task(tool, {"item": "tea"} if tool == "work" else {})
        await until(task, "input_required" if tool == "work" else "hanging")
    async with Client(Server.proxy(server, store=store, limits=limits), **how) as client:
        taken = client.resume_task(task.saved())
        if tool == "work":
            assert (await taken.result()).text == "tea for Ada, small red"
        else:
            await taken.cancel()
            await asyncio.wait_for(server.ended.wait(), 20)
    assert server.runs == (1 if tool == "work" else 0)


@pytest.mark.parametrize("front", [MODERN, LEGACY])
async def test_several_servers_of_either_revision_have_their_tasks_in_one_store(front: str, tmp_path: Path) -> None:
    servers = {"left": speaking(LEGACY), "right": speaking(MODERN)}
    proxy = Server.proxy(servers, store=f"sqlite:///{tmp_path / 'both.db'}", limits=QUICK)
    async with Client(proxy, mode=front, on_elicit=answer, timeout=20) as client:
        for name in ("left_work", "right_work"):
            task = await client.start_task(name, {"item": "tea"})
            assert (await task.result()).text == "tea for Ada, small red"


async def test_a_task_is_there_for_nobody_else(pair: tuple[str, str]) -> None:
    """TASK-21, in both revisions and between them."""
    front, behind = pair
    for revision in (front, behind):
        proxy = Server.proxy(speaking(revision), limits=QUICK)
        async with (
            Client(proxy, mode=front, auth=Identity("ann"), timeout=20) as ann,
            Client(proxy, mode=front, auth=Identity("ben"), timeout=20) as ben,
        ):
            saved = (await ann.start_task("hang")).saved()
            assert (await ann.resume_task(saved).status()).status == "working"
            with pytest.raises(PeerError, match="no such task, or its time is over"):
                await ben.resume_task(saved).status()
            with pytest.raises(PeerError, match="no such task, or its time is over"):
                await ben.resume_task(saved).cancel()
            if front == LEGACY:
                listed = [await one.request("tasks/list") for one in (ann, ben)]
                assert [len(one["tasks"]) for one in listed] == [1, 0]
