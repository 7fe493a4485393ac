"""Path checks and URI templates that servers import from `mcp.shared`.

Promise: `safe_join` never returns a path outside its base, links followed. Limit: the answer holds for now; a link that
is changed afterwards is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dragoman.protocol.uri import Template

_SEPARATORS = re.compile(r"[/\\]")
_DRIVE = re.compile(r"[A-Za-z]:")


class PathEscapeError(ValueError):
    """A path leads out of the folder that it must stay in."""


def contains_path_traversal(value: str) -> bool:
    """Say whether `value`, read as a relative path, climbs above where it starts."""
    depth = 0
    for step in _SEPARATORS.split(value):
        depth += -1 if step == ".." else step not in ("", ".")
        if depth < 0:
            return True
    return False


def is_absolute_path(value: str) -> bool:
    """Say whether `value` is absolute on any system: a leading slash or backslash, or a drive."""
    return (value[:1] in ("/", "\\") and value != "") or _DRIVE.match(value) is not None


def safe_join(base: str | Path, *parts: str) -> Path:
    """Return `base` joined with `parts`, resolved. Raises PathEscapeError if that is not inside `base`."""
    root = Path(base).resolve()
    for part in parts:
        if "\0" in part or is_absolute_path(part):
            raise PathEscapeError(f"{part!r} is no relative path; it cannot be below {root}")
    joined = root.joinpath(*parts).resolve()
    if not joined.is_relative_to(root):
        raise PathEscapeError(f"{'/'.join(parts)!r} leads out of {root}")
    return joined


class UriTemplate:
    """An RFC 6570 template, as `mcp.shared.uri_template.UriTemplate`."""

    def __init__(self, text: str) -> None:
        self.template = text
        self._parsed = Template.parse(text)

    @classmethod
    def parse(cls, text: str, **limits: Any) -> UriTemplate:
        """Return the template. Raises a LocalError saying where it is at fault."""
        return cls(text)

    def expand(self, variables: Mapping[str, Any]) -> str:
        """Return the URI for these values."""
        return self._parsed.expand(variables)

    def match(self, uri: str, **limits: Any) -> dict[str, Any] | None:
        """Return the values in `uri`, or None if it is not of this template. What is done with them must check them."""
        found = self._parsed.match(uri, guard=False)
        return None if found is None else dict(found)

    def __str__(self) -> str:
        return self.template
