"""Bounds are on by default."""

import msgspec
import pytest

from dragoman.protocol.limits import Limits


def test_everything_is_bounded_by_default() -> None:
    assert all(value > 0 for value in msgspec.structs.astuple(Limits()))
    assert (Limits().body, Limits().line, Limits().result) == (4 * 2**20, 4 * 2**20, 2**20)


def test_a_bound_that_does_not_exist_cannot_be_set() -> None:
    assert msgspec.convert({"body": 10}, Limits).body == 10
    with pytest.raises(msgspec.ValidationError, match="bodies"):
        msgspec.convert({"bodies": 10}, Limits)
    with pytest.raises(AttributeError):
        Limits().body = 5  # type: ignore[misc]
