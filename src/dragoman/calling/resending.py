"""Which requests may be sent again when their answer was lost, or was "not now": those that may run twice unharmed.

A lost request is sent again under a new id (BASE-18), but nobody knows whether it ran. Calls of tools are sent again
where the tool says that it only reads, or that twice is once, or where the caller says so.
Whatever the server says it did not begin with may come again when it said.
Source: specification, basic/index; basic/transports/stdio "Unexpected Termination"; server/tools "Tool Annotations".
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from msgspec import UNSET

from dragoman.errors import BusyError
from dragoman.wire.tools import Tool

HARMLESS = frozenset(
    {
        "server/discover",
        "ping",
        "tools/list",
        "prompts/list",
        "prompts/get",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "completion/complete",
        "tasks/get",
        "tasks/list",
        "tasks/result",
        "tasks/cancel",
        "tasks/update",
    }
)
SHORTEST = 0.05  # seconds before it is sent again; doubled each time, and uneven


def may_repeat(method: str, wish: bool | None) -> bool:
    """Say whether a request may run twice; the caller's `wish` counts before what is known of the method."""
    return method in HARMLESS if wish is None else wish


def repeatable(tools: Iterable[Tool]) -> frozenset[str]:
    """Return the names of those tools that say of themselves that they may run twice."""
    return frozenset(tool.name for tool in tools if _harmless(tool))


def _harmless(tool: Tool) -> bool:
    hints = tool.annotations
    return hints is not UNSET and (hints.read_only_hint is True or hints.idempotent_hint is True)


def pause(count: int) -> float:
    """Return how many seconds to wait before a request is sent for the `count`-th time again, from 1."""
    return SHORTEST * 2.0 ** min(count - 1, 10) * random.uniform(0.5, 1.5)


def pause_of(error: BusyError, count: int) -> float:
    """Return how many seconds to wait before a request that was refused for the `count`-th time comes again, from 1.

    Never less than the server said, and spread over twice as much each time, up to sixteen: those who were refused
    together would come together again, and more than it can do will be no less than that in a second.
    """
    return max(error.after, SHORTEST) * random.uniform(1.0, 2.0 ** min(count, 4))


def may_return(error: BusyError, method: str, wish: bool | None) -> bool:
    """Say whether a request may come again after `error`: it was not begun, or does no harm by running twice."""
    return error.begun is False or may_repeat(method, wish)
