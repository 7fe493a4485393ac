"""Words folded, reduced and spelled: what both indexes and the ranking go by."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dragoman.connectors.folders.words import distance, folded, root, slips, spellable

words = st.text(string.ascii_lowercase, min_size=4, max_size=9)


@given(st.text(max_size=80))
def test_folding_leaves_words_and_single_blanks_at_the_ends(text: str) -> None:
    found = folded(text)
    assert found[0] == found[-1] == " "
    assert all(sign.isalnum() or sign.isspace() for sign in found)


@given(st.text(st.characters(max_codepoint=127), max_size=80))
def test_letters_beyond_ascii_change_nothing_in_how_the_others_are_folded(text: str) -> None:
    assert folded(text).split() == folded(f"{text} é").split()[:-1]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("running", "run"),
        ("companies", "company"),
        ("installation", "install"),
        ("valves", "valve"),
        ("tested", "tests"),
    ],
)
def test_forms_of_a_word_have_one_root(one: str, other: str) -> None:
    assert one.startswith(root(one))
    assert one.startswith(root(other)) or other.startswith(root(one))


def test_what_holds_digits_is_its_own_root() -> None:
    assert root("48s") == "48s"


@given(words, words)
def test_distance_counts_slips_alike_in_both_directions(one: str, other: str) -> None:
    assert distance(one, other, 9) == distance(other, one, 9)
    assert (distance(one, other, 9) == 0) == (one == other)


@given(words)
def test_each_slip_lies_at_a_distance_of_one(word: str) -> None:
    assert {distance(word, other, 2) for other in slips(word)} <= {0, 1}


@given(words, st.data())
def test_a_word_with_a_slip_leads_back(word: str, data: st.DataObject) -> None:
    slipped = data.draw(st.sampled_from(sorted(set(slips(word)))))
    assume(slipped)
    assert word in set(slips(slipped))


def test_words_with_digits_and_known_ones_are_not_to_be_spelled() -> None:
    assert spellable("The pump, PX4471 and the gaskets of Größe", {"pump"}) == {"gaskets", "große"}
