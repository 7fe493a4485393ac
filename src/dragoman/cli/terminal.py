"""Text for people: colours only where they are seen, and nothing from a server that a terminal would obey.

Promise: on a terminal no control or direction character of a peer's goes out raw. What goes into a pipe stays as it is.
"""

from __future__ import annotations

import os
import unicodedata
from typing import TextIO

# Joiners shape emoji and several scripts; they cannot hide or reorder anything.
_HARMLESS = frozenset("\n\t\u200c\u200d")
# Control, format (bidi, tags), surrogate, private use, line and paragraph separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
_UNITS = ("bytes", "kB", "MB", "GB", "TB")


def visible(text: str) -> str:
    r"""Return `text` with what a terminal would obey or hide written out, as in `\x1b` and `\u202e`.

    Line ends become plain; tabs and line breaks stay.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    if character in _HARMLESS or unicodedata.category(character) not in _HIDDEN:
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: str) -> str:
    """Return `text` on one line, safe to show."""
    return " ".join(visible(text).split())


def size(count: int) -> str:
    """Return a number of bytes as people say it: `812 bytes`, `12 kB`, `3.4 MB`. A kB is 1,000 bytes."""
    amount, unit = float(count), 0
    while amount >= 999.5 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:.0f} {_UNITS[unit]}" if unit == 0 or amount >= 10 else f"{amount:.1f} {_UNITS[unit]}"


class Paper:
    """Where a command writes: a stream, and whether a person reads it."""

    def __init__(self, stream: TextIO, *, terminal: bool | None = None) -> None:
        self.stream = stream
        self.terminal = stream.isatty() if terminal is None else terminal
        self._colour = self.terminal and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"

    def line(self, text: str = "") -> None:
        """Write one line of ours; whatever came from a server in it must be `visible` already."""
        self.stream.write(text + "\n")

    def data(self, text: str) -> None:
        """Write what a server gave: as it is into a pipe, made visible on a terminal, with a line end at the end."""
        shown = visible(text) if self.terminal else text
        self.stream.write(shown if shown.endswith("\n") else shown + "\n")

    def strong(self, text: str) -> str:
        """Return `text` set in bold, where that can be seen."""
        return f"\x1b[1m{text}\x1b[0m" if self._colour else text

    def faint(self, text: str) -> str:
        """Return `text` set faint, where that can be seen."""
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text
