"""Changes that are told outside of calls, as notifications."""

from __future__ import annotations

from dragoman.wire.base import Meta
from dragoman.wire.jsonrpc import Notification
from dragoman.wire.notices import RESOURCE_UPDATED, ResourceUpdated


def notice_of(topic: tuple[str, str], meta: Meta | None = None) -> Notification:
    """Return the notification of a change: of a list, or of the resource that the topic names."""
    method, uri = topic
    if method != RESOURCE_UPDATED:
        return Notification(method=method, params={"_meta": meta} if meta else {})
    return Notification(method=method, params=ResourceUpdated(uri=uri, meta=meta) if meta else ResourceUpdated(uri=uri))
