"""How each revision has tasks: who may get one, and how it is told.

A TaskForm is the part of an era that concerns tasks. In the extension the server
decides which calls become tasks; in 2025-11-25 the client does; before, nobody.
Source: ext-tasks, specification/draft/tasks; 2025-11-25 basic/utilities/tasks; requirements TASK-01 to TASK-24, LEG-23.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, structs

from dragoman.errors import RequestError
from dragoman.late import late
from dragoman.protocol.exchange import Call
from dragoman.wire.jsonrpc import INVALID_PARAMS, METHOD_NOT_FOUND, MISSING_CAPABILITY, Notification
from dragoman.wire.lifecycle import TASKS as EXTENSION
from dragoman.wire.lifecycle import Result, ServerCapabilities

if TYPE_CHECKING:
    from dragoman.wire import tasks as wire
    from dragoman.wire.questions import InputRequest
else:
    wire = late("dragoman.wire.tasks")

NEEDED: dict[str, Any] = {"requiredCapabilities": {"extensions": {EXTENSION: {}}}}


class TaskState(msgspec.Struct, kw_only=True, frozen=True):
    """What can be told of a task. Times are seconds since 1970, `ttl` seconds from `created`, `poll` milliseconds."""

    id: str
    status: wire.Status
    message: str
    created: float
    updated: float
    ttl: float | None
    poll: int
    requests: dict[str, InputRequest] = {}
    result: msgspec.Raw | None = None
    error: msgspec.Raw | None = None
    erred: bool = False  # the tool itself failed: `result` says so


class Wish(msgspec.Struct, frozen=True):
    """A call may become a task; `ttl` is how many seconds the client wants it kept, None if it does not say."""

    ttl: float | None = None


class TaskForm(msgspec.Struct, frozen=True):
    """How one revision has tasks. All fields are data or pure functions.

    `wish` says whether a call may become a task; it raises RequestError for one
    that must not. `needed` is the error for a tool that runs only as a task.
    `admit` raises RequestError for a caller that may not speak of tasks at all.
    """

    wish: Callable[[Call, bool], Wish | None]
    needed: Callable[[str], RequestError]
    admit: Callable[[Call], None]
    created: Callable[[TaskState], Result]
    told: Callable[[TaskState], Result]
    cancelled: Callable[[TaskState], Result]
    notice: Callable[[TaskState], Notification]
    later: bool  # a call may become a task after it asked
    final: bool  # a task that has ended cannot be cancelled, and says so
    asked: Callable[[Mapping[str, Any]], Mapping[str, Any]]  # the parameters of a call that is to be a task
    waits: bool = False  # a client waits for the result by a request, during which it is asked
    offered: Callable[[ServerCapabilities], bool] = lambda has: False  # whether a server has tasks


def iso(seconds: float) -> str:
    """Return a time as ISO 8601 in UTC, to the millisecond."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _or_unset(text: str) -> Any:
    return text or UNSET


# --- the extension ----------------------------------------------------------------------------------------------


def declares(call: Call) -> bool:
    """Say whether this request, and not some other, declared the extension (TASK-01, TASK-02)."""
    extensions = call.caller.capabilities.extensions
    return extensions is not UNSET and EXTENSION in extensions


def _needed(name: str) -> RequestError:
    text = f"{name} runs as a task only, and the request did not declare the extension {EXTENSION}"
    return RequestError(MISSING_CAPABILITY, text, NEEDED)


def _admit(call: Call) -> None:
    if not declares(call):
        raise RequestError(MISSING_CAPABILITY, f"{call.method} needs the extension {EXTENSION} declared", NEEDED)


def _members(state: TaskState) -> dict[str, Any]:
    return {
        "task_id": state.id,
        "status": state.status,
        "created_at": iso(state.created),
        "last_updated_at": iso(state.updated),
        "ttl_ms": _milliseconds(state.ttl),
        "status_message": _or_unset(state.message),
        "poll_interval_ms": state.poll if state.status not in wire.TERMINAL else UNSET,
    }


def _created(state: TaskState) -> Result:
    return wire.CreateTaskResult(result_type=wire.TASK, **_members(state))


def _detailed(state: TaskState) -> wire.DetailedTask:
    return wire.DetailedTask(
        input_requests=state.requests if state.status == "input_required" else UNSET,
        result=UNSET if state.result is None else state.result,
        error=UNSET if state.error is None else state.error,
        **_members(state),
    )


def _acknowledged(state: TaskState) -> Result:
    return Result()


TASKS = TaskForm(
    wish=lambda call, supported: Wish() if supported and declares(call) else None,
    needed=_needed,
    admit=_admit,
    created=_created,
    told=_detailed,
    cancelled=_acknowledged,
    notice=lambda state: Notification(method=wire.TASK_CHANGED, params=_detailed(state)),
    later=True,
    final=False,
    asked=lambda params: params,
    offered=lambda has: has.extensions is not UNSET and EXTENSION in has.extensions,
)


# --- 2025-11-25 -------------------------------------------------------------------------------------------------


def _wish_legacy(call: Call, supported: bool) -> Wish | None:
    wished = getattr(call.params, "task", UNSET)
    if wished is UNSET or memoryview(wished) == memoryview(b"null"):
        return None
    if not supported:
        raise RequestError(METHOD_NOT_FOUND, f"the tool {call.params.name!r} does not run as a task; call it without")
    try:
        ttl = msgspec.json.decode(wished, type=wire.TaskWish).ttl
    except msgspec.DecodeError as error:
        raise RequestError(INVALID_PARAMS, f"task: {error}") from None
    return Wish(None if ttl is UNSET else max(0.0, ttl / 1000))


def _needed_legacy(name: str) -> RequestError:
    return RequestError(METHOD_NOT_FOUND, f"{name} runs as a task only: send `task` with the call")


def legacy_task(state: TaskState) -> wire.LegacyTask:
    """Return a task as 2025-11-25 tells it."""
    return wire.LegacyTask(
        task_id=state.id,
        # What is a completed task in the extension (TASK-10) is a failed one here ("Task Execution Errors").
        status="failed" if state.erred else state.status,
        created_at=iso(state.created),
        last_updated_at=iso(state.updated),
        ttl=_milliseconds(state.ttl),
        status_message=_or_unset(state.message),
        poll_interval=state.poll,
    )


LEGACY_TASKS = TaskForm(
    wish=_wish_legacy,
    needed=_needed_legacy,
    admit=lambda call: None,
    created=lambda state: wire.LegacyCreateTaskResult(task=legacy_task(state)),
    told=legacy_task,
    cancelled=legacy_task,
    notice=lambda state: Notification(method=wire.LEGACY_TASK_CHANGED, params=legacy_task(state)),
    later=False,
    final=True,
    asked=lambda params: {wire.TASK: {}, **params},
    waits=True,
    offered=lambda has: has.tasks is not UNSET,
)


# --- before that ------------------------------------------------------------------------------------------------


def _needed_never(name: str) -> RequestError:
    return RequestError(METHOD_NOT_FOUND, f"{name} runs as a task only, and this protocol version has no tasks")


def _no_wish(_call: Call, _supported: bool) -> Wish | None:
    return None


def _as_given(params: Mapping[str, Any]) -> Mapping[str, Any]:
    return params


def _never(_has: ServerCapabilities) -> bool:
    return False


# Told as in 2025-11-25, if something is still asked after; none is ever made, and no client waits for one.
NO_TASKS = structs.replace(
    LEGACY_TASKS,
    wish=_no_wish,
    needed=_needed_never,
    asked=_as_given,
    waits=False,
    offered=_never,
)
