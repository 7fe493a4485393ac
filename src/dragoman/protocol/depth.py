"""How deeply JSON text is nested and how many members it has, found without parsing it.

Parsers recurse, and so does much that handles what they return: this refuses hostile depth before any of it runs.
Linear in the bytes, for the usual message two counts in C.  Says nothing about whether the text is valid JSON.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any, cast

from dragoman.protocol.patterns import late_pattern

MAX_DEPTH = 64
"""Levels of arrays and objects accepted by default."""

# A string that the text's end cuts short is removed as well, and the parser will refuse it.  So every quotation mark
# begins a match, and none is searched for in vain: that would cost the square of the length.
_STRING = late_pattern(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_ROUND = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


LONG = 4096  # bytes from which on looking for the next sign beats counting
_FEW = 64  # signs that are looked for one by one
THICK = 64 * 1024  # bytes of a message from which on it pays to look for strings that need not be read again
_STRINGS = 64  # strings that are looked for, and quotation marks in one of them
_GAP = 16  # bytes between a string and what follows
_AFTER_VALUE = frozenset({b",", b"}", b"]"})
_ESCAPE = ord("\\")
_NODES = 256  # values that are walked through


def count_sign(text: Any, sign: Any) -> int:
    """Return how often one sign stands in a text, of bytes or characters.

    Counting looks at each byte, looking for the next sign at many at once: long messages are one long string, mostly.
    """
    at = -1
    for found in range(_FEW):
        at = text.find(sign, at + 1)
        if at < 0:
            return found
    return _FEW + text.count(sign, at + 1)  # type: ignore[no-any-return]


def too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Return whether arrays and objects in `data` are nested more than `limit` levels deep.

    Brackets that are never closed count as levels.
    """
    # Few messages have a list, and looking for one is cheaper than counting none.
    count = data.count if len(data) < LONG else partial(count_sign, data)
    if count(b"{") + (count(b"[") if b"[" in data else 0) <= limit:
        return False
    brackets = _STRING.sub(b"", data).translate(_ROUND, _NOT_BRACKETS)
    # Each pass removes every innermost pair, and with it one level at least.
    for _ in range(limit):
        if b"{}" not in brackets:
            break
        brackets = brackets.replace(b"{}", b"")
    return b"{}" in brackets or brackets.count(b"{") > limit


def thinned(text: bytes) -> bytes:
    """Return JSON text as deep and with the same names, in which long strings are empty; the text itself if none is.

    Those are values without `\\u` that are UTF-8: whoever reads the rest strictly need not read these. That they end,
    and hold nothing that no string may, is left to who reads the whole.
    """
    ascii_only = text.isascii()
    kept: list[bytes] = []
    done = at = 0
    for _ in range(_STRINGS):
        start = text.find(b'"', at)
        end = _closing(text, start) if start >= 0 else -1
        if end < 0:
            break
        at = end + 1
        if end - start < LONG or text[at : at + _GAP].lstrip(b" \t\r\n")[:1] not in _AFTER_VALUE:
            continue  # a name that is cut might pass for another, and one that is written in two ways for two
        if text.find(b"\\", start, end) >= 0 and text.find(b"\\u", start, end) >= 0:
            continue  # half of a character, perhaps
        if not (ascii_only or _is_text(text[start + 1 : end])):
            break
        kept.append(text[done : start + 1])
        done = end
    return b"".join((*kept, text[done:])) if kept else text


def _closing(text: bytes, start: int) -> int:
    """Return where the string that begins at `start` ends; -1 if that takes more than a look at a few signs."""
    end = start
    for _ in range(_STRINGS):
        end = text.find(b'"', end + 1)
        if end < 0 or text[end - 1] != _ESCAPE:
            return end
        if text[end - 2] == _ESCAPE:
            return -1
    return -1


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def count_members(data: bytes) -> int:
    """Return how many members all objects in valid JSON have together, those of the same name included."""
    return _STRING.sub(b"", data).count(b":")


def count_colons(value: object) -> int | None:
    """Return how many colons JSON of a decoded value has, those in its strings included; None if it has many parts."""
    total, left, waiting = 0, _NODES, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            total += count_sign(one, ":")
        elif isinstance(one, dict | list):
            parts = cast("dict[str, object] | list[object]", one)
            left -= len(parts)
            if left < 0:
                return None
            waiting += parts
            if isinstance(parts, dict):
                total += len(parts)
                waiting += parts.values()
    return total
