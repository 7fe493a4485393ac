"""JSON Schema 2020-12 from types: one object for the parameters, one for the result.

Schemas are read by models, token by token: generated titles go, descriptions from docstrings and annotations come.
Definitions of one name and different content are kept apart by a number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from typing import Any, Literal, get_args, get_origin

import msgspec

from dragoman.serving import docstrings
from dragoman.serving.codec import Choice, Unsupported, encoder, is_text, parts, refusal
from dragoman.serving.parameters import Parameter
from dragoman.serving.shapes import is_object

Schema = dict[str, Any]

REF = "#/$defs/{name}"
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SINGLES = ("items", "additionalProperties", "propertyNames", "not", "contains", "if", "then", "else")
_MAPS = ("properties", "$defs", "patternProperties", "dependentSchemas")
_FORMATS = {
    "IPv4Address": "ipv4",
    "IPv6Address": "ipv6",
}


class Schemas:
    """Makes schemas that share one set of definitions, `defs`."""

    def __init__(self) -> None:
        self.defs: dict[str, Schema] = {}
        self._choices: dict[type, Schema] = {}
        self._orders: dict[frozenset[str], list[Any]] = {}

    def of(self, kinds: Sequence[Any]) -> list[Schema]:
        """Return a schema for each of `kinds`, which msgspec can decode. Raises TypeError naming what has none."""
        for kind in kinds:
            self._note_orders(kind)
        made, defs = msgspec.json.schema_components(kinds, schema_hook=self._hook, ref_template=REF)
        return self.absorb(list(made), defs)

    def absorb(self, made: list[Schema], defs: dict[str, Schema]) -> list[Schema]:
        """Take over the definitions of a generator, and return its schemas, tidied, with references that hold."""
        renamed: dict[str, str] = {}
        tidied = {name: self._tidy(schema, name) for name, schema in defs.items()}
        for name, schema in tidied.items():
            free, number = name, 1
            while free in self.defs and self.defs[free] != schema:
                number += 1
                free = f"{name}_{number}"
            if free != name:
                renamed[REF.format(name=name)] = REF.format(name=free)
            self.defs[free] = schema
        made = [self._tidy(schema, "") for schema in made]
        if renamed:
            for schema in (*made, *tidied.values()):
                _point_elsewhere(schema, renamed)
        return made

    def _hook(self, kind: type) -> Schema:
        if issubclass(kind, Choice):
            if kind not in self._choices:
                made = self.of(kind.members)
                self._choices[kind] = {"anyOf": [item for at, item in enumerate(made) if item not in made[:at]]}
            return dict(self._choices[kind])
        if is_text(kind):
            return {"type": "string", **({"format": _FORMATS[kind.__name__]} if kind.__name__ in _FORMATS else {})}
        raise Unsupported(refusal(kind))

    def _note_orders(self, kind: Any) -> None:
        """Remember in which order literals and enums were written: the generator sorts them."""
        for part in parts(kind):
            values: list[Any] = []
            if get_origin(part) is Literal:
                values = list(get_args(part))
            elif isinstance(part, type) and issubclass(part, Enum):
                values = [member.value for member in part]
            self._orders.setdefault(_key(values), values)

    def _tidy(self, schema: Schema, name: str) -> Schema:
        """Return `schema` without the titles that only repeat `name`, all the way down."""
        out: Schema = dict(schema)
        if _is_generated(out.get("title"), name):
            del out["title"]
        if "enum" in out:
            values: list[Any] = out["enum"]
            out["enum"] = values = self._orders.get(_key(values), values)
            if kind := _common_type(values):
                out = {"type": kind, **out}
        for key in _MAPS:
            if key in out:
                out[key] = {member: self._tidy(value, member) for member, value in out[key].items()}
        for key in _LISTS:
            if key in out:
                out[key] = [self._tidy(value, "") for value in out[key]]
        for key in _SINGLES:
            inner = out.get(key)
            if is_object(inner):
                out[key] = self._tidy(inner, "")
        return _describe_members(out)


def _key(values: Iterable[Any]) -> frozenset[str]:
    return frozenset(repr(value) for value in values)


def _is_generated(title: Any, name: str) -> bool:
    if not isinstance(title, str):
        return False
    squeezed = "".join(char for char in title if char.isalnum()).lower()
    return squeezed == "".join(char for char in name if char.isalnum()).lower()


def _common_type(values: list[Any]) -> str:
    for kind, name in ((str, "string"), (int, "integer")):
        if all(type(value) is kind for value in values):
            return name
    return ""


def _describe_members(schema: Schema) -> Schema:
    """Move what a class's docstring says of its fields to those fields."""
    text = schema.get("description")
    if isinstance(text, str) and isinstance(schema.get("properties"), dict):
        doc = docstrings.parse(text)
        schema["description"] = doc.summary
        for name, said in doc.parameters.items():
            if name in schema["properties"]:
                schema["properties"][name].setdefault("description", said)
        if not doc.summary:
            del schema["description"]
    return schema


def _point_elsewhere(node: Any, renamed: dict[str, str]) -> None:
    for schema in walk(node):
        if schema.get("$ref") in renamed:
            schema["$ref"] = renamed[schema["$ref"]]


def walk(schema: Any) -> Iterator[Schema]:
    """Yield every schema inside `schema`, itself first."""
    if not is_object(schema):
        return
    yield schema
    for key in _MAPS:
        for value in schema.get(key, {}).values():
            yield from walk(value)
    for key in _LISTS:
        for value in schema.get(key, ()):
            yield from walk(value)
    for key in _SINGLES:
        yield from walk(schema.get(key))


def with_defs(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """Return `schema` with those definitions that it refers to, directly or not."""
    used: dict[str, Schema] = {}
    todo: list[Schema] = [schema]
    while todo:
        for part in walk(todo.pop()):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name in defs and name not in used:
                used[name] = defs[name]
                todo.append(defs[name])
    return {**schema, "$defs": {name: used[name] for name in sorted(used)}} if used else schema


def resolve(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """Return what `schema` refers to, or itself."""
    for _ in range(len(defs) + 1):
        name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
        if name not in defs:
            break
        schema = defs[name]
    return schema


def json_of(value: Any) -> Any:
    """Return `value` as plain JSON data. Raises TypeError or ValueError when it has no such form."""
    return msgspec.json.decode(encoder.encode(value))


def of_parameters(parameters: Sequence[Parameter], made: Sequence[Schema], defs: dict[str, Schema]) -> Schema:
    """Return the schema of an object with `parameters` as its members, no other allowed."""
    properties: dict[str, Schema] = {}
    for parameter, schema in zip(parameters, made, strict=True):
        member = dict(schema)
        if parameter.description:
            member["description"] = parameter.description
        if not parameter.required:
            _put_default(member, parameter.default)
        properties[parameter.name] = member
    out: Schema = {"type": "object"}
    if properties:
        out["properties"] = properties
    if required := [parameter.name for parameter in parameters if parameter.required]:
        out["required"] = required
    out["additionalProperties"] = False
    return with_defs(out, defs)


def _put_default(member: Schema, default: Any) -> None:
    member.pop("default", None)
    try:
        plain = json_of(default)
    except (TypeError, ValueError):
        return  # a sentinel: the parameter is optional, and its default is nobody's business
    if plain is not None or default is None:
        member["default"] = plain
