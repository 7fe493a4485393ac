"""The fields of a form: what a client can show, made from a JSON Schema, and the check of what it sends back.

A form is flat, and its fields are texts, numbers, yes/no, one choice or several
choices of texts. What a client need not know (patterns, exclusive bounds) is left out
of the form, and holds when the answer is read.
Source: specification, client/elicitation "Requested Schema"; requirements ELIC-05, ELIC-09, ELIC-19.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor
from typing import Any

import msgspec

from dragoman.errors import LocalError
from dragoman.serving.schemas import Schema, resolve
from dragoman.serving.shapes import is_object

# Values of the choices that belong together, and their titles.
Titles = Mapping[frozenset[str], Mapping[str, str]]
_ALL = ("type", "title", "description", "default")
_KEYS: Mapping[str, tuple[str, ...]] = {
    "string": (*_ALL, "minLength", "maxLength", "format", "enum", "enumNames", "oneOf"),
    "number": (*_ALL, "minimum", "maximum"),
    "integer": (*_ALL, "minimum", "maximum"),
    "boolean": _ALL,
    "array": (*_ALL, "minItems", "maxItems", "items"),
}
_FORMATS = {"email", "uri", "date", "date-time"}


def flat(schema: Schema, defs: dict[str, Schema], titles: Titles) -> tuple[Schema, list[str]]:
    """Return the schema of a form, and which fields may be left empty though the type wants a value, if only null.

    Raises LocalError naming the field that no form can ask for.
    """
    fields: dict[str, Schema] = {}
    blank: list[str] = []
    for name, member in schema.get("properties", {}).items():
        fields[name], empty = _field(name, member, defs, titles)
        if empty and name in schema.get("required", []):
            blank.append(name)
    form: Schema = {"type": "object", "properties": fields}
    required = [name for name in schema.get("required", []) if name in fields and name not in blank]
    if required:
        form["required"] = required
    return form, blank


def _field(name: str, schema: Schema, defs: dict[str, Schema], titles: Titles) -> tuple[Schema, bool]:
    """Return one field, references written out, and whether it may be null."""
    schema, empty = _without_null({**resolve(schema, defs), **_beside_ref(schema)}, defs)
    kind: Any = schema.get("type")
    if kind is None and "enum" in schema and all(isinstance(value, str) for value in schema["enum"]):
        kind = schema["type"] = "string"
    if not isinstance(kind, str) or kind not in _KEYS:
        raise _refused(name, f"it is {kind if isinstance(kind, str) else 'of several types'}, and a form is flat")
    if schema.get("writeOnly") or schema.get("format") == "password":
        raise _refused(name, "secrets must not pass through the client; let the user visit a page, with url=...")
    if kind == "array":
        items: Any = schema.get("items")
        shown: Schema = resolve(items, defs) | _beside_ref(items) if is_object(items) else {}
        schema["items"] = _several(name, shown, titles)
    elif kind == "string":
        schema = _one_of(name, schema, titles)
    elif "enum" in schema:
        raise _refused(name, f"its choices are {kind}s, and in a form they are texts")
    if schema.get("format", "date") not in _FORMATS:
        del schema["format"]
    return {key: schema[key] for key in _KEYS[kind] if key in _bounded(schema)}, empty


def _beside_ref(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key != "$ref"}


def _refused(name: str, reason: str) -> LocalError:
    return LocalError(f"no form can ask for {name!r}: {reason}")


def _without_null(schema: Schema, defs: dict[str, Schema]) -> tuple[Schema, bool]:
    """Return a schema without "or null", and whether it had that: a field that may be null may be left empty."""
    empty = False
    options: list[Schema] = schema.get("anyOf", [])
    kept = [option for option in options if resolve(option, defs).get("type") != "null"]
    if len(kept) < len(options):
        empty = True
    if len(kept) == 1:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        schema = {**resolve(kept[0], defs), **_beside_ref(kept[0]), **rest}
    kinds: Any = schema.get("type")
    if isinstance(kinds, list):
        others: list[Any] = [kind for kind in kinds if kind != "null"]  # pyright: ignore[reportUnknownVariableType]
        if len(others) == 1:
            empty, schema["type"] = True, others[0]
    if None in schema.get("enum", ()):
        empty, schema["enum"] = True, [value for value in schema["enum"] if value is not None]
    if empty and schema.get("default", 0) is None:
        del schema["default"]
    return schema, empty


def _bounded(schema: Schema) -> Schema:
    """Put bounds that exclude their number, which a form does not have, as those that include one."""
    whole = schema["type"] == "integer"
    low, high = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is not None:
        schema.setdefault("minimum", floor(low) + 1 if whole else low)
    if high is not None:
        schema.setdefault("maximum", ceil(high) - 1 if whole else high)
    return schema


def _several(name: str, items: Schema, titles: Titles) -> Schema:
    if "anyOf" in items and "enum" not in items:
        return {"anyOf": items["anyOf"]}
    if not items.get("enum") or not all(isinstance(value, str) for value in items["enum"]):
        raise _refused(name, "a list in a form is a choice of several texts, as in list[Literal[...]]")
    made = _one_of(name, items, titles)
    return {"anyOf": made["oneOf"]} if "oneOf" in made else {"type": "string", "enum": made["enum"]}


def _one_of(name: str, schema: Schema, titles: Titles) -> Schema:
    """Return a choice with the titles of its values in the place of the values, if they have any."""
    values = schema.get("enum")
    if not values:
        return schema
    shown = titles.get(frozenset(values))
    given = [{"const": value, "title": shown[value]} for value in values] if shown else schema.get("oneOf")
    if not given:
        return schema
    if {option["const"] for option in given} != set(values):
        raise _refused(name, f"its titles are not those of its choices, {', '.join(map(str, values))}")
    return {**{key: value for key, value in schema.items() if key != "enum"}, "oneOf": given}


def checked(content: Mapping[str, Any], form: Schema) -> dict[str, Any]:
    """Return an answer to a form, without what was not asked for. Raises ValueError if it is no answer (ELIC-19)."""
    properties: Schema = form.get("properties", {})
    missing = [name for name in form.get("required", []) if name not in content]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    for name, field in properties.items():
        if name in content and not _fits(content[name], field):
            raise ValueError(f"{name} does not fit {msgspec.json.encode(field).decode()[:200]}")
    return {name: content[name] for name in properties if name in content}


_CLASSES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int, float),
    "boolean": (bool,),
    "array": (list,),
}


def _fits(value: Any, field: Schema) -> bool:
    kind = field["type"]
    if type(value) not in _CLASSES[kind]:  # a bool is an int, but not here
        return False
    if kind == "array":
        allowed = _allowed(field["items"])
        return all(item in allowed for item in value) and _within(len(value), field, "minItems", "maxItems")
    if kind == "string":
        choices = _allowed(field)
        return (not choices or value in choices) and _within(len(value), field, "minLength", "maxLength")
    # 30.0 is a whole number in JSON Schema.
    return (kind != "integer" or value == floor(value)) and _within(value, field, "minimum", "maximum")


def _within(size: float, field: Schema, least: str, most: str) -> bool:
    return bool(field.get(least, size) <= size <= field.get(most, size))


def _allowed(schema: Schema) -> list[Any]:
    titled: list[Schema] = schema.get("oneOf") or schema.get("anyOf") or []
    plain: list[Any] = schema.get("enum", [])
    return plain or [item.get("const") for item in titled]
