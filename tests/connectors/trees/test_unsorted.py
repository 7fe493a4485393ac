"""Folders too large to be sorted: read in their own order, each file once, whatever comes and goes meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman.connectors.source import ALL, View
from dragoman.connectors.trees import unsorted
from dragoman.connectors.trees.files import Files
from dragoman.connectors.trees.local import Local
from dragoman.connectors.trees.tree import Broken, Budget, Node, Scope

EVERYTHING = Scope(ALL)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a folder of more than 20 names be a large one."""
    monkeypatch.setattr(unsorted, "LARGE", 20)
    monkeypatch.setattr(unsorted, "_SMALL", 0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "flat" / "below").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_text("outside")
    for number in range(60):
        (root / "flat" / f"{number:03}.txt").write_text("inside")
    for name in ("flat/below/a.txt", "flat/below/b.txt", "flat/.hidden", "flat/server.key", "zz.txt"):
        (root / name).write_text("inside")
    (root / "flat" / "link.txt").symlink_to("../../outside/x.txt")
    (root / "flat" / "folder").symlink_to("../../outside")
    handle = os.open(root / "flat", os.O_RDONLY)
    try:
        if not unsorted.large(handle):
            pytest.skip("this filesystem keeps no places")
    finally:
        os.close(handle)
    return root


@pytest.fixture
def tree(place: Path) -> Iterator[Local]:
    tree = Local(str(place))
    yield tree
    tree.close()


def walk(tree: Local, prefix: str = "", after: str = "", scope: Scope = EVERYTHING) -> list[Node]:
    return list(tree.files(prefix, after, scope, Budget()))


def behind(node: Node) -> str:
    return node.place or node.path


SERVED = {*(f"flat/{number:03}.txt" for number in range(60)), "flat/below/a.txt", "flat/below/b.txt", "zz.txt"}


def test_each_file_is_met_once_and_nothing_that_is_not_served(tree: Local) -> None:
    found = [node.path for node in walk(tree)]
    assert len(found) == len(SERVED) and set(found) == SERVED
    assert found[-1] == "zz.txt" and found.index("flat/below/b.txt") == found.index("flat/below/a.txt") + 1


def test_a_walk_goes_on_behind_any_file_of_a_large_folder(tree: Local) -> None:
    everything = walk(tree)
    for at, node in enumerate(everything):
        assert walk(tree, "", behind(node)) == everything[at + 1 :]


def test_a_walk_below_a_large_folder_goes_on_as_well(tree: Local) -> None:
    everything = walk(tree, "flat/")
    assert {node.path for node in everything} == SERVED - {"zz.txt"}
    assert walk(tree, "flat/", behind(everything[30])) == everything[31:]
    assert [node.path for node in walk(tree, "flat/00")] != []
    assert all(node.path.startswith("flat/00") for node in walk(tree, "flat/00"))
    assert [node.path for node in walk(tree, "flat/below/")] == ["flat/below/a.txt", "flat/below/b.txt"]


def test_files_that_stay_are_met_once_while_others_come_and_go(tree: Local, place: Path) -> None:
    met: list[str] = []
    after, number = "", 0
    while page := walk(tree, "", after)[:5]:
        met += [node.path for node in page]
        after = behind(page[-1])
        gone = place / page[-1].path  # the very one behind which the walk goes on
        if gone.name != "zz.txt" and gone.parent.name == "flat":
            gone.unlink()
        for _ in range(3):  # fewer than a page has: some filesystems put what is new at the end
            (place / "flat" / f"new-{number}.txt").write_text("")
            number += 1
        assert number < 500
    assert len(met) == len(set(met)) and set(met) >= SERVED


def test_a_folder_that_is_gone_when_the_walk_goes_on_in_it_is_left_out(tree: Local, place: Path) -> None:
    everything = walk(tree)
    at = next(at for at, node in enumerate(everything) if node.path == "flat/below/a.txt")
    for name in ("a.txt", "b.txt"):
        (place / "flat" / "below" / name).unlink()
    (place / "flat" / "below").rmdir()
    assert walk(tree, "", behind(everything[at])) == everything[at + 2 :]


@pytest.mark.parametrize(
    "step", ["\x000:..", "\x000:../..", "\x000:folder", "\x000:.hidden", "\x00x", "\x00", "\x00-1:a"]
)
def test_a_place_that_nobody_was_given_leads_nowhere_else(tree: Local, step: str) -> None:
    for after in (f"flat/{step}", f"flat/{step}/x.txt", step, f"{step}/x.txt"):
        try:
            found = walk(tree, "", after)
        except Broken:
            continue
        assert {node.path for node in found} <= SERVED


@given(st.text(max_size=30))
def test_any_text_after_the_mark_is_some_place(text: str) -> None:
    place = unsorted.place_of("\x00" + text)
    assert place is not None and 0 <= place.behind < 2**63
    assert unsorted.place_of(text.lstrip("\x00")) is None
    assert unsorted.place_of(place.text()) == place


def test_views_hold_in_large_folders(tree: Local) -> None:
    hidden = Scope(View(deny=("flat/below", "flat/00*")))
    assert {node.path for node in walk(tree, "", "", hidden)} == {
        path for path in SERVED if "below" not in path and not path.startswith("flat/00")
    }


def test_small_folders_come_by_name(tree: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unsorted, "LARGE", 1_000)
    assert [node.path for node in walk(tree)] == sorted(SERVED)


def test_pages_of_a_large_folder_join_to_the_whole(place: Path) -> None:
    source = Files("x", Local(str(place)))
    found: list[str] = []
    after = ""
    while True:
        page = source.items(ALL, "", after, 7)
        found += [entry.key for entry in page.entries]
        if not page.more:
            break
        after = page.resume or page.entries[-1].after or page.entries[-1].key
    source.close()
    assert len(found) == len(SERVED) and set(found) == SERVED
