"""Frames without what differs from run to run: times, random ids, sealed handles, versions of servers.

Limit: known by their keys and their looks; what a server's own answers hold beside that is for `replay(normal=...)`.
"""

from __future__ import annotations

import re
from typing import Any

from dragoman.serving.shapes import is_list, is_object

# What servers hand out and clients hand back as it is.
OPAQUE = frozenset({"requestState", "nextCursor", "cursor", "taskId"})
_LOOKS = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b(?=[a-f]*[0-9])[0-9a-f]{8,}\b"), "<id>"),
)


def normal(value: Any, key: str = "") -> Any:
    """Return JSON data with `<time>`, `<id>`, `<opaque>` and `<version>` in place of what differs from run to run."""
    if isinstance(value, str):
        if key in OPAQUE:
            return "<opaque>"
        for looks, name in _LOOKS:
            value = looks.sub(name, value)
        return value
    if is_list(value):
        return [normal(item) for item in value]
    if is_object(value):
        found = {name: normal(item, name) for name, item in value.items()}
        if key.endswith("serverInfo") and "version" in found:
            found["version"] = "<version>"
        return found
    return value


def learn(recorded: Any, live: Any, known: dict[str, str], key: str = "") -> None:
    """Add to `known` which handle of the recording is which of the live server's."""
    if isinstance(recorded, str) and isinstance(live, str) and key in OPAQUE:
        known[recorded] = live
    elif is_list(recorded) and is_list(live):
        for one, other in zip(recorded, live, strict=False):
            learn(one, other, known)
    elif is_object(recorded) and is_object(live):
        for name, item in recorded.items():
            learn(item, live.get(name), known, name)


def translated(value: Any, known: dict[str, str], key: str = "") -> Any:
    """Return a recorded frame with the live server's handles in place of the recorded ones."""
    if isinstance(value, str):
        return known.get(value, value) if key in OPAQUE else value
    if is_list(value):
        return [translated(item, known) for item in value]
    if is_object(value):
        return {name: translated(item, known, name) for name, item in value.items()}
    return value
