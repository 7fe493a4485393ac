"""Reading ahead: whatever is asked for comes as it stands in the file, in as few requests as may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.trees import ahead
from dragoman.connectors.trees.ahead import Ahead
from dragoman.connectors.trees.tree import Node

BODY = bytes(number % 251 for number in range(1_000))
places = st.lists(st.tuples(st.integers(0, 1_100), st.integers(0, 300)), max_size=20)


@given(places, st.integers(0, 200), st.integers(1, 400))
def test_any_stretch_is_what_stands_there(asked: list[tuple[int, int]], head: int, more: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "_AHEAD", more)
        opened = Ahead(Node("x", len(BODY), 0), lambda start, end: BODY[start:end], BODY[:head])
        for start, length in asked:
            assert opened.at(start, length) == BODY[start : start + length]
        opened.close()


def test_what_lies_behind_comes_with_the_first_request_and_closing_is_done_once() -> None:
    requests: list[tuple[int, int]] = []
    closed: list[bool] = []

    def read(start: int, end: int) -> bytes:
        requests.append((start, end))
        return BODY[start:end]

    opened = Ahead(Node("x", len(BODY), 0), read, BODY[:10], lambda: closed.append(True))
    assert opened.at(2, 8) == BODY[2:10] and requests == []
    for start in range(0, 1_000, 50):
        assert opened.at(start, 50) == BODY[start : start + 50]
    assert requests == [(0, 1_000)]
    opened.close()
    opened.close()
    assert closed == [True]
