"""How each revision tells of tasks, in literal JSON."""

import json
from typing import Any

import msgspec
import pytest
from tests.protocol.fixtures import LEGACY, MODERN

from dragoman.protocol.eras import era_named
from dragoman.protocol.tasks import TaskState, iso
from dragoman.wire.questions import InputRequest
from dragoman.wire.tasks import TERMINAL, Status

OLD = LEGACY[0]


def state(status: Status = "working", **more: Any) -> TaskState:
    given = {"id": "t", "message": "", "created": 0.0, "updated": 1.5, "ttl": 60.0, "poll": 500, **more}
    return TaskState(status=status, **given)


def told(version: str, form: str, task: TaskState) -> Any:
    return json.loads(msgspec.json.encode(getattr(era_named(version).tasks, form)(task)))


def test_times_are_iso_8601_in_utc_to_the_millisecond() -> None:
    assert iso(0) == "1970-01-01T00:00:00.000Z"
    assert iso(1764067800.1239) == "2025-11-25T10:50:00.123Z"


def test_a_new_task_is_flat_in_the_extension_and_inside_before() -> None:
    """TASK-05, TASK-06, LEG-23"""
    members = {"taskId": "t", "status": "working", "createdAt": iso(0), "lastUpdatedAt": iso(1.5)}
    assert told(MODERN, "created", state()) == {
        "resultType": "task", **members, "ttlMs": 60000, "pollIntervalMs": 500,
    }  # fmt: skip
    assert told(OLD, "created", state()) == {"task": {**members, "ttl": 60000, "pollInterval": 500}}


@pytest.mark.parametrize(
    ("task", "has"),
    [
        (state(), set[str]()),
        (state("input_required", requests={"k": InputRequest(method="roots/list", params={})}), {"inputRequests"}),
        (state("completed", result=msgspec.Raw(b"{}")), {"result"}),
        (state("failed", error=msgspec.Raw(b"{}")), {"error"}),
        (state("cancelled"), set[str]()),
    ],
    ids=lambda value: value.status if isinstance(value, TaskState) else "",
)
def test_each_state_has_what_belongs_to_it_and_no_more(task: TaskState, has: set[str]) -> None:
    """TASK-09"""
    found = told(MODERN, "told", task)
    assert found.keys() & {"inputRequests", "result", "error"} == has
    assert ("pollIntervalMs" in found) == (task.status not in TERMINAL)
    # The answer is one like any other: only a new task is of the kind "task" (TASK-06, X-2).
    assert "resultType" not in found
    assert not told(OLD, "told", task).keys() & {"inputRequests", "result", "error"}


def test_a_task_for_ever_has_no_time() -> None:
    assert told(MODERN, "told", state(ttl=None))["ttlMs"] is None
    assert told(OLD, "told", state(ttl=None))["ttl"] is None


def test_a_tool_that_failed_is_completed_in_the_extension_and_failed_before() -> None:
    """TASK-10, LEG-23"""
    task = state("completed", result=msgspec.Raw(b"{}"), erred=True)
    assert told(MODERN, "told", task)["status"] == "completed"
    assert told(OLD, "told", task)["status"] == "failed"


def test_cancelling_is_acknowledged_with_nothing_or_with_the_task() -> None:
    """TASK-13, LEG-23"""
    assert told(MODERN, "cancelled", state("cancelled")) == {}
    assert told(OLD, "cancelled", state("cancelled"))["status"] == "cancelled"


def test_changes_have_the_name_that_their_revision_gave_them() -> None:
    """TASK-18, LEG-23"""
    assert told(MODERN, "notice", state())["method"] == "notifications/tasks"
    assert told(OLD, "notice", state())["method"] == "notifications/tasks/status"


def test_revisions_before_have_no_tasks() -> None:
    for version in LEGACY[1:]:
        form = era_named(version).tasks
        assert not form.later and not form.waits
        assert "tasks/get" not in era_named(version).methods
    assert "tasks/get" in era_named(OLD).methods & era_named(MODERN).methods
