"""Header fields that callers add, and those that repeat a tool's arguments.

The protocol's own fields are not for callers to set: they must agree with the body.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from dragoman.errors import LocalError
from dragoman.ports.exchange import Fields
from dragoman.protocol.headers import PARAM_PREFIX, HeaderRule, SchemaFault, header_rules, param_headers
from dragoman.protocol.patterns import late_pattern
from dragoman.wire.tools import Tool

log = logging.getLogger("dragoman")
_NAME = late_pattern(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110, section 5.6.2
_OURS = frozenset(
    {"accept", "content-type", "content-length", "transfer-encoding", "connection", "host", "last-event-id"}
    | {"mcp-protocol-version", "mcp-method", "mcp-name", "mcp-session-id"}
)


def check_fields(fields: Fields) -> None:
    """Raise LocalError for a field that no request can carry, or that is not the caller's to set."""
    for name, value in fields.items():
        lower = name.lower()
        if lower in _OURS or lower.startswith(PARAM_PREFIX):
            raise LocalError(f"the header {name!r} is set by the client itself; leave it out of headers")
        if not _NAME.fullmatch(name):
            raise LocalError(f"{name!r} is no header name (RFC 9110, section 5.6.2)")
        if not (value.isascii() and value.replace("\t", " ").isprintable()):
            raise LocalError(f"the value of the header {name!r} holds characters that a header may not; encode it")


class ToolFields:
    """Which arguments of which tools are repeated in header fields, as their listing said last (HTTP-26 to HTTP-35)."""

    def __init__(self) -> None:
        self._rules: dict[str, tuple[HeaderRule, ...]] = {}

    def sift(self, tools: Sequence[Tool]) -> list[Tool]:
        """Return the tools whose rules can be followed, and remember those; the others are named in the log."""
        good: list[Tool] = []
        rules: dict[str, tuple[HeaderRule, ...]] = {}
        for tool in tools:
            try:
                found = header_rules(tool.input_schema)
            except SchemaFault as fault:
                log.warning("tool %r is left out: %s", tool.name, fault)
                continue
            good.append(tool)
            if found:
                rules[tool.name] = found
        self._rules = rules
        return good

    def of(self, name: str, arguments: Mapping[str, Any]) -> dict[str, str]:
        """Return the fields for a call of tool `name`, none if it was never listed. Raises LocalError."""
        rules = self._rules.get(name)
        return param_headers(rules, arguments) if rules else {}
