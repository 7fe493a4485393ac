"""Versions of entries: which are exact, and which of two is the later.

Source: MCP registry, "Versioning": the recommendations for aggregators; Semantic Versioning 2.0.0, section 11.
"""

from __future__ import annotations

import re
from typing import Any

from dragoman.registry.document import Listed

_SEMANTIC = re.compile(
    r"(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})\.(0|[1-9]\d{0,17})"
    r"(?:-((?:0|[1-9]\d{0,17}|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d{0,17}|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)
_RANGE = re.compile(r"[\^~<>=*|,]|\s|(^|\.)[xX](\.|$)")
Order = tuple[int, tuple[int, ...], tuple[int, tuple[tuple[int, int, str], ...]], str]


def is_exact(version: str) -> bool:
    """Say whether `version` names one version: no range, no word that moves."""
    return bool(version) and version.lower() != "latest" and _RANGE.search(version) is None


def order(version: str, published: str = "") -> Order:
    """Return what versions are sorted by: semantic ones after others, others by the time they were published."""
    found = _SEMANTIC.fullmatch(version)
    if found is None:
        return (0, (), (0, ()), published)
    numbers = (int(found[1]), int(found[2]), int(found[3]))
    if found[4] is None:
        return (1, numbers, (1, ()), "")
    # A part that is a number comes before one that is none.
    parts: list[tuple[int, int, str]] = [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in found[4].split(".")
    ]
    return (1, numbers, (0, tuple(parts)), "")


def latest(entries: list[Listed]) -> Listed:
    """Return the entry of the latest version: the one that the registry calls so, else by order."""

    def key(one: Listed) -> Any:
        return (one.official.is_latest, *order(one.server.version, one.official.published_at))

    return max(entries, key=key)
