"""Tasks: calls that go on after they were answered, in the form of the extension and in that of 2025-11-25.

Source: ext-tasks, specification/draft/tasks; 2025-11-25 basic/utilities/tasks.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec
from msgspec import UNSET

from dragoman.wire.base import Opt, Wire
from dragoman.wire.lifecycle import PREFIX, TASKS, Params, Result
from dragoman.wire.questions import InputRequest, RawRequest

EXTENSION = TASKS
RELATED = PREFIX + "related-task"
TASK = "task"  # the resultType of a call that became a task, and of nothing else (TASK-06)
TASK_CHANGED = "notifications/tasks"
LEGACY_TASK_CHANGED = "notifications/tasks/status"

Status: TypeAlias = Literal["working", "input_required", "completed", "failed", "cancelled"]
TERMINAL: frozenset[Status] = frozenset({"completed", "failed", "cancelled"})


class TaskParams(Params, frozen=True, kw_only=True):
    """Parameters of `tasks/get`, `tasks/cancel` and, until 2025-11-25, `tasks/result`."""

    task_id: str


class UpdateTask(Params, frozen=True, kw_only=True):
    """Parameters of `tasks/update`: answers to what a task asks, by the keys of its questions."""

    task_id: str
    input_responses: dict[str, msgspec.Raw]


class ListTasks(Params, frozen=True, kw_only=True):
    """Parameters of `tasks/list` (2025-11-25)."""

    cursor: Opt[str] = UNSET


class CreateTaskResult(Result, frozen=True, kw_only=True):
    """Answer to a call that became a task; flat, and without the task's result (TASK-05).

    Times are ISO 8601; `ttl_ms` counts from `created_at`, None is for ever.
    """

    task_id: str
    status: Status
    created_at: str
    last_updated_at: str
    ttl_ms: int | None
    status_message: Opt[str] = UNSET
    poll_interval_ms: Opt[int] = UNSET


class DetailedTask(CreateTaskResult, frozen=True, kw_only=True):
    """A task as `tasks/get` and `notifications/tasks` tell it: with what it asks, gave, or failed with (TASK-09)."""

    input_requests: Opt[dict[str, InputRequest]] = UNSET
    result: Opt[msgspec.Raw] = UNSET
    error: Opt[msgspec.Raw] = UNSET


class LegacyTask(Result, frozen=True, kw_only=True):
    """A task of 2025-11-25, in lists, in notices, and as the answer to `tasks/get` and `tasks/cancel`.

    `ttl` and `poll_interval` are in milliseconds.
    """

    task_id: str
    status: Status
    created_at: str
    last_updated_at: str
    ttl: int | None
    status_message: Opt[str] = UNSET
    poll_interval: Opt[int] = UNSET


class LegacyCreateTaskResult(Result, frozen=True, kw_only=True):
    """Answer to a call that asked to be a task (2025-11-25)."""

    task: LegacyTask


class ListTasksResult(Result, frozen=True, kw_only=True):
    """One page of the caller's tasks (2025-11-25)."""

    tasks: list[LegacyTask]
    next_cursor: Opt[str] = UNSET


class AnyTask(Wire, frozen=True, kw_only=True):
    """A task as a client reads it, of whichever revision, questions undecoded; `task` is the whole, if it is inside."""

    task_id: Opt[str] = UNSET
    status: Opt[Status] = UNSET
    created_at: Opt[str] = UNSET
    last_updated_at: Opt[str] = UNSET
    status_message: Opt[str] = UNSET
    ttl_ms: Opt[int | float | None] = UNSET
    ttl: Opt[int | float | None] = UNSET
    poll_interval_ms: Opt[int | float] = UNSET
    poll_interval: Opt[int | float] = UNSET
    input_requests: Opt[dict[str, RawRequest]] = UNSET
    result: Opt[msgspec.Raw] = UNSET
    error: Opt[msgspec.Raw] = UNSET
    task: Opt[AnyTask] = UNSET


class TaskWish(Wire, frozen=True, kw_only=True):
    """What a 2025-11-25 client says of the task that it wants a call to be; `ttl` in milliseconds."""

    ttl: Opt[int | float] = UNSET
