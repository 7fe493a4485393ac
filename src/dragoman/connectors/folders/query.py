"""From what a model writes to words and phrases, and back to an excerpt.

Nothing of a query is ever syntax but the quotes around a phrase.
"""

from __future__ import annotations

import re

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


def _words(term: str) -> list[str]:
    """Return the words of what is written without blanks: an identifier, number or name of a file stays together."""
    found = [word[:_LONGEST] for word in tokens(term)]
    together = len(found) > 1 and len(term) <= _LONGEST and any(sign.isdigit() or sign in "_@" for sign in term)
    return [" ".join(found)] if together else found


def excerpt(body: str, query: Query, size: int = EXCERPT) -> str:
    """Return the stretch of `body` with the most different words of the query, on one line, about `size` long."""
    starts = [(found.start(), stem) for stem in _stems(query) for found in _positions(body, stem)]
    starts.sort()
    best, count = 0, 0
    left = 0
    for right, (at, _) in enumerate(starts):
        while at - starts[left][0] > size * 2 // 3:
            left += 1
        different = len({stem for _, stem in starts[left : right + 1]})
        if different > count:
            best, count = starts[left][0], different
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
    while at >= 0:
        begin = body.rfind("\n", 0, at) + 1
        end = body.find("\n", at)
        found.append((body.count("\n", 0, at), body[begin : end if end >= 0 else None][:EXCERPT]))
        at = looked.find(text, end) if end >= 0 else -1
    return found


def _stems(query: Query) -> list[str]:
    return [root(word) for text in (*query.phrases, *query.terms) for word in folded(text).split()]


def _positions(body: str, stem: str) -> list[re.Match[str]]:
    return list(re.finditer(rf"\b{re.escape(stem)}", body, re.IGNORECASE))[:50]
