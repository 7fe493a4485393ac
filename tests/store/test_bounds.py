"""What every store takes, and the order of keys."""

from hypothesis import given
from hypothesis import strategies as st

from dragoman.store.bounds import beyond

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)


@given(TEXT, TEXT)
def test_every_text_that_begins_with_a_prefix_lies_between_it_and_what_is_beyond(prefix: str, text: str) -> None:
    end = beyond(prefix)
    for one in (text, prefix + text):
        inside = one >= prefix and (end is None or one < end)
        assert inside == one.startswith(prefix)


def test_beyond_skips_the_surrogates_and_the_last_character() -> None:
    assert beyond("a\ud7ff") == "a\ue000"
    assert beyond("a\U0010ffff") == "b"
    assert beyond("\U0010ffff") is None
    assert beyond("") is None
