"""From what a model writes to words and phrases, and back to an excerpt.

Nothing of a query is ever syntax but the quotes around a phrase.
"""

from __future__ import annotations

import re
from collections import Counter

import msgspec

from dragoman.connectors.folders.words import folded, root, tokens

MAX_QUERY = 1_000  # characters
_MAX_TERMS = 32
EXCERPT = 300  # characters

_SMALL = """
    a an and are as at be been but by can do does for from had has have how i if in into is it its me my no
    not of on or our shall should show so tell than that the their them then there these they this to us was
    we were what when where which who whom whose why will with would you your about find give please
    documents document
"""
_STOP = frozenset(_SMALL.split())
_RECENT = frozenset(["latest", "newest", "recent", "recently", "last", "current", "actual"])
_PHRASE = re.compile(r'"([^"]{1,200})"')
_TERM = re.compile(r"[^\W_]+(?:[-./:,'\u2019_@+]+[^\W_]+)*")
_LONGEST = 64  # characters of a word
_PLACES = 50  # of one word in a piece


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query, understood: words, phrases in quotes, and whether the newest is wanted."""

    terms: list[str]
    phrases: list[str] = []
    recent: bool = False


def understand(text: str) -> Query:
    """Return what is searched for.  Empty terms and phrases mean that there was no word in it."""
    text = text[:MAX_QUERY]
    phrases = [" ".join(tokens(phrase)) for phrase in _PHRASE.findall(text)]
    phrases = [phrase for phrase in phrases if phrase][:_MAX_TERMS]
    words = list(dict.fromkeys(word for term in _TERM.findall(_PHRASE.sub(" ", text)) for word in _words(term.lower())))
    kept = [word for word in words if word not in _STOP]
    recent = any(word in _RECENT for word in kept)
    # "latest" says how to order, not what to find, unless it is all there is.
    without = [word for word in kept if word not in _RECENT]
    terms = (without or kept or words)[:_MAX_TERMS]
    return Query(
        terms=[] if phrases and not kept else terms, phrases=phrases, recent=recent and bool(without or phrases)
    )


def telling(words: list[str]) -> list[str]:
    """Return the words without those that every text has; all of them, if it is nothing else."""
    return [word for word in words if word.lower() not in _STOP] or words


def _words(term: str) -> list[str]:
    """Return the words of what is written without blanks: an identifier, number or name of a file stays together."""
    found = [word[:_LONGEST] for word in tokens(term)]
    together = len(found) > 1 and len(term) <= _LONGEST and any(sign.isdigit() or sign in "_@" for sign in term)
    return [" ".join(found)] if together else found


def excerpt(body: str, query: Query, size: int = EXCERPT) -> str:
    """Return the stretch of `body` with the most different words of the query, on one line, about `size` long."""
    lowered = body.lower()
    if len(lowered) != len(body):
        lowered = body  # letters whose other case is longer: places would not be the same
    starts = sorted((at, stem) for stem in dict.fromkeys(_stems(query)) for at in _positions(lowered, stem))
    best, count = 0, 0
    left = 0
    within: Counter[str] = Counter()
    for at, stem in starts:
        within[stem] += 1
        while at - starts[left][0] > size * 2 // 3:
            gone = starts[left][1]
            within[gone] -= 1
            if not within[gone]:
                del within[gone]
            left += 1
        if len(within) > count:
            best, count = starts[left][0], len(within)
    begin = max(0, best - size // 6)
    if begin:
        begin = body.find(" ", begin, best) + 1 or begin
    end = begin + size
    if end < len(body):
        end = max(body.rfind(" ", begin, end), begin + size // 2)
    words = " ".join(body[begin:end].split())
    return ("…" if begin else "") + words + ("…" if end < len(body) else "")


def lines_with(text: str, body: str, exact_case: bool) -> list[tuple[int, str]]:
    """Return the lines of `body` in which `text` begins: how many lines are before it, and the line, cut."""
    found: list[tuple[int, str]] = []
    looked = body if exact_case else body.lower()
    if len(looked) != len(body):
        looked = body  # letters whose other case is longer: places would not be the same
    at = looked.find(text)
    before = counted = 0
    while at >= 0:
        before, counted = before + body.count("\n", counted, at), at
        begin = body.rfind("\n", 0, at) + 1
        end = body.find("\n", at)
        found.append((before, body[begin : end if end >= 0 else None][:EXCERPT]))
        at = looked.find(text, end + 1) if end >= 0 else -1
    return found


def _stems(query: Query) -> list[str]:
    return [root(word) for text in (*query.phrases, *query.terms) for word in folded(text).split()]


def _positions(body: str, stem: str) -> list[int]:
    """Return where words begin with the stem, the first of them."""
    found: list[int] = []
    at = body.find(stem)
    while at >= 0 and len(found) < _PLACES:
        if not at or not (body[at - 1].isalnum() or body[at - 1] == "_"):
            found.append(at)
        at = body.find(stem, at + 1)
    return found
