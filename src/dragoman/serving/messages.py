"""Turn the codec's complaint about one value into a Fault: where it is, what was wanted, what would be right.

The codec names Python types and gives no values; a model needs JSON words, the value, and the nearest valid one.
A complaint that is not understood is passed on as it is.
"""

from __future__ import annotations

from typing import Any

import msgspec

from dragoman.protocol.patterns import late_pattern
from dragoman.serving.codec import NO_CHOICE
from dragoman.serving.faults import MAX_CHOICES, Fault, shorten, suggestion
from dragoman.serving.schemas import Schema, resolve
from dragoman.serving.shapes import is_list, is_object

_WORDS = {"int": "integer", "float": "number", "str": "string", "bool": "boolean", "bytes": "base64 string"}
_STEP = late_pattern(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
_QUOTED = late_pattern(r"`([^`]*)`")
_FORMS = {
    "Invalid RFC3339 encoded datetime": "date and time (RFC 3339)",
    "Invalid RFC3339 encoded date": "date (YYYY-MM-DD)",
    "Invalid RFC3339 encoded time": "time (HH:MM:SS)",
    "Invalid ISO8601 duration": "duration (ISO 8601, such as PT15M)",
    "Invalid UUID": "UUID",
    "Invalid base64 encoded string": "base64 string",
    "Invalid decimal string": "decimal number in a string",
}
_NOTHING = object()
MAX_REASON = 300


def fault_of(message: str, path: str, value: Any, schema: Schema, defs: dict[str, Schema]) -> Fault:
    """Return the fault that msgspec's `message` tells of `value`, which stands at `path` and should fit `schema`."""
    body, _, at = message.partition(" - at `")
    at = at.rstrip("`")
    if at.startswith("key` in `"):
        return Fault(path + at.removeprefix("key` in `")[1:], "keys: " + _expectation(body))
    steps = _STEP.findall(at[1:])
    value, schema = _follow(value, schema, [name or index for name, index in steps], defs)
    path += at[1:]
    name = (_QUOTED.findall(body) or [""])[-1]
    properties = _member(schema, "object", defs).get("properties", {})
    if body.startswith("Object missing required field"):
        wanted = type_of(properties.get(name, {}), defs)
        return Fault(f"{path}.{name}", wanted, "nothing", "it is required")
    if body.startswith("Object contains unknown field"):
        return Fault(f"{path}.{name}", "no member of this name", hint=suggestion(name, properties))
    if body.startswith(NO_CHOICE):
        reasons = shorten(_worded(body.removeprefix(NO_CHOICE)), MAX_REASON)
        return Fault(path, type_of(schema, defs), show(value), reasons)
    if body.startswith("Invalid enum value"):
        return _enum_fault(path, value, choices(schema, defs))
    if expected := _expectation(body):
        return Fault(path, expected, show(value))
    # A check of the user's own, as in `__post_init__`.
    return Fault(path, "", show(value), shorten(body, MAX_REASON))


def _enum_fault(path: str, value: Any, allowed: list[Any]) -> Fault:
    listed = one_of(allowed)
    words = [item for item in allowed if isinstance(item, str)]
    hint = suggestion(value, words) if isinstance(value, str) else ""
    return Fault(path, listed, show(value), hint if hint.startswith("did") else "")


def one_of(allowed: list[Any]) -> str:
    """Return the allowed values as a phrase; their number only, when they are many."""
    if not allowed or len(allowed) > MAX_CHOICES:
        return f"one of {len(allowed)} values" if allowed else "an allowed value"
    return "one of " + ", ".join(show(item) for item in allowed)


def _expectation(body: str) -> str:
    """Return what was expected, in JSON words, or an empty string when `body` does not say it in a form we know."""
    for start, form in _FORMS.items():
        if body.startswith(start):
            return form
    if not body.startswith("Expected `"):
        return ""
    return _worded(body.removeprefix("Expected ").partition(", got ")[0])


def _worded(text: str) -> str:
    return _QUOTED.sub(lambda found: " or ".join(_WORDS.get(word, word) for word in found[1].split(" | ")), text)


def show(value: Any) -> str:
    """Return `value` as JSON, cut; an empty string when there is none."""
    return "" if value is _NOTHING else shorten(msgspec.json.encode(value).decode())


def _follow(value: Any, schema: Schema, steps: list[str], defs: dict[str, Schema]) -> tuple[Any, Schema]:
    """Return the value and its schema at the end of `steps`; `...` stands for a member that the codec did not name."""
    for step in steps:
        inner: Any
        if is_list(value):
            inside = _member(schema, "array", defs)
            prefix = inside.get("prefixItems", [])
            at = int(step) if step.isdigit() else -1
            inner = prefix[at] if 0 <= at < len(prefix) else inside.get("items")
            value = value[at] if 0 <= at < len(value) else _NOTHING
        else:
            inside = _member(schema, "object", defs)
            inner = inside.get("properties", {}).get(step) or inside.get("additionalProperties")
            value = value.get(step, _NOTHING) if is_object(value) else _NOTHING
        schema = inner if is_object(inner) else {}
    return value, schema


def branches(schema: Schema, defs: dict[str, Schema]) -> list[Schema]:
    """Return the alternatives that `schema` allows, itself if it names none."""
    schema = resolve(schema, defs)
    inner = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return [leaf for item in inner for leaf in branches(item, defs)] or [schema]


def _member(schema: Schema, kind: str, defs: dict[str, Schema]) -> Schema:
    found = branches(schema, defs)
    return next((item for item in found if item.get("type") == kind), found[0])


def choices(schema: Schema, defs: dict[str, Schema]) -> list[Any]:
    """Return the values of the enumerations that `schema` allows."""
    return [value for item in branches(schema, defs) for value in item.get("enum", ())]


def type_of(schema: Schema, defs: dict[str, Schema]) -> str:
    """Return in a few words what `schema` wants."""
    if allowed := choices(schema, defs):
        return one_of(allowed)
    kinds = [str(item.get("format") or item.get("type", "any value")) for item in branches(schema, defs)]
    return " or ".join(dict.fromkeys(kinds))
