"""Calls that become tasks: created, asked after, answered, cancelled, in both eras."""

import asyncio
import json
from typing import Any

import pytest
from tests.protocol.fixtures import LEGACY, MODERN
from tests.serving.tasking import FAST, HAS, RELATED, TASKS, Owner, both_eras, named, office, undeclared

from dragoman import Limits, Server

OLD = LEGACY[0]
NEEDED = {"requiredCapabilities": {"extensions": {TASKS: {}}}}


# --- becoming one ---------------------------------------------------------------------------------------------------


async def test_a_call_becomes_a_task_and_ends_with_its_result() -> None:
    """TASK-04, TASK-05, TASK-06, TASK-07, TASK-09, BASE-08"""
    owner = Owner(office())
    task = await owner.begin("add", a=1, b=2)
    assert task["status"] == "working"
    assert task.keys() >= {"taskId", "createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"}
    assert "result" not in task and "task" not in task
    # It is there at once, whatever it is doing.
    assert (await owner.get(task))["taskId"] == task["taskId"]
    found = await owner.until(task)
    assert found["resultType"] == "complete"
    assert found["status"] == "completed"
    assert found["result"]["structuredContent"] == {"result": 3}
    assert found["result"]["resultType"] == "complete"
    assert "pollIntervalMs" not in found


async def test_who_did_not_declare_tasks_gets_none() -> None:
    """TASK-01, TASK-02, VER-06"""
    server = office()
    result = (await undeclared(server, "tools/call", name="add", arguments={"a": 1, "b": 2}))["result"]
    assert result["resultType"] == "complete"
    assert result["structuredContent"] == {"result": 3}
    capabilities = (await undeclared(server, "server/discover"))["result"]["capabilities"]
    assert capabilities["extensions"] == {TASKS: {}}
    assert "tasks" not in capabilities


async def test_a_tool_that_needs_a_task_says_so_to_who_has_none() -> None:
    """TASK-03, VER-06"""
    error = (await undeclared(office(), "tools/call", name="must", arguments={}))["error"]
    assert (error["code"], error["data"]) == (-32021, NEEDED)
    found = await Owner(office()).ended("must")
    assert found["result"]["content"][0]["text"] == "done"


@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update"])
async def test_who_did_not_declare_tasks_cannot_speak_of_them(method: str) -> None:
    """TASK-16"""
    server = office()
    owner = Owner(server)
    task = await owner.begin("add", a=1, b=2)
    params: dict[str, Any] = {"taskId": task["taskId"]}
    if method == "tasks/update":
        params["inputResponses"] = {}
    error = (await undeclared(server, method, **params))["error"]
    assert (error["code"], error["data"]) == (-32021, NEEDED)
    assert "result" in await owner.one(method, **params)


@pytest.mark.parametrize("method", ["tasks/list", "tasks/result"])
async def test_the_extension_has_no_list_and_nothing_to_wait_on(method: str) -> None:
    """TASK-17"""
    owner = Owner(office())
    task = await owner.begin("add", a=1, b=2)
    assert await owner.code(method, taskId=task["taskId"]) == -32601
    old = Owner(office(), OLD)
    task = await old.begin("add", a=1, b=2)
    assert "result" in await old.one(method, taskId=task["taskId"])


@pytest.mark.parametrize("version", both_eras())
async def test_a_plain_function_runs_as_a_task_and_says_how_it_goes(version: str) -> None:
    found = await Owner(office(), version).ended("plain", words="hello")
    assert (found["status"], found["statusMessage"]) == ("completed", "saying hello")


async def test_middleware_sees_the_call_and_the_run() -> None:
    server = office()
    seen: list[bool] = []

    @server.middleware
    async def watch(call: Any, handler: Any) -> Any:
        if call.method == "tools/call":
            seen.append(call.task is not None)
        return await handler(call)

    await Owner(server).ended("add", a=1, b=2)
    assert seen == [False, True]


async def test_a_result_that_middleware_spoiled_fails_its_task() -> None:
    server = office()

    @server.middleware
    async def spoil(call: Any, handler: Any) -> Any:
        return {"content": 7} if call.task is not None else await handler(call)

    found = await Owner(server).ended("add", a=1, b=2)
    assert (found["status"], found["error"]["code"]) == ("failed", -32603)


# --- how it ends ----------------------------------------------------------------------------------------------------


async def test_a_tool_that_failed_is_a_completed_task() -> None:
    """TASK-10"""
    found = await Owner(office()).ended("fails")
    assert found["status"] == "completed"
    assert found["result"]["isError"] is True
    assert found["result"]["content"][0]["text"] == "It rains."


async def test_a_call_that_failed_is_a_failed_task_with_its_error() -> None:
    """TASK-09, TASK-10, X-2"""
    found = await Owner(office()).ended("breaks")
    assert (found["status"], found["resultType"]) == ("failed", "complete")
    assert found["error"] == {"code": -32099, "message": "broken", "data": {"part": 7}}
    assert found["statusMessage"] == "broken"
    assert "result" not in found


async def test_a_task_takes_no_longer_than_its_time() -> None:
    limits = Limits(task_seconds=0.05, task_poll=0.01)
    server = office(limits=limits)
    owner = Owner(server)
    task = await owner.begin("waits")
    found = await owner.until(task)
    assert found["status"] == "failed"
    assert "time" in found["statusMessage"]


async def test_a_tools_own_time_ends_it_as_a_tool_that_failed() -> None:
    server = Server("slow", limits=FAST)

    @server.tool(task="optional", timeout=0.01)
    async def slow() -> str:
        await asyncio.Event().wait()
        return "never"

    found = await Owner(server).ended("slow")
    assert found["status"] == "completed"
    assert "0.01" in found["result"]["content"][0]["text"]


async def test_a_large_result_is_a_link() -> None:
    server = Server("large", limits=Limits(result=1000, page=500, task_poll=0.01))
    server.add_tool(lambda: "x" * 5000, name="long", task="optional", output_schema=False)
    found = await Owner(server).ended("long")
    assert [block["type"] for block in found["result"]["content"]] == ["text", "resource_link"]


async def test_hundreds_of_tasks_end_in_the_order_they_came() -> None:
    server = office(limits=Limits(tasks=1, task_poll=0.01))
    order: list[int] = []

    @server.tool(task="optional")
    async def notes(number: int) -> int:
        order.append(number)
        return number

    owner = Owner(server)
    tasks = [await owner.begin("notes", number=number) for number in range(200)]
    for number, task in enumerate(tasks):
        assert (await owner.until(task))["result"]["structuredContent"] == {"result": number}
    assert order == list(range(200))


async def test_a_caller_has_so_many_tasks_and_no_more() -> None:
    owner = Owner(office(limits=Limits(tasks_kept=2)))
    for _ in range(2):
        await owner.begin("add", a=1, b=2)
    response = await owner.one("tools/call", name="add", arguments={"a": 1, "b": 2})
    assert "2 tasks" in response["error"]["message"]


# --- questions ------------------------------------------------------------------------------------------------------


async def test_questions_in_the_middle_are_answered_by_updates() -> None:
    """TASK-09, TASK-11, TASK-12"""
    owner = Owner(office())
    task = await owner.begin("greets")
    first = await owner.until(task, "input_required")
    assert [one["params"]["message"] for one in first["inputRequests"].values()] == ["First?"]
    (key,) = first["inputRequests"]
    assert await owner.update(task, **{key: named("Ada")}) == {
        "jsonrpc": "2.0", "id": 1, "result": {"resultType": "complete", "_meta": first["_meta"]},
    }  # fmt: skip
    second = await owner.until(task, lambda found: "Last?" in json.dumps(found))
    (other,) = second["inputRequests"]
    assert other != key
    # An answer to what was answered before is passed over.
    await owner.update(task, **{key: named("Eve"), "unknown": 7})
    await owner.update(task, **{other: named("Byron")})
    assert (await owner.until(task))["result"]["content"][0]["text"] == "Ada Byron"


async def test_answers_may_come_in_parts() -> None:
    """TASK-12"""
    owner = Owner(office())
    task = await owner.begin("both")
    await owner.until(task, "input_required")
    await owner.update(task, a=named("x"))
    found = await owner.get(task)
    assert (found["status"], list(found["inputRequests"])) == ("input_required", ["b"])
    await owner.update(task, b=named("y"))
    assert (await owner.until(task))["result"]["content"][0]["text"] == "xy"


@pytest.mark.parametrize("wrong", [7, {}, {"action": "perhaps"}, {"action": "accept", "content": []}])
async def test_an_answer_that_is_none_is_refused_and_loses_nothing(wrong: Any) -> None:
    owner = Owner(office())
    task = await owner.begin("both")
    await owner.until(task, "input_required")
    response = await owner.update(task, a=wrong, b=named("y"))
    assert response["error"]["code"] == -32602
    assert "inputResponses.a" in response["error"]["message"]
    assert len((await owner.get(task))["inputRequests"]) == 2
    await owner.update(task, a=named("x"), b=named("y"))
    assert (await owner.until(task))["status"] == "completed"


async def test_a_task_that_waits_for_answers_holds_no_place() -> None:
    server = office(limits=Limits(tasks=1, task_poll=0.01))
    owner = Owner(server)
    asking = await owner.begin("greets")
    await owner.until(asking, "input_required")
    assert (await owner.ended("add", a=1, b=2))["status"] == "completed"


async def test_a_call_that_asks_first_becomes_a_task_then() -> None:
    """TASK-08"""
    server = office()
    owner = Owner(server, answers=lambda method, params: named("Ada"))
    task = (await owner.ask("tools/call", name="orders", arguments={}))["result"]
    assert task["resultType"] == "task"
    found = await owner.until(task, "input_required")
    assert [one["params"]["message"] for one in found["inputRequests"].values()] == ["Sure?"]
    (key,) = found["inputRequests"]
    await owner.update(task, **{key: named("yes")})
    assert (await owner.until(task))["result"]["content"][0]["text"] == "paid by Ada, yes"
    assert server.effects == ["charged Ada"]  # type: ignore[attr-defined]


async def test_a_request_that_is_sent_twice_makes_one_task() -> None:
    server = office()
    owner = Owner(server)
    params: dict[str, Any] = {"name": "orders", "arguments": {}}
    asked = await owner.result("tools/call", **params)
    (key,) = asked["inputRequests"]
    params |= {"requestState": asked["requestState"], "inputResponses": {key: named("Ada")}}
    tasks = [await owner.result("tools/call", **params) for _ in range(2)]
    assert tasks[0]["taskId"] == tasks[1]["taskId"]
    assert server.effects == ["charged Ada"]  # type: ignore[attr-defined]


async def test_where_there_are_no_tasks_detaching_does_nothing() -> None:
    server = office()
    for version in (OLD, MODERN):
        person = Owner(server, version, lambda method, params: named("Ada"))
        person.has = {name: value for name, value in HAS.items() if name != "extensions"}
        result = (await person.ask("tools/call", name="orders", arguments={}))["result"]
        assert result["content"][0]["text"] == "paid by Ada, Ada"


# --- cancelling -----------------------------------------------------------------------------------------------------


async def test_a_cancelled_task_stops_and_stays_cancelled() -> None:
    """TASK-13"""
    server = office()
    owner = Owner(server)
    task = await owner.begin("waits")
    await owner.until(task, lambda found: found.get("statusMessage") == "waiting")
    for _ in range(2):
        result = await owner.result("tasks/cancel", taskId=task["taskId"])
        assert result.keys() <= {"resultType", "_meta"}
    assert (await owner.get(task))["status"] == "cancelled"
    while "cancelled" not in server.effects:  # type: ignore[attr-defined]
        await asyncio.sleep(0)
    assert (await owner.get(task))["status"] == "cancelled"


async def test_cancelling_what_has_ended_changes_nothing() -> None:
    """TASK-13"""
    owner = Owner(office())
    task = await owner.begin("add", a=1, b=2)
    await owner.until(task)
    await owner.result("tasks/cancel", taskId=task["taskId"])
    assert (await owner.get(task))["status"] == "completed"


async def test_a_task_can_be_cancelled_while_it_asks_and_before_it_runs() -> None:
    server = office(limits=Limits(tasks=1, task_poll=0.01))
    owner = Owner(server)
    asking = await owner.begin("greets")
    await owner.until(asking, "input_required")
    running = await owner.begin("waits")
    await owner.until(running, lambda found: "statusMessage" in found)
    waiting = await owner.begin("waits")
    for task in (asking, waiting, running):
        await owner.result("tasks/cancel", taskId=task["taskId"])
        assert (await owner.get(task))["status"] == "cancelled"
    assert "inputRequests" not in await owner.get(asking)
    # None of them holds the only place.
    assert (await owner.ended("add", a=1, b=2))["status"] == "completed"
    assert server.effects == ["began", "cancelled"]  # type: ignore[attr-defined]


# --- whose it is ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", both_eras())
@pytest.mark.parametrize("method", ["tasks/get", "tasks/cancel", "tasks/update", "tasks/result"])
async def test_the_task_of_another_is_not_there(version: str, method: str) -> None:
    """TASK-15, TASK-21"""
    if (version == MODERN) == (method == "tasks/result") or (version == OLD) == (method == "tasks/update"):
        return
    server = office()
    ada, eve = Owner(server, version), Owner(server, version)
    ada.subject, eve.subject = "ada", "eve"
    task = await ada.begin("add", a=1, b=2)
    await ada.until(task)
    params: dict[str, Any] = {"inputResponses": {}} if method == "tasks/update" else {}
    foreign = await eve.one(method, taskId=task["taskId"], **params)
    never = await eve.one(method, taskId="x" * 32, **params)
    assert foreign["error"]["code"] == -32602
    assert foreign == never
    nobody = Owner(server, version)
    assert (await nobody.one(method, taskId=task["taskId"], **params))["error"] == never["error"]
    if method != "tasks/cancel":
        assert "result" in await ada.one(method, taskId=task["taskId"], **params)


@pytest.mark.parametrize("strange", ["", "\0", "a:b", "x" * 5000, "\u00e9" * 32, "../etc"])
async def test_an_id_that_nobody_made_is_not_there(strange: str) -> None:
    """TASK-15"""
    owner = Owner(office())
    assert await owner.code("tasks/get", taskId=strange) == -32602


async def test_ids_are_long_and_never_the_same() -> None:
    """TASK-21"""
    owner = Owner(office())
    ids = {(await owner.begin("add", a=1, b=2))["taskId"] for _ in range(50)}
    assert len(ids) == 50
    assert {len(one) for one in ids} == {32}


async def test_servers_of_other_names_in_one_store_do_not_meet(tmp_path: Any) -> None:
    place = f"sqlite:///{tmp_path / 'store.db'}"
    one, other = office(store=place), Server("other", store=place, limits=FAST)
    other.add_tool(lambda: "x", name="x", task="optional")
    task = await Owner(one).begin("waits")
    assert await Owner(other).code("tasks/get", taskId=task["taskId"]) == -32602
    await Owner(one).until(task, lambda found: found.get("statusMessage") == "waiting")
    for server in (one, other):
        await server.service.stop()


# --- 2025-11-25 -----------------------------------------------------------------------------------------------------


async def test_a_client_of_2025_asks_for_a_task_and_waits_for_its_result() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    task = await owner.begin("add", {"ttl": 60_000}, a=1, b=2)
    assert task["status"] == "working"
    assert task["ttl"] == 60_000
    assert task.keys() >= {"taskId", "createdAt", "lastUpdatedAt", "pollInterval"}
    result = await owner.result("tasks/result", taskId=task["taskId"])
    assert result["structuredContent"] == {"result": 3}
    assert result["_meta"][RELATED] == {"taskId": task["taskId"]}
    found = await owner.get(task)
    assert found["status"] == "completed"
    assert "result" not in found and "resultType" not in found
    listed = await owner.result("tasks/list")
    assert [one["taskId"] for one in listed["tasks"]] == [task["taskId"]]


async def test_a_client_of_2025_is_told_which_tools_have_tasks() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    tools = (await owner.result("tools/list"))["tools"]
    support = {tool["name"]: tool.get("execution") for tool in tools}
    assert support["add"] == {"taskSupport": "optional"}
    assert support["must"] == {"taskSupport": "required"}
    assert support["never"] is None
    modern = (await Owner(office()).result("tools/list"))["tools"]
    assert all("execution" not in tool for tool in modern)


async def test_a_tool_without_tasks_refuses_one_and_one_that_needs_it_the_lack() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    assert await owner.code("tools/call", name="never", arguments={}, task={}) == -32601
    assert await owner.code("tools/call", name="must", arguments={}) == -32601
    assert "result" in await owner.one("tools/call", name="never", arguments={})
    assert "result" in await owner.one("tools/call", name="must", arguments={}, task={})


async def test_a_server_without_tasks_passes_over_the_wish_for_one() -> None:
    """LEG-23"""
    server = Server("simple")
    server.add_tool(lambda: "x", name="x", output_schema=False)
    owner = Owner(server, OLD)
    assert (await owner.result("tools/call", name="x", arguments={}, task={}))["content"][0]["text"] == "x"
    assert await owner.code("tasks/list") == -32601


async def test_a_tool_that_failed_is_a_failed_task_of_2025() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    task = await owner.begin("fails")
    result = await owner.result("tasks/result", taskId=task["taskId"])
    assert result["isError"] is True
    assert (await owner.get(task))["status"] == "failed"
    task = await owner.begin("breaks")
    response = await owner.one("tasks/result", taskId=task["taskId"])
    assert response["error"] == {"code": -32099, "message": "broken", "data": {"part": 7}}


async def test_what_has_ended_cannot_be_cancelled_in_2025() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    task = await owner.begin("waits")
    cancelled = await owner.result("tasks/cancel", taskId=task["taskId"])
    assert (cancelled["taskId"], cancelled["status"]) == (task["taskId"], "cancelled")
    assert await owner.code("tasks/cancel", taskId=task["taskId"]) == -32602
    assert await owner.code("tasks/result", taskId=task["taskId"]) == -32602


async def test_questions_of_2025_come_while_the_result_is_waited_for() -> None:
    """LEG-23"""
    owner = Owner(office(), OLD, lambda method, params: named({"First?": "Ada", "Last?": "B"}[params["message"]]))
    task = await owner.begin("greets")
    await owner.until(task, "input_required")
    assert owner.asked == []
    result = await owner.result("tasks/result", taskId=task["taskId"])
    assert result["content"][0]["text"] == "Ada B"
    assert [params["_meta"][RELATED] for _, params in owner.asked] == [{"taskId": task["taskId"]}] * 2


async def test_progress_of_2025_names_its_task_and_states_are_told() -> None:
    """LEG-23, TASK-19"""
    owner = Owner(office(), OLD)
    response = await owner.one("tools/call", name="counts", arguments={"to": 3}, task={}, _meta={"progressToken": "p"})
    task = response["result"]["task"]
    await owner.result("tasks/result", taskId=task["taskId"])
    heard = owner.ear.heard
    progress = [one["params"] for one in heard if one["method"] == "notifications/progress"]
    assert [one["progress"] for one in progress] == [1, 2, 3]
    assert {one["progressToken"] for one in progress} == {"p"}
    assert {one["_meta"][RELATED]["taskId"] for one in progress} == {task["taskId"]}


async def test_a_client_of_2025_that_waits_hears_of_each_state() -> None:
    """LEG-23"""
    server = office()
    owner = Owner(server, OLD)
    task = await owner.begin("waits")
    waiting = asyncio.create_task(owner.result("tasks/result", taskId=task["taskId"]))
    async with asyncio.timeout(20):
        while not any(one["method"] == "notifications/tasks/status" for one in owner.ear.heard):
            await asyncio.sleep(0)
    server.gate.set()  # type: ignore[attr-defined]
    await waiting
    told = [one["params"] for one in owner.ear.heard if one["method"] == "notifications/tasks/status"]
    assert [one["status"] for one in told] == ["working", "completed"]
    assert told[0]["statusMessage"] == "waiting"
    assert all(one.keys() >= {"taskId", "createdAt", "ttl"} for one in told)


async def test_a_question_of_2025_is_dropped_when_its_task_is_cancelled() -> None:
    """LEG-23"""
    server = office()
    never = asyncio.Event()

    class Silent(Owner):
        def admit(self, body: bytes) -> Any:
            call = super().admit(body)

            async def ask(method: str, params: Any) -> Any:
                await never.wait()

            call.door.ask = ask
            return call

    owner = Silent(server, OLD)
    task = await owner.begin("greets")
    await owner.until(task, "input_required")
    waiting = asyncio.create_task(owner.one("tasks/result", taskId=task["taskId"]))
    await asyncio.sleep(0.01)
    await owner.result("tasks/cancel", taskId=task["taskId"])
    async with asyncio.timeout(5):
        assert (await waiting)["error"]["code"] == -32602


@pytest.mark.parametrize("wish", [7, {"ttl": "long"}, {"ttl": True}])
async def test_a_wish_that_is_none_is_refused(wish: Any) -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    assert await owner.code("tools/call", name="add", arguments={"a": 1, "b": 2}, task=wish) == -32602


@pytest.mark.parametrize(("ttl", "kept"), [(0, 1000), (-5, 1000), (60_000, 60_000), (1e12, 86_400_000)])
async def test_a_task_is_kept_as_long_as_wished_within_bounds(ttl: float, kept: int) -> None:
    """LEG-23"""
    owner = Owner(office(), OLD)
    assert (await owner.begin("add", {"ttl": ttl}, a=1, b=2))["ttl"] == kept


async def test_lists_of_2025_have_pages_and_only_the_callers_own() -> None:
    """LEG-23"""
    server = office()
    ada, eve = Owner(server, OLD), Owner(server, OLD)
    ada.subject, eve.subject = "ada", "eve"
    made = [(await ada.begin("add", a=1, b=2))["taskId"] for _ in range(101)]
    first = await ada.result("tasks/list")
    assert [one["taskId"] for one in first["tasks"]] == made[:100]
    rest = await ada.result("tasks/list", cursor=first["nextCursor"])
    assert [one["taskId"] for one in rest["tasks"]] == made[100:]
    assert "nextCursor" not in rest
    assert (await eve.result("tasks/list"))["tasks"] == []
    assert await ada.code("tasks/list", cursor="elsewhere") == -32602
