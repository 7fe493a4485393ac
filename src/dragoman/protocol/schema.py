"""JSON Schemas written by hand: are they ones, of a dialect that is known, and whole in themselves?

Judged once, when a tool is registered, so that no peer gets a schema it cannot use. Nothing is ever fetched.
Limit: only the shape is judged here; values are checked by `validator`, which is loaded where one is used.
Source: specification, basic/index, "JSON Schema Usage"; JSON Schema 2020-12 and draft-07.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dragoman.protocol.schema_graph import MAX_SCHEMAS, Graph, graph_of, is_list, is_map

MAX_DEPTH = 64
OLD_DIALECT = "http://json-schema.org/draft-07/schema"
DIALECTS = frozenset({"https://json-schema.org/draft/2020-12/schema", OLD_DIALECT})
_TYPES = frozenset({"null", "boolean", "object", "array", "number", "integer", "string"})


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_bool(value: Any) -> bool:
    return isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value == int(value)


def _is_texts(value: Any) -> bool:
    return is_list(value) and all(isinstance(item, str) for item in value)


def _is_types(value: Any) -> bool:
    named: list[Any] = value if is_list(value) else [value]
    return bool(named) and all(isinstance(item, str) and item in _TYPES for item in named)


_FORMS: dict[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("$schema", "$id", "$ref", "$anchor", "$dynamicRef", "$dynamicAnchor"), (_is_text, "a text")),
    **dict.fromkeys(("$comment", "title", "description", "format", "pattern"), (_is_text, "a text")),
    **dict.fromkeys(("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"), (_is_number, "a number")),
    **dict.fromkeys(("maxLength", "minLength", "maxItems", "minItems"), (_is_count, "a count")),
    **dict.fromkeys(("maxProperties", "minProperties", "maxContains", "minContains"), (_is_count, "a count")),
    **dict.fromkeys(("deprecated", "readOnly", "writeOnly", "uniqueItems"), (_is_bool, "true or false")),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "type": (_is_types, f"one or several of {', '.join(sorted(_TYPES))}"),
    "required": (_is_texts, "a list of names"),
    "enum": (is_list, "a list"),
    "examples": (is_list, "a list"),
}
_ONE = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties", "contentSchema", "additionalItems"}
)
_MANY = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_NAMED = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})


def complaint_about(schema: Any, *, of_object: bool = False) -> str | None:
    """Return what is wrong with a schema and where, or None. With `of_object` its root must describe an object."""
    try:
        read_schema(schema, of_object=of_object)
    except ValueError as complaint:
        return str(complaint)
    return None


def read_schema(schema: Any, *, of_object: bool = False, most: int = MAX_SCHEMAS) -> Graph:
    """Return the graph of a schema. With `of_object` its root must describe an object.

    Raises ValueError that says what is wrong and where, for dialects but 2020-12 and draft-07 (JSON-02), what is no
    schema (JSON-03), references that lead out of the schema or nowhere in it (JSON-04, JSON-06), and more than 64
    levels or `most` schemas (JSON-07).
    """
    if not is_map(schema):
        raise ValueError("a schema is an object")
    dialect = schema.get("$schema")
    if dialect is not None and (not isinstance(dialect, str) or dialect.removesuffix("#") not in DIALECTS):
        known = "write it in 2020-12 (no $schema is needed) or draft-07"
        raise ValueError(f"its dialect {str(dialect)[:200]!r} is not known; {known}")
    if of_object and schema.get("type") != "object":
        raise ValueError('its root needs "type": "object"')
    old = str(dialect).removesuffix("#") == OLD_DIALECT
    for count, (where, found, depth) in enumerate(_walk(schema)):
        if count >= most or depth > MAX_DEPTH:
            raise ValueError(f"it is deeper than {MAX_DEPTH} levels or has more than {most} schemas")
        complaint = _fault_of(found, old)
        if complaint is not None:
            raise ValueError(f"{complaint} (at {where[:300]})")
    return graph_of(schema, old=old, most=most)


def _walk(root: Any) -> Iterator[tuple[str, Any, int]]:
    """Yield each schema in a schema: where it is, itself, how deep. Without recursion, so that depth is no danger."""
    todo: list[tuple[str, Any, int]] = [("#", root, 0)]
    while todo:
        where, schema, depth = todo.pop()
        yield where, schema, depth
        if not is_map(schema):
            continue
        for key, value in schema.items():
            here = f"{where}/{key}"
            if key in _NAMED and is_map(value):
                named = value
                todo += [(f"{here}/{name}", inner, depth + 1) for name, inner in named.items()]
            elif key in _MANY or (key == "items" and is_list(value)):
                listed: list[Any] = value if is_list(value) else [value]
                todo += [(f"{here}/{at}", inner, depth + 1) for at, inner in enumerate(listed)]
            elif key in _ONE:
                todo.append((here, value, depth + 1))


def _fault_of(schema: Any, old: bool) -> str | None:
    if isinstance(schema, bool):
        return None
    if not is_map(schema):
        return "a schema is an object, true or false"
    for key, value in schema.items():
        if key in _FORMS and not _FORMS[key][0](value):
            return f"{key} must be {_FORMS[key][1]}, not {str(value)[:100]!r}"
        if key in _NAMED and not is_map(value):
            return f"{key} must be an object of schemas"
        if key in _MANY and not (is_list(value) and value):
            return f"{key} must be a list of schemas"
        if key == "items" and is_list(value) and not (old and value):
            return "items must be one schema" + ("" if old else "; a list of them is called prefixItems in 2020-12")
    return None
