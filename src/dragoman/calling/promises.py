"""What the output schemas of a server's tools promise, as they were listed last, and whether results keep it.

Nothing is asked for this: a tool that was never listed promises nothing, nor does any since the server said that its
list changed. Schemas are compiled when their tool is first called. Source: server/tools, "Output Schema" (TOOL-12).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from msgspec import UNSET

from dragoman.calling.results import CallResult
from dragoman.errors import SchemaError
from dragoman.wire.tools import Tool

_WAY_OUT = "Client(check_results=False) takes results as they come"


class Check(Protocol):
    """A schema, ready for values; `protocol.validator.Validator` is one."""

    def violations(self, value: Any, data: bytes) -> Sequence[Any]:
        """Return what is wrong with `value`, of which `data` is the JSON."""
        ...


class Promises:
    """The output schemas of one server's tools."""

    def __init__(self, compile: Callable[[Mapping[str, Any]], Check]) -> None:
        self._compile = compile
        self.schemas: dict[str, dict[str, Any]] = {}  # by names of tools; while there are none, nothing is promised
        self._checks: dict[str, Check] = {}
        self._revision = 0

    def note(self, tools: Sequence[Tool], revision: int) -> None:
        """Remember what `tools`, all that there are, promise; `revision` counts changes of the list."""
        found = {tool.name: tool.output_schema for tool in tools if tool.output_schema is not UNSET}
        kept = {name for name, schema in found.items() if self.schemas.get(name) == schema}
        self._checks = {name: check for name, check in self._checks.items() if name in kept}
        self.schemas = found
        self._revision = revision

    def ready(self, name: str, revision: int) -> Check | None:
        """Return the check of a tool's results, None if nothing is promised. Raises SchemaError if it cannot be used.

        Asked before the call is sent: a call whose result nobody could take should not run.
        """
        schema = self.schemas.get(name)
        if schema is None or revision != self._revision:
            return None
        check = self._checks.get(name)
        if check is None:
            try:
                check = self._checks[name] = self._compile(schema)
            except ValueError as fault:
                reason = f"the output schema of the tool {name!r} cannot be used: {fault}; {_WAY_OUT}"
                raise SchemaError(reason) from None
        return check

    def keep(self, name: str, result: CallResult, revision: int) -> None:
        """Raise SchemaError if `result` is not what the tool promised. A failure promises nothing."""
        if result.is_error or (check := self.ready(name, revision)) is None:
            return
        if not result.has_structured:
            reason = f"the tool {name!r} has an output schema and gave no structured content; {_WAY_OUT}"
            raise SchemaError(reason, result=result)
        value = result.structured
        violations = check.violations(value, msgspec.json.encode(value))
        if violations:
            reason = f"the result of the tool {name!r} is not what its output schema promises: {violations[0]}"
            raise SchemaError(f"{reason}; {_WAY_OUT}", at=violations[0].path, result=result)
