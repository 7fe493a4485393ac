import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.envelope import Count, encoded, fitting, make_cursor, read_cursor, shortened, wrap
from dragoman.errors import ToolError


@given(st.text(max_size=50), st.integers(0, 10**9), st.text(max_size=50))
def test_a_cursor_comes_back_as_it_went(call: str, number: int, text: str) -> None:
    if any("\ud800" <= sign <= "\udfff" for sign in call + text):
        return
    assert read_cursor(call, make_cursor(call, [number, text]), tuple[Count, str]) == (number, text)


def test_a_cursor_of_another_call_is_refused_with_advice() -> None:
    cursor = make_cursor("search\npumps", [10])
    assert read_cursor("search\npumps", cursor, tuple[Count]) == (10,)
    with pytest.raises(ToolError, match="repeat the call that gave it"):
        read_cursor("search\nvalves", cursor, tuple[Count])


@given(st.text(max_size=80))
def test_made_up_cursors_are_refused(cursor: str) -> None:
    with pytest.raises(ToolError, match="does not belong"):
        read_cursor("search", cursor, tuple[Count])


@pytest.mark.parametrize("values", [[-1], ["1"], [1, 2], []])
def test_a_cursor_of_another_shape_is_refused(values: list[object]) -> None:
    with pytest.raises(ToolError, match="does not belong"):
        read_cursor("search", make_cursor("search", values), tuple[Count])


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=50), max_size=3)), st.integers(2, 400))
def test_as_many_items_fit_as_the_room_holds(items: list[dict[str, str]], room: int) -> None:
    count = fitting(items, room)
    sizes = [len(encoded(item).encode()) + 1 for item in items]
    assert count == len(items) or sum(sizes[: count + 1]) > room
    assert count <= 1 or sum(sizes[:count]) <= room
    assert bool(count) == bool(items)


@given(st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=30), max_size=40), max_size=4))
def test_a_shortened_answer_fits_and_says_so(answer: dict[str, list[str]]) -> None:
    short, cut = shortened(answer, 500)
    assert len(encoded(short)) <= 500
    assert cut == (short != answer)


def test_the_two_fields_come_first_whatever_the_body() -> None:
    text = encoded(wrap("abc", {"items": [1], "total": 7}, hint="more"))
    assert text.startswith('{"truncated":true,"next_cursor":"abc",')
    assert json.loads(text)["hint"] == "more"
    assert encoded(wrap(None, {"items": []})) == '{"truncated":false,"next_cursor":null,"items":[]}'
