"""What can be said about one call of a tool, beside the tool and its arguments.

Kept as a typed dictionary, so that editors know the names. Limit: names only, and what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypedDict

from dragoman.calling.task_handle import TaskStatus
from dragoman.calling.terms import PLAIN, OnProgress, Wish
from dragoman.errors import LocalError
from dragoman.ports.exchange import NO_FIELDS, Fields
from dragoman.protocol.dress import NO_META
from dragoman.protocol.trace import complaint_about_trace


class CallOptions(TypedDict, total=False):
    """What calls of tools take beside name and arguments; times in seconds."""

    timeout: float | None
    idle_timeout: float | None
    repeatable: bool | None
    headers: Fields
    on_progress: OnProgress | None
    on_task: Callable[[TaskStatus], Any] | None
    meta: Mapping[str, Any] | None


def wish_of(options: CallOptions) -> Wish:
    """Return what a call wants. Raises TypeError for a name that there is not, LocalError for a bad trace."""
    if not options:
        return PLAIN
    for name in options:
        if name not in CallOptions.__annotations__:
            raise TypeError(f"a call has no option {name!r}; there are {', '.join(CallOptions.__annotations__)}")
    if (complaint := complaint_about_trace(options.get("meta") or NO_META)) is not None:
        raise LocalError(complaint)
    return Wish(
        timeout=options.get("timeout"),
        idle_timeout=options.get("idle_timeout"),
        repeatable=options.get("repeatable"),
        headers=options.get("headers", NO_FIELDS),
        meta=options.get("meta") or NO_META,
        on_progress=options.get("on_progress"),
        on_task=options.get("on_task"),
    )
