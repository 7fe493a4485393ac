"""Listening for changes: what a client wants to hear of, and the first and last word on it.

Source: specification, basic/patterns/subscriptions.
"""

from __future__ import annotations

from msgspec import UNSET, field

from dragoman.wire.base import Meta, Opt, Wire
from dragoman.wire.lifecycle import Params

LISTEN = "subscriptions/listen"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"


class Filter(Wire, frozen=True, kw_only=True):
    """What a client wants to hear of; a member that is absent is not wanted."""

    tools_list_changed: Opt[bool] = UNSET
    prompts_list_changed: Opt[bool] = UNSET
    resources_list_changed: Opt[bool] = UNSET
    resource_subscriptions: Opt[list[str]] = UNSET
    task_ids: Opt[list[str]] = UNSET  # of the extension for tasks (TASK-18)


class Listen(Params, frozen=True, kw_only=True):
    """Parameters of `subscriptions/listen`."""

    notifications: Filter


class Acknowledged(Wire, frozen=True, kw_only=True):
    """The part of the filter that the server will honour; comes before anything else (SUB-01, SUB-03)."""

    notifications: Filter
    meta: Opt[Meta] = field(name="_meta", default=UNSET)
