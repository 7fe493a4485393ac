"""What `serve` tells clients to start."""

import os

import pytest

from dragoman.cli.serve import absolute


@pytest.mark.parametrize(
    "source, shown",
    [
        ("docs", "{cwd}/docs"),
        ("../x", "{up}/x"),
        ("/srv/docs", "/srv/docs"),
        ("manuals=docs", "manuals={cwd}/docs"),
        ("sqlite:///sales.db", "sqlite:///{cwd}/sales.db"),
        ("sqlite:////srv/sales.db", "sqlite:////srv/sales.db"),
        ("sqlite://sales.db", "sqlite:///{cwd}/sales.db"),
        ("sales=sqlite:///sales.db", "sales=sqlite:///{cwd}/sales.db"),
        ("file:///srv/docs", "file:///srv/docs"),
        ("postgresql://h/db", "postgresql://h/db"),
        ("Q1=Q2", "{cwd}/Q1=Q2"),
    ],
)
def test_a_source_is_pasted_as_it_is_from_anywhere(tmp_path, monkeypatch, source, shown) -> None:
    monkeypatch.chdir(tmp_path)
    cwd = os.path.realpath(tmp_path)
    assert absolute(source) == shown.format(cwd=cwd, up=os.path.dirname(cwd))


def test_a_path_that_exists_is_a_path_whatever_it_looks_like(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a=b").mkdir()
    assert absolute("a=b") == os.path.realpath(tmp_path / "a=b")
