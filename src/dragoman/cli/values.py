"""`key=value` words become arguments, typed by the tool's own schema.

Promise: a word that cannot be what the schema wants is refused here, by name and with what to write.
Limit: only what tells types apart is read from the schema; the server judges the rest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import Any

import msgspec

from dragoman.cli.outcome import UsageError
from dragoman.cli.schemas import Schema, anything, as_written, elements, kinds, listed, members, type_of, wanted
from dragoman.cli.terminal import one_line

ORDER = ("null", "boolean", "integer", "number", "array", "object", "string")


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
    known = members(schema.get("properties"))
    gathered: dict[str, list[str]] = {}
    for key, text in given:
        gathered.setdefault(key, []).append(text)
    arguments: dict[str, Any] = {}
    for key, texts in gathered.items():
        if key not in known and schema.get("additionalProperties") is False:
            raise UsageError(f"there is no argument {key!r}{suggestion(key, known)}")
        arguments[key] = _value(key, texts, known.get(key, {}), schema)
    names = [key for key in elements(schema.get("required")) if isinstance(key, str)]
    missing = [key for key in names if key not in arguments]
    if missing:
        raise UsageError(f"the tool needs more: {'; '.join(_missing(key, known.get(key), schema) for key in missing)}")
    return arguments


def _missing(key: str, schema: Any, root: Schema) -> str:
    return f"{one_line(key)}=... ({_in_words(sorted(kinds(schema, root), key=_rank))})"


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
    value = members(read_json(text, what))
    if not value and text.strip()[:1] != "{":
        raise UsageError(f'{what} must be a JSON object, as in \'{{"city": "Lyon"}}\'')
    return value


class _Unfit(Exception):
    """A text is not of the kind that was tried."""


def _value(key: str, texts: list[str], schema: Any, root: Schema) -> Any:
    allowed = kinds(schema, root)
    lists = [kind for kind in allowed if type_of(kind) == "array"]
    inner: list[Schema] = kinds(lists[0].get("items"), root) if lists else [{}]
    if len(texts) > 1:
        if not lists and not any(anything(kind) for kind in allowed):
            raise UsageError(f"{key} is given {len(texts)} times, and it takes one value")
        return [_one(key, text, inner) for text in texts]
    if lists and len(allowed) == 1 and not texts[0].lstrip().startswith("["):
        return [_one(key, texts[0], inner)]
    return _one(key, texts[0], allowed)


def _one(key: str, text: str, allowed: Sequence[Schema]) -> Any:
    for kind in sorted(allowed, key=_rank):
        try:
            return _read(text, kind)
        except _Unfit:
            continue
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    raise UsageError(f"{key}={shown}: {key} must be {_in_words(allowed)}{_near(text, allowed)}")


def _in_words(allowed: Iterable[Schema]) -> str:
    return one_line(" or ".join(dict.fromkeys(wanted(kind) for kind in allowed)))


def _rank(kind: Schema) -> int:
    if "enum" in kind or "const" in kind:
        return -1
    return ORDER.index(type_of(kind)) if type_of(kind) in ORDER else len(ORDER)


def _read(text: str, kind: Schema) -> Any:
    if "const" in kind or "enum" in kind:
        return _listed(text, listed(kind))
    reader = _READERS.get(type_of(kind), _any)
    return reader(text)


def _listed(text: str, values: list[Any]) -> Any:
    for value in values:
        if as_written(value) == text:
            return value
    raise _Unfit


def _near(text: str, allowed: Sequence[Schema]) -> str:
    names = [value for kind in allowed for value in listed(kind) if isinstance(value, str)]
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
    return elements(value)


def _object(text: str) -> dict[str, Any]:
    value = _any(text)
    if not isinstance(value, dict):
        raise _Unfit
    return members(value)


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
