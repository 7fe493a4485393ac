"""What sources say is data: hidden signs are made visible, links are made inactive, texts are fenced and labelled.

Done in one place, to every answer, since a document, a row or a commit can be written by anybody.
Limit: a model can still believe what it reads; this sees to it that nothing is hidden, and nothing fetched.
"""

from __future__ import annotations

import re
from typing import Any

_LEAST_FENCE = 3
_FENCES = re.compile(r"`{3,}")

# Control characters, and letters that nobody sees: marks of direction, of no width, tags, fillers, selectors.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\uffff\ud800-\udfff"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_JOINERS = "\u200c\u200d"
# Ways in which Markdown and HTML make a client fetch or open something; relative places stay as they are.
_PLACE = r"(?:[a-zA-Z][a-zA-Z0-9+.-]{1,30}:|//|\\\\)"
_MARKDOWN_LINK = re.compile(rf"\](?=\(\s*<?\s*{_PLACE})")
_REFERENCE = re.compile(rf"^(\s{{0,3}}\[[^\]\n]{{1,200}}\])(?=:\s*<?\s*{_PLACE})", re.MULTILINE)
_AUTOLINK = re.compile(rf"<(?={_PLACE})")
_TAG = re.compile(
    r"<(?=/?(?:a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|meta|object|picture|script|source"
    r"|style|svg|track|video)[\s/>])",
    re.IGNORECASE,
)
# What of the above could be in an answer, looked for in its JSON text: most answers hold none of it.
_SUSPECT = ("\\u00", "\\r", "\\b", "\\f", "\x7f", "](", "]:", "<")


def visible(text: str) -> str:
    """Return the text with every sign that cannot be seen written out, as in ⟨U+200B⟩."""
    return _HIDDEN.sub(_shown, text) if _HIDDEN.search(text) else text


def inactive(text: str) -> str:
    """Return the text with a blank in every link, image or tag that leads elsewhere, so that no client follows it."""
    if "](" in text:
        text = _MARKDOWN_LINK.sub("] ", text)
    if "]:" in text:
        text = _REFERENCE.sub(r"\1 ", text)
    if "<" in text:
        text = _TAG.sub("< ", _AUTOLINK.sub("< ", text))
    return text


def plain(text: str) -> str:
    """Return the text as data: nothing hidden, nothing active."""
    if text.isascii() and text.isprintable() and "<" not in text and "]" not in text:
        return text  # most cells of most tables
    return inactive(visible(text))


def cleaned(value: Any, encoded: str) -> Any:
    """Return an answer with all its texts as data; `encoded` is its JSON text, in which is seen whether there is need.

    Keys and addresses are our own, and quoted already.
    """
    suspect = any(sign in encoded for sign in _SUSPECT) or not (encoded.isascii() or _HIDDEN.search(encoded) is None)
    return _cleaned(value) if suspect else value


def fenced(text: str, origin: str) -> str:
    """Return the text between fences that nothing in it can close, labelled with where it comes from."""
    longest = max((len(run) for run in _FENCES.findall(text)), default=_LEAST_FENCE - 1)
    fence = "`" * (longest + 1)
    return f"{fence}data from {origin}\n{text}{'' if text.endswith(chr(10)) else chr(10)}{fence}"


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {visible(str(key)): _cleaned(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value


def _shown(found: re.Match[str]) -> str:
    sign = found[0]
    if (sign in _JOINERS and _joins(found)) or (sign == "\r" and found.string[found.end() : found.end() + 1] == "\n"):
        return sign
    return f"\u27e8U+{ord(sign):04X}\u27e9"


def _joins(found: re.Match[str]) -> bool:
    """Tell whether a joiner stands between two letters or pictures that it may belong to, as Persian and emoji need."""
    text, at = found.string, found.start()
    sides = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    return all(side and not side.isascii() and not _HIDDEN.match(side) and not side.isspace() for side in sides)
