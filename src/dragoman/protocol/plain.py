"""What others wrote, made safe to hand on as data: hidden signs are made visible, texts are fenced and labelled.

Pure functions over text. Promise: nothing in a fenced text can close its fence, or stand there unseen.
"""

from __future__ import annotations

import re

_LEAST_FENCE = 3
_FENCES = re.compile(r"`{3,}")

# Control characters, and letters that nobody sees: marks of direction, of no width, tags, fillers, selectors.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """Return the text with every sign that cannot be seen written out, as in ⟨U+200B⟩."""
    return HIDDEN.sub(_shown, text) if HIDDEN.search(text) else text


def fenced(text: str, origin: str) -> str:
    """Return the text between fences that nothing in it can close, labelled with where it comes from."""
    longest = max((len(run) for run in _FENCES.findall(text)), default=_LEAST_FENCE - 1)
    fence = "`" * (longest + 1)
    return f"{fence}data from {origin}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def _shown(found: re.Match[str]) -> str:
    sign = found[0]
    if (sign in _JOINERS and _joins(found)) or (sign == "\r" and found.string[found.end() : found.end() + 1] == "\n"):
        return sign
    return f"\u27e8U+{ord(sign):04X}\u27e9"


def _joins(found: re.Match[str]) -> bool:
    """Tell whether a joiner stands between two letters or pictures that it may belong to, as Persian and emoji need."""
    text, at = found.string, found.start()
    sides = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    return all(side and not side.isascii() and not HIDDEN.match(side) and not side.isspace() for side in sides)
