"""What a site reads of a visitor before it asks anybody."""

import time

import pytest

from dragoman.transport.site import _cookies


@pytest.mark.parametrize(
    "header, found",
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("a=1; b=x=y;c = z ", {"a": "1", "b": "x=y", "c": "z"}),
        ("a=1; a=2", {"a": "2"}),
        ("nothing; =; a=1;;", {"": "", "a": "1"}),
        ('a="1"', {"a": '"1"'}),
    ],
)
def test_cookies_are_read_as_browsers_write_them(header: str, found: dict[str, str]) -> None:
    assert _cookies(header) == found


def test_a_cookie_full_of_quotes_costs_no_more_than_its_length() -> None:
    """The standard library of Python 3.11 takes the square of it: ten seconds for this (CVE-2024-7592)."""
    begun = time.process_time()
    assert len(_cookies('a="' + '\\"' * 32_000 + '"')["a"]) == 64_002
    assert time.process_time() - begun < 0.5
