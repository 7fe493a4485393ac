"""Numbers of a command line: what they may be is said when they are not."""

import argparse

import pytest

from dragoman.cli.amounts import days, port, seconds, whole


def test_a_whole_number_is_within_its_bounds() -> None:
    assert [whole(1, 64)(text) for text in ("1", "64")] == [1, 64]
    for text in ("0", "65", "-1", "1.0", "x", "", "\u0663", "9" * 5000):
        with pytest.raises(argparse.ArgumentTypeError, match="a whole number from 1 to 64"):
            whole(1, 64)(text)
    assert whole(0)("0") == 0
    with pytest.raises(argparse.ArgumentTypeError, match="'-1' is not a whole number, at least 0"):
        whole(0)("-1")


def test_a_port_is_a_port() -> None:
    assert [port("0"), port("65535")] == [0, 65535]
    for text in ("65536", "-1", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="from 0 to 65535"):
            port(text)


def test_a_timeout_is_more_than_nothing_and_at_most_a_day() -> None:
    assert [seconds("0.5"), seconds("86400")] == [0.5, 86400.0]
    for text in ("0", "-1", "nan", "inf", "1e9", "x", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="more than 0 and at most 86400"):
            seconds(text)


def test_days_are_more_than_none() -> None:
    assert days("0.5") == 0.5
    for text in ("0", "nan", "inf", "x"):
        with pytest.raises(argparse.ArgumentTypeError, match="a number of days, more than 0"):
            days(text)
