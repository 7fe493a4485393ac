"""A folder as a tree: walked in order from any place on, and never left, whatever is swapped while it is read."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dragoman.connectors.source import ALL, View
from dragoman.connectors.trees.local import Local
from dragoman.connectors.trees.tree import Budget, Missing, Scope, Spent

EVERYTHING = Scope(ALL)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no openat")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in ("b.txt", "a/x.txt", "a/deep/y.txt", "a.txt", "c/z.md", "c/.env", ".ssh/id_rsa", "server.key"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"inside {name}")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.txt").write_text("outside")
    return root


@pytest.fixture
def tree(place: Path) -> Iterator[Local]:
    tree = Local(str(place))
    yield tree
    tree.close()


def paths(tree: Local, prefix: str = "", after: str = "", scope: Scope = EVERYTHING) -> list[str]:
    return [node.path for node in tree.files(prefix, after, scope, Budget())]


def text(tree: Local, path: str, view: View = ALL) -> str:
    opened = tree.open(path, Scope(view))
    try:
        return opened.at(0, 1_000).decode()
    finally:
        opened.close()


def test_files_come_in_order_and_nothing_hidden_or_secret_is_among_them(tree: Local) -> None:
    assert paths(tree) == ["a/deep/y.txt", "a/x.txt", "a.txt", "b.txt", "c/z.md"]
    assert paths(tree, "a/") == ["a/deep/y.txt", "a/x.txt"]
    assert paths(tree, "a") == ["a/deep/y.txt", "a/x.txt", "a.txt"]
    assert paths(tree, "nothing/") == [] and paths(tree, "../outside/") == []


def test_a_walk_goes_on_behind_any_path(tree: Local) -> None:
    everything = paths(tree)
    for at, path in enumerate(everything):
        assert paths(tree, "", path) == everything[at + 1 :]
    assert paths(tree, "a/", "a/deep/y.txt") == ["a/x.txt"]


def test_large_folders_are_read_in_stretches_that_join(
    tree: Local, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(50):
        (place / "c" / f"{number:03}").mkdir()
        (place / "c" / f"{number:03}" / "f").write_text("")
    expected = paths(tree)
    monkeypatch.setattr("dragoman.connectors.trees.local._FIRST", 3)
    monkeypatch.setattr("dragoman.connectors.trees.local._MOST", 7)
    assert paths(tree) == expected and len(expected) == 55
    assert all(paths(tree, "", path) == expected[at + 1 :] for at, path in enumerate(expected))


def test_a_walk_that_was_stopped_goes_on_where_it_was(tree: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dragoman.connectors.trees.tree._ALWAYS", 0)
    expected, found, after = paths(tree), list[str](), ""
    for _ in range(20):
        try:
            for node in tree.files("", after, EVERYTHING, Budget(visits=3)):
                found.append(node.path)
                after = node.path
            break
        except Spent as spent:
            after = spent.at or after
    assert found == expected


def test_a_view_and_globs_are_judged_before_a_file_is_looked_at(tree: Local) -> None:
    assert paths(tree, scope=Scope(View(deny=("a/**",)))) == ["a.txt", "b.txt", "c/z.md"]
    assert paths(tree, scope=Scope(ALL, ("**/*.txt",))) == ["a/deep/y.txt", "a/x.txt", "a.txt", "b.txt"]
    assert paths(tree, scope=Scope(View(allow=("a",)), ("**/y*",))) == ["a/deep/y.txt"]
    with pytest.raises(Missing):
        text(tree, "a/x.txt", View(deny=("a/**",)))


@pytest.mark.parametrize(
    "path",
    [
        "../outside/x.txt", "a/../../outside/x.txt", "/etc/hosts", "", ".", "a", "a/x.txt/", "a//x.txt", "a/x.txt\0",
        "c/.env", ".ssh/id_rsa", "server.key", "nothing", "a/x.txt/b", "x/" * 60 + "x", "a\\x.txt",
    ],
)  # fmt: skip
def test_what_is_not_served_cannot_be_opened(tree: Local, path: str) -> None:
    with pytest.raises(Missing):
        text(tree, path)
    assert text(tree, "a/x.txt") == "inside a/x.txt"


@pytest.mark.parametrize(
    "target",
    [
        "../outside/x.txt", "../../outside/x.txt", "/etc/hostname", "{outside}/x.txt", "c/.env", ".ssh/id_rsa", "loop",
        "server.key", "a", "way/x.txt", "nothing",
    ],
)  # fmt: skip
def test_links_lead_nowhere_else(tree: Local, place: Path, target: str) -> None:
    (place / "way").symlink_to("a")
    (place / "loop").symlink_to("loop")
    (place / "bad").symlink_to(target.format(outside=place.parent / "outside"))
    with pytest.raises(Missing):
        text(tree, "bad")
    assert "bad" not in paths(tree)
    for name, good in (("one", "a/x.txt"), ("two", "./c/../a/x.txt"), ("three", f"{place}/a/x.txt"), ("four", "one")):
        (place / name).symlink_to(good)
        assert text(tree, name) == "inside a/x.txt" and name in paths(tree)


def test_a_folder_that_is_a_link_is_not_entered(tree: Local, place: Path) -> None:
    (place / "way").symlink_to("a")
    (place / "out").symlink_to("../outside")
    assert not [path for path in paths(tree) if path.startswith(("way", "out"))]
    for path in ("way/x.txt", "out/x.txt"):
        with pytest.raises(Missing):
            text(tree, path)


def test_a_link_is_no_way_around_a_view(tree: Local, place: Path) -> None:
    (place / "c" / "way").symlink_to("../a/x.txt")
    hidden = View(deny=("a/**",))
    with pytest.raises(Missing):
        text(tree, "c/way", hidden)
    assert "c/way" not in paths(tree, scope=Scope(hidden))
    assert text(tree, "c/way") == "inside a/x.txt"


def test_pipes_and_devices_are_no_files(tree: Local, place: Path) -> None:
    os.mkfifo(place / "pipe")
    assert "pipe" not in paths(tree)
    with pytest.raises(Missing):  # and comes back at once: nobody writes into it
        text(tree, "pipe")


def test_a_profile_of_a_browser_is_not_served(tree: Local, place: Path) -> None:
    assert text(tree, "a/deep/y.txt")
    (place / "a" / "logins.json").write_text("{}")
    assert not [path for path in paths(tree) if path.startswith("a/")]
    with pytest.raises(Missing):
        text(tree, "a/deep/y.txt")


# --- races ------------------------------------------------------------------------------------------------------------

_before: list[Callable[[], None]] = []


def _watch(event: str, _arguments: tuple[object, ...]) -> None:
    if event == "open" and _before:
        _before.pop(0)()


def checked_first(root: Path, path: str) -> str:
    """Read as those do who check a path and then open it."""
    place = os.path.realpath(root / path)
    if not place.startswith(f"{root}{os.sep}"):
        raise Missing(path)
    handle = os.open(place, os.O_RDONLY)
    try:
        return os.read(handle, 1_000).decode()
    finally:
        os.close(handle)


def swap(place: Path) -> None:
    os.rename(place / "a", place / "was")
    os.symlink("../outside", place / "a")


def back(place: Path) -> None:
    if (place / "a").is_symlink():
        os.unlink(place / "a")
        os.rename(place / "was", place / "a")


def test_a_folder_that_becomes_a_link_at_any_moment_leads_nowhere(tree: Local, place: Path) -> None:
    sys.addaudithook(_watch)  # stays for the process, and does nothing while nothing is to be done
    place = place.resolve()

    def swapped_before(opening: int, read: Callable[[], str]) -> str:
        _before[:] = [lambda: None] * opening + [lambda: swap(place)]
        try:
            return read()
        except Missing:
            return "missing"
        finally:
            _before.clear()
            back(place)

    seen = {swapped_before(opening, lambda: text(tree, "a/x.txt")) for opening in range(5)}
    assert seen == {"missing", "inside a/x.txt"}
    # The same on the way that does not do: else this would prove nothing.
    assert swapped_before(0, lambda: checked_first(place, "a/x.txt")) == "outside"


def test_reading_thousands_of_times_beside_a_thread_that_swaps_never_leaves(tree: Local, place: Path) -> None:
    over = threading.Event()

    def swapping() -> None:
        while not over.is_set():
            swap(place)
            back(place)

    thread = threading.Thread(target=swapping)
    thread.start()
    seen: set[str] = set()
    listed: set[str] = set()
    try:
        for number in range(3_000):
            try:
                seen.add(text(tree, "a/x.txt"))
            except Missing:
                seen.add("missing")
            if number % 10 == 0:
                listed.update(paths(tree))
    finally:
        over.set()
        thread.join()
    assert seen <= {"missing", "inside a/x.txt"} and "inside a/x.txt" in seen
    assert not any("outside" in path for path in listed)
