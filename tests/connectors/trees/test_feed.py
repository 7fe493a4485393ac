"""Changes of files: those that are listened to, and that others came or went, each look bounded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from zipfile import ZipFile

import pytest

from dragoman.app.client import Client
from dragoman.connectors import build, files
from dragoman.connectors.trees import feed as room
from dragoman.connectors.trees.archive import Zip
from dragoman.connectors.trees.feed import Feed, Shape, first_files
from dragoman.connectors.trees.files import Files
from dragoman.connectors.trees.local import Local
from dragoman.connectors.trees.tree import Broken, Scope


class Heard(list[tuple[str, ...]]):
    def __call__(self, uris: Sequence[str]) -> None:
        self.append(tuple(uris))

    def taken(self) -> list[tuple[str, ...]]:
        found = list(self)
        self.clear()
        return found


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in ("root/a.txt", "root/sub/b.txt", "outside/x.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("first")
    return tmp_path / "root"


def test_files_that_are_listened_to_are_told_when_they_change_and_others_are_not(place: Path) -> None:
    source, heard = Files("x", Local(str(place))), Heard()
    source.watch(heard)
    source.heed("file://x/a.txt", "a.txt")
    source.look()
    (place / "sub" / "b.txt").write_text("changed")
    source.look()
    assert heard.taken() == []
    (place / "a.txt").write_text("changed")
    source.look()
    source.look()
    assert heard.taken() == [("file://x/a.txt",)]
    (place / "a.txt").unlink()
    source.look()
    assert ("file://x/a.txt",) in heard.taken()
    (place / "a.txt").write_text("again")
    source.look()
    assert ("file://x/a.txt",) in heard.taken()
    source.close()


def test_that_files_come_and_go_is_told_in_folders_that_are_new_too(place: Path) -> None:
    source, heard = Files("x", Local(str(place))), Heard()
    source.watch(heard)
    source.look()
    for change in (
        lambda: (place / "sub" / "c.txt").write_text(""), lambda: (place / "sub" / "c.txt").unlink(),
        lambda: (place / "new" / "deep").mkdir(parents=True), lambda: (place / "new" / "deep" / "d.txt").write_text(""),
        lambda: (place / "new" / "deep").rename(place / "moved"), lambda: (place / "moved" / "e.txt").write_text(""),
    ):  # fmt: skip
        assert heard.taken() == []
        change()
        source.look()
        assert heard.taken() == [()]
        source.look()
    source.close()
    source.look()
    assert heard.taken() == []


def test_a_large_tree_is_looked_through_bit_by_bit(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        (place / f"{number:02}").mkdir()
    tree = Local(str(place))
    monkeypatch.setattr(room, "_SCAN", -1.0)
    shape = Shape(tree._handle)
    assert shape.stamp() == "0" and shape._changed == {}
    monkeypatch.setattr(room, "_SCAN", 5.0)
    assert shape.stamp() == "0" and len(shape._changed) == 22
    monkeypatch.setattr(room, "_FOLDERS", 5)
    shape = Shape(tree._handle)
    assert shape.stamp() == "0" and len(shape._changed) == 5
    tree.close()


def test_no_link_and_nothing_hidden_is_looked_through(place: Path) -> None:
    (place / "link").symlink_to("../outside")
    (place / ".git").mkdir()
    tree = Local(str(place))
    shape = Shape(tree._handle)
    shape.stamp()
    assert sorted(shape._changed) == [".", "sub"]
    tree.close()


def test_a_zip_file_that_is_replaced_is_told(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "first")
    source, heard = Files("x", Zip(str(tmp_path / "a.zip"))), Heard()
    source.watch(heard)
    source.heed("file://x/a.txt", "a.txt")
    source.look()
    with ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("a.txt", "another")
    os.replace(tmp_path / "b.zip", tmp_path / "a.zip")
    source.look()
    assert heard.taken() == [("file://x/a.txt",), ()]
    source.close()


class Distant(Local):
    """A folder that is looked at as a tree over a network is."""

    pause = 60.0
    reached = True
    opened = 0

    def stamp(self) -> str:
        if not self.reached:
            raise Broken("not now")
        return first_files(self)

    def open(self, path: str, scope: Scope) -> object:  # type: ignore[override]
        self.opened += 1
        return super().open(path, scope)


def test_a_distant_tree_is_looked_at_once_in_a_while_and_more_rarely_when_it_cannot_be_reached(place: Path) -> None:
    tree, heard = Distant(str(place)), Heard()
    feed = Feed(tree)
    feed.changed = heard
    feed.look()
    feed.heed("file://x/a.txt", "a.txt")
    assert tree.opened == 0
    feed.look()
    feed.look()
    assert tree.opened == 1  # what it is like now, whatever the pause
    (place / "a.txt").write_text("changed")
    feed.look()
    assert heard.taken() == []
    feed._next = 0.0
    feed.look()
    assert heard.taken() == [("file://x/a.txt",), ()]
    pauses: list[float] = []
    tree.reached = False
    for _ in range(6):
        feed._next = 0.0
        began = room.time.monotonic()
        feed.look()
        pauses.append(feed._next - began)
    assert all(60 * 2**n * 0.79 < pauses[n - 1] < 60 * 2**n * 1.21 for n in (1, 2, 3)) and max(pauses) < 600 * 1.21
    tree.close()


def test_no_more_files_are_looked_at_than_a_bound(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_HEEDED", 3)
    tree = Local(str(place))
    feed = Feed(tree)
    for number in range(10):
        feed.heed(f"file://x/{number}", f"{number}")
    assert list(feed._heeded) == ["file://x/7", "file://x/8", "file://x/9"] and len(feed._known) == 3
    tree.close()


async def test_a_listener_hears_that_a_file_changed_and_that_one_came(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dragoman.connectors.changes.LOOK", 0.05)
    server = build([files(place, name="x")])
    wanted = ["file://x/a.txt#lines=1-2"]
    async with Client(server) as client, client.listen(uris=wanted, resources=True) as changes:
        (place / "a.txt").write_text("changed, and longer")
        heard = set[tuple[str, str | None]]()
        number = 0
        async for change in changes:
            heard.add((change.kind, change.uri))
            if {kind for kind, _ in heard} == {"resource", "resources"}:
                break
            number += 1
            (place / f"new-{number}.txt").write_text("")
    assert ("resource", "file://x/a.txt#lines=1-2") in heard
