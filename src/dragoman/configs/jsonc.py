"""JSON with comments and trailing commas, changed by the few bytes that a change needs.

Promise: what is outside the changed member stays byte for byte, comments and line ends included.
Limit: nesting of 100; a key that stands twice on the way to a change is refused, since nobody knows which one counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias, cast

from dragoman.configs.faults import UnreadableError

Key: TypeAlias = str | int
MAX_DEPTH = 100
_GAP = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_ATOM = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_SAME_LINE = re.compile(r"[ \t]*+(?://[^\r\n]*+|/\*(?:[^*\r\n]|\*(?!/))*\*/)?(?=[ \t]*(?:\r?\n|$))")


class Node(NamedTuple):
    """A value and where it stands; `members` are those of an object or array, None for anything else."""

    start: int
    end: int
    value: Any
    members: tuple[Member, ...] | None = None


class Member(NamedTuple):
    """A member of an object, or an element of an array: `start` is that of its key, if it has one."""

    key: Key
    start: int
    node: Node


def load(text: str) -> Any:
    """Return the data; None for a text with nothing but space and comments. Raises UnreadableError."""
    return None if _blank(text) else parse(text).value


def parse(text: str) -> Node:
    """Return the whole text as a node. Raises UnreadableError, which says line and column."""
    node = _value(text, _gap(text, 0), 0)
    end = _gap(text, node.end)
    if end != len(text):
        raise _fault(text, end, "there is more after the end")
    return node


def put(text: str, path: Sequence[Key], value: Any) -> str:
    """Return `text` with `value` at `path`; objects on the way are made. Raises UnreadableError."""
    if _blank(text):
        made = _dumped(_nested(path, value), "", "  ", _newline(text))
        return f"{text}{made}{_newline(text)}"
    node = parse(text)
    for depth, key in enumerate(path):
        member = _member(text, node, key)
        if member is None:
            return _insert(text, node, key, _nested(path[depth + 1 :], value))
        node = member.node
    made = (
        _inline(value) if "\n" not in text else _dumped(value, _indent(text, node.start), _unit(text), _newline(text))
    )
    return text[: node.start] + made + text[node.end :]


def cut(text: str, path: Sequence[Key]) -> str:
    """Return `text` without the member at `path`, which must be there. Raises UnreadableError, LookupError."""
    node, parent = parse(text), None
    for key in path:
        parent, member = node, _member(text, node, key)
        if member is None:
            raise LookupError(key)
        node = member.node
    members = parent.members or () if parent else ()
    at = next(number for number, one in enumerate(members) if one.node is node)
    start, end = members[at].start, node.end
    comma = _comma(text, end)
    if comma is not None:
        return _without(text, start, comma + 1)
    if at:
        before = _comma(text, members[at - 1].node.end)
        assert before is not None
        # A comment to the end of a line must keep that line's end.
        space = None if re.match(r"[ \t]*\r?\n", text[end:]) else " \t"
        return text[:before] + text[before + 1 : start].rstrip(space) + text[end:]
    assert parent is not None
    if not text[parent.start + 1 : start].strip() and not text[end : parent.end - 1].strip():
        return text[: parent.start + 1] + text[parent.end - 1 :]
    return text[:start] + text[end:]


def _without(text: str, start: int, end: int) -> str:
    """Return `text` without a span, and without the line if nothing else is on it."""
    line = text.rfind("\n", 0, start) + 1
    rest = re.match(r"[ \t]*(?:\r?\n)", text[end:])
    if not text[line:start].strip() and rest:
        return text[:line] + text[end + rest.end() :]
    return text[:start].rstrip(" \t") + text[end:]


def _insert(text: str, node: Node, key: Key, value: Any) -> str:
    if node.members is None:
        raise _fault(text, node.start, f"{key!r} would stand in something that is no object")
    label = f"{_inline(key)}: " if isinstance(key, str) else ""
    unit, newline = _unit(text), _newline(text)
    if not node.members:
        outer = _indent(text, node.start)
        inner = text[node.start + 1 : node.end - 1].rstrip()
        made = label + _dumped(value, outer + unit, unit, newline)
        head = f"{text[: node.start + 1]}{inner}{newline}{outer}{unit}"
        return f"{head}{made}{newline}{outer}{text[node.end - 1 :]}"
    last = node.members[-1]
    end, comma = last.node.end, _comma(text, last.node.end)
    indent = text[text.rfind("\n", 0, last.start) + 1 : last.start]
    if indent.strip() or "\n" not in text[: last.start]:
        made = label + _inline(value)
        if comma is None:
            return f"{text[:end]}, {made}{text[end:]}"
        return f"{text[: comma + 1]} {made},{text[comma + 1 :]}"
    made = f"{newline}{indent}{label}{_dumped(value, indent, unit, newline)}"
    behind = end if comma is None else comma + 1
    note = _SAME_LINE.match(text, behind)
    at = note.end() if note else behind
    if comma is None:
        return f"{text[:end]},{text[end:at]}{made}{text[at:]}"
    return f"{text[:at]}{made},{text[at:]}"


def _member(text: str, node: Node, key: Key) -> Member | None:
    found = [member for member in node.members or () if member.key == key]
    if len(found) > 1:
        raise _fault(text, found[1].start, f"the key {key!r} stands twice")
    return found[0] if found else None


def _nested(path: Sequence[Key], value: Any) -> Any:
    for key in reversed(path):
        value = {key: value} if isinstance(key, str) else [value]
    return value


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _dumped(value: Any, indent: str, unit: str, newline: str) -> str:
    text = json.dumps(value, ensure_ascii=False, indent=unit)
    return text.replace("\n", newline + indent)


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str) -> str:
    """Return by how much the first member of the file is indented."""
    found = re.search(r'\n([ \t]+)"', text)
    return found[1] if found else "  "


def _comma(text: str, at: int) -> int | None:
    """Return where the comma after a value is, None if there is none."""
    at = _gap(text, at)
    return at if text[at : at + 1] == "," else None


# --- reading --------------------------------------------------------------------------------------------------


def _blank(text: str) -> bool:
    return _gap(text, 0) == len(text)


def _gap(text: str, at: int) -> int:
    found = _GAP.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise _fault(text, at, f"nested deeper than {MAX_DEPTH}")
    first = text[at : at + 1]
    if first in ("{", "["):
        return _container(text, at, depth, "}" if first == "{" else "]")
    found = _STRING.match(text, at) if first == '"' else _ATOM.match(text, at)
    if found is None:
        raise _fault(text, at, "a value was expected")
    try:
        return Node(at, found.end(), json.loads(found[0]))
    except ValueError:  # Python reads no integer of more than 4,300 digits
        raise _fault(text, at, "a shorter number was expected") from None


def _container(text: str, start: int, depth: int, close: str) -> Node:
    members: list[Member] = []
    at = _gap(text, start + 1)
    while text[at : at + 1] != close:
        key: Key = len(members)
        begin = at
        if close == "}":
            key, at = _key(text, at)
        node = _value(text, at, depth + 1)
        members.append(Member(key, begin, node))
        at = _gap(text, node.end)
        if text[at : at + 1] == ",":
            at = _gap(text, at + 1)
        elif text[at : at + 1] != close:
            raise _fault(text, at, f"a comma or {close!r} was expected")
    pairs = [(member.key, member.node.value) for member in members]
    value: Any = dict(cast("list[tuple[str, Any]]", pairs)) if close == "}" else [item for _, item in pairs]
    return Node(start, at + 1, value, tuple(members))


def _key(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise _fault(text, at, "a key in double quotes was expected")
    colon = _gap(text, found.end())
    if text[colon : colon + 1] != ":":
        raise _fault(text, colon, "a colon was expected")
    return json.loads(found[0]), _gap(text, colon + 1)


def _fault(text: str, at: int, what: str) -> UnreadableError:
    line = text.count("\n", 0, at) + 1
    return UnreadableError(f"{what} at line {line}, column {at - text.rfind(chr(10), 0, at)}")
