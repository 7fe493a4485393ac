"""From words that a model writes to what FTS5 takes, and back to an excerpt.

Nothing of a query is ever syntax: every word is quoted, so that `AND`, `*` or a stray quote cannot fail.
"""

from __future__ import annotations

import re

import msgspec

MAX_QUERY = 1_000  # characters
_MAX_TERMS = 32
EXCERPT = 300  # characters

_STOP = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "been",
        "but",
        "by",
        "can",
        "do",
        "does",
        "for",
        "from",
        "had",
        "has",
        "have",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "shall",
        "should",
        "show",
        "so",
        "tell",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "whose",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
        "about",
        "find",
        "give",
        "please",
        "documents",
        "document",
    ]
)
_RECENT = frozenset(["latest", "newest", "recent", "recently", "last", "current", "actual"])
_PHRASE = re.compile(r'"([^"]{1,200})"')
_WORD = re.compile(r"\w{1,64}")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A query, understood: words, phrases in quotes, and whether the newest is wanted."""

    terms: list[str]
    phrases: list[str] = []
    recent: bool = False

    def strict(self) -> str:
        """Return the FTS5 expression that asks for all of it."""
        return " AND ".join(_quoted(term) for term in (*self.phrases, *self.terms))

    def loose(self) -> str:
        """Return the one that asks for any of the words; phrases stay a must."""
        must = " AND ".join(map(_quoted, self.phrases))
        return must or " OR ".join(map(_quoted, self.terms))


def understand(text: str) -> Query:
    """Return what is searched for.  Empty terms and phrases mean that there was no word in it."""
    text = text[:MAX_QUERY]
    phrases = [" ".join(_WORD.findall(phrase)) for phrase in _PHRASE.findall(text)]
    phrases = [phrase for phrase in phrases if phrase][:_MAX_TERMS]
    words = list(dict.fromkeys(word.lower() for word in _WORD.findall(_PHRASE.sub(" ", text))))
    kept = [word for word in words if word not in _STOP]
    recent = any(word in _RECENT for word in kept)
    # "latest" says how to order, not what to find, unless it is all there is.
    without = [word for word in kept if word not in _RECENT]
    terms = (without or kept or words)[:_MAX_TERMS]
    return Query(
        terms=[] if phrases and not kept else terms, phrases=phrases, recent=recent and bool(without or phrases)
    )


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


def _stems(query: Query) -> list[str]:
    words = [word for phrase in query.phrases for word in phrase.lower().split()] + query.terms
    return [word[: max(3, len(word) - 2)] if len(word) > 4 else word for word in words]


def _positions(body: str, stem: str) -> list[re.Match[str]]:
    return list(re.finditer(rf"\b{re.escape(stem)}", body, re.IGNORECASE))[:50]


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
