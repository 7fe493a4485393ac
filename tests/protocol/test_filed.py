"""Targets that name files, told apart by their words alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.protocol.filed import json_file, python_file


@pytest.mark.parametrize(
    "words, path",
    [
        ("server.py", "server.py"),
        ("a b/server.py", "a b/server.py"),
        ("server.py:tools", "server.py"),
        ("server.py:étude_2", "server.py"),
        ("C:\\servers\\two.py:b", "C:\\servers\\two.py"),
        ("server.py:2", None),
        ("server.py:", None),
        ("server.py:a.b", None),
        ("server.py#a", None),
        ("c#/server.py", "c#/server.py"),
        ("mcp.json#a.py", None),
        ("server.pyc", None),
        (".py", None),
        ("", None),
        ("server.py\n", None),
    ],
)
def test_a_python_file_is_named_with_one_of_its_servers_or_without(words: str, path: str | None) -> None:
    assert python_file(words) == path


@pytest.mark.parametrize(
    "words, path",
    [
        ("mcp.json", "mcp.json"),
        ("mcp.json#weather", "mcp.json"),
        ("mcp.json#a#b.py", "mcp.json"),
        ("a b/.mcp.json#", "a b/.mcp.json"),
        ("mcp.jsonc", None),
        ("mcp#weather.json", None),
        ("", None),
    ],
)
def test_a_configuration_file_is_named_with_one_of_its_entries_or_without(words: str, path: str | None) -> None:
    assert json_file(words) == path


@given(st.lists(st.sampled_from([".py", ".json", "#", ":", "a", "/", " ", "1"]), max_size=8).map("".join))
def test_no_words_name_both_and_what_is_named_is_where_they_begin(words: str) -> None:
    paths = [path for path in (python_file(words), json_file(words)) if path is not None]
    assert len(paths) < 2 and all(words.startswith(path) for path in paths)
