"""What a peer wrote never steers the terminal that shows it."""

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.cli.terminal import Paper, one_line, size, visible


@pytest.mark.parametrize(
    "text, shown",
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("a\rb", r"a\x0db"),
        ("a\r\nb", "a\nb"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("\u2028", r"\u2028"),
    ],
)
def test_what_a_terminal_obeys_or_hides_is_written_out(text, shown) -> None:
    assert visible(text) == shown


@pytest.mark.parametrize("text", ["plain", "tab\tand\nline", "Zürich 東京 עברית", "👩‍👩‍👧", ""])
def test_ordinary_text_stays_as_it_is(text) -> None:
    assert visible(text) == text


@given(st.text(st.characters()))
def test_nothing_that_steers_a_terminal_gets_through(text) -> None:
    allowed = {"\n", "\t", "\u200c", "\u200d"}
    assert all(
        c in allowed or unicodedata.category(c)[0] not in "C" or unicodedata.category(c) == "Cn" for c in visible(text)
    )
    assert "\n" not in one_line(text)


def test_data_goes_raw_into_a_pipe_and_visible_to_a_terminal() -> None:
    pipe, screen = io.StringIO(), io.StringIO()
    Paper(pipe, terminal=False).data("\x1b[31mred")
    Paper(screen, terminal=True).data("\x1b[31mred")
    assert (pipe.getvalue(), screen.getvalue()) == ("\x1b[31mred\n", "\\x1b[31mred\n")


def test_a_line_end_is_added_only_where_there_is_none() -> None:
    pipe = io.StringIO()
    Paper(pipe, terminal=False).data("a\n")
    Paper(pipe, terminal=False).data("b")
    assert pipe.getvalue() == "a\nb\n"


def test_colour_is_for_terminals_that_want_it(monkeypatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert Paper(io.StringIO(), terminal=True).strong("x") == "\x1b[1mx\x1b[0m"
    assert Paper(io.StringIO(), terminal=False).strong("x") == "x"
    monkeypatch.setenv("NO_COLOR", "")
    assert Paper(io.StringIO(), terminal=True).strong("x") == "x"
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert Paper(io.StringIO(), terminal=True).faint("x") == "x"


@pytest.mark.parametrize(
    "count, shown",
    [
        (0, "0 bytes"),
        (812, "812 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12 kB"),
        (999_900, "1.0 MB"),
        (3_400_000, "3.4 MB"),
    ],
)
def test_sizes_are_told_as_people_say_them(count, shown) -> None:
    assert size(count) == shown
