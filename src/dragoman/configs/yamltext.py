"""YAML, changed by whole lines of one key: a library finds them, and everything else stays byte for byte.

Why not the library's own writer: it lays out anew what it did not write (docs/design/client-files.md).
Limit: block style on the way to the change; other layouts are refused, not laid out anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from dragoman.configs.faults import UnreadableError
from dragoman.configs.jsonc import Key
from dragoman.errors import LocalError

MAX_NODES = 100_000  # with aliases counted as often as they are used
MAX_DEPTH = 100
_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


def _library() -> Any:
    try:
        module = import_module("ruamel.yaml")
    except ImportError:
        raise LocalError("YAML files need dragoman[clients]: pip install 'dragoman[clients]'") from None
    return module


def _reader(library: Any) -> Any:
    reader = library.YAML(typ="safe", pure=True)
    # A name may stand for another value further on (YAML 1.2.2, section 3.2.2.2): nothing to warn of, and never by the
    # thousand on somebody's screen.
    reader.composer.warn_double_anchors = False
    return reader


def load(text: str) -> Any:
    """Return the data, None for an empty text. Raises UnreadableError."""
    library = _library()
    _root(text)
    try:
        return _reader(library).load(text)
    except library.error.YAMLError as error:
        raise UnreadableError(_told(error)) from None
    except ValueError as error:  # a date that is none
        raise UnreadableError(str(error)) from None


def _told(error: Any) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"{getattr(error, 'problem', None) or 'not YAML'}{where}"


def _root(text: str) -> Any:
    library = _library()
    try:
        root = _reader(library).compose(text)
    except library.error.YAMLError as error:
        raise UnreadableError(_told(error)) from None
    except RecursionError:
        raise UnreadableError(f"nested deeper than {MAX_DEPTH}") from None
    if root is not None and _weight(root, {}, 0) > MAX_NODES:
        raise UnreadableError(f"more than {MAX_NODES} values, with aliases counted each time")
    return root


def _weight(node: Any, known: dict[int, int | None], depth: int) -> int:
    if depth > MAX_DEPTH:
        raise UnreadableError(f"nested deeper than {MAX_DEPTH}")
    if id(node) in known:
        weight = known[id(node)]
        if weight is None:
            raise UnreadableError("a value that holds itself")
        return weight
    known[id(node)] = None
    children: list[Any] = []
    if node.id == "mapping":
        children = [child for pair in node.value for child in pair]
    elif node.id == "sequence":
        children = list(node.value)
    total = 1 + sum(_weight(child, known, depth + 1) for child in children)
    known[id(node)] = total
    return total


def put(text: str, path: Sequence[Key], value: Any) -> str:
    """Return `text` with `value` at `path`; mappings on the way are made. Raises UnreadableError."""
    node = _root(text)
    if node is None:
        return _appended(text, _lines(str(path[0]), _nested(path[1:], value), ""))
    for depth, key in enumerate(path):
        _block(node, key)
        pair = _pair(node, key)
        rest = _nested(path[depth + 1 :], value)
        if pair is None:
            indent = " " * node.value[0][0].start_mark.column
            return _after(text, _end(node), _lines(str(key), rest, indent))
        last = depth + 1 == len(path)
        empty = pair[1].value in ("", "null", "~") if pair[1].id == "scalar" else not pair[1].value
        if last or empty:
            return _replaced(text, pair, _lines(str(key), rest, " " * pair[0].start_mark.column))
        node = pair[1]
    raise AssertionError("a path has a last key")


def cut(text: str, path: Sequence[Key]) -> str:
    """Return `text` without the key at `path`. Raises UnreadableError, LookupError."""
    node = _root(text)
    above = None
    for depth, key in enumerate(path):
        if node is None or (pair := _pair(node, key)) is None:
            raise LookupError(key)
        _block(node, key)
        if depth + 1 == len(path):
            if len(node.value) == 1 and above is not None:
                head = f"{' ' * above[0].start_mark.column}{_scalar(above[0].value)}: {{}}"
                return _replaced(text, above, [head])
            start = text.rfind("\n", 0, pair[0].start_mark.index) + 1
            return text[:start] + text[_line_end(text, _end(pair[1])) :]
        above, node = pair, pair[1]
    raise AssertionError("a path has a last key")


def _block(node: Any, key: Key) -> None:
    line = node.start_mark.line + 1
    if node.id != "mapping" or not isinstance(key, str):
        raise UnreadableError(f"{key!r} would stand in something that is no mapping, at line {line}")
    if node.flow_style:
        raise UnreadableError(f"line {line} is in flow style {{...}}: write it as a block, one key a line")


def _pair(node: Any, key: Key) -> Any:
    found = [pair for pair in node.value if pair[0].value == key] if node.id == "mapping" else []
    return found[0] if found else None


def _end(node: Any) -> int:
    """Return where a node's last scalar ends; a block's own end is where the next thing begins."""
    if node.id == "scalar" or node.flow_style or not node.value:
        return int(node.end_mark.index)
    last = node.value[-1]
    return _end(last[1] if node.id == "mapping" else last)


def _line_end(text: str, at: int) -> int:
    if at and text[at - 1] == "\n":  # a block scalar ends behind its line
        return at
    found = text.find("\n", at)
    return len(text) if found < 0 else found + 1


def _replaced(text: str, pair: Any, lines: list[str]) -> str:
    newline = "\r\n" if "\r\n" in text else "\n"
    start = text.rfind("\n", 0, pair[0].start_mark.index) + 1
    if text[start : pair[0].start_mark.index].strip():
        raise UnreadableError(f"line {pair[0].start_mark.line + 1} holds more than this key")
    end = max(_end(pair[1]), pair[0].end_mark.index)
    stop = _line_end(text, end)
    return text[:start] + "".join(line + newline for line in lines) + text[stop:]


def _after(text: str, at: int, lines: list[str]) -> str:
    stop = _line_end(text, at)
    newline = "\r\n" if "\r\n" in text else "\n"
    head = text[:stop] if text[:stop].endswith("\n") else text[:stop] + newline
    return head + "".join(line + newline for line in lines) + text[stop:]


def _appended(text: str, lines: list[str]) -> str:
    return _after(text, len(text), lines) if text else "".join(line + "\n" for line in lines)


def _nested(path: Sequence[Key], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value}
    return value


def _lines(key: str, value: Any, indent: str) -> list[str]:
    head = f"{indent}{_scalar(key)}:"
    if isinstance(value, dict) and value:
        return [head, *(line for k, v in value.items() for line in _lines(str(k), v, indent + "  "))]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, list) and value:
        items: list[Any] = value  # pyright: ignore[reportUnknownVariableType]
        return [head, *(f"{indent}  - {_scalar(item)}" for item in items)]
    return [f"{head} {_scalar(value)}"]


def _scalar(value: Any) -> str:
    """Return a value on one line: plain where that is safe, else as JSON, which is YAML too."""
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return "".join(map(_visible, json.dumps(value, ensure_ascii=False)))


def _visible(character: str) -> str:
    """Return what YAML takes only as an escape, as one."""
    return character if character.isprintable() else f"\\U{ord(character):08x}"
