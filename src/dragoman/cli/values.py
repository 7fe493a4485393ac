"""`key=value` words become arguments, typed by the tool's own schema.

Promise: a word that cannot be what the schema wants is refused here, by name and with what to write.
Limit: only what tells types apart is read from the schema; the server judges the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeAlias

import msgspec

from dragoman.cli.outcome import UsageError
from dragoman.cli.terminal import one_line

Schema: TypeAlias = Mapping[str, Any]
STEPS = 256  # references and unions followed; a schema may point at itself
ORDER = ("null", "boolean", "integer", "number", "array", "object", "string")
EXPECTED = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "array": """a list: JSON as in '["a", "b"]', or the word once for each item""",
    "object": """a JSON object, as in '{"a": 1}'""",
    "string": "text",
}


def pairs(words: Iterable[str]) -> list[tuple[str, str]]:
    """Return each `key=value` cut at its first `=`. Raises UsageError for a word without one."""
    found: list[tuple[str, str]] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise UsageError(f"{word!r} is not key=value; arguments are written as in: city=Lyon days=3")
        found.append((key, value))
    return found


def typed(given: Sequence[tuple[str, str]], schema: Schema) -> dict[str, Any]:
    """Return the arguments for a tool whose input schema is `schema`.

    A key given several times is a list. Raises UsageError for a value of the
    wrong kind, a key that the tool does not take, and one that is missing.
    """
    properties = schema.get("properties")
    known: dict[str, Any] = properties if isinstance(properties, dict) else {}
    gathered: dict[str, list[str]] = {}
    for key, text in given:
        gathered.setdefault(key, []).append(text)
    arguments: dict[str, Any] = {}
    for key, texts in gathered.items():
        if key not in known and schema.get("additionalProperties") is False:
            raise UsageError(f"there is no argument {key!r}{suggestion(key, known)}")
        arguments[key] = _value(key, texts, known.get(key, {}), schema)
    required = schema.get("required")
    names = [key for key in required if isinstance(key, str)] if isinstance(required, list) else []
    missing = [key for key in names if key not in arguments]
    if missing:
        raise UsageError(f"the tool needs more: {'; '.join(_missing(key, known.get(key), schema) for key in missing)}")
    return arguments


def _missing(key: str, schema: Any, root: Schema) -> str:
    kinds = sorted(_kinds(schema, root), key=_rank)
    return f"{one_line(key)}=... ({one_line(' or '.join(dict.fromkeys(_wanted(kind) for kind in kinds)))})"


def suggestion(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean 'x'?`, or the names if there are few, or nothing."""
    known = [str(other) for other in names][:2000]
    close = get_close_matches(name[:100], known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {one_line(close[0])!r}?"
    return f"; there is {one_line(', '.join(known))}" if 0 < len(known) <= 10 else ""


def read_json(text: str, what: str) -> Any:
    """Return `text` decoded. Raises UsageError that names `what`."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as fault:
        raise UsageError(f"{what} is not JSON: {fault}") from None


def read_object(text: str, what: str) -> dict[str, Any]:
    """Return `text` decoded, which must be a JSON object. Raises UsageError that names `what`."""
    value = read_json(text, what)
    if not isinstance(value, dict):
        raise UsageError(f'{what} must be a JSON object, as in \'{{"city": "Lyon"}}\'')
    return value


class _Unfit(Exception):
    """A text is not of the kind that was tried."""


def _value(key: str, texts: list[str], schema: Any, root: Schema) -> Any:
    kinds = _kinds(schema, root)
    items = next((kind.get("items", {}) for kind in kinds if _type(kind) == "array"), None)
    if len(texts) > 1:
        if items is None and kinds and not any(_anything(kind) for kind in kinds):
            raise UsageError(f"{key} is given {len(texts)} times, and it takes one value")
        return [_one(key, text, _kinds(items if items is not None else {}, root)) for text in texts]
    if items is not None and not texts[0].lstrip().startswith("[") and len(kinds) == 1:
        return [_one(key, texts[0], _kinds(items, root))]
    return _one(key, texts[0], kinds)


def _one(key: str, text: str, kinds: Sequence[Schema]) -> Any:
    for kind in sorted(kinds, key=_rank):
        try:
            return _read(text, kind)
        except _Unfit:
            continue
    wanted = " or ".join(dict.fromkeys(_wanted(kind) for kind in kinds))
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    raise UsageError(f"{key}={shown}: {key} must be {one_line(wanted)}{_near(text, kinds)}")


def _anything(kind: Schema) -> bool:
    return not ({"enum", "const"} & kind.keys()) and _type(kind) not in EXPECTED


def _type(kind: Schema) -> str:
    name = kind.get("type")
    return name if isinstance(name, str) else ""


def _rank(kind: Schema) -> int:
    if "enum" in kind or "const" in kind:
        return -1
    return ORDER.index(_type(kind)) if _type(kind) in ORDER else len(ORDER)


def _kinds(schema: Any, root: Schema) -> list[Schema]:
    """Return the simple schemas that `schema` allows, with references and unions resolved."""
    waiting: list[Any] = [schema]
    found: list[Schema] = []
    for _ in range(STEPS):
        if not waiting:
            return found
        part = waiting.pop(0)
        if isinstance(part, dict):
            waiting += _parts(part, root)
            found += [] if _is_compound(part) else [part]
        else:
            found.append({})
    return [*found, {}]


def _is_compound(schema: Schema) -> bool:
    return any(isinstance(schema.get(word), list) and schema[word] for word in ("anyOf", "oneOf", "allOf", "type")) or (
        isinstance(schema.get("$ref"), str)
    )


def _parts(schema: Schema, root: Schema) -> list[Any]:
    if isinstance(pointer := schema.get("$ref"), str):
        return [_pointed(pointer, root)]
    for word in ("anyOf", "oneOf"):
        if isinstance(members := schema.get(word), list) and members:
            return list(members)
    if isinstance(members := schema.get("allOf"), list) and members:
        return [{key: value for member in members for key, value in _flat(member, root)}]
    if isinstance(types := schema.get("type"), list):
        return [{**schema, "type": name} for name in types]
    return []


def _flat(schema: Any, root: Schema) -> Iterable[tuple[str, Any]]:
    if isinstance(schema, dict) and isinstance(pointer := schema.get("$ref"), str):
        schema = _pointed(pointer, root)
    return schema.items() if isinstance(schema, dict) else ()


def _pointed(pointer: str, root: Schema) -> Any:
    """Return what a local JSON Pointer (RFC 6901) names, or a schema that allows anything."""
    if not pointer.startswith("#"):
        return {}
    place: Any = root
    for part in pointer.removeprefix("#").split("/")[1:]:
        place = place.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(place, dict) else None
    return place


def _read(text: str, kind: Schema) -> Any:
    if "const" in kind or "enum" in kind:
        return _listed(text, [kind["const"]] if "const" in kind else kind["enum"])
    reader = _READERS.get(_type(kind), _any)
    return reader(text)


def _listed(text: str, values: Any) -> Any:
    for value in values if isinstance(values, list) else ():
        if value == text if isinstance(value, str) else msgspec.json.encode(value).decode() == text:
            return value
    raise _Unfit


def _wanted(kind: Schema) -> str:
    if "const" in kind:
        return repr(kind["const"])
    if isinstance(values := kind.get("enum"), list):
        shown = [value if isinstance(value, str) else msgspec.json.encode(value).decode() for value in values]
        return f"one of {', '.join(shown[:20])}" + (", ..." if len(shown) > 20 else "")
    return EXPECTED.get(_type(kind), "a value")


def _near(text: str, kinds: Sequence[Schema]) -> str:
    lists = [kind["enum"] for kind in kinds if isinstance(kind.get("enum"), list)]
    names = [value for values in lists for value in values if isinstance(value, str)]
    close = get_close_matches(text[:100], names, n=1, cutoff=0.5)
    return f"; did you mean {one_line(close[0])!r}?" if close else ""


def _null(text: str) -> None:
    if text != "null":
        raise _Unfit


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise _Unfit
    return text.lower() == "true"


def _integer(text: str) -> int:
    value = _number(text)
    if isinstance(value, float) and not value.is_integer():
        raise _Unfit
    return int(value)


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        value = float(text)
    except ValueError:
        raise _Unfit from None
    if not math.isfinite(value):
        raise _Unfit  # JSON has no name for it
    return value


def _array(text: str) -> list[Any]:
    value = _any(text)
    if not isinstance(value, list):
        raise _Unfit
    return value


def _object(text: str) -> dict[str, Any]:
    value = _any(text)
    if not isinstance(value, dict):
        raise _Unfit
    return value


def _any(text: str) -> Any:
    """Return `text` as JSON if it is JSON, else as it is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return text


_READERS: dict[str, Callable[[str], Any]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "array": _array,
    "object": _object,
    "string": str,
}
