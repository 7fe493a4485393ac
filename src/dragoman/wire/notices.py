"""Notifications: what is said without expecting an answer.

Source: specification, basic/patterns progress and cancellation, server/utilities/logging.
"""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, field

from dragoman.wire.base import LogLevel, Meta, Opt, ProgressToken, RequestId, Wire

PROGRESS = "notifications/progress"
MESSAGE = "notifications/message"
CANCELLED = "notifications/cancelled"
INITIALIZED = "notifications/initialized"
TOOLS_CHANGED = "notifications/tools/list_changed"
PROMPTS_CHANGED = "notifications/prompts/list_changed"
RESOURCES_CHANGED = "notifications/resources/list_changed"
RESOURCE_UPDATED = "notifications/resources/updated"
VISITED = "notifications/elicitation/complete"
ROOTS_CHANGED = "notifications/roots/list_changed"


class Progress(Wire, frozen=True, kw_only=True):
    """How far a request is; `progress` only ever grows (PROG-03)."""

    progress_token: ProgressToken
    progress: float
    total: Opt[float] = UNSET
    message: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class LogMessage(Wire, frozen=True, kw_only=True):
    """A line of a server's log for the client."""

    level: LogLevel
    data: Any
    logger: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class Cancelled(Wire, frozen=True, kw_only=True):
    """The sender no longer wants the answer to its own request `request_id`."""

    request_id: Opt[RequestId] = UNSET
    reason: Opt[str] = UNSET
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class Visited(Wire, frozen=True, kw_only=True):
    """The visit to a page that a question asked for is complete (2025-11-25)."""

    elicitation_id: str
    meta: Opt[Meta] = field(name="_meta", default=UNSET)


class ResourceUpdated(Wire, frozen=True, kw_only=True):
    """A resource, or a part of it, changed."""

    uri: str
    meta: Opt[Meta] = field(name="_meta", default=UNSET)
