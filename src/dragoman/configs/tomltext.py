"""TOML by tomlkit, which keeps comments, order and space of what is not touched."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import import_module
from typing import Any, cast

from dragoman.configs.faults import UnreadableError
from dragoman.configs.jsonc import Key
from dragoman.errors import LocalError


def _library() -> Any:
    try:
        module = import_module("tomlkit")
    except ImportError:
        raise LocalError("changing TOML files needs dragoman[clients]: pip install 'dragoman[clients]'") from None
    return module


def load(text: str) -> Any:
    """Return the data. Raises UnreadableError."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnreadableError(f"not TOML: {error}") from None


def put(text: str, path: Sequence[Key], value: Any) -> str:
    """Return `text` with `value` at `path`; tables on the way are made. Raises UnreadableError."""
    held = load(text)
    if isinstance(value, dict) and not _has(held, path):
        # A table of its own goes to the end, where it can move nothing.
        gap = "" if not text else "\n" if text.endswith("\n") else "\n\n"
        more = _lined(text + gap + _set("", path, value), text)
        if _loads(more) == _loads(_set(text, path, value)):
            return more
    return _lined(_set(text, path, value), text)


def _set(text: str, path: Sequence[Key], value: Any) -> str:
    library = _library()
    document = _parsed(text)
    table: Any = document
    for key in path[:-1]:
        if key not in table:
            table[key] = library.table(is_super_table=True)
        table = table[key]
        if not hasattr(table, "keys"):
            raise UnreadableError(f"{key!r} is no table")
    try:
        table[path[-1]] = value
        return str(library.dumps(document))
    except (library.exceptions.TOMLKitError, ValueError) as error:  # a text that TOML cannot hold
        raise UnreadableError(f"{path[-1]!r} cannot be written to TOML: {error}") from None


def cut(text: str, path: Sequence[Key]) -> str:
    """Return `text` without the key at `path`. Raises UnreadableError, LookupError."""
    document = _parsed(text)
    table: Any = document
    for key in path[:-1]:
        table = table[key]
    del table[path[-1]]
    whole = _lined(_library().dumps(document), text)
    less = _without_tables(text, [str(key) for key in path])
    return less if _loads(less) == _loads(whole) else whole


def _without_tables(text: str, path: list[str]) -> str:
    """Return `text` without the lines of the table at `path` and of those in it, each with the empty line before it."""
    kept: list[str] = []
    inside = False
    held: list[str] = []  # empty lines and comments, which may belong to the next table
    for line in text.splitlines(keepends=True):
        if line.lstrip().startswith("["):
            inside = _header(line)[: len(path)] == path
            if inside and kept and not kept[-1].strip():
                kept.pop()
            kept += held if not inside else []
            held = []
        if not inside:
            kept.append(line)
        elif not line.strip() or line.lstrip().startswith("#"):
            held.append(line)
        else:
            held = []
    return "".join(kept + held)


def _header(line: str) -> list[str]:
    found: object = _loads(line)
    names: list[str] = []
    while isinstance(found, dict) and len(cast("dict[str, object]", found)) == 1:
        name, found = next(iter(cast("dict[str, object]", found).items()))
        names.append(name)
    return names


def _loads(text: str) -> Any:
    """Return the data of `text`, None if it is not TOML."""
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _has(held: object, path: Sequence[Key]) -> bool:
    for key in path:
        table = cast("dict[Key, object]", held) if isinstance(held, dict) else {}
        if key not in table:
            return False
        held = table[key]
    return True


def _parsed(text: str) -> Any:
    library = _library()
    try:
        return library.parse(text)
    except (library.exceptions.TOMLKitError, RecursionError) as error:
        raise UnreadableError(f"not TOML: {error}") from None


def _lined(new: str, old: str) -> str:
    """Return `new` with the line ends of `old`, where that has one kind: the library writes its own with LF."""
    if "\r\n" in old and not re.search(r"(?<!\r)\n", old):
        return re.sub(r"(?<!\r)\n", "\r\n", new)
    return new
