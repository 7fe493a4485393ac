"""The slow path of decoding arguments: only when strict decoding failed, it mends what is meant and names the rest.

Models send numbers, booleans and whole objects as strings.  Each is mended only where the schema leaves no other
reading: a string that fits stays the string it is.  Every argument is judged by itself, so all faults are told at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dragoman.serving.arguments import Argument
from dragoman.serving.faults import ArgumentFaults, Fault, suggestion
from dragoman.serving.messages import branches, show, type_of
from dragoman.serving.schemas import Schema
from dragoman.serving.shapes import is_list, is_object

MAX_DEPTH = 3
_OPEN = {"[": list, "{": dict}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Mender:
    """Decodes arguments one by one, leniently."""

    def __init__(self, arguments: Sequence[Argument], defs: dict[str, Schema]) -> None:
        self._arguments = {argument.name: argument for argument in arguments}
        self._defs = defs

    def decode(self, raw: bytes) -> list[Any]:
        """Return a value for each argument, in order. Raises ArgumentFaults holding every fault."""
        return self.judge(self._read(raw))

    def fits(self, argument: Argument, raw: bytes) -> bool:
        """Return whether `raw`, which is JSON, decodes as `argument`."""
        return not argument.decode(raw, "$", None, self._defs)[1]

    def judge(self, sent: Mapping[str, msgspec.Raw | None]) -> list[Any]:
        """Return a value for each argument, in order; one that is sent as None takes its default.

        Raises ArgumentFaults holding every fault.
        """
        faults = [self._unknown(name) for name in sent if name not in self._arguments]
        values: list[Any] = []
        for name, argument in self._arguments.items():
            raw = sent.get(name)
            if raw is not None:
                value, found = self._argument(argument, bytes(raw))
                faults += found
                values.append(value)
            elif argument.required:
                faults.append(Fault(f"$.{name}", type_of(argument.schema, self._defs), "nothing", "it is required"))
            else:
                values.append(argument.default())
        if faults:
            raise ArgumentFaults(faults)
        return values

    def _read(self, raw: bytes) -> Mapping[str, msgspec.Raw]:
        """Return the members of the arguments, which may be an object, an object in a string, or null."""
        try:
            value = msgspec.json.decode(raw)
            if isinstance(value, str) and value.lstrip()[:1] == "{":
                raw = value.encode()
                value = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeError) as error:
            raise ArgumentFaults([Fault("$", "an object in JSON", hint=str(error))]) from error
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ArgumentFaults([Fault("$", "an object, with one member for each argument", show(value))])
        return _members.decode(raw)

    def _unknown(self, name: str) -> Fault:
        hint = suggestion(name, self._arguments)
        if not hint:
            known = ", ".join(list(self._arguments)[:12])
            hint = f"there is {known}" if known else "it takes none"
        return Fault(f"$.{name[:80]}", "no argument of this name", hint=hint)

    def _argument(self, argument: Argument, raw: bytes) -> tuple[Any, list[Fault]]:
        path = f"$.{argument.name}"
        value = msgspec.json.decode(raw)
        result, faults = argument.decode(raw, path, value, self._defs)
        if faults:
            mended = mend(value, argument.schema, self._defs)
            if mended != value:
                return argument.decode(msgspec.json.encode(mended), path, mended, self._defs)
        return result, faults


def mend(value: Any, schema: Schema, defs: dict[str, Schema], depth: int = MAX_DEPTH) -> Any:
    """Return `value` with each string parsed that stands where only an object or a list can.

    Goes `depth` levels down. What is not JSON, or of the wrong kind, is left as it is.
    """
    allowed = branches(schema, defs)
    if isinstance(value, str):
        return _parsed(value, allowed, schema, defs, depth)
    if depth == 0:
        return value
    if is_list(value):
        inner = _branch(allowed, "array").get("items")
        return [mend(item, inner, defs, depth - 1) for item in value] if is_object(inner) else value
    if is_object(value):
        found = _branch(allowed, "object")
        known, rest = found.get("properties", {}), found.get("additionalProperties")
        rest = rest if is_object(rest) else {}
        return {name: mend(item, known.get(name, rest), defs, depth - 1) for name, item in value.items()}
    return value


def _parsed(value: str, allowed: list[Schema], schema: Schema, defs: dict[str, Schema], depth: int) -> Any:
    kinds = {kind for item in allowed for kind in _kinds(item)}
    wanted = _OPEN.get(value.lstrip()[:1])
    if "string" in kinds or "any" in kinds or wanted is None:
        return value
    if ("array" if wanted is list else "object") not in kinds:
        return value
    try:
        parsed = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeError):
        return value
    return mend(parsed, schema, defs, depth) if isinstance(parsed, wanted) else value


def _kinds(schema: Schema) -> set[str]:
    """Return the JSON types that one alternative allows; `any` when it does not say."""
    declared = schema.get("type")
    if isinstance(declared, str):
        return {declared}
    if is_list(declared):
        return set(declared)
    if "enum" in schema:
        return {"string" if isinstance(value, str) else "scalar" for value in schema["enum"]}
    return {"any"}


def _branch(allowed: list[Schema], kind: str) -> Schema:
    return next((item for item in allowed if item.get("type") == kind), Schema())
