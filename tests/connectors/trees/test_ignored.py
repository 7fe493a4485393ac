"""`.gitignore` in a tree: what git leaves out is not there, not even for those who know its name."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathspec import GitIgnoreSpec

from dragoman.connectors.address import parse
from dragoman.connectors.kind import Opening
from dragoman.connectors.kinds import open_options
from dragoman.connectors.source import ALL, Question, SourceError
from dragoman.connectors.trees.ignored import Ignored
from dragoman.errors import ToolError

RULES = {
    ".gitignore": "build/\n*.log\n!keep.log\n/only-here.txt\n\\\ndoc/**/draft.md\n# not.txt\n",
    "sub/.gitignore": "!special.log\nlocal.txt\n",
}
FILES = [
    "a.txt", "build/x.txt", "build/keep.log", "b.log", "keep.log", "only-here.txt", "not.txt", "sub/only-here.txt",
    "sub/special.log", "sub/b.log", "sub/local.txt", "sub/build/y.txt", "doc/draft.md", "doc/a/b/draft.md",
    "doc/a/b/c.md", "deep/sub/local.txt",
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in {**RULES, **dict.fromkeys(FILES, "needle\n")}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "link.txt").symlink_to("b.log")
    return tmp_path


def opened(place: Path, **options: Any) -> Any:
    return open_options("files", "x", {"path": str(place), **options}, Opening())


def names(source: Any, prefix: str = "") -> list[str]:
    return [entry.key for entry in source.items(ALL, prefix, "", 99).entries]


def test_what_is_left_out_is_what_git_leaves_out(place: Path) -> None:
    source = opened(place, gitignore=True)
    subprocess.run(["git", "init", "-q", str(place)], check=True)
    command = ["git", "-C", str(place), "ls-files", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    expected = sorted(name for name in listed if not name.endswith((".gitignore", "link.txt")))
    assert sorted(names(source)) == expected and "keep.log" in expected and "b.log" not in expected
    for name in FILES:
        if name in expected:
            assert source.fetch(ALL, parse(f"file://x/{name}"), None, 99).text == "needle\n"
        else:
            with pytest.raises(ToolError, match="there is no file"):
                source.fetch(ALL, parse(f"file://x/{name}"), None, 99)
    assert names(source, "build/") == [] and names(source, "sub/build/") == []
    found = source.search(ALL, Question(text="needle", exact=True), 99)
    assert sorted(hit().title for hit in found.hits) == expected
    with pytest.raises(ToolError, match="there is no file"):
        source.fetch(ALL, parse("file://x/link.txt"), None, 99)  # what it leads to is left out
    source.close()


def test_without_the_option_all_is_served(place: Path) -> None:
    source = opened(place)
    assert names(source) == sorted([*FILES, "link.txt"], key=lambda name: name.split("/"))
    source.close()


def test_rules_that_are_a_link_or_a_folder_are_none(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "rules"
    outside.write_text("a.txt\n")
    (place / ".gitignore").unlink()
    (place / ".gitignore").symlink_to(outside)
    (place / "sub" / ".gitignore").unlink()
    (place / "sub" / ".gitignore").mkdir()
    source = opened(place, gitignore=True)
    assert {"a.txt", "b.log", "sub/local.txt"} <= set(names(source))
    source.close()


def test_gitignore_is_for_folders(place: Path) -> None:
    with pytest.raises(SourceError, match="folders of this machine"):
        open_options("files", "x", {"path": "https://files.example/x/", "gitignore": True}, Opening())


STEP = st.text("ab", min_size=1, max_size=6)


@pytest.mark.filterwarnings("ignore:Possible nested set:FutureWarning")  # theirs; ours are told to nobody
@given(st.text("ab*?/[]!", min_size=1, max_size=9), st.lists(STEP, min_size=1, max_size=3).map("/".join))
def test_a_rule_means_what_pathspec_makes_of_it(line: str, path: str) -> None:
    try:
        theirs = GitIgnoreSpec.from_lines([line], backend="simple").check_file(path).include
    except ValueError:
        theirs = None
    if line.count("**") <= 3:
        assert Ignored(lambda folder: "" if folder else line).names(path, False) == bool(theirs)


@pytest.mark.parametrize(("line", "name"), [("[[]x", "[x"), ("a[!||]b", "acb"), ("a[~~]b", "a~b"), ("[a&&b]c", "&c")])
def test_signs_in_a_set_are_themselves_and_nobody_is_warned_of_them(line: str, name: str) -> None:
    rules = Ignored(lambda folder: "" if folder else line)
    assert rules.names(name, False) and not rules.names("other", False)


def test_a_rule_of_many_stars_costs_no_more_than_one_pass() -> None:
    """By pathspec's own expressions the first of these takes longer than the universe has been there."""
    for line in ("*a" * 100 + "*b", "?*" * 200 + "b", "**/a/**/a/**/a/b", "[!b]*" * 150 + "b"):
        begun = time.process_time()
        assert not Ignored(lambda folder, line=line: "" if folder else line).names("a/" * 60 + "a" * 250, False)
        assert time.process_time() - begun < 1


def test_what_lies_deeper_than_anything_real_is_left_out() -> None:
    """Each folder on the way is held against the rules of all above it: thousands would take seconds."""
    rules = Ignored(lambda folder: "*.log\n" if not folder else "")
    assert not rules.leaves_out("x/" * 200 + "a.txt", folder=False) and rules.leaves_out("x/a.log", folder=False)
    assert rules.leaves_out("x/" * 201 + "a.txt", folder=False)
