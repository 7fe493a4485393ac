"""The order of search results: what holds all the words first, not one document only, and the newest when asked for.

The index says which pieces hold the words; they are weighed here, so that every kind of index ranks alike, and by
nothing that is out of scope.  Deterministic for one state of the index, so pages of results neither overlap nor leave
gaps.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import NamedTuple

from dragoman.connectors.folders.index import File, Index
from dragoman.connectors.folders.matching import Candidate, Match, Matching
from dragoman.connectors.folders.query import Query
from dragoman.connectors.folders.scope import OPEN, Scope
from dragoman.connectors.folders.weighing import Asked, weighed
from dragoman.connectors.folders.words import LEAST, folded, root

MAX_HITS = 200
WEIGHED = 200  # pieces, at most, whose words are counted: about five microseconds each
_BESIDE = 100  # of those, at most, that hold only some of the words
_ENOUGH = 30  # results that hold all the words, from which on those that hold only some are not looked for
_PER_FILE = 2  # results of one file before those of others
_NEAR = 0.8  # of the best score: the newest is only sought among what fits about as well
_PIECES = 10  # pieces of a usual file: how rare a word is, is judged by files, which are counted faster
_GUESSED = 0.8  # of a word's weight, where another stands in for it


class Ranked(NamedTuple):
    """What was searched for in the end; what matched, best first; the files it is in; words replaced by others.

    `pieces` are those that were weighed, by their numbers.
    """

    query: Query
    matches: list[Match]
    files: dict[int, File]
    replaced: dict[str, str]
    all_words: bool
    pieces: dict[int, Candidate]


def rank(index: Index, query: Query, limit: int, scope: Scope = OPEN) -> Ranked:
    """Return up to `limit` matches (at most MAX_HITS) within the scope."""
    limit = min(limit, MAX_HITS)
    look = Matching(index, scope)
    query, replaced, counted = _spelled(look, query)
    if not query.terms and not query.phrases:
        return Ranked(query, [], {}, replaced, False, {})
    asked, lost = _weighed(look, query, replaced, counted)
    strict = _all(look, query)
    pieces = {one.piece: one for one in look.candidates(strict)}
    whole = weighed(list(pieces.values()), asked, lost, True)
    partly: list[Match] = []
    if len(whole) < _ENOUGH and len(query.terms) + len(query.phrases) > 1 and query.terms:
        some = set(_some(look, query, counted)).difference(strict)
        beside = look.candidates(list(some))
        partly = weighed(beside, asked, lost, False)
        pieces.update((one.piece, one) for one in beside)
    matches = (whole + partly)[:MAX_HITS]
    files = index.by_id({match.file for match in matches})
    # A file may have gone between the two look-ups.
    matches = [match for match in matches if match.file in files]
    if query.recent:
        count = sum(match.file in files for match in whole)
        matches = _newest_first(matches[:count] or matches, files) + (matches[count:] if count else [])
    matches = _spread(_openings_first(matches, files, query))[:limit]
    return Ranked(query, matches, files, replaced, bool(whole), pieces)


def _all(look: Matching, query: Query) -> list[int]:
    """Return pieces that hold all of it; of very many, those first that name it or have it word by word."""
    texts = [*query.phrases, *query.terms]
    found = look.holding(texts, WEIGHED + 1)
    if len(found) <= WEIGHED:
        return found
    best = look.holding(texts, WEIGHED // 2, named=True)
    if len(query.terms) > 1:
        best += look.holding([*query.phrases, " ".join(query.terms)], WEIGHED // 4)
    return list(dict.fromkeys([*best, *found]))[:WEIGHED]


def _some(look: Matching, query: Query, counted: dict[str, int]) -> list[int]:
    """Return pieces that hold most of the words, or the rare ones."""
    if query.phrases:
        return look.holding(query.phrases, _BESIDE)
    terms = sorted(query.terms, key=lambda term: counted[term])
    found: dict[int, None] = {}
    if 2 < len(terms) <= 8:
        most = look.holding(terms, _BESIDE + 1, "most")
        if len(most) > _BESIDE:  # of so many, some without each of the words, the most frequent first
            most = [
                piece
                for left in reversed(terms)
                for piece in look.holding([term for term in terms if term != left], _BESIDE // len(terms))
            ]
        found.update(dict.fromkeys(most))
    rare: list[str] = []
    total = 0
    for term in terms:
        total += counted[term]
        if rare and total > _BESIDE:
            break
        rare.append(term)
    found.update(dict.fromkeys(look.holding(rare, _BESIDE, "any")))
    return list(found)[:_BESIDE]


def _weighed(
    look: Matching, query: Query, replaced: dict[str, str], counted: dict[str, int]
) -> tuple[list[Asked], float]:
    """Return what is asked for with its weights, and the weight of what is nowhere."""
    pieces = max(look.files() * _PIECES, 1)
    guessed = {word for word in replaced.values() if word}
    asked: list[Asked] = []
    for text in (*query.phrases, *query.terms):
        weight = _telling(pieces, counted[text] if text in counted else look.frequency(text))
        words = folded(text).split()
        start = f" {' '.join(words)} " if len(words) > 1 or text in query.phrases else f" {root(words[0])}"
        asked.append(Asked(f" {' '.join(words)} ", start, weight * (_GUESSED if text in guessed else 1.0)))
    lost = sum(_telling(pieces, 0) for word in replaced.values() if not word)
    return asked, lost + sum(_telling(pieces, counted[word]) * (1 - _GUESSED) for word in guessed)


def _telling(pieces: int, holding: int) -> float:
    """Return how much a word tells of a piece that holds it: BM25's inverse document frequency."""
    return math.log(1 + (max(pieces, holding) - holding + 0.5) / (holding + 0.5))


def _openings_first(matches: list[Match], files: dict[int, File], query: Query) -> list[Match]:
    """Where the words are a file's name or title, all its pieces fit alike: show it from its beginning."""
    starts = [f" {root(word)}" for term in query.terms for word in folded(term).split()]
    names = {number: folded(f"{file.title} {file.path}") for number, file in files.items()}
    named = {number for number, name in names.items() if all(start in name for start in starts)}
    if not named:
        return matches
    ordered = iter(sorted((match for match in matches if match.file in named), key=lambda match: match.piece))
    pieces: dict[int, list[Match]] = {number: [] for number in named}
    for match in ordered:
        pieces[match.file].append(match)
    openings = {number: iter(found) for number, found in pieces.items()}
    return [next(openings[match.file]) if match.file in openings else match for match in matches]


def _newest_first(matches: list[Match], files: dict[int, File]) -> list[Match]:
    """Among the files that fit about as well as the best, the one that speaks for the latest day comes first."""
    best: dict[int, float] = {}
    for match in matches:
        best.setdefault(match.file, match.score)
    top = max(best.values(), default=0.0)
    near = {number for number, score in best.items() if score >= top * _NEAR}
    order = sorted(near, key=lambda number: (files[number].day, best[number]), reverse=True)
    place = {number: at for at, number in enumerate(order)}
    return sorted(matches, key=lambda match: place.get(match.file, len(place)))


def _spread(matches: list[Match]) -> list[Match]:
    seen: Counter[int] = Counter()
    first: list[Match] = []
    rest: list[Match] = []
    for match in matches:
        seen[match.file] += 1
        (first if seen[match.file] <= _PER_FILE else rest).append(match)
    return first + rest


def _spelled(look: Matching, query: Query) -> tuple[Query, dict[str, str], dict[str, int]]:
    """Replace words that no document holds by what was meant; drop those that mean nothing here.

    Also returns how many pieces hold each word that is left.
    """
    replaced: dict[str, str] = {}
    counted: dict[str, int] = {}
    wanted = list(query.terms)
    look.frequencies(wanted)  # all at once, since most of them are words that there are
    while wanted:
        term = wanted.pop(0)
        if count := look.frequency(term):
            counted.setdefault(term, count)
            continue
        like = next((other for other in _otherwise(term) if look.frequency(other, 1)), "")
        if not like and len(term) >= LEAST and term.isalpha():
            like = look.meant(folded(term).strip())
        if not like and " " in term:
            wanted = [*term.split(), *wanted]
        replaced[term] = like
        if like:
            counted.setdefault(like, look.frequency(like))
    return Query(terms=list(counted), phrases=query.phrases, recent=query.recent), replaced, counted


def _otherwise(term: str) -> list[str]:
    """Return other ways to write an identifier or a number: in one word, apart, with its thousands set off."""
    words = folded(term).split()
    found = ["".join(words)] if len(words) > 1 else []
    apart = re.findall(r"\d+|[^\W\d_]+", term.lower())
    if len(apart) > 1 and apart != words:
        found.append(" ".join(apart))
    if term.isascii() and term.isdecimal() and 4 <= len(term) <= 12:
        found.append(f"{int(term):,}")
    return found
