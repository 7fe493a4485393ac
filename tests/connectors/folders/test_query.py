import sqlite3

from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.folders.query import EXCERPT, excerpt, understand


@given(st.text(max_size=300))
def test_no_text_is_syntax_to_the_engine(text: str) -> None:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE t USING fts5(body)")
    asked = understand(text)
    for expression in (asked.strict(), asked.loose()):
        if expression:
            db.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()
    db.close()


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
    assert asked.strict() == '"mean time" AND "failures"'
    assert asked.loose() == '"mean time"'


@given(st.text(max_size=3000), st.text(max_size=50))
def test_an_excerpt_is_short_and_on_one_line(body: str, query: str) -> None:
    found = excerpt(body, understand(query))
    assert len(found) <= EXCERPT + 2
    assert "\n" not in found


def test_an_excerpt_shows_where_most_words_meet() -> None:
    body = "pump " + "filler " * 200 + "the pump needs oil every year " + "filler " * 200
    assert "pump needs oil" in excerpt(body, understand("pump oil"))
