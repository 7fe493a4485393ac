"""The nearest name to one that does not exist."""

from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.serving.faults import suggestion
from dragoman.serving.nearest import MOST, nearest


@pytest.mark.parametrize(
    ("name", "names", "said"),
    [
        ("forcast", ["forecast", "list"], "; did you mean 'forecast'?"),
        ("xyz", ["forecast", "list"], "; there is forecast, list"),
        ("xyz", [f"tool_{number}" for number in range(11)], ""),
        ("xyz", [], ""),
        ("", ["a"], "; there is a"),
    ],
)
def test_the_nearest_is_named_or_what_there_is_if_that_is_little(name: str, names: list[str], said: str) -> None:
    assert nearest(name, names) == said
    assert suggestion(name, names) == said.removeprefix("; ")


@given(st.text(), st.lists(st.text(), max_size=5))
def test_any_names_will_do(name: str, names: list[str]) -> None:
    assert nearest(name, names).startswith("; ") or not names


def test_neither_a_long_name_nor_a_long_list_costs_much() -> None:
    numbers = count()
    assert nearest("x" * 1_000_000, (f"tool {number}" for number in numbers)) == ""
    assert next(numbers) <= MOST + 1
