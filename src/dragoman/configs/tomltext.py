"""TOML by tomlkit, which keeps comments, order and space of what is not touched."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from importlib import import_module
from typing import Any

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
    library = _library()
    document = _parsed(text)
    table: Any = document
    for key in path[:-1]:
        if key not in table:
            table[key] = library.table(is_super_table=True)
        table = table[key]
        if not isinstance(table, dict):
            raise UnreadableError(f"{key!r} is no table")
    table[path[-1]] = value
    return _lined(library.dumps(document), text)


def cut(text: str, path: Sequence[Key]) -> str:
    """Return `text` without the key at `path`. Raises UnreadableError, LookupError."""
    document = _parsed(text)
    table: Any = document
    for key in path[:-1]:
        table = table[key]
    del table[path[-1]]
    return _lined(_library().dumps(document), text)


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
