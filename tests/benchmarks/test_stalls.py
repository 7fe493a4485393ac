"""What the benchmark of the slowest calls puts down to the machine, and what to the server."""

from benchmarks.stalls import held_up


def test_a_call_is_held_up_from_when_a_core_was_taken_away_until_that_is_caught_up() -> None:
    calls = [(0.0, 0.5), (0.0, 1.5), (1.2, 1.4), (2.5, 2.6), (3.9, 4.5), (4.1, 4.2)]
    assert held_up(calls, [(1.0, 2.0)], 2.0) == [False, True, True, True, True, False]


def test_what_comes_before_the_last_is_caught_up_takes_as_much_longer() -> None:
    calls = [(4.5, 4.6), (6.5, 6.6), (7.1, 7.2)]
    assert held_up(calls, [(1.0, 2.0), (3.0, 4.0)], 2.0) == [True, False, False]
    assert held_up(calls, [(3.0, 4.0), (1.0, 2.0), (3.5, 4.0)], 2.0) == [True, True, False]


def test_without_stalls_nothing_is_left_out() -> None:
    assert held_up([(0.0, 9.0)], [], 2.0) == [False]
