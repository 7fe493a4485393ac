"""How deeply JSON text is nested and how many members it has, found without parsing it.

Parsers recurse, and so does much that handles what they return: this refuses hostile depth before any of it runs.
Linear in the bytes, for the usual message two counts in C.  Says nothing about whether the text is valid JSON.
"""

from __future__ import annotations

import re

MAX_DEPTH = 64
"""Levels of arrays and objects accepted by default."""

# A string that the text's end cuts short is removed as well, and the parser will refuse it.  So every quotation mark
# begins a match, and none is searched for in vain: that would cost the square of the length.
_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_ROUND = bytes.maketrans(b"[]", b"{}")
_NOT_BRACKETS = bytes(byte for byte in range(256) if byte not in b"[]{}")


def too_deep(data: bytes, limit: int = MAX_DEPTH) -> bool:
    """Return whether arrays and objects in `data` are nested more than `limit` levels deep.

    Brackets that are never closed count as levels.
    """
    # Few messages have a list, and looking for one is cheaper than counting none.
    if data.count(b"{") + (data.count(b"[") if b"[" in data else 0) <= limit:
        return False
    brackets = _STRING.sub(b"", data).translate(_ROUND, _NOT_BRACKETS)
    # Each pass removes every innermost pair, and with it one level at least.
    for _ in range(limit):
        if b"{}" not in brackets:
            break
        brackets = brackets.replace(b"{}", b"")
    return b"{}" in brackets or brackets.count(b"{") > limit


def count_members(data: bytes) -> int:
    """Return how many members all objects in valid JSON have together, those of the same name included."""
    return _STRING.sub(b"", data).count(b":")
