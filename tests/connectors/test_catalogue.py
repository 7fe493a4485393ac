"""Sources searched together: which result comes first."""

from functools import partial

from dragoman.connectors.catalogue import Catalogue
from dragoman.connectors.source import Hit, Hits, Question, View


class Told:
    """A source that finds what it is told to find."""

    scheme, about = "note", "notes"

    def __init__(self, name: str, *scores: float, weight: float = 1.0, found: int = 0) -> None:
        self.name = name
        self._found = Hits(
            [partial(Hit, uri=f"{name}{number}", title="") for number in range(found or len(scores))],
            weight,
            scores=scores,
        )

    def search(self, view: View, question: Question, limit: int) -> Hits:
        return self._found


def order(*sources: Told) -> list[str]:
    return [hit().uri for hit in Catalogue(sources).search(Question(text="x"), 50).hits]  # type: ignore[arg-type]


def test_sources_that_score_are_merged_by_their_scores() -> None:
    assert order(Told("a", 0.5, 0.2), Told("b", 0.9, 0.4)) == ["b0", "a0", "b1", "a1"]


def test_a_sources_own_order_holds_whatever_made_it() -> None:
    assert order(Told("a", 0.3, 0.8), Told("b", 0.5)) == ["b0", "a0", "a1"]


def test_what_a_source_is_trusted_with_counts() -> None:
    assert order(Told("a", 0.8, weight=0.5), Told("b", 0.5)) == ["b0", "a0"]


def test_sources_without_scores_take_turns_with_those_that_score() -> None:
    assert order(Told("a", 0.9, 0.8), Told("b", found=2), Told("c", 0.85)) == ["a0", "b0", "c0", "b1", "a1"]
