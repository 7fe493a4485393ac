"""Subscriptions to tasks: who may hear of which, and what is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.protocol.fixtures import META, PREFIX, written
from tests.serving.failing import FailingStore
from tests.serving.tasking import HAS, Owner, named, office
from tests.serving.test_subscriptions import Ear

from dragoman import Server
from dragoman.ports.store import Append

KEY = PREFIX + "subscriptionId"
TOLD = "notifications/tasks"


class Listener(Owner):
    """A client with one subscription."""

    def hear(self, number: int, ids: list[str], has: Any = HAS, **more: Any) -> None:
        meta = {**META, PREFIX + "clientCapabilities": has}
        call = self.admit(
            written("subscriptions/listen", {"notifications": {"taskIds": ids, **more}, "_meta": meta}, number)
        )
        call.door = self.said = Ear()
        self.listening = asyncio.create_task(self.service.answer(call))

    async def next(self) -> dict[str, Any]:
        return await self.said.next()


@asynccontextmanager
async def listening(server: Server, ids: list[str], subject: str | None = None, **more: Any) -> AsyncIterator[Listener]:
    await server.service.start()
    listener = Listener(server)
    listener.subject = subject
    listener.hear(7, ids, **more)
    try:
        yield listener
    finally:
        listener.listening.cancel()
        await asyncio.wait([listener.listening])


async def test_a_listener_hears_each_state_as_tasks_get_tells_it() -> None:
    """TASK-18"""
    server = office()
    owner = Owner(server)
    task = await owner.begin("both")
    await owner.until(task, "input_required")
    async with listening(server, [task["taskId"]]) as listener:
        first = await listener.next()
        assert first["method"] == "notifications/subscriptions/acknowledged"
        assert first["params"]["notifications"] == {"taskIds": [task["taskId"]]}
        asks = await listener.next()
        assert asks["method"] == TOLD
        assert asks["params"].pop("_meta") == {KEY: 7}
        got = await owner.get(task)
        assert asks["params"] == {name: value for name, value in got.items() if name not in ("_meta", "resultType")}
        await owner.update(task, a=named("x"), b=named("y"))
        while (told := (await listener.next())["params"])["status"] != "completed":
            assert told["status"] == "working"
        assert told["_meta"] == {KEY: 7}
        got = await owner.get(task)
        assert told["result"] == got["result"]


async def test_what_ended_before_is_told_once() -> None:
    """TASK-18"""
    server = office()
    owner = Owner(server)
    task = await owner.begin("add", a=1, b=2)
    await owner.until(task)
    async with listening(server, [task["taskId"]], toolsListChanged=True) as listener:
        await listener.next()
        assert (await listener.next())["params"]["status"] == "completed"
        server.notify_tools_changed()
        assert (await listener.next())["method"] == "notifications/tools/list_changed"


async def test_the_tasks_of_others_are_not_accepted() -> None:
    """TASK-18, TASK-21"""
    server = office()
    ada = Owner(server)
    ada.subject = "ada"
    task = await ada.begin("add", a=1, b=2)
    for subject, accepted in (("eve", []), (None, []), ("ada", [task["taskId"]])):
        async with listening(server, [task["taskId"], "x" * 32, task["taskId"]], subject) as listener:
            assert (await listener.next())["params"]["notifications"] == {"taskIds": accepted}


async def test_who_did_not_declare_tasks_cannot_listen_to_them() -> None:
    """TASK-16, TASK-18"""
    server = office()
    task = await Owner(server).begin("add", a=1, b=2)
    async with listening(server, [task["taskId"]], has={}) as listener:
        status, body = await listener.listening
        assert json.loads(body)["error"]["code"] == -32021
        assert status == 400
    async with listening(server, [task["taskId"]]) as listener:
        assert "params" in await listener.next()


async def test_one_subscription_names_so_many_tasks_and_no_more() -> None:
    server = office()
    async with listening(server, ["x" * 32] * 101) as listener:
        assert "100 tasks" in json.loads((await listener.listening)[1])["error"]["message"]
    async with listening(server, ["x" * 32] * 100) as listener:
        assert (await listener.next())["params"]["notifications"] == {"taskIds": []}


async def test_a_server_without_tasks_accepts_none() -> None:
    """TASK-18"""
    server = Server("none")
    server.add_tool(lambda: "x", name="x")
    async with listening(server, ["x" * 32], toolsListChanged=True) as listener:
        assert (await listener.next())["params"]["notifications"] == {"toolsListChanged": True}


async def test_progress_and_logs_are_not_told_among_changes() -> None:
    """TASK-19"""
    server = office()
    owner = Owner(server)
    task = await owner.begin("counts", to=50)
    async with listening(server, [task["taskId"]]) as listener:
        await listener.next()
        told = await listener.next()
        while told["params"]["status"] != "completed":
            assert told["method"] == TOLD
            told = await listener.next()
        assert told["params"]["statusMessage"] == "at 50"


async def test_a_task_that_runs_in_another_process_is_heard_of(tmp_path: Path) -> None:
    """TASK-18: here two servers over one file, with nothing else in common"""
    place = f"sqlite:///{tmp_path / 'store.db'}"
    one, other = office(store=place), office(store=place)
    task = await Owner(one).begin("both")
    await Owner(one).until(task, "input_required")
    async with listening(other, [task["taskId"]]) as listener:
        assert (await listener.next())["params"]["notifications"]["taskIds"] == [task["taskId"]]
        assert (await listener.next())["params"]["status"] == "input_required"
        await Owner(one).result("tasks/cancel", taskId=task["taskId"])
        assert (await listener.next())["params"]["status"] == "cancelled"
    for server in (one, other):
        await server.service.stop()


async def test_a_subscription_whose_store_fails_ends() -> None:
    store = FailingStore()
    server = office(store=store)
    owner = Owner(server)
    task = await owner.begin("waits")
    await owner.until(task, lambda found: "statusMessage" in found)
    async with listening(server, [task["taskId"]]) as listener:
        await listener.next()
        await listener.next()
        store.down = lambda name: name == "get"
        await store.kept.commit([Append(store.streams()[0], b"", 60)])  # wakes whoever watches
        async with asyncio.timeout(10):
            assert (await listener.listening)[0] == 200
        store.down = lambda name: False
