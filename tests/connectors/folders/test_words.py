"""Words folded, reduced and spelled: what both indexes and the ranking go by."""

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dragoman.connectors.folders.words import alike, folded, root, slips, spellable

words = st.text(string.ascii_lowercase, min_size=4, max_size=9)
few = st.text("abc", min_size=1, max_size=9)  # letters, so that words are often alike


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


def distance(one: str, other: str) -> int:
    """The number of slips between two words, letter by letter, as the textbook has it."""
    rows = [list(range(len(other) + 1))]
    for at, sign in enumerate(one, 1):
        row = [at]
        for to, wanted in enumerate(other, 1):
            cost = min(rows[-1][to] + 1, row[to - 1] + 1, rows[-1][to - 1] + (sign != wanted))
            if at > 1 and to > 1 and sign == other[to - 2] and one[at - 2] == wanted:
                cost = min(cost, rows[-2][to - 2] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


@given(few, st.lists(few, max_size=12), st.sampled_from([1, 2]))
def test_words_are_alike_by_the_number_of_slips_between_them(word: str, others: list[str], most: int) -> None:
    others.sort()
    assert alike(word, others, most) == [other for other in others if distance(word, other) <= most]


@given(words)
def test_each_slip_makes_a_word_alike(word: str) -> None:
    found = sorted(set(slips(word)))
    assert alike(word, found, 1) == found


@given(words, st.data())
def test_a_word_with_a_slip_leads_back(word: str, data: st.DataObject) -> None:
    slipped = data.draw(st.sampled_from(sorted(set(slips(word)))))
    assume(slipped)
    assert word in set(slips(slipped))


def test_words_with_digits_and_known_ones_are_not_to_be_spelled() -> None:
    assert spellable("The pump, PX4471 and the gaskets of Größe", {"pump"}) == {"gaskets", "große"}
