"""Which pieces of an index hold which words: what the ranking and the exact search go by.

Of what is out of scope nothing is told, not even how frequent its words are.  All answers are bounded, and in the
order in which pieces were stored, so that what is cut off is the same each time.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, NamedTuple

from dragoman.connectors.folders.index import Index
from dragoman.connectors.folders.place import How
from dragoman.connectors.folders.scope import Scope
from dragoman.connectors.folders.words import alike, slips

MOST_COUNTED = 20_000  # pieces with a word; more tell no more
_LAST = "\U0010ffff"
_LOOKED_AT = 20_000  # known words with the same beginning or end
_START, _END = 2, 3  # letters that a word with two slips still has in common with what was meant
_FREQUENT = 5_000  # pieces with a word, from which on its first ones are soon met by going through all
_AT_ONCE = 400  # values in one statement
_COUNTED_AT_ONCE = 10  # words counted in one statement


class Match(NamedTuple):
    """One piece that matches: where it stands, and how well it fits, from 0 to 1."""

    piece: int
    file: int
    score: float
    part: int
    line: int


class Candidate(NamedTuple):
    """One piece with all of its words: `title` is that of its file, with the path."""

    piece: int
    file: int
    part: int
    line: int
    title: str
    heading: str
    body: str


class Standing(NamedTuple):
    """One piece with a text in it as it stands; `body` goes on for a while into the next piece."""

    piece: int
    file: int
    part: int
    line: int
    body: str


class Matching:
    """Answers for one scope."""

    def __init__(self, index: Index, scope: Scope) -> None:
        self._index = index
        self._place = index.place
        self._scope = scope
        self._kept: MutableMapping[Any, Any] | None = None

    def frequency(self, text: str, most: int = MOST_COUNTED) -> int:
        """Return how many pieces hold the word or phrase; with a `most` of one, only whether one does."""
        return len(self.holding([text], most)) if most <= 1 else self.frequencies([text])[text]

    def frequencies(self, texts: Sequence[str]) -> dict[str, int]:
        """Return how many pieces hold each of these words or phrases, counting no further than MOST_COUNTED."""
        with self._index.within(self._scope) as (db, within, values):
            if self._kept is None:
                self._kept = self._place.remembered(db)
            kept, about = self._kept, self._scope.key
            asked = [text for text in dict.fromkeys(texts) if (about, text) not in kept]
            for at in range(0, len(asked), _COUNTED_AT_ONCE):
                some = asked[at : at + _COUNTED_AT_ONCE]
                source = self._place.pieces if within else self._place.words
                conditions = [self._place.expression([text]) for text in some]
                counts = [
                    f"(SELECT count(*) FROM (SELECT 1 FROM {source} WHERE {condition}{_and(within)} LIMIT ?) c)"
                    for condition, _ in conditions
                ]
                row = db.execute(
                    f"SELECT {', '.join(counts)}",
                    [value for _, asked_for in conditions for value in (asked_for, *values, MOST_COUNTED)],
                ).fetchone()
                kept.update(((about, text), int(count)) for text, count in zip(some, row, strict=True))
            return {text: kept[about, text] for text in texts}

    def holding(self, texts: Sequence[str], limit: int, how: How = "all", *, named: bool = False) -> list[int]:
        """Return the first `limit` pieces that hold all, most or any of these words and phrases.

        With `named`, words count only in titles, paths and headings.
        """
        condition, value = self._place.expression(texts, how, named=named)
        with self._index.within(self._scope) as (db, within, values):
            source = self._place.pieces if within else self._place.words
            piece = self._place.piece
            frequent = len(texts) == 1 and not named and self._counted(texts[0]) >= _FREQUENT
            order = self._place.walk if frequent else self._place.order
            rows = db.execute(
                f"SELECT {piece} FROM {source} WHERE {condition}{_and(within)} ORDER BY {order} LIMIT ?",
                (value, *values, limit),
            )
            return [row[0] for row in rows.fetchall()]

    def _counted(self, text: str) -> int:
        """Return how many pieces hold the text, as far as that was counted."""
        return int(self._kept.get((self._scope.key, text), 0)) if self._kept else 0

    def candidates(self, pieces: Sequence[int]) -> list[Candidate]:
        """Return these pieces with their words, in the order in which they were stored."""
        found: list[Candidate] = []
        ordered = sorted(pieces)
        with self._index.place.reading() as db:
            for at in range(0, len(ordered), _AT_ONCE):
                some = ordered[at : at + _AT_ONCE]
                rows = db.execute(
                    "SELECT id, file, part, line, title, heading, body FROM piece "
                    f"WHERE id IN ({','.join('?' * len(some))}) ORDER BY id",
                    some,
                )
                found += [Candidate(*row) for row in rows.fetchall()]
        return found

    def standing(self, text: str, limit: int, *, exact_case: bool, more: int) -> list[Standing]:
        """Return the first `limit` pieces in which the text begins as it stands, by path and place.

        It may end in the next piece; `more` characters of that come along.
        """
        with self._index.within(self._scope) as (db, within, values):
            lower = "" if exact_case else self._place.lower(db, text)
            both = "p.body || coalesce(substr(n.body, 1, ?), '')"
            rows = db.execute(
                f"SELECT p.id, p.file, p.part, p.line, {both} FROM piece p JOIN file f ON f.id = p.file "
                # The pieces of a file are stored one after the other.
                "LEFT JOIN piece n ON n.id = p.id + 1 AND n.file = p.file AND n.part = p.part "
                f"WHERE {self._place.position}({lower}({both}), {lower}(?)) > 0{_and(within)} "
                "ORDER BY f.path, p.part, p.at LIMIT ?",
                (len(text) + more, len(text) - 1, text, *values, limit),
            )
            return [Standing(*row) for row in rows.fetchall()]

    def files(self) -> int:
        """Return how many files there are."""
        return sum(self._index.counts(self._scope).values())

    # --- words that somebody meant ----------------------------------------------------------------------------

    def meant(self, word: str) -> str:
        """Return the word that was meant by a misspelt one, of several the most frequent; "" if there is none.

        One slip is undone in words of four letters, two in those of eight.
        """
        near = self._frequent(self._known(dict.fromkeys(slips(word))))
        if near or len(word) < 8:
            return near
        return self._frequent(sorted(self._alike(word)))

    def _frequent(self, words: Sequence[str]) -> str:
        # What is noted may be in no document any more, or only in those that are out of scope.
        counted = self.frequencies(words[:50])
        return min(((-count, word) for word, count in counted.items() if count), default=(0, ""))[1]

    def _known(self, words: dict[str, None]) -> list[str]:
        found: list[str] = []
        asked = list(words)
        with self._index.place.reading() as db:
            for at in range(0, len(asked), _AT_ONCE):
                some = asked[at : at + _AT_ONCE]
                rows = db.execute(f"SELECT term FROM word WHERE term IN ({','.join('?' * len(some))})", some)
                found += [row[0] for row in rows.fetchall()]
        return sorted(found)

    def _alike(self, word: str) -> list[str]:
        """Return known words with two slips, of which one end or the other is without."""
        found: dict[str, None] = {}
        with self._index.place.reading() as db:
            for column, text, end in (("term", word, word[:_START]), ("back", word[::-1], word[::-1][:_END])):
                rows = db.execute(
                    f"SELECT {column} FROM word WHERE {column} >= ? AND {column} < ? AND length(term) BETWEEN ? AND ? "
                    f"ORDER BY {column} LIMIT ?",
                    (end, end + _LAST, len(word) - 2, len(word) + 2, _LOOKED_AT),
                )
                near = alike(text, [row[0] for row in rows.fetchall()], 2)
                found.update(dict.fromkeys(near if column == "term" else [one[::-1] for one in near]))
        return list(found)


def _and(condition: str) -> str:
    return f" AND {condition}" if condition else ""
