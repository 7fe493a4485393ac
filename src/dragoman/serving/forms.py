"""Forms from types: the flat schema that a client shows, and the way from its answer back to the type.

A form holds texts, numbers, yes/no, one choice, several choices; a scalar type becomes
a form with the one field `value`.
Source: specification, client/elicitation "Requested Schema"; requirement ELIC-05.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dragoman.errors import LocalError
from dragoman.serving import pydantic_bridge as bridge
from dragoman.serving.codec import adapt, convert
from dragoman.serving.schemas import Schema, Schemas, resolve
from dragoman.serving.shapes import is_object

VALUE = "value"
_PLAIN = {"string", "number", "integer", "boolean"}
_DROPPED = {"$schema", "$defs", "additionalProperties", "title"}


class Form(msgspec.Struct, frozen=True):
    """A form: `schema` for the client, and `read`, which raises ValueError for an answer that does not fit."""

    schema: Schema
    read: Callable[[Mapping[str, Any]], Any]


def form_of(wanted: Any) -> Form:
    """Return the form of a type, or of a hand-written schema (whose answers are dictionaries).

    Raises LocalError if a form cannot hold it, naming the field.
    """
    if is_object(wanted):
        return Form(_flat(wanted, {}), lambda content: _checked(content, wanted))
    if bridge.uses_pydantic(wanted):
        return _by_pydantic(wanted)
    kind = adapt(wanted)
    schemas = Schemas()
    try:
        schema = resolve(schemas.of([kind])[0], schemas.defs)
    except TypeError as error:
        raise LocalError(f"no form can ask for {wanted!r}: {error}") from None
    if schema.get("type") == "object":
        return Form(_flat(schema, schemas.defs), lambda content: _converted(content, kind))
    alone = {"type": "object", "properties": {VALUE: schema}, "required": [VALUE]}
    return Form(_flat(alone, schemas.defs), lambda content: _converted(content.get(VALUE), kind))


def _by_pydantic(wanted: Any) -> Form:
    adapter = bridge.adapter_of(wanted)
    schema = bridge.schema_of(adapter, output=False)

    def read(content: Mapping[str, Any]) -> Any:
        try:
            return adapter.validate_python(dict(content))
        except Exception as error:
            if not bridge.is_validation_error(error):
                raise
            raise ValueError("; ".join(str(fault) for fault in bridge.faults_of(error, "$"))) from None

    defs = schema.pop("$defs", {})
    return Form(_flat(resolve(schema, defs), defs), read)


def _converted(value: Any, kind: Any) -> Any:
    try:
        return convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None


def _flat(schema: Schema, defs: dict[str, Schema]) -> Schema:
    properties = {name: _field(name, member, defs) for name, member in schema.get("properties", {}).items()}
    flat: Schema = {"type": "object", "properties": properties}
    required = [name for name in schema.get("required", []) if name in properties]
    if required:
        flat["required"] = required
    return flat


def _field(name: str, schema: Schema, defs: dict[str, Schema]) -> Schema:
    """Return one field of a form; references are written out, and "or null" is dropped: optional fields may be left."""
    schema = {**resolve(schema, defs), **{key: value for key, value in schema.items() if key != "$ref"}}
    options = schema.get("anyOf")
    if isinstance(options, list):
        kept = [option for option in options if resolve(option, defs).get("type") != "null"]
        if len(kept) == 1:
            rest = {key: value for key, value in schema.items() if key != "anyOf"}
            if rest.get("default", 0) is None:
                del rest["default"]
            return _field(name, {**kept[0], **rest}, defs)
    kind = schema.get("type")
    if isinstance(kind, list) and len(set(kind) - {"null"}) == 1:
        schema["type"] = kind = next(item for item in kind if item != "null")
    if kind == "array":
        schema["items"] = _choices(name, resolve(schema.get("items", {}), defs))
    elif kind not in _PLAIN:
        raise LocalError(f"no form can ask for {name!r}: it is {kind or 'of several types'}, and a form is flat")
    elif "enum" in schema and kind != "string":
        raise LocalError(f"no form can ask for {name!r}: choices are texts, not {kind}s")
    return {key: value for key, value in schema.items() if key not in _DROPPED or (key == "title" and value)}


def _choices(name: str, items: Schema) -> Schema:
    if "enum" in items or "anyOf" in items:
        return {key: value for key, value in items.items() if key in ("type", "enum", "anyOf")}
    raise LocalError(f"no form can ask for {name!r}: a list in a form is a choice of several, as in list[Literal[...]]")


def _checked(content: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Return an answer to a hand-written form. Raises ValueError if it is not what the form asked for (ELIC-19)."""
    properties: Schema = schema.get("properties", {})
    missing = [name for name in schema.get("required", []) if name not in content]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    for name, value in content.items():
        if name in properties and not _fits(value, properties[name]):
            raise ValueError(f"{name} does not fit {msgspec.json.encode(properties[name]).decode()[:200]}")
    return dict(content)


_CLASSES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
}


def _fits(value: Any, schema: Schema) -> bool:
    kind = schema.get("type", "string")
    if not isinstance(value, _CLASSES.get(kind, (object,))) or (isinstance(value, bool) and kind != "boolean"):
        return False
    if isinstance(value, list):
        return all(item in _allowed(schema.get("items", {})) for item in value)
    allowed = _allowed(schema)
    return not allowed or value in allowed


def _allowed(schema: Schema) -> list[Any]:
    titled = schema.get("oneOf") or schema.get("anyOf") or []
    return list(schema.get("enum", [])) or [item.get("const") for item in titled]
