"""The lines of logs that hold most of the words of a question, with how much of it each has.

A file's name counts for all of its lines, so that "why did build 113 fail" finds what build-113.log says of failing.
Promise: one line of a file that holds only some of the words, a few of one that has lines with all.
Limit: forms of words are told apart by their English endings alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Generic, NamedTuple, TypeVar

_MOST_WORDS = 12
_OF_ONE = 3  # lines of one file
_LEAST = 0.5  # share of the words
_TRUST = 0.7  # of a line that has them all: it is shorter than what a document says
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
_PLAIN = frozenset(
    re.findall(
        r"\w+",
        "a an and are did do does for from had has have how in is it of on or that the this to was what when where "
        "which who why with",
    )
)
# Whoever asks for what failed does not mean these.
_NONE = re.compile(r'\b(?:failures|errors|skipped)="0"|\b(?:0|no) (?:failed|failures?|errors?|warnings?)\b')
T = TypeVar("T")


class Line(NamedTuple, Generic[T]):
    """One line: whose it is, its number from 1, its text, and the share of what was asked for that it has."""

    of: T
    number: int
    text: str
    score: float


class _Form(NamedTuple):
    """What stands for a word: its stem, and for a number that no other digit is beside it."""

    stem: str
    alone: re.Pattern[str] | None

    @classmethod
    def of(cls, word: str) -> _Form:
        return cls(word, re.compile(rf"(?<!\d){word}(?!\d)")) if word.isdecimal() else cls(_ENDING.sub("", word), None)

    def stands_in(self, text: str) -> bool:
        return self.stem in text and (self.alone is None or self.alone.search(text) is not None)


def best_lines(query: str, files: Iterable[tuple[T, str, Sequence[str]]]) -> list[Line[T]]:
    """Return the best lines of files (whose, name, lines), the best first; among equals in the order of the files."""
    words = list(dict.fromkeys(re.findall(r"\w+", query.lower())))
    words = [word for word in words if word not in _PLAIN][:_MOST_WORDS] or words[:_MOST_WORDS]
    forms = [_Form.of(word) for word in words]
    found: list[Line[T]] = []
    for of, name, lines in files:
        named = [form.stands_in(name.lower()) for form in forms]
        shares: list[tuple[float, int]] = []
        for at, line in enumerate(lines):
            low = _NONE.sub("", line.lower())
            own = [form.stands_in(low) for form in forms]
            if any(own):
                held = sum(map(max, zip(own, named, strict=True)))
                # What the line says itself decides among those that have the same by their file's name.
                shares.append((held / len(forms) + sum(own) / len(forms) / 100, at))
        shares.sort(key=lambda one: (-one[0], one[1]))
        whole = [one for one in shares[:_OF_ONE] if one[0] >= 1]
        for share, at in whole or shares[:1]:
            if share >= _LEAST:
                found.append(Line(of, at + 1, lines[at], _TRUST * min(share, 1.0) ** 2))
    found.sort(key=lambda line: -line.score)
    return found
