"""The base of every type that crosses the wire, and the words they share.

One class per noun: each is the superset of all revisions, and the era's `seal`
drops or adds what a revision lacks or needs.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

T = TypeVar("T")

RequestId: TypeAlias = int | str
ProgressToken: TypeAlias = int | str
Role: TypeAlias = Literal["user", "assistant"]
LogLevel: TypeAlias = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
Meta: TypeAlias = dict[str, Any]
Raw: TypeAlias = msgspec.Raw

EMPTY = msgspec.Raw(b"{}")
# Compared with `memoryview(raw)`: null is what some peers write for what they mean to leave out.
NULL = memoryview(b"null")

# Optional on the wire: absent, which is not the same as null.
Opt: TypeAlias = T | UnsetType

# RFC 5424 severities, mildest first: the order is the rule (requirement LOG-04).
LOG_LEVELS: tuple[LogLevel, ...] = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)


class Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of every type that crosses the wire: immutable, camelCase outside."""


class Icon(Wire, frozen=True, kw_only=True):
    """An image that stands for something; `src` is an https: or data: URI."""

    src: str
    mime_type: Opt[str] = UNSET
    sizes: Opt[list[str]] = UNSET
    theme: Opt[Literal["light", "dark"]] = UNSET


class Annotations(Wire, frozen=True, kw_only=True):
    """Hints for whoever shows content: for whom, how important (0 to 1), how fresh (ISO 8601)."""

    audience: Opt[list[Role]] = UNSET
    priority: Opt[float] = UNSET
    last_modified: Opt[str] = UNSET


class Implementation(Wire, frozen=True, kw_only=True):
    """Name and version of a client or a server."""

    name: str
    version: str
    title: Opt[str] = UNSET
    description: Opt[str] = UNSET
    website_url: Opt[str] = UNSET
    icons: Opt[list[Icon]] = UNSET
