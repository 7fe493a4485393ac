"""Forms from types: the schema that a client shows, and the way from its answer back to the type.

A scalar type becomes a form with the one field `value`, no type at all a form without
fields, which asks for no more than a yes. What no form can hold is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from functools import lru_cache
from typing import Any, is_typeddict

import msgspec

from dragoman.errors import LocalError
from dragoman.serving import pydantic_bridge as bridge
from dragoman.serving.codec import adapt, convert, parts, plain
from dragoman.serving.fields import Titles, checked, flat
from dragoman.serving.schemas import Schema, Schemas, resolve
from dragoman.serving.shapes import is_class, is_object

VALUE = "value"
KEPT = 256  # forms of types that are remembered: a call that asks reads its forms in every run
Read = Callable[[Any], Any]


class Form(msgspec.Struct, frozen=True):
    """A form: `schema` for the client, and `read`, which raises ValueError for an answer that does not fit."""

    schema: Schema
    read: Callable[[Mapping[str, Any]], Any]


def form_of(wanted: Any) -> Form:
    """Return the form of a type, or of a hand-written schema (whose answers are dictionaries).

    Raises LocalError if a form cannot hold it, naming the field.
    """
    if wanted is None:
        return Form({"type": "object", "properties": {}}, lambda content: True)
    if is_object(wanted):
        shown, _ = flat(wanted, wanted.get("$defs", {}), {})
        return Form(shown, lambda content: checked(content, shown))
    try:
        hash(wanted)
    except TypeError:  # an annotation that holds a dictionary
        return _of_type(wanted)
    return _remembered(wanted)


def _of_type(wanted: Any) -> Form:
    try:
        schema, defs, read = _by_pydantic(wanted) if bridge.uses_pydantic(wanted) else _by_msgspec(wanted)
    except TypeError as error:
        raise LocalError(f"no form can ask for {wanted!r}: {error}") from None
    titles = titles_in(wanted)
    if schema.get("type") == "object":
        if "properties" not in schema and schema.get("additionalProperties") is not False:
            raise LocalError(f"no form can ask for {wanted!r}: a form has named fields, as a dataclass has")
        shown, blank = flat(schema, defs, titles)
        return Form(shown, lambda content: read({**dict.fromkeys(blank), **content}))
    alone = {"type": "object", "properties": {VALUE: schema}, "required": [VALUE]}
    shown, _ = flat(alone, defs, titles)
    return Form(shown, lambda content: read(content.get(VALUE)))


_remembered = lru_cache(KEPT)(_of_type)


def _by_msgspec(wanted: Any) -> tuple[Schema, dict[str, Schema], Read]:
    kind = adapt(wanted)
    schemas = Schemas()
    schema = schemas.of([kind])[0]

    def read(content: Any) -> Any:
        try:
            return convert(content, kind, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(str(error)) from None

    return _in_order(_whole(schema, schemas.defs), plain(kind)), schemas.defs, read


def _in_order(schema: Schema, kind: Any) -> Schema:
    """Return an object's schema with its fields as they were written: those of a TypedDict come sorted."""
    fields: Schema = schema.get("properties", {})
    if not is_typeddict(kind):
        return schema
    return {**schema, "properties": {name: fields[name] for name in kind.__annotations__ if name in fields}}


def _by_pydantic(wanted: Any) -> tuple[Schema, dict[str, Schema], Read]:
    adapter = bridge.adapter_of(wanted)
    schema = bridge.schema_of(adapter, output=False)
    defs = schema.pop("$defs", {})

    def read(content: Any) -> Any:
        try:
            return adapter.validate_python(content)
        except Exception as error:
            if not bridge.is_validation_error(error):
                raise
            raise ValueError("; ".join(str(fault) for fault in bridge.faults_of(error, "$"))) from None

    return _whole(schema, defs), defs, read


def _whole(schema: Schema, defs: dict[str, Schema]) -> Schema:
    """Return an object's schema in the place of a reference to it; other references keep what stands beside them."""
    found = resolve(schema, defs)
    return found if found.get("type") == "object" else schema


def titles_in(wanted: Any) -> Titles:
    """Return the titles of those enums in a type whose members have one: a text as `title`."""
    found: dict[frozenset[str], Mapping[str, str]] = {}
    for part in parts(wanted):
        if is_class(part) and issubclass(part, Enum) and len(part):
            # Every `str` has a method of this name, so an enum of texts has to say it with a property.
            shown = {member.value: getattr(member, "title", None) for member in part}
            titled = {value: title for value, title in shown.items() if isinstance(title, str)}
            if len(titled) == len(shown) and all(isinstance(value, str) for value in shown):
                found[frozenset(titled)] = titled
    return found
