"""A configuration file as bytes: its data, and the bytes after a change.

Promise: after a change the data is what it was but for that change, proven by reading the new bytes, or nothing
comes out.
Limit: UTF-8, with or without a byte order mark; 16 MiB.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from dragoman.configs import jsonc, tomltext, yamltext
from dragoman.configs.faults import UnreadableError
from dragoman.configs.jsonc import Key

MAX_BYTES = 16 * 1024 * 1024


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Any = _Absent()


class Format(NamedTuple):
    """A family of files: how to read one, set a value in it and cut one out."""

    load: Callable[[str], Any]
    put: Callable[[str, Sequence[Key], Any], str]
    cut: Callable[[str, Sequence[Key]], str]


FORMATS = {
    "json": Format(jsonc.load, jsonc.put, jsonc.cut),
    "yaml": Format(yamltext.load, yamltext.put, yamltext.cut),
    "toml": Format(tomltext.load, tomltext.put, tomltext.cut),
}


def load(data: bytes, kind: str) -> Any:
    """Return what a file holds, {} for an empty one. Raises UnreadableError."""
    return _settings(FORMATS[kind].load(_text(data)[1]))


def _settings(found: object) -> dict[str, Any]:
    if found is not None and not isinstance(found, dict):
        raise UnreadableError("the file holds no table of settings")
    return cast("dict[str, Any]", found or {})


def at(data: Any, path: Sequence[Key]) -> Any:
    """Return the value at `path`, ABSENT if there is none."""
    for key in path:
        try:
            data = data[key]
        except (KeyError, IndexError, TypeError):
            return ABSENT
    return data


def change(data: bytes, kind: str, path: Sequence[Key], value: Any) -> bytes:
    """Return the bytes with `value` at `path`, or without it if it is ABSENT; only what differs is written.

    Raises UnreadableError where that cannot be done without touching anything else.
    """
    mark, text = _text(data)
    form = FORMATS[kind]
    before = load(data, kind)
    new = _patched(form, text, tuple(path), at(before, path), value)
    held, expected = _settings(form.load(new)), _expected(before, path, value)
    # A table of TOML that only its members made is gone with the last of them.
    if not same(held, expected) and not (value is ABSENT and same(held, _pruned(expected, path[:-1]))):
        raise UnreadableError(f"{'.'.join(map(str, path))} cannot be changed here without touching something else")
    try:
        return mark + new.encode()
    except UnicodeEncodeError:
        raise UnreadableError("a value holds half of a character") from None


def _text(data: bytes) -> tuple[bytes, str]:
    if len(data) > MAX_BYTES:
        raise UnreadableError(f"the file has {len(data)} bytes, at most {MAX_BYTES} are read")
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    try:
        return mark, data[len(mark) :].decode()
    except UnicodeDecodeError as error:
        raise UnreadableError(f"byte {error.start + len(mark)} is not UTF-8") from None


def _patched(form: Format, text: str, path: tuple[Key, ...], old: Any, new: Any) -> str:
    if old is ABSENT and new is ABSENT:
        return text
    if new is ABSENT:
        return form.cut(text, path)
    if isinstance(old, dict) and isinstance(new, dict) and new:
        before: dict[str, Any] = cast("dict[str, Any]", old)
        after: dict[str, Any] = cast("dict[str, Any]", new)
        for key in after:
            if key not in before or not same(before[key], after[key]):
                text = _patched(form, text, (*path, key), before.get(key, ABSENT), after[key])
        for key in before:
            if key not in after:
                text = form.cut(text, (*path, key))
        return text
    unchanged = old is not ABSENT and same(cast("object", old), cast("object", new))
    return text if unchanged else form.put(text, path, new)


def same(one: object, other: object) -> bool:
    """Compare with types: True is not 1, as 1 is not 1.0."""
    if isinstance(one, dict) and isinstance(other, dict):
        a, b = cast("dict[object, object]", one), cast("dict[object, object]", other)
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(one, list) and isinstance(other, list):
        left, right = cast("list[object]", one), cast("list[object]", other)
        return len(left) == len(right) and all(map(same, left, right))
    return _equal(one, other)


def _equal(one: Any, other: Any) -> bool:
    # NaN, which TOML and YAML have, is what it was.
    return type(one) is type(other) and (one == other or (one != one and other != other))


def _pruned(data: Any, path: Sequence[Key]) -> Any:
    """Return `data` without the tables on `path` that are empty."""
    for depth in range(len(path), 0, -1):
        parent: Any = at(data, path[: depth - 1])
        if at(data, path[:depth]) == {}:
            del parent[path[depth - 1]]
    return data


def _copied(data: Any) -> Any:
    """Return a copy that shares nothing: what two aliases of YAML name becomes two values."""
    if isinstance(data, dict):
        return {key: _copied(value) for key, value in cast("dict[Any, object]", data).items()}
    return [_copied(item) for item in cast("list[object]", data)] if isinstance(data, list) else data


def _expected(data: Any, path: Sequence[Key], value: Any) -> Any:
    data = _copied(data)
    if value is ABSENT:
        if (parent := at(data, path[:-1])) is not ABSENT and at(data, path) is not ABSENT:
            del parent[path[-1]]
        return data
    where = data
    for key, following in zip(path, [*path[1:], None], strict=True):
        below: Any = [] if isinstance(following, int) else {}
        made: Any = value if following is None else below
        if isinstance(key, int) and key == len(where):
            where.append(made)
        elif following is None or at(where, [key]) in (ABSENT, None):
            where[key] = made
        where = where[key]
    return data
