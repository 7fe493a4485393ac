"""Values against JSON Schemas that a person or a peer wrote, in 2020-12 or draft-07. Loaded only where one is used.

The work is done by jsonschema-rs: its regular expressions take linear time, and it may fetch nothing. What it cannot
bound is bounded before it runs (schema_cost). `format` is not checked (2020-12 validation, section 7.2.1).
Limit: it cannot be interrupted; hence the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import jsonschema_rs
import msgspec

from dragoman.protocol.schema import OLD_DIALECT, read_schema
from dragoman.protocol.schema_cost import Costs, TooCostlyError
from dragoman.protocol.schema_graph import MAX_SCHEMAS, MAX_STATES
from dragoman.protocol.violations import MAX_FAULTS, Violation, violations_of

MAX_BYTES = 1024 * 1024  # of one schema
MAX_FOREIGN = 1000  # schemas in one that a peer wrote: what is not ours must be ready within 100 ms
MAX_PATTERNS = 256
_REGEX = 128 * 1024  # bytes of one compiled pattern
_BACKTRACKS = 10_000
# Telling a fault copies the value that has it: units of work, times bytes and what each fault takes by itself.
_TELLING = 600_000
_EACH = 140


class Validator:
    """One schema, ready for values. Values are JSON: dicts, lists, str, int, float, bool, None."""

    __slots__ = ("_check", "_chooses", "_costs", "schema")

    def __init__(self, schema: Mapping[str, Any], *, own: bool = False, of_object: bool = False) -> None:
        """Compile `schema`; `own` for one that the program's author wrote, whose patterns may look around.

        Raises ValueError that says what is wrong with it: no schema, another
        dialect, a reference out of it, or more than can be checked in bounds.
        """
        try:
            data = msgspec.json.encode(schema)
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"it is not JSON, or nested too deeply: {error}") from None
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        self.schema: Any = msgspec.json.decode(data)
        graph = read_schema(self.schema, of_object=of_object, most=MAX_SCHEMAS if own else MAX_FOREIGN)
        if len(graph.patterns) > MAX_PATTERNS or sum(graph.patterns.values()) > MAX_STATES:
            raise ValueError(f"its patterns are more than {MAX_PATTERNS}, or repeat too much to be checked in time")
        self._costs = Costs(graph)
        self._chooses = graph.chooses
        self._check = _compiled(self.schema, own)

    def violations(self, value: Any, data: bytes) -> list[Violation]:
        """Return what is wrong with `value`, of which `data` is the JSON, and where; nothing when it fits.

        A value that would take too long to check does not fit, and that is said.
        """
        try:
            cost = self._costs.of(value, data)
        except TooCostlyError:
            return [Violation("$", "", hint="it is too large and its schema too complex for it to be checked in time")]
        try:
            if self._check.is_valid(value):
                return []
            told = islice(self._told(value, cost * (len(data) + _EACH)), MAX_FAULTS)
            return list(dict.fromkeys(told)) or [Violation("$", "what its schema says")]
        except (ValueError, OverflowError) as error:
            return [Violation("$", "a value in JSON", hint=str(error)[:300])]

    def _told(self, value: Any, work: int) -> Iterator[Violation]:
        if work <= _TELLING:
            for error in self._check.iter_errors(value):
                yield from violations_of(error, self.schema, value)
        elif not self._chooses:
            try:
                self._check.validate(value)
            except jsonschema_rs.ValidationError as error:
                yield from violations_of(error, self.schema, value)


def _compiled(schema: Any, own: bool) -> jsonschema_rs.Validator:
    old = str(schema.get("$schema", "")).removesuffix("#") == OLD_DIALECT
    kind = jsonschema_rs.Draft7Validator if old else jsonschema_rs.Draft202012Validator
    linear = jsonschema_rs.RegexOptions(size_limit=_REGEX)
    try:
        return kind(schema, pattern_options=linear, offline=True, validate_formats=False)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        if not own or getattr(getattr(error, "kind", None), "name", "") not in ("pattern", "format"):
            raise ValueError(_refusal(error)) from None
    # The author's own patterns may look around, which no linear engine does; steps back are counted instead.
    looking = jsonschema_rs.FancyRegexOptions(backtrack_limit=_BACKTRACKS, size_limit=_REGEX)
    try:
        return kind(schema, pattern_options=looking, offline=True, validate_formats=False)
    except (ValueError, jsonschema_rs.ReferencingError) as error:
        raise ValueError(_refusal(error)) from None


def _refusal(error: Exception) -> str:
    if isinstance(error, jsonschema_rs.ValidationError):
        at = "/".join(str(step) for step in error.instance_path)
        return f"{error.message[:300]} (at #/{at[:300]})"
    return str(error)[:300]
