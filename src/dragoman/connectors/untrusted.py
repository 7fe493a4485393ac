"""What sources say is data: hidden signs are made visible, links are made inactive, texts are fenced and labelled.

Done in one place, to every answer, since a document, a row or a commit can be written by anybody.
Limit: a model can still believe what it reads; this sees to it that nothing is hidden, and nothing fetched.
"""

from __future__ import annotations

import re
from typing import Any

from dragoman.protocol.plain import HIDDEN, fenced, visible

__all__ = ["cleaned", "fenced", "inactive", "plain", "visible"]

# Ways in which Markdown and HTML make a client fetch or open something; relative places stay as they are. White space
# is taken as a whole (`*+`): given back sign by sign, a long run of it would cost the square of its length.
_PLACE = r"(?:[a-zA-Z][a-zA-Z0-9+.-]{1,30}:|//|\\\\)"
_MARKDOWN_LINK = re.compile(rf"\](?=\(\s*+<?\s*+{_PLACE})")
_REFERENCE = re.compile(rf"^(\s{{0,3}}\[[^\]\n]{{1,200}}\])(?=:\s*+<?\s*+{_PLACE})", re.MULTILINE)
_AUTOLINK = re.compile(rf"<(?={_PLACE})")
_TAG = re.compile(
    r"<(?=/?(?:a|area|audio|base|button|embed|form|frame|iframe|image|img|input|link|meta|object|picture|script|source"
    r"|style|svg|track|video)[\s/>])",
    re.IGNORECASE,
)
# What of the above could be in an answer, looked for in its JSON text: most answers hold none of it.
_SUSPECT = ("\\u00", "\\r", "\\b", "\\f", "\x7f", "](", "]:", "<")


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
    suspect = any(sign in encoded for sign in _SUSPECT) or not (encoded.isascii() or HIDDEN.search(encoded) is None)
    return _cleaned(value) if suspect else value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, list):
        return [_cleaned(item) for item in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return {visible(str(key)): _cleaned(item) for key, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return value
