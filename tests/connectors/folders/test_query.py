import itertools
import sqlite3
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.folders.index_file import IndexFile
from dragoman.connectors.folders.place import How
from dragoman.connectors.folders.query import EXCERPT, excerpt, lines_with, understand


@given(st.text(max_size=300))
def test_no_text_is_syntax_to_the_engine(text: str) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE words USING fts5(title, heading, body)")
    asked = understand(text)
    if texts := [*asked.phrases, *asked.terms]:
        for how, named in itertools.product(get_args(How), (True, False)):
            condition, value = IndexFile.expression(None, texts, how, named=named)
            db.execute(f"SELECT * FROM words WHERE {condition}", (value,)).fetchall()
    db.close()


def test_an_identifier_stays_together_and_words_do_not() -> None:
    assert understand("part PX-4471-B of and/or 48,210.75").terms == ["part", "px 4471 b", "48 210 75"]
    assert understand("state-of-the-art read_file").terms == ["state", "art", "read file"]


def test_small_words_are_left_out_unless_there_are_no_others() -> None:
    assert understand("what is the price of the pump").terms == ["price", "pump"]
    assert understand("to be or not to be").terms == ["to", "be", "or", "not"]


def test_latest_orders_and_is_not_searched_for() -> None:
    asked = understand("latest sales report")
    assert asked.recent
    assert asked.terms == ["sales", "report"]
    assert understand("latest").terms == ["latest"]
    assert not understand("latest").recent


def test_a_phrase_in_quotes_is_a_must() -> None:
    asked = understand('"mean time" failures')
    assert asked.phrases == ["mean time"]
    assert asked.terms == ["failures"]


@given(st.text(max_size=3000), st.text(max_size=50))
def test_an_excerpt_is_short_and_on_one_line(body: str, query: str) -> None:
    found = excerpt(body, understand(query))
    assert len(found) <= EXCERPT + 2
    assert "\n" not in found


def test_an_excerpt_shows_where_most_words_meet() -> None:
    body = "pump " + "filler " * 200 + "the pump needs oil every year " + "filler " * 200
    assert "pump needs oil" in excerpt(body, understand("pump oil"))


def test_each_line_that_holds_a_text_is_told_once_with_how_many_are_before_it() -> None:
    assert lines_with("b", "ab b\nc\nB\n", exact_case=False) == [(0, "ab b"), (2, "B")]
    assert lines_with("B", "ab b\nc\nB\n", exact_case=True) == [(2, "B")]


def test_a_text_that_begins_with_the_end_of_a_line_or_is_empty_is_looked_for_once_in_each() -> None:
    assert lines_with("\nb", "a\nb\nb", exact_case=True) == [(0, "a"), (1, "b")]
    assert lines_with("", "a\nb", exact_case=True) == [(0, "a"), (1, "b")]
