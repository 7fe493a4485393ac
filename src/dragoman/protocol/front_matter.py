"""The YAML at the head of a `SKILL.md`, as the JSON that it says. Loaded only where skills are.

Read by the core schema of YAML 1.2: `yes` is a word and 2026-01-31 a text, as in other languages' readers. What JSON
or those readers cannot have in common (aliases, tags, NaN, numbers beyond 2**53) is refused, never guessed.
Limit: 16 KiB. The parsing is PyYAML's.
"""

from __future__ import annotations

import math
import re
from typing import Any, cast

import yaml

MAX_BYTES = 16 * 1024
MAX_DEPTH = 64
_EXACT = 2**53  # whole numbers that every reader of JSON has
_HEAD = re.compile(r"---\r?\n(.*?)(?:\r?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE, _FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_INT = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_ENDLESS = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# What the reader says of the commonest slips, and what was done.
_IN_WORDS = {
    "found character '\\t' that cannot start any token": "a tab stands where YAML wants spaces",
    "mapping values are not allowed here": "a second colon, or a line that is indented otherwise than those above it; "
    "a text with a colon and a space in it wants quotes",
    "expected ',' or '}', but got '<stream end>'": "a { is opened and never closed",
    "expected ',' or ']', but got '<stream end>'": "a [ is opened and never closed",
}
_PLAIN_TAGS = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")})


class _Loader(yaml.SafeLoader):
    """SafeLoader without YAML 1.1's ideas of what a plain word means."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012

    def fetch_flow_collection_start(self, TokenClass: Any) -> None:
        # The scanner looks at every open bracket for every token: without a bound, 16 KiB of them take minutes.
        if self.flow_level >= MAX_DEPTH:
            raise RecursionError
        super().fetch_flow_collection_start(TokenClass)  # pyright: ignore[reportUnknownMemberType]

    def compose_node(self, parent: Any, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("its front matter has an alias (*name); write it out")
        return super().compose_node(parent, index)


def read_front_matter(data: bytes) -> dict[str, Any]:
    """Return the front matter of a file that begins with one. Raises ValueError that says what is wrong."""
    try:
        text = data[: MAX_BYTES * 2].decode()
    except UnicodeDecodeError as error:
        if error.start < MAX_BYTES:
            raise ValueError("it is not UTF-8") from None
        text = data[: error.start].decode()
    head = _HEAD.match(text.removeprefix("\ufeff"))
    if head is None or len(head[1].encode()) > MAX_BYTES:
        raise ValueError(f"it does not begin with front matter: a line ---, at most {MAX_BYTES} bytes, a line ---")
    return read_mapping(head[1])


def read_mapping(text: str) -> dict[str, Any]:
    """Return what a YAML text says, which is a mapping of names. Raises ValueError that says what is wrong."""
    try:
        node = yaml.compose(text, Loader=_Loader)
        found = _value(node, 0) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark, fault = error.problem_mark or error.context_mark, error.problem or error.context
        place = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(f"its front matter is no YAML{place}: {_IN_WORDS.get(str(fault), fault)}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"its front matter is no YAML: {' '.join(str(error).split())[:300]}") from None
    except RecursionError:
        raise ValueError("its front matter is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("its front matter is not a mapping of names to values")
    return cast("dict[str, Any]", found)


def _value(node: yaml.Node, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError(f"its front matter is nested more than {MAX_DEPTH} levels deep")
    if node.tag not in _PLAIN_TAGS:
        raise ValueError(f"its front matter has a tag of its own: {node.tag[:100]}")
    if isinstance(node, yaml.ScalarNode):
        return _text(node.value) if node.style is not None else _scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, depth + 1) for item in node.value]
    found: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ValueError("its front matter has a key that is no text")
        name = _text(key.value)
        if name in found:
            raise ValueError(f"its front matter has the key {name[:100]!r} twice")
        found[name] = _value(value, depth + 1)
    return found


def _text(value: str) -> str:
    """Return a text whose escapes were written in pairs, as JSON has them, whole. Raises ValueError for half a pair."""
    try:
        return value.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        raise ValueError("its front matter has half a character") from None


def _scalar(text: str) -> Any:
    """Return what a plain word means. Source: YAML 1.2.2, 10.3.2 "Tag Resolution"."""
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _ENDLESS.fullmatch(text):
        raise ValueError(f"its front matter has {text}, which JSON has not")
    if _INT.fullmatch(text) or _BASED.fullmatch(text):
        number = int(text, 10 if _INT.fullmatch(text) else 0) if len(text) < 100 else _EXACT + 1
        if abs(number) > _EXACT:
            raise ValueError(
                f"its front matter has the number {text[:40]}, which not every reader has; put it in quotes"
            )
        return number
    if _FLOAT.fullmatch(text):
        real = float(text)
        if not math.isfinite(real):
            raise ValueError(f"its front matter has the number {text[:40]}, which is too large")
        return real
    return text


def same(one: Any, other: Any) -> bool:
    """Say whether two JSON values are the same: true is not 1, and 1.0 is."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        first, second = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(one, list) and isinstance(other, list):
        pairs: list[tuple[Any, Any]] = list(zip(one, other, strict=False))  # pyright: ignore[reportUnknownArgumentType]
        return len(one) == len(other) and all(same(a, b) for a, b in pairs)  # pyright: ignore[reportUnknownArgumentType]
    return bool(one == other)
