import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.connectors import fixtures

from dragoman.connectors.folders import crawl
from dragoman.connectors.folders.crawl import PROFILE_MARKS, Folder, NotServed, visible


@pytest.fixture
def served(tmp_path: Path) -> Path:
    folder = tmp_path / "served"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "a.md").write_text("a")
    (folder / "sub" / "b.md").write_text("b")
    (folder / "sub" / "deep" / "c d.md").write_text("c")
    return folder


def paths(folder: Folder) -> list[str]:
    return [found.path for found in folder.walk()]


def test_the_walk_finds_files_in_order_with_size_and_time(served: Path) -> None:
    found = list(Folder(served).walk())
    assert [item.path for item in found] == ["a.md", "sub/b.md", "sub/deep/c d.md"]
    assert found[0].size == 1
    assert found[0].mtime_ns == (served / "a.md").stat().st_mtime_ns


@pytest.mark.parametrize("make", fixtures.FORBIDDEN)
def test_what_is_forbidden_is_neither_found_nor_located(make, served: Path) -> None:
    made = make(served)
    folder = Folder(served)
    assert paths(folder) == ["a.md", "sub/b.md", "sub/deep/c d.md"]
    inside = made / "inner.txt" if made.is_dir() else made
    with pytest.raises(NotServed):
        folder.locate(inside.relative_to(served).as_posix())
    assert folder.locate("a.md") == str(served / "a.md")


def test_a_link_that_stays_inside_is_served(served: Path) -> None:
    fixtures.inner_symlink(served)
    folder = Folder(served)
    assert "alias.md" in paths(folder)
    assert folder.locate("alias.md") == str(served / "real.md")


def test_a_link_inside_to_a_hidden_file_is_not(served: Path) -> None:
    fixtures.dot_env(served)
    (served / "innocent.txt").symlink_to(".env")
    folder = Folder(served)
    assert "innocent.txt" not in paths(folder)
    with pytest.raises(NotServed):
        folder.locate("innocent.txt")


def test_a_loop_of_links_ends(served: Path) -> None:
    fixtures.looping_symlink(served)
    assert paths(Folder(served)) == ["a.md", "sub/b.md", "sub/deep/c d.md"]


def test_a_pipe_is_not_a_document(served: Path) -> None:
    fixtures.fifo(served)
    folder = Folder(served)
    assert "pipe.txt" not in paths(folder)
    with pytest.raises(NotServed):
        folder.locate("pipe.txt")


@pytest.mark.parametrize(
    "path",
    ["", "/etc/passwd", "../a.md", "sub/../a.md", "./a.md", "sub", "sub//b.md", "a.md\x00.txt", "sub\\b.md", "no.md"],
)  # fmt: skip
def test_paths_that_the_walk_would_not_give_are_not_located(path: str, served: Path) -> None:
    folder = Folder(served)
    assert folder.locate("sub/b.md").endswith("b.md")
    with pytest.raises(NotServed):
        folder.locate(path)


@given(st.text(max_size=60))
def test_whatever_is_located_lies_inside(text: str) -> None:
    root = Path(__file__).parent
    try:
        place = Folder(root).locate(text)
    except NotServed:
        return
    assert Path(place).is_relative_to(root)
    assert text in paths(Folder(root))


def test_one_file_is_served_without_its_neighbours(served: Path) -> None:
    folder = Folder(served, only="a.md")
    assert paths(folder) == ["a.md"]
    with pytest.raises(NotServed):
        folder.locate("sub/b.md")


def test_the_walk_stops_at_its_limit_and_says_so(served: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = Folder(served)
    assert len(paths(folder)) == 3
    assert not folder.left.over_limit
    monkeypatch.setattr(crawl, "MAX_FILES", 2)
    assert len(paths(folder)) == 2
    assert folder.left.over_limit


@pytest.mark.parametrize(
    "name", [".x", "id_rsa", "ID_RSA.pub", "tls.key", "prod.env", "credentials.json", "~$a.docx", "node_modules"]
)
def test_secret_names_are_not_visible(name: str) -> None:
    assert not visible(name)


@pytest.mark.parametrize(
    "name", ["a.md", "keynote.pdf", "Password Policy.docx", "environment.md", "key figures.xlsx", "secretary.txt"]
)
def test_names_that_only_sound_secret_are_visible(name: str) -> None:
    assert visible(name)


@pytest.mark.parametrize("mark", ["key4.db", "places.sqlite", "Login Data", "Local State", "logins.json", "ImapMail"])
def test_a_profile_of_a_browser_or_mail_program_is_not_served(tmp_path: Path, mark: str) -> None:
    profile = tmp_path / "backup" / "profile"
    (profile / "Mail").mkdir(parents=True)
    (profile / "Mail" / "notes.txt").write_text("x")
    (tmp_path / "backup" / "fine.txt").write_text("x")
    folder = Folder(tmp_path)
    assert [found.path for found in folder.walk()] == ["backup/fine.txt", "backup/profile/Mail/notes.txt"]
    folder.locate("backup/profile/Mail/notes.txt")
    (profile / mark).write_text("x")
    assert [found.path for found in folder.walk()] == ["backup/fine.txt"]
    with pytest.raises(NotServed):
        folder.locate("backup/profile/Mail/notes.txt")
    (tmp_path / "link.txt").symlink_to(profile / "Mail" / "notes.txt")
    with pytest.raises(NotServed):
        folder.locate("link.txt")
    assert folder.left.hidden and folder.locate("backup/fine.txt")


def test_a_folder_that_becomes_a_profile_later_is_served_no_more(served: Path) -> None:
    for place in (served, served / "sub"):
        os.utime(place, (1_000_000_000, 1_000_000_000))
    folder = Folder(served)
    for _ in range(2):
        assert folder.locate("sub/b.md")
    (served / "sub" / "logins.json").write_text("{}")
    os.utime(served / "sub", (1_000_000_000, 1_000_000_000))
    with pytest.raises(NotServed):
        folder.locate("sub/b.md")
    assert folder.locate("a.md")


def test_what_was_no_profile_is_remembered_only_once_its_time_tells_of_a_change(
    served: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []
    there = os.path.lexists
    monkeypatch.setattr(os.path, "lexists", lambda path: (looked.append(path), there(path))[1])
    folder = Folder(served)
    folder.locate("a.md")
    first = len(looked)
    folder.locate("a.md")
    assert first == len(PROFILE_MARKS)
    assert len(looked) == 2 * first  # made a moment ago: a mark might have come in the same tick of the clock
    monkeypatch.setattr(crawl, "_SETTLED", -1)
    folder.locate("a.md")
    folder.locate("a.md")
    assert len(looked) == 3 * first
