"""Buckets, as far as no server is asked: what is wrong with their options is said, never with what they hold."""

from __future__ import annotations

import pytest

from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import SourceError

pytest.importorskip("obstore")


@pytest.mark.parametrize(
    ("path", "config"),
    [
        ("gs://shop", {"no_such_key": "very-secret"}),  # over which obstore panics
        ("s3://shop", {"no_such_key": "very-secret"}),
        ("az://shop", {"account_key": "very-secret"}),
    ],
)
def test_options_that_a_store_does_not_have_are_refused(path: str, config: dict[str, str]) -> None:
    with pytest.raises(SourceError, match=rf"the address or its config .keys: {next(iter(config))}. is wrong") as fault:
        open_options("files", "x", {"path": path, "config": config}, Opening())
    assert "very-secret" not in str(fault.value)
