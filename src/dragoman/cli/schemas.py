"""Reading JSON Schemas that somebody else wrote: what kinds of value they allow, and how to say so in short.

Promise: any JSON value is read as a schema without failing, in bounded time; what is not understood allows anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeGuard

import msgspec

from dragoman.cli.terminal import one_line

Schema: TypeAlias = Mapping[str, Any]
STEPS = 256  # references and unions followed; a schema may point at itself
SHOWN = 8  # members of a union or an enumeration that are shown
EXPECTED = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "array": """a list: JSON as in '["a", "b"]', or the word once for each item""",
    "object": """a JSON object, as in '{"a": 1}'""",
    "string": "text",
}


def members(value: Any) -> dict[str, Any]:
    """Return `value` if it is a JSON object, else an empty one."""
    return value if _is_object(value) else {}


def elements(value: Any) -> list[Any]:
    """Return `value` if it is a JSON array, else an empty one."""
    return value if _is_array(value) else []


def _is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def type_of(schema: Schema) -> str:
    """Return the one type that `schema` names, or an empty string."""
    name = schema.get("type")
    return name if isinstance(name, str) else ""


def kinds(schema: Any, root: Schema) -> list[Schema]:
    """Return the simple schemas that `schema` allows, with references into `root` and unions resolved."""
    waiting: list[Any] = [schema]
    found: list[Schema] = []
    for _ in range(STEPS):
        if not waiting:
            return found
        part = members(waiting.pop(0))
        inner = _parts(part, root)
        if inner is None:
            found.append(part)
        else:
            waiting += inner
    return [*found, {}]


def _parts(schema: Schema, root: Schema) -> list[Any] | None:
    """Return what a compound schema is made of, None for a simple one."""
    pointer = schema.get("$ref")
    if isinstance(pointer, str):
        return [_pointed(pointer, root)]
    for word in ("anyOf", "oneOf"):
        if union := elements(schema.get(word)):
            return union
    if every := elements(schema.get("allOf")):
        return [{key: value for part in every for key, value in _followed(part, root).items()}]
    if types := elements(schema.get("type")):
        return [{**schema, "type": name} for name in types]
    return None


def _followed(schema: Any, root: Schema) -> dict[str, Any]:
    pointer = members(schema).get("$ref")
    return members(_pointed(pointer, root)) if isinstance(pointer, str) else members(schema)


def _pointed(pointer: str, root: Schema) -> Any:
    """Return what a local JSON Pointer (RFC 6901) names, or a schema that allows anything."""
    if not pointer.startswith("#"):
        return {}
    place: Any = root
    for part in pointer.removeprefix("#").split("/")[1:]:
        place = members(place).get(part.replace("~1", "/").replace("~0", "~"))
    return place


def listed(schema: Schema) -> list[Any]:
    """Return the values of an enumeration or a constant, none if `schema` is neither."""
    return [schema["const"]] if "const" in schema else elements(schema.get("enum"))


def anything(schema: Schema) -> bool:
    """Say whether nothing is known of what `schema` wants."""
    return not ({"enum", "const"} & schema.keys()) and type_of(schema) not in EXPECTED


def wanted(schema: Schema) -> str:
    """Return what a simple schema wants, in words."""
    if values := listed(schema):
        shown = [as_written(value) for value in values[:20]]
        return f"one of {', '.join(shown)}{', ...' if len(values) > 20 else ''}" if len(values) > 1 else shown[0]
    return EXPECTED.get(type_of(schema), "a value")


def as_written(value: Any) -> str:
    """Return a JSON value as it is written on a command line: text as it is, all else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def parameters(schema: Any) -> str:
    """Return an input schema in short, as in `city: string, days: integer = 3`."""
    required = elements(members(schema).get("required"))
    parts = members(members(schema).get("properties"))
    return one_line(", ".join(_parameter(name, members(part), name in required) for name, part in parts.items()))


def _parameter(name: str, schema: Schema, required: bool) -> str:
    kind = short(schema)
    if schema.get("default", ...) is None:
        return f"{name}?: {kind.removesuffix(' | null')}"
    if "default" in schema:
        return f"{name}: {kind} = {msgspec.json.encode(schema['default']).decode()}"
    return f"{name}: {kind}" if required else f"{name}?: {kind}"


def short(schema: Any) -> str:
    """Return what `schema` wants in a word or two, with the names of references as they are."""
    known = members(schema)
    for word in ("anyOf", "oneOf"):
        if union := elements(known.get(word)):
            return " | ".join(dict.fromkeys(short(member) for member in union[:SHOWN]))
    if values := elements(known.get("enum")):
        shown = [msgspec.json.encode(value).decode() for value in values[:SHOWN]]
        return " | ".join([*shown, "..."] if len(values) > SHOWN else shown)
    if types := elements(known.get("type")):
        return " | ".join(str(name) for name in types[:SHOWN])
    if type_of(known) == "array" and members(known.get("items")):
        return f"list of {short(known['items'])}"
    pointer = known.get("$ref")
    if isinstance(pointer, str) and not type_of(known):
        return pointer.rpartition("/")[2]
    return type_of(known) or "any"
