"""What strangers write about their servers, looked at for what is meant to mislead: the reader, or a model.

Everything is said, nothing is changed: whoever shows a text also escapes it. Limit: patterns, not understanding.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple, cast

import msgspec

from dragoman.registry.document import ServerJson

MOST = 50  # suspicions that are told of one entry
_JOINERS = frozenset("\u200c\u200d\ufe0e\ufe0f")  # they shape emoji and several scripts
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ORDERS = re.compile(
    r"ignore (all |any )?(the )?(previous|prior|above)|<\s*(important|system|instructions?)\s*>|"
    r"(do not|don't|never) (tell|inform|mention|show)( this)?( to)? the user|without (telling|asking) the user|"
    r"\bsystem prompt\b|you must (always|first|never)\b",
    re.IGNORECASE,
)
_MARKUP = re.compile(r"<\s*(script|iframe|img|svg|object|embed|style)\b|javascript:|data:text/html", re.IGNORECASE)


class Suspicion(NamedTuple):
    """Something in a text: `at` says where as a JSON Pointer, `what` in words of ours."""

    at: str
    what: str


def suspicions(server: ServerJson) -> list[Suspicion]:
    """Return what is suspicious in any text of an entry, at most 50."""
    found: list[Suspicion] = []
    for at, text in _texts(msgspec.to_builtins(server), ""):
        found += [Suspicion(at, what) for what in faults_of(text)]
        if len(found) >= MOST:
            return found[:MOST]
    if not server.name.isascii():
        found.append(Suspicion("/name", "characters that are not ASCII: it may look like another's name"))
    return found


def faults_of(text: str) -> list[str]:
    """Return what is suspicious in one text."""
    found: list[str] = []
    if text.isascii() and text.isprintable():
        hidden = []
    else:
        hidden = [c for c in text if unicodedata.category(c) in {"Cc", "Cf", "Co", "Cs"} and c not in "\n\r\t"]
    if any(0xE0000 <= ord(c) <= 0xE007F for c in hidden):
        said = "".join(chr(ord(c) - 0xE0000) for c in hidden if 0xE0020 <= ord(c) <= 0xE007E)
        found.append(f"text in invisible tag characters: {said[:80]!r}")
    if any(c in _BIDI for c in hidden):
        found.append("characters that reverse the direction of text")
    if any(unicodedata.category(c) == "Cc" for c in hidden):
        found.append("control characters, which a terminal would obey")
    rest = [c for c in hidden if unicodedata.category(c) != "Cc" and c not in _BIDI | _JOINERS]
    if any(not 0xE0000 <= ord(c) <= 0xE007F for c in rest):
        found.append("invisible characters")
    if words := _ORDERS.search(text):
        found.append(f"words that look like an order to a model: {words[0]!r}")
    if words := _MARKUP.search(text):
        found.append(f"markup that a page would run: {words[0]!r}")
    return found


def _texts(value: Any, at: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for name, one in cast("dict[str, Any]", value).items():
            place = f"{at}/{name.replace('~', '~0').replace('/', '~1')}"
            yield place, name
            yield from _texts(one, place)
    elif isinstance(value, list | tuple):
        for number, one in enumerate(cast("list[Any]", value)):
            yield from _texts(one, f"{at}/{number}")
