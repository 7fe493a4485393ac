"""Retry-After, in each of the ways to write it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.moments import seconds_of

NOW = datetime(1994, 11, 6, 8, 49, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 30.0),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 30.0),
        ("Sun Nov  6 08:49:37 1994", 30.0),
        ("Sun, 06 Nov 1994 08:49:00 GMT", 0.0),
        ("9" * 5000, 999_999_999.0),
        ("soon", 0.0),
        ("Sun, 06 Foo 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 11 1994 08:49:37 GMT", 0.0),
        ("Sun, 31 Feb 1994 08:49:37 GMT", 0.0),
        ("-7", 0.0),
        ("7.5", 0.0),
        ("\u0667", 0.0),
        ("", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float) -> None:
    assert seconds_of(text, NOW) == seconds


@given(st.integers(0, 10**8))
def test_any_moment_comes_back_as_the_seconds_until_then(seconds: int) -> None:
    then = (NOW + timedelta(seconds=seconds)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert seconds_of(then, NOW) == seconds_of(str(seconds), NOW) == seconds


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    assert seconds_of(text, NOW) >= 0
