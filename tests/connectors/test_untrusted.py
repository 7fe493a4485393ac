"""What sources say is data: nothing hidden stays hidden, nothing leads elsewhere, and no text closes its fence."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.untrusted import cleaned, fenced, inactive, plain, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u200bb", "a⟨U+200B⟩b"),
        ("\u202eevil", "⟨U+202E⟩evil"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("over\rwritten", "over⟨U+000D⟩written"),
        ("\U000e0041\U000e0042", "⟨U+E0041⟩⟨U+E0042⟩"),
        ("a\u200db", "a⟨U+200D⟩b"),
        ("\ufeffx\u00ad", "⟨U+FEFF⟩x⟨U+00AD⟩"),
        ("\x00", "⟨U+0000⟩"),
    ],
)
def test_what_nobody_sees_is_written_out(text: str, shown: str) -> None:
    assert visible(text) == shown


WRITTEN = [
    "plain text\n\twith tabs\r\n",
    "ünïcödé 漢字 🎉❤️",
    "می\u200cخواهم",
    "👩\u200d👩\u200d👧",
    "50 % < 60 %",
    "x[1](y)",
]


@pytest.mark.parametrize("text", WRITTEN)
def test_what_people_write_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[x](https://evil.example/a)", "[x] (https://evil.example/a)"),
        ("![x](https://evil.example/?q=secret)", "![x] (https://evil.example/?q=secret)"),
        ("[x](  <javascript:alert(1)>)", "[x] (  < javascript:alert(1)>)"),
        ("[x](//evil.example)", "[x] (//evil.example)"),
        ("[x](data:text/html,x)", "[x] (data:text/html,x)"),
        ("[ref]: https://evil.example", "[ref] : https://evil.example"),
        ("<https://evil.example>", "< https://evil.example>"),
        ("<IMG src=x>", "< IMG src=x>"),
        ("</a><script>x", "< /a>< script>x"),
        ("[x](other.md#part)", "[x](other.md#part)"),
        ("List<int> and <b>bold</b>", "List<int> and <b>bold</b>"),
    ],
)
def test_links_that_lead_elsewhere_lead_nowhere(text: str, shown: str) -> None:
    assert inactive(text) == shown


@given(st.text(max_size=300))
def test_cleaning_twice_is_cleaning_once(text: str) -> None:
    once = plain(text)
    assert plain(once) == once
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00-\x08\x1b\U000e0000-\U000e007f]", once)
    assert not re.search(r"\]\(\s*https?:", once)


@given(st.text(st.sampled_from("`~\n ab"), max_size=80))
def test_no_text_closes_its_fence(text: str) -> None:
    lines = fenced(text, "docs://a/b").split("\n")
    fence = lines[-1]
    assert lines[0] == f"{fence}data from docs://a/b"
    assert all(fence not in line for line in lines[1:-1])
    assert "\n".join(lines[1:-1]) == text.removesuffix("\n")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@given(values)
def test_the_quick_look_at_an_answer_misses_nothing(value: object) -> None:
    def walked(one: object) -> object:
        if isinstance(one, str):
            return plain(one)
        if isinstance(one, list):
            return [walked(item) for item in one]
        return {visible(key): walked(item) for key, item in one.items()} if isinstance(one, dict) else one

    assert cleaned(value, json.dumps(value, ensure_ascii=False)) == walked(value)
