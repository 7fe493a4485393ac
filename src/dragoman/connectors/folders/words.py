"""Words as both indexes and the ranking know them: folded, reduced to a root, and what somebody meant to type.

Folding makes case, accents and signs equal, so that a text can be counted through with plain searches.
Limit: endings are those of English; other languages are found by the words as they stand, and their beginnings.
"""

from __future__ import annotations

import re
import string
import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set

_ASCII = bytes(ord(chr(at).lower()) if chr(at).isalnum() else 32 for at in range(128)) + bytes(128)
_SIGNS = re.compile(r"[\W_]+")
_ENDING = re.compile(r"(?<=\w{3})(?:ations?|ions?|ings?|ments?|ities|ity|ies|ers?|ed|es|s|e|y)$")
_ACCENTS = re.compile("[\u0300-\u036f]+")
_TOKEN = re.compile(r"[^\W_]+")
_LETTERS = string.ascii_lowercase
_LAST = "\U0010ffff"  # sorts behind every letter
_LONGEST = 30
LEAST = 4  # letters, from which on a word can be misspelt


def folded(text: str) -> str:
    """Return the words of a text in lower case, without accents, a blank before and behind each."""
    if text.isascii():
        # As bytes, since every search does this with hundreds of pieces.
        return f" {text.encode().translate(_ASCII).decode()} "
    plain = _ACCENTS.sub("", unicodedata.normalize("NFD", text.lower()))
    return f" {_SIGNS.sub(' ', plain)} "


def tokens(text: str) -> list[str]:
    """Return the words of a text as they stand."""
    return _TOKEN.findall(text)


def root(word: str) -> str:
    """Return the beginning that all forms of a folded word have in common, about."""
    if not word.isalpha():
        return word
    found = _ENDING.sub("", word)
    return (
        found[:-1] if len(found) > 3 and found != word and found[-1] == found[-2] and found[-1] not in "ls" else found
    )


def spellable(text: str, known: Set[str]) -> set[str]:
    """Return the words of a text that somebody could misspell, those of letters alone, but for those that are known."""
    fresh = set(folded(text).split()).difference(known)
    return {word for word in fresh if LEAST <= len(word) <= _LONGEST and word.isalpha()}


def slips(word: str) -> Iterator[str]:
    """Yield what a folded word may have been before one slip: a letter swapped, left out, doubled or replaced."""
    for at in range(len(word) + 1):
        head, tail = word[:at], word[at:]
        if tail:
            yield head + tail[1:]
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
        for letter in _LETTERS:
            yield head + letter + tail
            if tail:
                yield head + letter + tail[1:]


def distance(one: str, other: str, most: int) -> int:
    """Return how many slips lie between two words, `most` + 1 for more than `most`.

    A slip is a letter put in, left out or replaced, or two neighbours swapped.
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, sign in enumerate(one, 1):
        last, before, row = before, row, [at]
        for to, wanted in enumerate(other, 1):
            cost = min(before[to] + 1, row[to - 1] + 1, before[to - 1] + (sign != wanted))
            if at > 1 and to > 1 and sign == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, last[to - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def alike(word: str, others: Sequence[str], most: int) -> list[str]:
    """Return those of `others`, which are sorted, that lie at most `most` slips from the word.

    A slip is a letter put in, left out or replaced, or two neighbours swapped.
    Words that begin alike are judged together as far as they do, and given up
    together.
    """
    rows = [list(range(len(word) + 1))]
    judged = ""  # the letters that the rows are of
    found: list[str] = []
    number = 0
    while number < len(others):
        other = others[number]
        number += 1
        same = 0
        for sign, known in zip(other, judged, strict=False):
            if sign != known:
                break
            same += 1
        del rows[same + 1 :]
        least = 0
        for at in range(same + 1, len(other) + 1):
            least = _judge(word, other, at, rows, most)
            if least > most:
                number = bisect_left(others, other[:at] + _LAST, number)
                break
        judged = other[: len(rows) - 1]
        if least <= most and rows[-1][-1] <= most:
            found.append(other)
    return found


def _judge(word: str, other: str, at: int, rows: list[list[int]], most: int) -> int:
    """Add the distances of the first `at` letters of `other` to all beginnings of the word, exact up to `most`.

    Returns the least of them.
    """
    before, sign, last = rows[-1], other[at - 1], other[at - 2] if at > 1 else ""
    row = [most + 1] * len(before)
    left = row[0] = least = at
    for to in range(max(1, at - most), min(len(word), at + most) + 1):
        wanted = word[to - 1]
        cost = before[to - 1] + (sign != wanted)
        if before[to] < cost:
            cost = before[to] + 1
        if left < cost:
            cost = left + 1
        if last == wanted and to > 1 and sign == word[to - 2] and rows[-2][to - 2] < cost:
            cost = rows[-2][to - 2] + 1
        row[to] = left = cost
        if cost < least:
            least = cost
    rows.append(row)
    return least
