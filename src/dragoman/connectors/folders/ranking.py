"""The order of search results: what holds all the words first, not one document only, and the newest when asked for.

Deterministic for one state of the index, so that pages of results neither overlap nor leave gaps.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import NamedTuple

from dragoman.connectors.folders.index import File, Index, Match
from dragoman.connectors.folders.query import Query
from dragoman.connectors.folders.scope import OPEN, Scope

MAX_HITS = 200
_ENOUGH = 30  # results that hold all the words, from which on those that hold only some are not looked for
_MATCHES = 4_000  # pieces to be scored, about two microseconds each: the most frequent words are left out before that
_PER_FILE = 2  # results of one file before those of others
_NEAR = 0.6  # of the best score: the newest is only sought among what fits about as well
_ENDING = re.compile(r"(?<=\w{4})(?:ations?|ions?|ings?|ments?|ities|ity|ers?|ed|es|s|e|y)$")
_LIKE = 0.75  # how like a word must be to stand in for one that is nowhere


class Ranked(NamedTuple):
    """What was searched for in the end; what matched, best first; the files it is in; words replaced by others."""

    query: Query
    matches: list[Match]
    files: dict[int, File]
    replaced: dict[str, str]
    all_words: bool


def rank(index: Index, query: Query, limit: int, scope: Scope = OPEN) -> Ranked:
    """Return up to `limit` matches (at most MAX_HITS) within the scope."""
    limit = min(limit, MAX_HITS)
    query, replaced = _spelled(index, query, scope)
    if not query.terms and not query.phrases:
        return Ranked(query, [], {}, replaced, False)
    matches = index.match(query.strict(), MAX_HITS, scope)
    strict = len(matches)
    if strict < _ENOUGH and (loose := _rare(index, query, scope).loose()) != query.strict():
        seen = {match.piece for match in matches}
        matches += [match for match in index.match(loose, MAX_HITS, scope) if match.piece not in seen]
    files = index.by_id({match.file for match in matches})
    # A file may have gone between the two look-ups.
    matches = [match for match in matches if match.file in files]
    if query.recent:
        matches = _newest_first(matches[:strict] or matches, files) + (matches[strict:] if strict else [])
    return Ranked(query, _spread(_openings_first(matches, files, query))[:limit], files, replaced, strict > 0)


def _openings_first(matches: list[Match], files: dict[int, File], query: Query) -> list[Match]:
    """Where the words are a file's name or title, all its pieces fit alike: show it from its beginning."""
    named = {
        number
        for number, file in files.items()
        if all(term[: max(4, len(term) - 2)] in f"{file.title} {file.path}".lower() for term in query.terms)
    }
    ordered = {number: iter(sorted(match for match in matches if match.file == number)) for number in named}
    return [next(ordered[match.file]) if match.file in ordered else match for match in matches]


def _newest_first(matches: list[Match], files: dict[int, File]) -> list[Match]:
    """Among the files that fit about as well as the best, the one that speaks for the latest day comes first."""
    best: dict[int, float] = {}
    for match in matches:
        best.setdefault(match.file, match.rank)
    top = min(best.values(), default=0.0)
    near = {number for number, score in best.items() if score <= top * _NEAR}
    order = sorted(near, key=lambda number: (files[number].day, -best[number]), reverse=True)
    place = {number: at for at, number in enumerate(order)}
    return sorted(matches, key=lambda match: place.get(match.file, len(place)))


def _rare(index: Index, query: Query, scope: Scope) -> Query:
    """Leave out words so frequent that they tell nothing about a piece that holds them, but never the rarest."""
    counted = sorted((index.frequency(term, scope=scope), at, term) for at, term in enumerate(query.terms))
    kept: list[str] = []
    total = 0
    for frequency, _, term in counted:
        total += frequency
        if kept and total > _MATCHES:
            break
        kept.append(term)
    return Query(terms=kept, phrases=query.phrases, recent=query.recent)


def _spread(matches: list[Match]) -> list[Match]:
    seen: Counter[int] = Counter()
    first: list[Match] = []
    rest: list[Match] = []
    for match in matches:
        seen[match.file] += 1
        (first if seen[match.file] <= _PER_FILE else rest).append(match)
    return first + rest


def _spelled(index: Index, query: Query, scope: Scope) -> tuple[Query, dict[str, str]]:
    """Replace words that no document holds by the likest that one does; drop those that have none like them."""
    replaced: dict[str, str] = {}
    terms: list[str] = []
    for term in query.terms:
        if index.frequency(term, 1, scope):
            terms.append(term)
            continue
        like = _like(index, term, scope) if len(term) > 3 else []
        replaced[term] = like[0] if like else ""
        terms += like
    return Query(terms=list(dict.fromkeys(terms)), phrases=query.phrases, recent=query.recent), replaced


def _like(index: Index, term: str, scope: Scope) -> list[str]:
    """Return the likest word that there is; of several, the one in most documents.  The index holds stems only."""
    known = index.words_like(term[:2])
    near = {word for form in (term, _ENDING.sub("", term)) for word in difflib.get_close_matches(form, known, 5, _LIKE)}
    # The words of all documents are known together: one that only others may read is none.
    return [word for word in sorted(near, key=known.index) if scope.open or index.frequency(word, 1, scope)][:1]
