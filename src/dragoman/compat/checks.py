"""Arguments and results of a 1.x low-level server against the schemas that it lists, as its package checks them.

Promise: what its package refuses is refused, with `Input validation error: ` or `Output validation error: ` before it.
Limit: a schema that cannot be checked in bounds, or of a dialect that is not known, is not, and the log says so.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import msgspec

from dragoman.app import lazily

log = logging.getLogger("dragoman.compat")
MAX_KEPT = 1000


class Checks:
    """The schemas of one server's tools, compiled when first used."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Any] = {}

    def fault_of(self, schema: Mapping[str, Any], value: Any) -> str | None:
        """Return what is wrong with `value` and where, or None."""
        try:
            key = msgspec.json.encode(schema, order="sorted")
            data = msgspec.json.encode(value)
        except (TypeError, ValueError) as error:
            return f"not JSON: {error}"
        if key not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()  # of a server that lists another schema each time
            self._kept[key] = self._compiled(schema)
        check = self._kept[key]
        if check is None:
            return None
        violations: list[Any] = check.violations(msgspec.json.decode(data), data)
        return "; ".join(str(one) for one in violations) or None

    def _compiled(self, schema: Mapping[str, Any]) -> Any:
        try:
            return lazily.validator(schema, own=True)
        except ValueError as fault:
            log.warning("a tool's schema is not checked: %s", fault)
            return None
