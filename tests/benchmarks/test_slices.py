"""The benchmark's statistics: what counts of slices taken in turns, and what stays of a figure looked at twice."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from statistics import median

import pytest
from benchmarks.slices import AWAY, TRIES, Taken, turns
from benchmarks.table import Table, middle, ratios
from hypothesis import given, settings
from hypothesis import strategies as st

Watching = Callable[[], Callable[[dict[str, list[int]]], float]]
some = st.floats(0.1, 1000)


def calm() -> Callable[[object], float]:
    return lambda _: 0.0


def counting(order: list[str]) -> dict[str, Callable[[], int]]:
    """Return two sides that note that they were measured, and say as the how manieth."""

    def side(name: str) -> Callable[[], int]:
        def measured() -> int:
            order.append(name)
            return len(order)

        return measured

    return {name: side(name) for name in "ab"}


def disturbed(parts: list[float]) -> Watching:
    """Return what finds the rounds, one after the other, disturbed by that much."""
    left = iter(parts)
    return lambda: lambda _: next(left)


def test_each_round_has_one_slice_of_each_side_and_their_order_changes() -> None:
    order: list[str] = []
    taken = Taken()
    got = turns(counting(order), 40, taken, calm)
    rounds = ["".join(order[at : at + 2]) for at in range(0, 80, 2)]
    assert {*rounds} == {"ab", "ba"}
    assert all(abs(a - b) == 1 for a, b in zip(got["a"], got["b"], strict=True))
    assert (taken.rounds, taken.again, taken.plain()["disturbed"]) == (40, 0, 0)


def test_a_disturbed_round_is_measured_again_as_a_whole_and_a_calm_one_is_not() -> None:
    order: list[str] = []
    taken = Taken()
    got = turns(counting(order), 2, taken, disturbed([AWAY, AWAY * 2, 0.0]))
    assert len(order) == 6
    assert {*got["a"][1:], *got["b"][1:]} == {5, 6}, "of the second round only the second try counts"
    assert (taken.rounds, taken.again, taken.plain()["disturbed"]) == (2, 1, 0)


def test_of_rounds_that_stay_disturbed_the_calmest_counts_and_is_told() -> None:
    taken = Taken()
    got = turns(counting([]), 6, taken, disturbed([0.5, 0.3, 0.4] + [0.0] * 5))
    assert {got["a"][0], got["b"][0]} == {3, 4}
    assert (taken.again, taken.away[0], taken.plain()["disturbed"]) == (TRIES - 1, 0.3, 1)


def test_half_as_many_rounds_as_there_are_may_be_repeated_and_no_more() -> None:
    order: list[str] = []
    taken = Taken()
    turns(counting(order), 10, taken, lambda: lambda _: 1.0)
    assert (len(order), taken.again, taken.plain()["disturbed"]) == (30, 5, 10)


def test_a_stretch_of_rounds_is_judged_and_measured_again_as_a_whole() -> None:
    order: list[str] = []
    taken = Taken()
    got = turns(counting(order), 10, taken, disturbed([0.0, 0.5, 0.2, 0.0]), stretch=4)
    # Four that were calm, four that were not and those instead of them, of which the calmer count, and the two left.
    assert sorted(got["a"] + got["b"]) == [*range(1, 9), *range(17, 29)]
    assert (taken.rounds, taken.again, taken.plain()["disturbed"]) == (10, 4, 4)


@settings(max_examples=30)
@given(st.lists(some, min_size=1, max_size=30), some)
def test_a_ratio_of_neighbours_does_not_see_what_slows_both(slower: list[float], factor: float) -> None:
    table = Table()
    mine, theirs = [factor * each for each in slower], slower
    table.ratio("a", mine, theirs, factor, names=("a", "b"))
    assert table.rows[0].got == pytest.approx(factor)
    assert table.rows[0].spread == pytest.approx((factor, factor))


@settings(max_examples=30)
@given(st.lists(some, min_size=1, max_size=30))
def test_beyond_each_quartile_lies_no_more_than_a_quarter(values: list[float]) -> None:
    low, high = middle(values)
    assert min(values) <= low <= median(values) <= high <= max(values)
    below, above = sum(value < low for value in values), sum(value > high for value in values)
    assert max(below, above) <= ceil(len(values) / 4)


def test_the_quartiles_are_not_the_least_and_the_most() -> None:
    assert middle([1.0, 2.0, 3.0, 4.0, 100.0]) == (2.0, 4.0)


def test_columns_of_unequal_length_are_no_pairs() -> None:
    assert ratios([4.0, 9.0], [2.0, 3.0]) == [2.0, 3.0]
    with pytest.raises(ValueError, match="argument 2"):
        ratios([4.0, 9.0], [2.0])


def test_pairs_measured_at_another_moment_join_the_first_whatever_they_say() -> None:
    table = Table()
    table.ratio("a", [1.0, 1.0], [1.0, 1.0], 1.5, names=("a", "b"))
    table.ratio("a", [3.0, 3.0, 2.0], [1.0, 1.0, 1.0], 1.5, names=("a", "b"))
    (row,) = table.rows
    assert (row.got, row.met, row.moments, row.each) == (2.0, False, 2, [1.0, 1.0, 3.0, 3.0, 2.0])


def test_of_what_a_disturbance_only_makes_worse_the_best_of_all_moments_counts_on_every_side() -> None:
    table = Table()
    table.best("rate", {"ours": [150.0, 190.0], "floor": [250.0, 240.0]}, 200, at_least=True)
    assert not table.rows[0].met
    table.best("rate", {"ours": [170.0, 210.0], "floor": [230.0, 220.0]}, 200, at_least=True)
    (row,) = table.rows
    assert (row.got, row.met, row.moments, row.values) == (210.0, True, 2, {"ours": 210.0, "floor": 250.0})
    table.best("start", {"ours": [280.0, 120.0]}, 100)
    table.best("start", {"ours": [90.0, 300.0]}, 100)
    assert (table.rows[1].got, table.rows[1].met, table.missed()) == (90.0, True, [])


def test_what_is_shown_says_which_figures_are_the_best_of_several_and_where_half_of_them_lie() -> None:
    table = Table()
    table.best("rate", {"ours": [150.0, 190.0, 170.0]}, 200, at_least=True, unit="MB/s")
    table.add("size", 6, 12)
    *_, rate, size = table.markdown().splitlines()
    assert rate == "| rate | ≥ 200 | 190, best | 160 to 180 | **missed** | ours 190 MB/s |"
    assert size == "| size | ≤ 12 | 6 |  | met |   |"
