"""How well a piece fits what was asked, from 0 to 1: how often its words stand in it, where, and how close together.

Every search does this with hundreds of pieces, so it is done by plain searches in folded texts, about five
microseconds a piece.  Promise: it knows of nothing but the pieces that it is given.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from dragoman.connectors.folders.matching import Candidate, Match
from dragoman.connectors.folders.words import folded

_TITLE, _HEADING = 5.0, 2.0  # how much a word counts there, in the text 1
_K, _B, _LENGTH = 1.2, 0.5, 1_000  # BM25's constants; characters of a usual piece
_TOGETHER = 0.3  # of the score: words that stand together as they were asked for
_PLACED = 40  # pieces, the best, of which is also judged how close together the words are
_SENTENCE = 80  # characters within which words stand close together
_LOOKED_AT = 20  # places of one word in a piece
_OTHER = 0.85  # of a word's weight, where it stands in another form only
_NAMES = 0.25  # of a word's weight: that it is in the title, or half of it for a heading
_PARTLY = 0.7  # of the score of what holds not all the words
_UNSEEN = 0.5  # times that a word stands where the index sees it, and we do not, in a form of its own


class Asked(NamedTuple):
    """One word or phrase: how it stands in a folded text, how its forms begin there, and how much it tells."""

    whole: str
    start: str
    weight: float


# A share of what was asked, the piece, and its folded title, heading and text.
_Weighed: TypeAlias = tuple[float, Candidate, tuple[str, str, str]]
_Title: TypeAlias = tuple[str, list[tuple[float, bool, bool]]]  # folded; of each word its count, is it there, as asked


def weighed(candidates: Sequence[Candidate], asked: Sequence[Asked], lost: float, whole: bool) -> list[Match]:
    """Return the pieces with their scores, the best first.

    `lost` is the weight of what is nowhere; `whole` says that the index found
    all the words in each of these.
    """
    least = _UNSEEN if whole else 0.0
    total = sum(one.weight for one in asked) + lost or 1.0
    titles: dict[str, _Title] = {}
    found: list[_Weighed] = []
    for candidate in candidates:
        if (known := titles.get(candidate.title)) is None:
            known = titles[candidate.title] = _title(candidate.title, asked)
        title, named = known
        heading, body = folded(candidate.heading) if candidate.heading else "  ", folded(candidate.body)
        norm = _K * (1 - _B + _B * len(body) / _LENGTH)
        score = 0.0
        for (text, start, weight), (in_title, top, as_asked) in zip(asked, named, strict=True):
            above = heading.count(start)
            count = body.count(start) + _HEADING * above + in_title or least
            if count:
                form = 1.0 if as_asked or text in body or (above and text in heading) else _OTHER
                names = 1.0 if top else 0.5 if above else 0.0
                score += weight * form * ((1 - _NAMES) * count / (count + norm) + _NAMES * names)
        found.append(((score / total) * (1.0 if whole else _PARTLY), candidate, (title, heading, body)))
    found.sort(key=lambda one: (-one[0], one[1].piece))
    return _placed(found, asked)


def _title(text: str, asked: Sequence[Asked]) -> _Title:
    title = folded(text)
    counts = [(title.count(one.start), one.whole in title) for one in asked]
    return title, [(_TITLE * min(count, 2), count > 0, as_asked) for count, as_asked in counts]


def _placed(found: list[_Weighed], asked: Sequence[Asked]) -> list[Match]:
    pairs = [one.whole + other.whole[1:] for one, other in itertools.pairwise(asked)]
    starts = [one.start for one in asked]
    matches: list[Match] = []
    for at, (share, candidate, texts) in enumerate(found):
        near = 0.0
        if at < _PLACED:
            if len(asked) < 2 or all(start in texts[0] for start in starts):
                near = 1.0
            else:
                behind = sum(any(pair in text for text in texts) for pair in pairs) / len(pairs)
                near = (behind + _close(starts, texts[2])) / 2
        score = share * (1 - _TOGETHER + _TOGETHER * near)
        matches.append(Match(candidate.piece, candidate.file, score, candidate.part, candidate.line))
    matches.sort(key=lambda match: (-match.score, match.piece))
    return matches


def _close(starts: Sequence[str], body: str) -> float:
    """Return how close to each other the words stand somewhere in the text: 1 for within a sentence, less for more."""
    places: list[tuple[int, int]] = []
    for number, start in enumerate(starts):
        at = body.find(start)
        if at < 0:
            return 0.0
        looked = 0
        while at >= 0 and looked < _LOOKED_AT:
            places.append((at, number))
            at = body.find(start, at + len(start))
            looked += 1
    places.sort()
    last: dict[int, int] = {}
    best = len(body) + 1
    for at, number in places:
        last[number] = at
        if len(last) == len(starts):
            best = min(best, at - min(last.values()))
    return min(1.0, _SENTENCE / max(best, 1))
