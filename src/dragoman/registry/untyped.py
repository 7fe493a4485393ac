"""JSON of unknown shape, taken as the kind that is wanted: what is of another kind counts as empty."""

from __future__ import annotations

from typing import Any, cast


def table(value: object) -> dict[str, Any]:
    """Return an object, an empty one for anything else."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def row(value: object) -> list[Any]:
    """Return a list, an empty one for anything else."""
    return list(cast("list[object]", value)) if isinstance(value, list) else []


def is_table(value: object) -> bool:
    """Say whether it is an object."""
    return isinstance(value, dict)


def is_row(value: object) -> bool:
    """Say whether it is a list."""
    return isinstance(value, list)
