"""The client and tasks: followed by themselves, handed out, saved, taken up in another process."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from tests.app.reaching import reaching
from tests.serving.tasking import office

from dragoman import Client, DeadlineError, Depends, Limits, LocalError, MalformedError, PeerError, Server, ToolError
from dragoman.calling.task_handle import TaskStatus, read_status
from dragoman.wire.notices import Progress

MODES = ["modern", "legacy"]
NAMES = {"First?": "Ada", "Last?": "Byron", "Who?": "Ada", "Sure?": "yes", "A?": "a", "B?": "b"}


def person(question: Any) -> Any:
    return {"name": NAMES[question.message]}


@asynccontextmanager
async def of(server: Server, mode: str, **settings: Any) -> AsyncIterator[Client]:
    async with Client(server, mode=mode, on_elicit=person, **settings) as client:
        yield client


@pytest.fixture(params=["memory", "http"])
async def office_at(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    async with reaching(request.param, office()) as target:
        yield target


@pytest.mark.parametrize("mode", MODES)
async def test_a_call_is_followed_to_its_end(office_at: Any, mode: str) -> None:
    """TASK-04, TASK-20, TASK-22, BASE-08, LEG-23"""
    async with of(office_at, mode) as client:
        assert (await client.call_tool("must")).text == "done"
        assert (await client.call_tool("add", {"a": 1, "b": 2})).value == 3
        with pytest.raises(ToolError, match="It rains"):
            await client.call_tool("fails")
        with pytest.raises(PeerError) as caught:
            await client.call_tool("breaks")
        assert (caught.value.code, caught.value.data) == (-32099, {"part": 7})


@pytest.mark.parametrize("mode", MODES)
async def test_what_a_task_asks_is_answered_by_the_callbacks(office_at: Any, mode: str) -> None:
    """TASK-23, LEG-23"""
    async with of(office_at, mode) as client:
        for name, text in (("greets", "Ada Byron"), ("both", "ab"), ("orders", "paid by Ada, yes")):
            assert (await client.call_tool(name)).text == text


@pytest.mark.parametrize("mode", MODES)
async def test_a_handle_is_saved_and_taken_up_by_another_client(office_at: Any, mode: str) -> None:
    """TASK-20"""
    async with of(office_at, mode) as client:
        handle = await client.start_task("greets")
        saved = json.loads(json.dumps(handle.saved()))
    async with of(office_at, mode) as client:
        handle = client.resume_task(saved)
        assert (handle.tool, handle.id) == ("greets", saved["taskId"])
        assert (await handle.result()).text == "Ada Byron"
        assert (await handle.status()).status == "completed"
        # A result can be had again.
        assert (await handle.result()).text == "Ada Byron"


async def test_a_question_is_put_once_however_often_it_is_told() -> None:
    """TASK-23"""
    asked: list[str] = []
    answering = asyncio.Event()

    async def slow(question: Any) -> Any:
        asked.append(question.message)
        await answering.wait()
        return person(question)

    async with Client(office(), on_elicit=slow) as client:
        handle = await client.start_task("both")
        waiting = asyncio.create_task(handle.result())
        while len(asked) < 2:
            await asyncio.sleep(0)
        answering.set()
        assert (await waiting).text == "ab"
    assert sorted(asked) == ["A?", "B?"]


async def test_answers_can_be_given_by_hand() -> None:
    async with of(office(), "modern") as client:
        handle = await client.start_task("both")
        while not (now := await handle.status()).questions:
            await asyncio.sleep(0.005)
        assert now.status == "input_required"
        assert now.questions["a"]["params"]["message"] == "A?"
        with pytest.raises(LocalError, match="'c' is not asked"):
            await handle.answer({"c": {}})
        await handle.answer({"a": {"name": "x"}})
        await handle.answer({"b": {"name": "y"}})
        assert (await handle.result()).text == "xy"


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_states_are_told_to_who_wants_to_know(mode: str) -> None:
    server, seen = office(), list[TaskStatus]()

    def note(now: TaskStatus) -> None:
        seen.append(now)
        if now.message == "waiting":
            server.gate.set()  # type: ignore[attr-defined]

    async with of(server, mode) as client:
        task = await client.start_task("waits")
        assert (await task.result(on_task=note)).text == "waited"
    assert [now.status for now in seen][-1] == "completed"
    assert len(seen) == len({(now.status, now.message) for now in seen})


async def test_a_task_of_2025_tells_its_progress_while_it_is_waited_for() -> None:
    """LEG-23"""
    told: list[Progress] = []
    async with of(office(), "legacy") as client:
        handle = await client.start_task("counts", {"to": 5}, on_progress=told.append)
        assert (await handle.result()).text == "counted"
    assert [one.progress for one in told] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("mode", MODES)
async def test_a_caller_that_is_cancelled_cancels_its_task(mode: str) -> None:
    """TASK-14"""
    server = office()
    server.remove_tool("waits")
    effects: list[str] = []

    @server.tool(task="required")
    async def waits() -> str:
        effects.append("began")
        try:
            await asyncio.Event().wait()
        finally:
            effects.append("ended")
        return "never"

    async with of(server, mode) as client:
        calling = asyncio.create_task(client.call_tool("waits"))
        while not effects:
            await asyncio.sleep(0.001)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        while "ended" not in effects:
            await asyncio.sleep(0.001)
        with pytest.raises(DeadlineError, match=r"0\.05 s"):
            await client.call_tool("waits", timeout=0.05)


@pytest.mark.parametrize("mode", MODES)
async def test_a_cancelled_task_has_no_result(mode: str) -> None:
    async with of(office(), mode) as client:
        handle = await client.start_task("waits")
        with pytest.raises(DeadlineError, match="it goes on"):
            await handle.result(timeout=0.05)
        assert (await handle.status()).status == "working"
        await handle.cancel()
        await handle.cancel()
        with pytest.raises(PeerError, match="cancelled"):
            await handle.result()


@pytest.mark.parametrize("mode", [*MODES, "2025-06-18"])
async def test_where_there_are_no_tasks_none_is_started(mode: str) -> None:
    async with of(office() if mode == "2025-06-18" else Server("none"), mode) as client:
        with pytest.raises(LocalError, match="no tasks"):
            await client.start_task("add", {"a": 1, "b": 2})
    async with of(office(), "legacy") as client:
        with pytest.raises(LocalError, match="'never' does not run as a task"):
            await client.start_task("never")


async def test_what_is_answered_at_once_has_a_handle_too() -> None:
    async with of(office(), "modern") as client:
        handle = await client.start_task("never")
        assert (await handle.result()).text == "at once"
        assert (await handle.status()).over


async def test_a_task_of_nobody_is_an_error() -> None:
    """TASK-15"""
    async with of(office(), "modern") as client:
        with pytest.raises(PeerError) as caught:
            await client.resume_task({"taskId": "x" * 32}).result()
        assert caught.value.code == -32602
        with pytest.raises(LocalError, match="no saved task"):
            client.resume_task({"id": "x"})


@pytest.mark.parametrize("mode", MODES)
def test_the_client_without_asyncio_has_tasks(mode: str) -> None:
    with Client.sync(office(), mode=mode, on_elicit=person) as client:
        assert client.call_tool("must").text == "done"
        task = client.start_task("greets")
        again = client.resume_task(task.saved())
        assert again.result().text == "Ada Byron"
        assert task.status().over


async def test_a_task_in_place_of_something_else_is_no_answer() -> None:
    """TASK-04"""
    server = Server("odd")
    created = {
        "resultType": "task", "taskId": "t", "status": "working", "createdAt": "x", "lastUpdatedAt": "x", "ttlMs": None,
    }  # fmt: skip
    server.add_tool(lambda: "x", name="x")
    server.add_prompt(lambda: "x", name="p")

    @server.middleware
    async def answer(call: Any, handler: Any) -> Any:
        return created if call.method in ("prompts/get", "tools/call") else await handler(call)

    async with Client(server, mode="modern") as client:
        for work in (client.prompt("p"), client.call_tool("x")):
            with pytest.raises(MalformedError, match="task"):
                await work


@pytest.mark.parametrize(
    "found",
    [
        {},
        {"taskId": "", "status": "working"},
        {"taskId": "t", "status": "asleep"},
        {"taskId": 7, "status": "working"},
        {"taskId": "t", "status": "working", "pollIntervalMs": "often"},
    ],
)
def test_a_task_that_cannot_be_read_is_malformed(found: dict[str, Any]) -> None:
    with pytest.raises(MalformedError, match="task"):
        read_status(found)


def test_a_task_is_read_whichever_revision_it_is_of() -> None:
    """TASK-22, TASK-24"""
    flat = read_status(
        {"taskId": "t", "status": "working", "ttlMs": None, "pollIntervalMs": 250, "statusMessage": None}
    )
    assert (flat.ttl, flat.poll, flat.message) == (None, 0.25, "")
    inside = read_status({"task": {"taskId": "t", "status": "failed", "ttl": 60000, "pollInterval": 0}})
    assert (inside.ttl, inside.poll, inside.over) == (60.0, 0.01, True)
    assert read_status({"taskId": "t", "status": "working", "pollIntervalMs": 1e9}).poll == 60.0


SERVER = """
import asyncio
from dragoman import Context, Limits, Server
server = Server("slow", store="sqlite:///{place}", limits=Limits(task_poll=0.02, worker_seconds=1, drain_seconds=0.1))

@server.tool(task="optional", idempotent=True)
async def slow(ctx: Context, seconds: float) -> str:
    ctx.status("at it")
    await asyncio.sleep(seconds)
    return "slowly"

server.run()
"""


def test_a_task_outlives_client_and_server(tmp_path: Path) -> None:
    """TASK-07: started by one pair of processes, its result read by another"""
    file = tmp_path / "slow.py"
    file.write_text(SERVER.format(place=tmp_path / "store.db"))
    with Client.sync([sys.executable, str(file)]) as client:
        saved = client.start_task("slow", {"seconds": 0.3}).saved()
    program = (
        "import json, sys; from dragoman import Client\n"
        "with Client.sync([sys.executable, sys.argv[1]]) as client:\n"
        "    print(client.resume_task(json.loads(sys.argv[2])).result().text)"
    )
    words = [sys.executable, "-c", program, str(file), json.dumps(saved)]
    assert subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout == "slowly\n"


@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_what_a_cancelled_task_used_is_cleaned_up_to_the_end(mode: str) -> None:
    server, cleaned = Server("careful", limits=Limits(task_poll=0.02)), asyncio.Event()
    begun = asyncio.Event()

    async def opened() -> AsyncGenerator[int]:
        try:
            yield 1
        finally:
            for _ in range(20):
                await asyncio.sleep(0.005)  # cleaning up takes its time
            cleaned.set()

    @server.tool(task="optional")
    async def hang(one: Annotated[int, Depends(opened)]) -> str:
        begun.set()
        await asyncio.Event().wait()
        return "never"

    async with of(server, mode) as client:
        task = await client.start_task("hang")
        await asyncio.wait_for(begun.wait(), 20)
        await task.cancel()
        await asyncio.wait_for(cleaned.wait(), 20)
        assert (await task.status()).status == "cancelled"
